// Cutting: place, aliasing, agreement with the original's pictures, sharpness.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

#include "faces/align/head_template.h"
#include "faces/extract/extract.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"
#include "faces/mask/masks.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

cv::Matx23d similarity(double scale, double degrees, double dx, double dy) {
  const double c = scale * std::cos(degrees * CV_PI / 180);
  const double s = scale * std::sin(degrees * CV_PI / 180);
  return {c, -s, dx, s, c, dy};
}

// On a slope every resampler must give the value of the place: pixel i of the crop lies at i.
TEST(CutFace, PixelsLieWhereTheMatrixSays) {
  for (const double scale : {0.23, 0.5, 0.8, 1.0, 2.7}) {
    const double steepness = 6 * scale;  // levels per frame pixel: 6 per crop pixel
    cv::Mat slope(400, 400, CV_8UC3);
    for (int x = 0; x < 400; ++x) {
      slope.col(x).setTo(cv::Scalar::all(cv::saturate_cast<uchar>(128 + steepness * (x - 200))));
    }
    // The middle of the crop shows the middle of the frame.
    cv::Matx23d m = similarity(scale, 10, 0, 0);
    const cv::Point2d p = transform(m, cv::Point2d(200, 200));
    m(0, 2) = 32 - p.x;
    m(1, 2) = 32 - p.y;
    const cv::Mat crop = cut_face(slope, m, 64);
    const cv::Matx23d back = invert(m);
    double sum = 0, worst = 0;
    for (int y = 22; y < 42; ++y) {
      for (int x = 22; x < 42; ++x) {
        const cv::Point2d q = transform(back, cv::Point2d(x, y));
        const double want = 128 + steepness * (q.x - 200);
        const double shift = (crop.at<cv::Vec3b>(y, x)[0] - want) / 6;  // in crop pixels
        sum += shift;
        worst = std::max(worst, std::abs(shift));
      }
    }
    EXPECT_LT(std::abs(sum / 400), 0.06) << scale;
    EXPECT_LT(worst, 0.3) << scale;
  }
}

TEST(CutFace, ShrinkingDoesNotAlias) {
  cv::Mat board(512, 512, CV_8UC3);
  for (int y = 0; y < 512; ++y) {
    for (int x = 0; x < 512; ++x) {
      board.at<cv::Vec3b>(y, x) = (x + y) % 2 ? cv::Vec3b(255, 255, 255) : cv::Vec3b(0, 0, 0);
    }
  }
  const cv::Mat crop = cut_face(board, similarity(0.23, 7, 5, 2), 64);
  cv::Scalar mean, deviation;
  cv::meanStdDev(crop(cv::Rect(20, 20, 30, 30)), mean, deviation);
  EXPECT_NEAR(mean[0], 127.5, 2);
  EXPECT_LT(deviation[0], 8);
}

TEST(CutFace, IsBlackOutside) {
  const cv::Mat crop =
      cut_face(cv::Mat(50, 50, CV_8UC3, {200, 200, 200}), similarity(1, 0, 100, 100), 64);
  EXPECT_EQ(cv::countNonZero(crop.reshape(1)), 0);
}

TEST(CutFace, RefusesGreyPictures) {
  EXPECT_THROW(cut_face(cv::Mat(50, 50, CV_8UC1), similarity(1, 0, 0, 0), 64), Error);
}

TEST(CutFace, AgreesWithTheOriginalsPictures) {
  const std::filesystem::path folder = test_data() / "dfl";
  std::ifstream file(folder / "golden.json");
  if (!file) GTEST_SKIP() << "test material not found: " << folder;
  for (const auto& frame : nlohmann::json::parse(file)) {
    const std::string name = frame.at("source");
    Landmarks p;
    for (size_t i = 0; i < p.size(); ++i)
      p[i] = {frame.at("source_landmarks").at(i).at(0), frame.at("source_landmarks").at(i).at(1)};
    const cv::Mat got = cut_face(read_image(folder / "source_frames" / name),
                                 crop_matrix(p, 512, FaceType::kWhole), 512);
    const std::string aligned = frame.at("aligned").at("aligned_wf_512").at("file");
    const cv::Mat want = read_image(folder / "aligned_wf_512" / aligned);
    EXPECT_GT(cv::PSNR(got, want), 36) << name;  // JPEG at quality 90 alone costs about this
  }
}

TEST(Sharpness, FallsWithBlur) {
  cv::Mat picture(256, 256, CV_8UC3), blurred;
  cv::RNG(3).fill(picture, cv::RNG::UNIFORM, 0, 256);
  cv::GaussianBlur(picture, blurred, {}, 1.5);
  Landmarks p;
  for (int i = 0; i < 68; ++i) p[i] = {128 + kHeadTemplate[i][0], 128 + kHeadTemplate[i][1]};
  EXPECT_GT(face_sharpness(picture, p), 4 * face_sharpness(blurred, p));
}

TEST(Sharpness, OnlyCountsTheFace) {
  cv::Mat picture(256, 256, CV_8UC3, {100, 100, 100});
  cv::randu(picture(cv::Rect(0, 0, 256, 30)), 0, 256);
  Landmarks p;
  for (int i = 0; i < 68; ++i) p[i] = {128 + kHeadTemplate[i][0], 150 + kHeadTemplate[i][1]};
  EXPECT_EQ(face_sharpness(picture, p), 0);
}

// The definition, over the whole picture.
double plain_sharpness(const cv::Mat& bgr, const Landmarks& landmarks) {
  cv::Mat grey, edges;
  cv::cvtColor(bgr, grey, cv::COLOR_BGR2GRAY);
  cv::Laplacian(grey, edges, CV_32F, 3);
  const cv::Mat inside = hull_mask(landmarks, bgr.size()) > 0;
  cv::Scalar mean, deviation;
  cv::meanStdDev(edges, mean, deviation, inside);
  return deviation[0] * deviation[0];
}

TEST(Sharpness, TheBoxAroundTheFaceGivesWhatTheWholePictureGives) {
  cv::RNG rng(5);
  cv::Mat picture(97, 121, CV_8UC3);
  for (int k = 0; k < 50; ++k) {  // whole, turned, cut off by a border, larger than the picture
    rng.fill(picture, cv::RNG::UNIFORM, 0, 256);
    const double scale = rng.uniform(0.1, 1.5), turn = rng.uniform(-1.5, 1.5);
    const cv::Point2d centre(rng.uniform(0, 121), rng.uniform(0, 97));
    Landmarks p;
    for (int i = 0; i < 68; ++i) {
      const double x = scale * kHeadTemplate[i][0], y = scale * kHeadTemplate[i][1];
      p[i] = {centre.x + std::cos(turn) * x - std::sin(turn) * y,
              centre.y + std::sin(turn) * x + std::cos(turn) * y};
    }
    EXPECT_EQ(face_sharpness(picture, p), plain_sharpness(picture, p)) << k;
  }
}

TEST(Sharpness, IsZeroWithoutAFace) {
  Landmarks p;
  p.fill({-1000, -1000});
  EXPECT_EQ(face_sharpness(cv::Mat(64, 64, CV_8UC3, {1, 2, 3}), p), 0);
}

}  // namespace
}  // namespace diptych
