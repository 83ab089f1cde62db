// Tests of preparing a face and making one sample of it.
// SPDX-License-Identifier: MIT
#include "faces/sample/make_sample.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

#include "faces/sample/test_faces.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

constexpr int kSide = 64;

struct Sample {
  cv::Mat warped, target, mask, eyes;

  SampleOutput output() {
    return {warped.ptr<float>(), target.ptr<float>(), mask.ptr<float>(), eyes.ptr<float>()};
  }
};

Sample empty_sample(int side) {
  const cv::Scalar nan = cv::Scalar::all(std::nan(""));
  return {cv::Mat(side, side, CV_32FC3, nan), cv::Mat(side, side, CV_32FC3, nan),
          cv::Mat(side, side, CV_32FC1, nan), cv::Mat(side, side, CV_32FC1, nan)};
}

PrepareOptions whole(int side = kSide) {
  return {side, FaceType::kWhole, true};
}

Sample make(const SampleDraws& draws, const TransferColours& transfer = {}) {
  Sample sample = empty_sample(kSide);
  make_sample(prepare_face(test_face(1), whole()), draws, transfer, sample.output());
  return sample;
}

Sample make_parity(const Face& face, const SampleDraws& draws) {
  Sample sample = empty_sample(kSide);
  make_sample_parity(prepare_face_parity(face, whole()), draws, {}, sample.output());
  return sample;
}

WarpGrid still_grid() {
  return {kSide, 8, 9, std::vector<float>(81, 0), std::vector<float>(81, 0)};
}

WarpGrid moved_grid() {
  SampleRandom random(1, 0, SamplePurpose::kWarp, 0);
  return draw_warp_grid(random, kSide);
}

Geometry some_geometry() {
  return {.rotation_degrees = 7, .scale = 1.1, .shift_x = 0.03, .shift_y = -0.04};
}

double largest_difference(const cv::Mat& a, const cv::Mat& b) {
  const double difference = cv::norm(a, b, cv::NORM_INF);
  return std::isnan(difference) ? HUGE_VAL : difference;
}

cv::Mat prepared_picture() {
  cv::Mat picture;
  prepare_face(test_face(1), whole()).picture.convertTo(picture, CV_32FC3, 1.0 / 255);
  return picture;
}

TEST(MakeSample, WithoutGeometryTheTargetIsThePicture) {
  EXPECT_LE(largest_difference(make({}).target, prepared_picture()), 1e-6);
}

TEST(MakeSample, AStillWarpGivesTheTarget) {
  const Sample sample = make({.geometry = some_geometry(), .warp = still_grid()});
  EXPECT_LE(largest_difference(sample.warped, sample.target), 1e-4);
}

TEST(MakeSample, WithoutWarpTheInputIsTheTarget) {
  const Sample sample = make({.geometry = some_geometry()});
  EXPECT_EQ(largest_difference(sample.warped, sample.target), 0);
}

TEST(MakeSample, TheWarpMovesTheInputAlone) {
  const Sample still = make({.geometry = some_geometry()});
  const Sample moved = make({.geometry = some_geometry(), .warp = moved_grid()});
  EXPECT_EQ(largest_difference(still.target, moved.target), 0);
  EXPECT_GT(largest_difference(still.warped, moved.warped), 0.005);
}

TEST(MakeSample, FlipMirrorsEveryOutput) {
  SampleDraws draws{.geometry = some_geometry(), .warp = moved_grid()};
  const Sample straight = make(draws);
  draws.geometry.flip = true;
  const Sample flipped = make(draws);
  const auto expect_mirrored = [](const cv::Mat& a, const cv::Mat& b, const char* name) {
    cv::Mat mirrored;
    cv::flip(a, mirrored, 1);
    EXPECT_EQ(largest_difference(mirrored, b), 0) << name;
  };
  expect_mirrored(straight.target, flipped.target, "target");
  expect_mirrored(straight.warped, flipped.warped, "warped");
  expect_mirrored(straight.mask, flipped.mask, "mask");
  expect_mirrored(straight.eyes, flipped.eyes, "eyes");
}

// OpenCV rounds positions to 1/32 pixel; the picture changes by less than 0.02 a pixel.
TEST(MakeSample, TheTargetIsTheAffineMapOfThePicture) {
  cv::Mat expected;
  cv::warpAffine(prepared_picture(), expected, affine_matrix(some_geometry(), kSide),
                 {kSide, kSide}, cv::INTER_CUBIC, cv::BORDER_REPLICATE);
  EXPECT_LE(largest_difference(make({.geometry = some_geometry()}).target, expected), 2e-3);
}

TEST(MakeSample, TheMaskMovesWithThePicture) {
  const Sample still = make({});
  cv::Mat expected;
  cv::warpAffine(still.mask, expected, affine_matrix(some_geometry(), kSide), {kSide, kSide},
                 cv::INTER_LINEAR, cv::BORDER_CONSTANT);
  EXPECT_LE(largest_difference(make({.geometry = some_geometry()}).mask, expected), 0.07);
}

TEST(MakeSample, EyesAndMouthReachOne) {
  double largest = 0;
  cv::minMaxLoc(make({.geometry = some_geometry()}).eyes, nullptr, &largest);
  EXPECT_EQ(largest, 1);
}

TEST(MakeSample, EyesAndMouthLieInTheFace) {
  const Sample sample = make({});
  EXPECT_EQ(cv::countNonZero((sample.eyes > 0) & (sample.mask == 0)), 0);
  EXPECT_GT(cv::countNonZero(sample.eyes > 0.5), 10);
}

TEST(MakeSample, BordersAreReplicatedByDefault) {
  const cv::Mat white(128, 128, CV_8UC3, cv::Scalar::all(255));
  Sample sample = empty_sample(kSide);
  make_sample(prepare_face(face_of(white, 3), whole()),
              {.geometry = {.scale = 0.87, .shift_x = 0.05}, .warp = moved_grid()}, {},
              sample.output());
  const cv::Mat ones(kSide, kSide, CV_32FC3, cv::Scalar::all(1));
  EXPECT_LE(largest_difference(sample.warped, ones), 1e-5);
  EXPECT_LE(largest_difference(sample.target, ones), 1e-5);
}

TEST(MakeSample, TheOriginalsInputDarkensAtTheBorder) {
  const cv::Mat white(128, 128, CV_8UC3, cv::Scalar::all(255));
  const Sample sample = make_parity(face_of(white, 3), {.warp = still_grid()});
  EXPECT_NEAR(sample.warped.at<cv::Vec3f>(30, kSide - 1)[1], 0.5, 1e-3);
}

TEST(MakeSample, TheOriginalsInputIsHalfAPixelOff) {
  const Sample sample = make_parity(test_face(1), {.warp = still_grid()});
  for (const int x : {10, 30, 50}) {
    const auto* row = sample.target.ptr<cv::Vec3f>(30);
    const float between = 0.5f * (row[x][0] + row[x + 1][0]);
    EXPECT_NEAR(sample.warped.at<cv::Vec3f>(30, x)[0], between, 2e-3);
  }
}

TEST(MakeSample, JitterChangesTheInputAlone) {
  const Sample plain = make({});
  const Sample shifted = make({.shift = ColourShift{.hue = 40, .saturation = 0.1f, .value = 0}});
  EXPECT_EQ(largest_difference(plain.target, shifted.target), 0);
  EXPECT_GT(largest_difference(plain.warped, shifted.warped), 0.05);
}

TEST(MakeSample, ColourTransferServesInputAndTarget) {
  const Sample sample = make({.geometry = some_geometry()}, [](const cv::Mat& picture, uint32_t) {
    return cv::Mat(picture.size(), CV_32FC3, cv::Scalar(0.1, 0.2, 0.3));
  });
  const cv::Mat expected(kSide, kSide, CV_32FC3, cv::Scalar(0.1, 0.2, 0.3));
  EXPECT_LE(largest_difference(sample.target, expected), 1e-6);
  EXPECT_LE(largest_difference(sample.warped, expected), 1e-6);
}

TEST(MakeSample, BothPathsAgreeWithoutQuirks) {  // centres differ by half a pixel when it turns
  const SampleDraws draws{.geometry = {.shift_x = 0.03125, .shift_y = 0.0625}};
  const Sample ours = make(draws), original = make_parity(test_face(1), draws);
  EXPECT_LE(largest_difference(ours.target, original.target), 0.01);
  EXPECT_LE(cv::mean(cv::abs(ours.mask - original.mask))[0], 0.01);
  EXPECT_LE(cv::mean(cv::abs(ours.eyes - original.eyes))[0], 0.01);
}

TEST(MakeSample, DrawsOfASampleRepeat) {
  const SampleOptions options{.random_flip = true, .hsv_power = 0.1f};
  const SampleDraws a = draw_sample(options, 5, 0, 77), b = draw_sample(options, 5, 0, 77);
  EXPECT_EQ(a.geometry.rotation_degrees, b.geometry.rotation_degrees);
  EXPECT_EQ(a.warp->dx, b.warp->dx);
  EXPECT_EQ(a.shift->hue, b.shift->hue);
}

// White noise averaged over 4 x 4 pixels keeps a quarter of its deviation.
TEST(PrepareFace, ShrinkingAveragesByDefault) {
  cv::Mat noise(256, 256, CV_8UC3);
  Rng rng(1, 0, 0);
  for (int i = 0; i < 256 * 256 * 3; ++i) noise.data[i] = static_cast<uint8_t>(rng.next_u32());
  cv::Scalar mean, deviation, aliased;
  cv::meanStdDev(prepare_face(face_of(noise, 1), whole()).picture, mean, deviation);
  EXPECT_NEAR(deviation[0], 73.9 / 4, 1);
  cv::meanStdDev(prepare_face_parity(face_of(noise, 1), whole()).picture, mean, aliased);
  EXPECT_GT(aliased[0] * 255, 40);
}

TEST(PrepareFace, AChangeOfFaceTypeCropsTheMaskWithTheFace) {
  const PrepareOptions full{kSide, FaceType::kFull, true};
  const cv::Mat masks = prepare_face(test_face(1, 256), full).masks.pixels;
  cv::Mat area;
  cv::extractChannel(masks, area, 0);
  const double face = cv::mean(area)[0] / 255;
  cv::extractChannel(prepare_face(test_face(1, 256), whole()).masks.pixels, area, 0);
  const double ratio = std::sqrt(face / (cv::mean(area)[0] / 255));
  EXPECT_NEAR(ratio, 2.131371 / 1.596621, 0.03);  // crop sides of alignment.md 7.1
}

TEST(PrepareFace, AStoredMaskReplacesTheHull) {
  Face face = test_face(1);
  cv::imencode(".png", cv::Mat(128, 128, CV_8UC1, cv::Scalar(255)), face.mask);
  cv::Mat area;
  cv::extractChannel(prepare_face(face, whole()).masks.pixels, area, 0);
  EXPECT_EQ(cv::countNonZero(area == 255), kSide * kSide);
}

void expect_refused(const Face& face, const char* cause) {
  try {
    prepare_face(face, whole());
    ADD_FAILURE() << "no error about " << cause;
  } catch (const InputError& e) {
    const std::string message = e.what();
    EXPECT_NE(message.find("face 1 (frame_1.png)"), std::string::npos) << message;
    EXPECT_NE(message.find(cause), std::string::npos) << message;
  }
}

TEST(PrepareFace, WithoutAPictureIsRefused) {
  Face face = test_face(1);
  face.image.clear();
  expect_refused(face, "no picture");
}

TEST(PrepareFace, ADamagedPictureIsRefused) {
  Face face = test_face(1);
  face.image.resize(face.image.size() / 2);
  expect_refused(face, "is damaged");
  face.faceset = "a/src.faces";
  expect_refused(face, "Put it into the trash: diptych faces trash a/src.faces 1");
}

TEST(PrepareFace, ASmallerFaceTypeIsRefused) {
  Face face = test_face(1);
  face.type = FaceType::kFull;
  expect_refused(face, "full_face");
}

TEST(PrepareFace, LandmarksThatAreNotFiniteAreRefused) {
  Face face = test_face(1);
  face.landmarks[30].x = std::nan("");
  expect_refused(face, "");
}

TEST(PrepareFace, ATinyPictureIsRefused) {
  expect_refused(test_face(1, 24), "24x24");
}

TEST(PrepareFace, APictureThatIsNotSquareIsRefused) {
  expect_refused(face_of(test_picture(128, 1)(cv::Rect(0, 0, 128, 100)), 1), "128x100");
}

std::filesystem::path data_folder() {
  const char* given = std::getenv("DIPTYCH_TEST_DATA");
  return given ? std::filesystem::path(given)
               : std::filesystem::path(DIPTYCH_SOURCE_DIR) / "../shared/data";
}

// The original's own full-face crop of a frame against ours cut out of its whole-face crop.
TEST(PrepareFace, CropsAsTheOriginalAligns) {
  const auto folder = data_folder() / "dfl";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no test material at " << folder;
  std::ifstream golden(folder / "golden.json");
  const auto frames = nlohmann::json::parse(golden);
  for (const auto& frame : frames) {
    if (!frame["aligned"].contains("aligned_full_256")) continue;
    const auto& stored = frame["aligned"]["aligned_wf_512"];
    const std::string name = stored["file"];
    Face face = face_of(cv::imread((folder / "aligned_wf_512" / name).string()), 1);
    for (size_t i = 0; i < 68; ++i) {
      face.landmarks[i] = {stored["landmarks"][i][0], stored["landmarks"][i][1]};
    }
    const cv::Mat ours = prepare_face(face, {256, FaceType::kFull, true}).picture;
    const cv::Mat theirs = cv::imread((folder / "aligned_full_256" / name).string());
    cv::Mat difference;
    cv::absdiff(ours, theirs, difference);
    EXPECT_LE(cv::norm(difference, cv::NORM_L1) / (256 * 256 * 3), 2) << name;
  }
}

}  // namespace
}  // namespace diptych
