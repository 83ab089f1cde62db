// What a faceset keeps, orders, edits and takes back.
// SPDX-License-Identifier: MIT
#include "faces/faceset/faceset.h"

#include <cmath>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "faces/faceset/face_loss.h"
#include "faces/faceset/test_face.h"
#include "faces/image/test_folder.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

class FacesetTest : public ::testing::Test {
 protected:
  std::string path() const { return (folder_ / "a.faces").string(); }

  // Frames 0..count-1 with one face each.
  Faceset filled(int count) {
    Faceset faces = Faceset::create(path());
    for (int i = 0; i < count; ++i) faces.put_frame(test_frame(i), {test_face(i)});
    return faces;
  }

  TestFolder folder_;
};

void expect_equal(const Face& got, const Face& want) {
  EXPECT_EQ(got.state, want.state);
  EXPECT_EQ(got.image, want.image);
  EXPECT_EQ(got.size, want.size);
  EXPECT_EQ(got.type, want.type);
  EXPECT_EQ(got.frame_index, want.frame_index);
  EXPECT_EQ(got.frame_seconds, want.frame_seconds);
  EXPECT_EQ(got.source_name, want.source_name);
  EXPECT_EQ(got.box, want.box);
  EXPECT_EQ(got.box_score, want.box_score);
  EXPECT_EQ(got.source_landmarks, want.source_landmarks);
  EXPECT_EQ(got.landmarks, want.landmarks);
  EXPECT_EQ(got.matrix, want.matrix);
  EXPECT_EQ(got.pose.pitch, want.pose.pitch);
  EXPECT_EQ(got.pose.yaw, want.pose.yaw);
  EXPECT_EQ(got.pose.roll, want.pose.roll);
  EXPECT_EQ(got.sharpness, want.sharpness);
  EXPECT_EQ(got.eyebrow_factor, want.eyebrow_factor);
  EXPECT_EQ(got.mask, want.mask);
  EXPECT_EQ(got.extra, want.extra);
}

TEST_F(FacesetTest, GivesBackAFaceExactly) {
  Face face = test_face(3);
  face.mask = encode_png(cv::Mat(8, 8, CV_8UC1, cv::Scalar(7)));
  Faceset::create(path()).put_frame(test_frame(3), {face});
  const Faceset faces = Faceset::open(path(), true);
  ASSERT_EQ(faces.count(), 1);
  expect_equal(faces.load(faces.ids()[0]), face);
}

TEST_F(FacesetTest, LoadAllEqualsLoad) {
  const Faceset faces = filled(5);
  const std::vector<Face> all = faces.load_all(true);
  ASSERT_EQ(all.size(), 5u);
  for (const Face& face : all) expect_equal(faces.load(face.id), face);
}

TEST_F(FacesetTest, LeavesThePictureOnRequest) {
  const Faceset faces = filled(1);
  EXPECT_TRUE(faces.load_all(false)[0].image.empty());
}

TEST_F(FacesetTest, GivesBackAFrameExactly) {
  const Faceset faces = filled(2);
  const std::vector<FrameRecord> frames = faces.frames();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[1].frame_index, 1);
  EXPECT_EQ(frames[1].seconds, 1 / 24.0);
  EXPECT_EQ(frames[1].width, 640);
  EXPECT_EQ(frames[1].height, 360);
  EXPECT_EQ(frames[1].faces, 1);
  EXPECT_EQ(frames[1].note, "rotated by 90 degrees");
}

TEST_F(FacesetTest, KnowsFramesWithoutFaces) {
  Faceset faces = Faceset::create(path());
  faces.put_frame(test_frame(7), {});
  EXPECT_TRUE(faces.has_frame(7));
  EXPECT_FALSE(faces.has_frame(6));
  EXPECT_EQ(faces.count(std::nullopt), 0);
}

TEST_F(FacesetTest, OrdersByFrameThenPosition) {
  Faceset faces = Faceset::create(path());
  faces.put_frame(test_frame(9), {test_face(1), test_face(2)});
  faces.put_frame(test_frame(4), {test_face(3)});
  EXPECT_EQ(faces.ids(), (std::vector<int64_t>{3, 1, 2}));
}

TEST_F(FacesetTest, ReplacesAFrameWithItsFaces) {
  Faceset faces = filled(2);
  faces.put_frame(test_frame(1), {test_face(8), test_face(9)});
  EXPECT_EQ(faces.count(), 3);
  EXPECT_TRUE(faces.check().empty());
}

TEST_F(FacesetTest, ABatchIsStoredAsAWholeOrNotAtAll) {
  Faceset faces = filled(1);
  FrameFaces bad{test_frame(2), {test_face(2)}};
  bad.faces[0].image.clear();
  EXPECT_THROW(faces.put_frames({{test_frame(1), {test_face(1)}}, bad}), Error);
  EXPECT_FALSE(faces.has_frame(1));
  faces.put_frames({{test_frame(1), {test_face(1)}}, {test_frame(2), {}}});
  EXPECT_EQ(faces.frames().size(), 3u);
}

TEST_F(FacesetTest, NeverGivesAnIdTwice) {
  Faceset faces = filled(2);
  faces.put_frame(test_frame(1), {});
  faces.put_frame(test_frame(1), {test_face(1)});
  EXPECT_EQ(faces.ids(), (std::vector<int64_t>{1, 3}));
}

TEST_F(FacesetTest, RefusesAFaceWithoutPicture) {
  Faceset faces = filled(1);
  Face face = test_face(1);
  face.image.clear();
  EXPECT_THROW(faces.put_frame(test_frame(1), {test_face(1), face}), Error);
  EXPECT_EQ(faces.count(), 1);
  EXPECT_FALSE(faces.has_frame(1));
}

TEST_F(FacesetTest, TrashIsAFlag) {
  Faceset faces = filled(3);
  faces.set_state({2}, FaceState::kTrash);
  EXPECT_EQ(faces.count(), 2);
  EXPECT_EQ(faces.ids(FaceState::kTrash), std::vector<int64_t>{2});
  EXPECT_EQ(faces.count(std::nullopt), 3);
  faces.set_state({2}, FaceState::kActive);
  EXPECT_EQ(faces.count(), 3);
}

TEST_F(FacesetTest, AnUnknownIdChangesNothing) {
  Faceset faces = filled(3);
  EXPECT_THROW(faces.set_state({1, 99}, FaceState::kTrash), InputError);
  EXPECT_EQ(faces.count(), 3);
  EXPECT_THROW(faces.load(99), InputError);
  EXPECT_THROW(faces.set_mask(99, {1}), InputError);
  EXPECT_THROW(faces.add_loss(99, 1, 1.0), InputError);
}

TEST_F(FacesetTest, UndoTakesBackStatesAndMasksInReverse) {
  Faceset faces = filled(3);
  const std::vector<uint8_t> first{1, 2}, second{3};
  faces.set_mask(1, first);
  faces.set_state({1, 2}, FaceState::kTrash);
  faces.set_mask(1, second);
  ASSERT_TRUE(faces.undo());
  EXPECT_EQ(faces.load(1).mask, first);
  EXPECT_EQ(faces.count(), 1);
  ASSERT_TRUE(faces.undo());
  EXPECT_EQ(faces.count(), 3);
  ASSERT_TRUE(faces.undo());
  EXPECT_TRUE(faces.load(1).mask.empty());
  EXPECT_FALSE(faces.undo());
}

TEST_F(FacesetTest, UndoReachesOverSessions) {
  filled(2).set_state({1}, FaceState::kTrash);
  Faceset faces = Faceset::open(path());
  EXPECT_TRUE(faces.undo());
  EXPECT_EQ(faces.count(), 2);
}

TEST_F(FacesetTest, LossesAreARunningMean) {
  Faceset faces = filled(3);
  faces.add_loss(1, 2, 1.0);
  faces.add_losses({{1, 1, 4.0}, {3, 5, 7.0}, {99, 1, 1.0}});
  const std::vector<FaceLoss> losses = faces.losses();
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_EQ(losses[0].id, 3);
  EXPECT_EQ(losses[1].count, 3);
  EXPECT_DOUBLE_EQ(losses[1].mean, 2.0);
}

TEST_F(FacesetTest, OldLossesAreForgotten) {
  Faceset faces = filled(1);
  faces.add_loss(1, 10000, 9.0);
  faces.add_loss(1, kLossMemory / 2, 1.0);
  EXPECT_DOUBLE_EQ(faces.losses()[0].mean, 5.0);
  faces.add_loss(1, kLossMemory, 2.0);
  EXPECT_DOUBLE_EQ(faces.losses()[0].mean, 2.0);
  EXPECT_EQ(faces.losses()[0].count, 10000 + kLossMemory / 2 + kLossMemory);
}

TEST_F(FacesetTest, ANanLossIsPassedOver) {
  Faceset faces = filled(1);
  faces.add_loss(1, 1, std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(faces.losses().empty());
}

TEST_F(FacesetTest, KeepsMeta) {
  {
    Faceset faces = Faceset::create(path());
    faces.set_meta("source", "old");
    faces.set_meta("source", "a\nb");
  }
  const Faceset faces = Faceset::open(path());
  EXPECT_EQ(faces.meta("source"), "a\nb");
  EXPECT_EQ(faces.meta("none"), std::nullopt);
}

TEST_F(FacesetTest, IsOneFile) {
  {
    Faceset faces = filled(4);
    EXPECT_EQ(folder_.entries(), 1);
  }
  EXPECT_EQ(folder_.entries(), 1);
}

TEST_F(FacesetTest, ServesThreads) {
  Faceset faces = filled(20);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        if (faces.load(1 + (i * 7 + t) % 20).image.empty()) ++wrong[t];
      }
    });
  }
  for (int i = 20; i < 30; ++i) faces.put_frame(test_frame(i), {test_face(i)});
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
  EXPECT_EQ(faces.count(), 30);
}

TEST_F(FacesetTest, AnotherReaderSeesWhatIsCommitted) {
  Faceset writer = Faceset::create(path());
  const Faceset reader = Faceset::open(path(), true);
  writer.put_frame(test_frame(0), {test_face(0)});
  EXPECT_EQ(reader.count(), 1);
}

TEST_F(FacesetTest, ChecksAHealthyFile) {
  EXPECT_EQ(filled(5).check(), std::vector<std::string>{});
}

}  // namespace
}  // namespace diptych
