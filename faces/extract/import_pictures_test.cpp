// Importing pictures of faces: what is kept, what is left out and why.
// SPDX-License-Identifier: MIT
#include "faces/extract/import_pictures.h"

#include <gtest/gtest.h>

#include "faces/extract/test_source.h"
#include "faces/image/file_io.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"

namespace diptych {
namespace {

// Always one face, that of `landmarks`.
class FixedFace : public FaceDetector, public LandmarkPredictor {
 public:
  explicit FixedFace(const Landmarks& landmarks) : landmarks_(landmarks) {}

  std::vector<Detection> detect(const cv::Mat&) override { return {{{50, 50, 100, 100}, 1.0, 0}}; }

  std::unique_ptr<FaceDetector> clone() const override {
    return std::make_unique<FixedFace>(*this);
  }

  Landmarks landmarks(const cv::Mat&, const cv::Rect2d&, int) const override { return landmarks_; }

 private:
  Landmarks landmarks_;
};

Landmarks whole_face_of(int size) {
  Landmarks p;
  for (int i = 0; i < 68; ++i) p[i] = {kHeadTemplate[i][0], kHeadTemplate[i][1]};
  return transform(crop_matrix(p, size, FaceType::kWhole), p);
}

class ImportPictures : public ::testing::Test {
 protected:
  ImportPictures()
      : finder_(whole_face_of(128)), faces_(Faceset::create((folder_ / "a.faces").string())) {
    std::filesystem::create_directory(pictures());
  }

  std::filesystem::path pictures() const { return folder_ / "pictures"; }

  void add(const std::string& name, int width = 128, int height = 128) {
    write_image(pictures() / name, cv::Mat(height, width, CV_8UC3, {30, 90, 160}));
  }

  PictureImport run(const ExtractOptions& options = {}) {
    return import_pictures(pictures(), finder_, finder_, faces_, options);
  }

  TestFolder folder_;
  FixedFace finder_;
  Faceset faces_;
};

TEST_F(ImportPictures, KeepsTheBytes) {
  add("1.jpg");
  add("2.png");
  EXPECT_EQ(run().faces, 2);
  const std::vector<Face> faces = faces_.load_all(true);
  ASSERT_EQ(faces.size(), 2u);
  EXPECT_EQ(faces[0].image, read_file(pictures() / "1.jpg"));
  EXPECT_EQ(faces[1].image, read_file(pictures() / "2.png"));
  EXPECT_EQ(faces[1].source_name, "2.png");
  EXPECT_EQ(faces[1].landmarks, faces[1].source_landmarks);
  EXPECT_EQ(faces_.check(), std::vector<std::string>{});
}

TEST_F(ImportPictures, OrdersNaturally) {
  add("face10.png");
  add("face9.png");
  run();
  EXPECT_EQ(faces_.load_all(false).at(0).source_name, "face9.png");
}

TEST_F(ImportPictures, LeavesOutWhatIsNotSquare) {
  add("1.png", 128, 100);
  const PictureImport result = run();
  EXPECT_EQ(result.faces, 0);
  ASSERT_EQ(result.left_out.size(), 1u);
  EXPECT_NE(result.left_out[0].find("not square"), std::string::npos) << result.left_out[0];
}

TEST_F(ImportPictures, LeavesOutAnotherCut) {
  add("1.png");
  ExtractOptions options;
  options.face_type = FaceType::kHead;
  const PictureImport result = run(options);
  ASSERT_EQ(result.left_out.size(), 1u);
  EXPECT_NE(result.left_out[0].find("not cut as head"), std::string::npos) << result.left_out[0];
}

TEST_F(ImportPictures, LeavesOutDamagedFiles) {
  add("1.png");
  write_file_atomic(pictures() / "2.png", std::vector<uint8_t>{1, 2, 3});
  const PictureImport result = run();
  EXPECT_EQ(result.faces, 1);
  EXPECT_EQ(result.left_out.size(), 1u);
}

TEST_F(ImportPictures, GoesOnAfterAStop) {
  for (int i = 0; i < 4; ++i) add(std::to_string(i) + ".png");
  std::atomic<bool> stop = false;
  ExtractOptions options;
  options.stop = &stop;
  options.progress = [&](const ExtractProgress& p) { stop = p.frames == 2; };
  EXPECT_TRUE(run(options).stopped);
  EXPECT_EQ(faces_.count(), 2);
  EXPECT_EQ(run().faces, 2);
  EXPECT_EQ(faces_.count(), 4);
}

TEST_F(ImportPictures, RefusesAFacesetOfAnotherSource) {
  add("1.png");
  FrameFaces other;
  other.frame.width = other.frame.height = 64;
  faces_.put_frames({other});
  EXPECT_THROW(run(), InputError);
  EXPECT_EQ(faces_.count(), 0);
}

TEST_F(ImportPictures, RefusesASecondFolder) {
  add("1.png");
  run();
  std::filesystem::rename(pictures(), folder_ / "others");
  EXPECT_THROW(import_pictures(folder_ / "others", finder_, finder_, faces_), InputError);
}

TEST_F(ImportPictures, RefusesAnEmptyFolder) {
  EXPECT_THROW(run(), InputError);
}

TEST_F(ImportPictures, RefusesAMissingFolder) {
  EXPECT_THROW(import_pictures(folder_ / "none", finder_, finder_, faces_), InputError);
}

}  // namespace
}  // namespace diptych
