// The extraction pipeline on made-up clips: order, threads, resuming, errors, limits.
// SPDX-License-Identifier: MIT
#include "faces/extract/extract.h"

#include <gtest/gtest.h>

#include "faces/extract/test_source.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"

namespace diptych {
namespace {

class Extract : public ::testing::Test {
 protected:
  Faceset faceset(const std::string& name) {
    return Faceset::create((folder_ / (name + ".faces")).string());
  }

  static ExtractOptions small() {
    ExtractOptions options;
    options.image_size = 64;
    options.threads = 2;
    return options;
  }

  static ExtractSummary run(Faceset& faces, int frames, const ExtractOptions& options) {
    TestSource source(frames);
    return extract_faces(source, TestDetector(), TestPredictor(), faces, options);
  }

  TestFolder folder_;
};

// Everything but the ids.
void expect_same(const Faceset& a, const Faceset& b) {
  const std::vector<Face> x = a.load_all(true), y = b.load_all(true);
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(x[i].image, y[i].image) << i;
    EXPECT_EQ(x[i].frame_index, y[i].frame_index) << i;
    EXPECT_EQ(x[i].landmarks, y[i].landmarks) << i;
    EXPECT_EQ(x[i].matrix, y[i].matrix) << i;
    EXPECT_EQ(x[i].sharpness, y[i].sharpness) << i;
    EXPECT_EQ(x[i].pose.yaw, y[i].pose.yaw) << i;
  }
  ASSERT_EQ(a.frames().size(), b.frames().size());
}

TEST_F(Extract, CountsFramesAndFaces) {
  Faceset faces = faceset("a");
  const ExtractSummary summary = run(faces, 30, small());
  EXPECT_EQ(summary.frames, 30);
  EXPECT_EQ(summary.frames_with_faces, 20);
  EXPECT_EQ(summary.faces, 30);
  EXPECT_FALSE(summary.stopped);
  EXPECT_EQ(faces.count(), 30);
}

TEST_F(Extract, RecordsEveryFrame) {
  Faceset faces = faceset("a");
  run(faces, 9, small());
  const std::vector<FrameRecord> frames = faces.frames();
  ASSERT_EQ(frames.size(), 9u);
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(frames[i].frame_index, i);
    EXPECT_EQ(frames[i].faces, i % 3);
    EXPECT_EQ(frames[i].seconds, i / 24.0);
    EXPECT_EQ(frames[i].width, 320);
  }
}

TEST_F(Extract, NotesDoubt) {
  Faceset faces = faceset("a");
  run(faces, 3, small());
  const std::vector<FrameRecord> frames = faces.frames();
  EXPECT_EQ(frames[0].note, "no face");
  EXPECT_EQ(frames[1].note, "");
  EXPECT_EQ(frames[2].note, "turned by 90 degrees");
}

TEST_F(Extract, FillsTheRecordOfAFace) {
  Faceset faces = faceset("a");
  ExtractOptions options = small();
  options.face_type = FaceType::kFull;
  run(faces, 2, options);
  const Face face = faces.load(faces.ids().at(0));
  EXPECT_EQ(face.source_name, "made_up.mp4");
  EXPECT_EQ(face.frame_index, 1);
  EXPECT_EQ(face.type, FaceType::kFull);
  EXPECT_EQ(face.size, 64);
  EXPECT_EQ(face.box, cv::Rect2d(100, 60, 120, 120));
  EXPECT_EQ(face.box_score, 2.0);
  EXPECT_EQ(face.matrix, crop_matrix(face.source_landmarks, 64, FaceType::kFull));
  EXPECT_EQ(face.landmarks, transform(face.matrix, face.source_landmarks));
  EXPECT_GT(face.sharpness, 0);
  EXPECT_EQ(decode_image(face.image, "face").size(), cv::Size(64, 64));
}

TEST_F(Extract, IsTheSameForAnyThreadCount) {
  Faceset one = faceset("one"), four = faceset("four");
  ExtractOptions options = small();
  options.threads = 1;
  run(one, 40, options);
  options.threads = 4;
  run(four, 40, options);
  expect_same(one, four);
}

TEST_F(Extract, ResumesWhereItWasStopped) {
  Faceset whole = faceset("whole"), parts = faceset("parts");
  run(whole, 60, small());
  std::atomic<bool> stop = false;
  ExtractOptions options = small();
  options.stop = &stop;
  options.progress = [&](const ExtractProgress& p) { stop = p.frames >= 10; };
  const ExtractSummary first = run(parts, 60, options);
  EXPECT_TRUE(first.stopped);
  EXPECT_LT(first.frames, 60);
  TestSource source(60);
  const ExtractSummary second =
      extract_faces(source, TestDetector(), TestPredictor(), parts, small());
  EXPECT_EQ(second.skipped, first.frames);
  EXPECT_EQ(source.reads(), 60 - first.frames);
  expect_same(whole, parts);
}

TEST_F(Extract, ASecondRunHasNothingToDo) {
  Faceset faces = faceset("a");
  run(faces, 12, small());
  TestSource source(12);
  const ExtractSummary summary =
      extract_faces(source, TestDetector(), TestPredictor(), faces, small());
  EXPECT_EQ(summary.frames, 0);
  EXPECT_EQ(summary.skipped, 12);
  EXPECT_EQ(source.reads(), 0);
}

TEST_F(Extract, FillsAHole) {
  Faceset faces = faceset("a");
  faces.put_frame({.frame_index = 4, .note = "by hand"}, {});
  EXPECT_EQ(run(faces, 10, small()).frames, 9);
  EXPECT_EQ(faces.frames()[4].note, "by hand");
}

TEST_F(Extract, AnErrorLeavesTheFramesBeforeIt) {
  Faceset faces = faceset("a");
  TestSource source(40);
  EXPECT_THROW(extract_faces(source, TestDetector(17), TestPredictor(), faces, small()), Error);
  EXPECT_EQ(faces.frames().size(), 17u);
}

TEST_F(Extract, ADamagedSourceLeavesTheFramesBeforeIt) {
  Faceset faces = faceset("a");
  TestSource source(40, 23);
  EXPECT_THROW(extract_faces(source, TestDetector(), TestPredictor(), faces, small()), Error);
  EXPECT_EQ(faces.frames().size(), 23u);
}

TEST_F(Extract, KeepsTheLargestFaces) {
  Faceset faces = faceset("a");
  ExtractOptions options = small();
  options.max_faces = 1;
  run(faces, 3, options);
  ASSERT_EQ(faces.count(), 2);
  EXPECT_EQ(faces.load_all(false)[1].box.width, 120);
  EXPECT_EQ(faces.frames()[2].note, "more than 1 faces");
}

TEST_F(Extract, LeavesOutSmallFaces) {
  Faceset faces = faceset("a");
  ExtractOptions options = small();
  options.min_face_px = 61;
  EXPECT_EQ(run(faces, 3, options).faces, 2);
}

TEST_F(Extract, TakesEveryNthFrame) {
  Faceset faces = faceset("a");
  ExtractOptions options = small();
  options.every = 5;
  EXPECT_EQ(run(faces, 20, options).frames, 4);
  EXPECT_TRUE(faces.has_frame(15));
}

TEST_F(Extract, StoresPngOnRequest) {
  Faceset faces = faceset("a");
  ExtractOptions options = small();
  options.jpeg_quality = 0;
  run(faces, 2, options);
  EXPECT_EQ(faces.load(faces.ids()[0]).image.at(1), 'P');
}

TEST_F(Extract, RefusesAnotherFaceType) {
  Faceset faces = faceset("a");
  run(faces, 3, small());
  ExtractOptions options = small();
  options.face_type = FaceType::kHead;
  EXPECT_THROW(run(faces, 3, options), InputError);
}

TEST_F(Extract, RefusesAnotherSource) {
  Faceset faces = faceset("a");
  faces.set_meta("extract.source", "other.mp4");
  EXPECT_THROW(run(faces, 3, small()), InputError);
  EXPECT_EQ(faces.frames().size(), 0u);
}

TEST_F(Extract, RefusesBadOptions) {
  Faceset faces = faceset("a");
  ExtractOptions options = small();
  options.image_size = 10;
  EXPECT_THROW(run(faces, 3, options), Error);
  options = small();
  options.every = 0;
  EXPECT_THROW(run(faces, 3, options), Error);
}

TEST_F(Extract, ReportsProgressToTheEnd) {
  Faceset faces = faceset("a");
  ExtractOptions options = small();
  ExtractProgress last;
  options.progress = [&](const ExtractProgress& p) {
    EXPECT_GT(p.frames, last.frames);
    last = p;
  };
  run(faces, 25, options);
  EXPECT_EQ(last.frames, 25);
  EXPECT_EQ(last.total, 25);
  EXPECT_EQ(last.faces, 24);
}

}  // namespace
}  // namespace diptych
