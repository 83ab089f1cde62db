// Masks against pixel counts and pictures of the original program, and their properties.
// SPDX-License-Identifier: MIT
#include "faces/mask/masks.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>

#include "faces/align/head_template.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

std::filesystem::path dfl_folder() {
  const char* set = std::getenv("DIPTYCH_TEST_DATA");
  return (set ? std::filesystem::path(set)
              : std::filesystem::path(DIPTYCH_SOURCE_DIR) / "../shared/data") /
         "dfl";
}

Landmarks frontal_head() {
  Landmarks p;
  for (int i = 0; i < 68; ++i)
    p[i] = {400 + 2 * kHeadTemplate[i][0], 300 + 2 * kHeadTemplate[i][1]};
  return p;
}

Landmarks on_crop(FaceType type, int size) {
  return transform(crop_matrix(frontal_head(), size, type), frontal_head());
}

TEST(HullMask, CountsOfTheVectors) {
  const std::pair<FaceType, int> vectors[] = {
      {FaceType::kHalf, 64724},        {FaceType::kMidFull, 56369}, {FaceType::kFull, 32685},
      {FaceType::kFullNoAlign, 32594}, {FaceType::kWhole, 18319},   {FaceType::kHead, 9415},
      {FaceType::kHeadNoAlign, 9400}};
  for (const auto& [type, pixels] : vectors) {
    EXPECT_EQ(cv::countNonZero(hull_mask(on_crop(type, 256), {256, 256})), pixels) << name_of(type);
  }
}

TEST(HullMask, HoldsOnlyZeroAndOne) {
  const cv::Mat mask = hull_mask(on_crop(FaceType::kWhole, 256), {256, 256});
  EXPECT_EQ(cv::countNonZero(mask == 1.0f), cv::countNonZero(mask));
}

TEST(HullMask, AHigherEyebrowFactorReachesHigher) {
  const Landmarks p = on_crop(FaceType::kWhole, 256);
  EXPECT_LT(cv::countNonZero(hull_mask(p, {256, 256}, 0.0)),
            cv::countNonZero(hull_mask(p, {256, 256}, 1.0)));
  EXPECT_LT(cv::countNonZero(hull_mask(p, {256, 256}, 1.0)),
            cv::countNonZero(hull_mask(p, {256, 256}, 2.0)));
}

TEST(HullMask, IsEmptyForAFaceOutsideThePicture) {
  Landmarks p = on_crop(FaceType::kWhole, 256);
  for (cv::Point2d& q : p) q.x -= 5000;
  EXPECT_EQ(cv::countNonZero(hull_mask(p, {256, 256})), 0);
}

TEST(HullMask, SurvivesLandmarksFarAway) {
  Landmarks p = on_crop(FaceType::kWhole, 256);
  p[3] = {-1e12, 4e11};
  EXPECT_GT(cv::countNonZero(hull_mask(p, {256, 256})), 0);
}

TEST(HullMask, RefusesNan) {
  Landmarks p = on_crop(FaceType::kWhole, 256);
  p[3].y = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(hull_mask(p, {256, 256}), Error);
}

TEST(HullMask, RefusesAnEmptySize) {
  EXPECT_THROW(hull_mask(frontal_head(), {0, 256}), Error);
}

TEST(EyesMouthMask, StaysWithinOne) {
  const cv::Mat mask = eyes_mouth_mask(on_crop(FaceType::kFull, 256), {256, 256});
  double low, high;
  cv::minMaxLoc(mask, &low, &high);
  EXPECT_GE(low, 0);
  EXPECT_LE(high, 1);
  EXPECT_GT(high, 0.9);
}

TEST(EyesMouthMask, WorksOnTinyPictures) {
  const cv::Mat mask = eyes_mouth_mask(on_crop(FaceType::kFull, 16), {16, 16});
  EXPECT_GT(cv::countNonZero(mask), 0);
}

// Largest difference in steps of the 8-bit picture; the whole range when the picture is missing.
double distance_to_picture(const cv::Mat& mask, const std::filesystem::path& file) {
  const cv::Mat picture = cv::imread(file.string(), cv::IMREAD_GRAYSCALE);
  if (picture.size() != mask.size()) return 255;
  cv::Mat want;
  picture.convertTo(want, CV_32FC1);
  return cv::norm(mask * 255, want, cv::NORM_INF);
}

// The pictures hold 8 bits, so soft masks may differ by the rounding of one step.
TEST(MasksGolden, EqualThePictures) {
  std::ifstream file(dfl_folder() / "golden.json");
  if (!file) GTEST_SKIP() << "test material not found: " << dfl_folder();
  for (const auto& frame : nlohmann::json::parse(file)) {
    const auto& face = frame.at("aligned").at("aligned_wf_512");
    Landmarks p;
    for (size_t i = 0; i < p.size(); ++i)
      p[i] = {face.at("landmarks").at(i).at(0), face.at("landmarks").at(i).at(1)};
    const std::string stem =
        std::filesystem::path(frame.at("source").get<std::string>()).stem().string();
    const std::filesystem::path folder = dfl_folder() / "masks_wf_512";
    const cv::Size size(512, 512);
    const cv::Mat hull = hull_mask(p, size, face.at("eyebrows_expand_mod"));
    EXPECT_EQ(distance_to_picture(hull, folder / (stem + "_hull.png")), 0) << stem;
    EXPECT_LE(distance_to_picture(eyes_mask(p, size), folder / (stem + "_eyes.png")), 1) << stem;
    EXPECT_LE(distance_to_picture(mouth_mask(p, size), folder / (stem + "_mouth.png")), 1) << stem;
  }
}

}  // namespace
}  // namespace diptych
