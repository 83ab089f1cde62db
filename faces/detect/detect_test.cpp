// Tests of turning pictures and of dlib's detector and landmarks on photographs.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "faces/detect/dlib_detector.h"
#include "faces/detect/rotate.h"
#include "faces/video/frame_source.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

fs::path material() {
  if (const char* set = std::getenv("DIPTYCH_TEST_DATA")) return set;
  return fs::path(DIPTYCH_SOURCE_DIR) / "../shared/data";
}

bool have_model() {
  try {
    find_landmark_model();
  } catch (const InputError&) {
    return false;
  }
  return true;
}

TEST(Rotate, PointsAndBoxesComeBack) {
  const cv::Size upright(31, 20);
  for (const int degrees : {0, 90, 180, 270}) {
    cv::Mat picture(upright, CV_8UC1, cv::Scalar(0));
    picture.at<uchar>(4, 17) = 255;
    const cv::Mat turned = rotate_clockwise(picture, degrees);
    std::vector<cv::Point> bright;
    cv::findNonZero(turned, bright);
    ASSERT_EQ(bright.size(), 1u);
    EXPECT_EQ(rotate_back(cv::Point2d(bright[0]), degrees, upright), cv::Point2d(17, 4)) << degrees;
    const cv::Rect2d box(3, 5, 10, 7);
    EXPECT_EQ(rotate_back(rotate_forward(box, degrees, upright), degrees, upright), box) << degrees;
  }
}

TEST(Rotate, RefusesOtherAngles) {
  EXPECT_THROW(rotate_clockwise(cv::Mat(2, 2, CV_8UC1), 45), Error);
}

TEST(DlibLandmarks, AMissingOrWrongModelIsReportedWithTheRemedy) {
  EXPECT_THROW(make_dlib_landmarks("/nonexistent/model.dat"), InputError);
  const fs::path junk = fs::temp_directory_path() / "diptych_junk_model.dat";
  std::ofstream(junk) << "this is no model";
  try {
    make_dlib_landmarks(junk);
    FAIL() << "junk was read as a model";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("libdlib-data"), std::string::npos) << e.what();
  }
  fs::remove(junk);
}

TEST(DlibDetector, APictureWithoutAFaceGivesNone) {
  EXPECT_TRUE(
      make_dlib_detector()->detect(cv::Mat(200, 300, CV_8UC3, cv::Scalar(90, 120, 60))).empty());
}

class Photos : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(material() / "photos"))
      GTEST_SKIP() << "test photographs are not there: " << material();
    if (!have_model()) GTEST_SKIP() << "the landmark model is not installed (libdlib-data)";
  }

  static cv::Mat photo(const std::string& name) {
    return cv::imread((material() / "photos" / name).string());
  }
};

TEST_F(Photos, FindsOneFaceTwoFacesAndNone) {
  const auto detector = make_dlib_detector();
  EXPECT_EQ(detector->detect(photo("01_astronaut_frontal.jpg")).size(), 1u);
  EXPECT_EQ(detector->detect(photo("04_two_people.jpg")).size(), 2u);
  EXPECT_TRUE(detector->detect(photo("21_noface_coffee.jpg")).empty());
}

TEST_F(Photos, FindsAFaceInATurnedPictureAndPlacesItsLandmarksUpright) {
  const cv::Mat upright = photo("01_astronaut_frontal.jpg");
  const auto landmarks = make_dlib_landmarks(find_landmark_model());
  const Detection straight = make_dlib_detector()->detect(upright).at(0);
  const Landmarks expected = landmarks->predict(upright, straight);
  for (const int degrees : {90, 180, 270}) {
    const cv::Mat turned = rotate_clockwise(upright, degrees);
    const std::vector<Detection> found = make_dlib_detector()->detect(turned);
    ASSERT_EQ(found.size(), 1u) << degrees;
    EXPECT_EQ((found[0].rotation + degrees) % 360, 0) << degrees;
    const Landmarks points = landmarks->predict(turned, found[0]);
    double worst = 0;
    for (size_t i = 0; i < points.size(); ++i) {
      worst =
          std::max(worst, cv::norm(rotate_back(points[i], degrees, upright.size()) - expected[i]));
    }
    EXPECT_LT(worst, 0.03 * straight.box.width) << degrees;
  }
}

// The clip comes with the true landmarks of its model; jaw points (0 to 16) are not the visible
// contour.
TEST_F(Photos, LandmarksOfTheSyntheticClipAreCloseToTheTrueOnes) {
  std::ifstream csv(material() / "videos/synthetic_a_landmarks.csv");
  std::string line;
  std::getline(csv, line);
  const auto source = open_frame_source(material() / "videos/synthetic_a_512x512_24fps.mp4");
  const auto detector = make_dlib_detector();
  const auto landmarks = make_dlib_landmarks(find_landmark_model());
  double sum = 0, eyes = 0;
  int count = 0;
  Frame frame;
  for (int i = 0; i < 48 && std::getline(csv, line); ++i) {
    ASSERT_TRUE(source->read(frame));
    if (i % 8 != 0) continue;
    std::vector<double> values;
    std::stringstream fields(line);
    for (std::string field; std::getline(fields, field, ',');) values.push_back(std::stod(field));
    const std::vector<Detection> found = detector->detect(frame.bgr);
    ASSERT_EQ(found.size(), 1u) << "frame " << i;
    const Landmarks points = landmarks->predict(frame.bgr, found[0]);
    const auto truth = [&](size_t p) { return cv::Point2d(values[4 + 2 * p], values[5 + 2 * p]); };
    for (size_t p = 17; p < 68; ++p) sum += cv::norm(points[p] - truth(p));
    eyes += cv::norm(truth(36) - truth(45));
    ++count;
  }
  // Mean error over the distance of the outer eye corners; 0.08 is the usual bound of a failure.
  EXPECT_LT(sum / 51 / eyes, 0.08) << "over " << count << " frames";
}

}  // namespace
}  // namespace diptych
