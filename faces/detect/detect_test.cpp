// Detector and landmarks: geometry on generated pictures, hits on photographs, error on clips with
// known landmarks.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>

#include "faces/detect/dlib_detect.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"
#include "faces/video/frame_source.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

// Smooth noise: the trees answer something, and sampling between pixels hardly changes it.
cv::Mat clouds(int width, int height) {
  cv::Mat picture(height, width, CV_8UC3);
  cv::RNG rng(7);
  rng.fill(picture, cv::RNG::UNIFORM, 0, 256);
  cv::GaussianBlur(picture, picture, {}, 6);
  cv::normalize(picture, picture, 0, 255, cv::NORM_MINMAX);
  return picture;
}

double mean_distance(const Landmarks& a, const Landmarks& b, int first = 0) {
  double sum = 0;
  for (int i = first; i < 68; ++i) sum += cv::norm(a[i] - b[i]);
  return sum / (68 - first);
}

class TreeLandmarks : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(default_landmark_model())) {
      GTEST_SKIP() << "landmark model not found: " << default_landmark_model();
    }
    predictor_ = make_dlib_landmarks();
  }

  std::unique_ptr<LandmarkPredictor> predictor_;
};

TEST_F(TreeLandmarks, FollowAShiftOfThePicture) {
  const cv::Mat picture = clouds(900, 800);
  const Landmarks here =
      predictor_->landmarks(picture(cv::Rect(100, 50, 700, 700)), {250, 250, 200, 200}, 0);
  const Landmarks there =
      predictor_->landmarks(picture(cv::Rect(130, 40, 700, 700)), {220, 260, 200, 200}, 0);
  const cv::Matx23d shift(1, 0, -30, 0, 1, 10);
  EXPECT_LT(mean_distance(transform(shift, here), there), 0.01);
}

// Turning the picture and telling so must give the same points, turned.
TEST_F(TreeLandmarks, FollowATurnOfThePicture) {
  const cv::Mat picture = clouds(700, 640);
  const cv::Rect2d box(250, 220, 200, 200);
  const Landmarks upright = predictor_->landmarks(picture, box, 0);
  cv::Mat turned;  // a quarter turn counter-clockwise: 90 degrees clockwise set it upright
  cv::rotate(picture, turned, cv::ROTATE_90_COUNTERCLOCKWISE);
  const cv::Rect2d turned_box(box.y, picture.cols - box.x - box.width, box.height, box.width);
  const Landmarks got = predictor_->landmarks(turned, turned_box, 90);
  const cv::Matx23d turn(0, 1, 0, -1, 0, picture.cols - 1);
  EXPECT_LT(mean_distance(transform(turn, upright), got), 0.5);
}

TEST_F(TreeLandmarks, ReachOverTheEdgeOfThePicture) {
  const Landmarks points = predictor_->landmarks(clouds(300, 300), {-60, 150, 200, 200}, 0);
  for (const cv::Point2d& p : points) EXPECT_TRUE(std::isfinite(p.x) && std::isfinite(p.y));
}

TEST_F(TreeLandmarks, RefuseGreyPictures) {
  EXPECT_THROW(predictor_->landmarks(cv::Mat(300, 300, CV_8UC1), {50, 50, 100, 100}, 0), Error);
}

TEST_F(TreeLandmarks, RefuseABoxOutside) {
  EXPECT_THROW(predictor_->landmarks(clouds(300, 300), {5000, 50, 100, 100}, 0), Error);
}

TEST(LandmarkModel, MissingFileNamesTheRemedy) {
  try {
    make_dlib_landmarks("/nowhere/model.dat");
    FAIL() << "loaded";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("libdlib-data"), std::string::npos) << error.what();
  }
}

TEST(LandmarkModel, DamagedFileIsAnInputError) {
  const TestFolder folder;
  std::ofstream(folder / "model.dat") << std::string(5000, 'q');
  EXPECT_THROW(make_dlib_landmarks(folder / "model.dat"), InputError);
}

TEST(LandmarkModel, CutFileIsAnInputError) {
  std::ifstream in(default_landmark_model(), std::ios::binary);
  if (!in) GTEST_SKIP() << "landmark model not found: " << default_landmark_model();
  std::string head(200000, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  const TestFolder folder;
  std::ofstream(folder / "model.dat", std::ios::binary) << head;
  EXPECT_THROW(make_dlib_landmarks(folder / "model.dat"), InputError);
}

TEST(HogDetector, FindsNothingInAnEvenPicture) {
  EXPECT_TRUE(make_dlib_detector()->detect(cv::Mat(200, 300, CV_8UC3, {90, 90, 90})).empty());
}

TEST(HogDetector, TakesTinyPictures) {
  EXPECT_TRUE(make_dlib_detector()->detect(cv::Mat(3, 2, CV_8UC3, {90, 90, 90})).empty());
}

TEST(HogDetector, RefusesGreyPictures) {
  EXPECT_THROW(make_dlib_detector()->detect(cv::Mat(200, 300, CV_8UC1)), Error);
}

cv::Mat photo(const std::string& name) {
  const fs::path file = test_data() / "photos" / name;
  return fs::exists(file) ? read_image(file) : cv::Mat();
}

struct PhotoCase {
  const char* name;
  int faces;  // that the detector must find; no other hits
  int rotation = 0;
};

void PrintTo(const PhotoCase& photo_case, std::ostream* out) {
  *out << photo_case.name;
}

class Photos : public ::testing::TestWithParam<PhotoCase> {};

TEST_P(Photos, AllFacesAndNothingElse) {
  const cv::Mat picture = photo(GetParam().name);
  if (picture.empty()) GTEST_SKIP() << "test material not found: " << GetParam().name;
  const std::vector<Detection> found = make_dlib_detector()->detect(picture);
  EXPECT_EQ(static_cast<int>(found.size()), GetParam().faces);
  for (const Detection& face : found) EXPECT_EQ(face.rotation, GetParam().rotation);
  for (size_t i = 1; i < found.size(); ++i) {
    EXPECT_GE(found[i - 1].box.area(), found[i].box.area());
  }
}

INSTANTIATE_TEST_SUITE_P(Detector,
                         Photos,
                         ::testing::Values(PhotoCase{"01_astronaut_frontal.jpg", 1},
                                           PhotoCase{"02_obama_frontal.jpg", 1},
                                           PhotoCase{"03_obama_partial_cut.jpg", 1},
                                           PhotoCase{"04_two_people.jpg", 2},
                                           PhotoCase{"05_ivan_mic_occlusion.jpg", 1},
                                           PhotoCase{"07_vlado_small_face.jpg", 1},
                                           PhotoCase{"13_liveportrait_d3_turned.jpg", 1},
                                           PhotoCase{"14_pexels_hand_on_face.jpg", 1},
                                           PhotoCase{"15_grid_glasses.jpg", 1},
                                           PhotoCase{"20_noface_cat.jpg", 0},
                                           PhotoCase{"21_noface_coffee.jpg", 0},
                                           PhotoCase{"22_noface_rocket.jpg", 0},
                                           PhotoCase{"31_astronaut_motion_blur.jpg", 1},
                                           PhotoCase{"32_astronaut_rot45.jpg", 1, 315},
                                           PhotoCase{"33_astronaut_rot90.jpg", 1, 270},
                                           PhotoCase{"dlib_2008_001009.jpg", 2},
                                           PhotoCase{"dlib_2008_001322.jpg", 3}),
                         [](const auto& entry) {
                           std::string name = entry.param.name;
                           name.resize(name.rfind('.'));
                           return name;
                         });

// A picture turned by hand must give the landmarks of the upright one.
TEST(PhotoLandmarks, SurviveAQuarterTurn) {
  const cv::Mat upright = photo("01_astronaut_frontal.jpg");
  if (upright.empty()) GTEST_SKIP() << "test material not found";
  const auto detector = make_dlib_detector();
  const auto predictor = make_dlib_landmarks();
  cv::Mat turned;
  cv::rotate(upright, turned, cv::ROTATE_90_COUNTERCLOCKWISE);
  const std::vector<Detection> a = detector->detect(upright), b = detector->detect(turned);
  ASSERT_EQ(a.size(), 1u);
  ASSERT_EQ(b.size(), 1u);
  const Landmarks p = predictor->landmarks(upright, a[0].box, a[0].rotation);
  const Landmarks q = predictor->landmarks(turned, b[0].box, b[0].rotation);
  const cv::Matx23d back(0, -1, upright.cols - 1, 1, 0, 0);
  EXPECT_LT(mean_distance(p, transform(back, q)), 0.02 * a[0].box.width);
}

std::vector<Landmarks> true_landmarks(const fs::path& csv) {
  std::ifstream file(csv);
  std::string line, cell;
  std::getline(file, line);
  std::vector<Landmarks> frames;
  while (std::getline(file, line)) {
    std::stringstream cells(line);
    std::vector<double> values;
    while (std::getline(cells, cell, ',')) values.push_back(std::stod(cell));
    Landmarks p;
    for (int i = 0; i < 68; ++i) p[i] = {values.at(4 + 2 * i), values.at(5 + 2 * i)};
    frames.push_back(p);
  }
  return frames;
}

// Jaw points are left out: the clip has fixed points of the head, the model the visible contour.
// What remains, about 6 px of 126 px between the outer corners of the eyes, is mostly the
// difference of two conventions.
TEST(ClipLandmarks, AreNearTheTrueOnes) {
  const fs::path folder = test_data() / "videos";
  for (const char* name : {"synthetic_a", "synthetic_b"}) {
    const fs::path clip = folder / (std::string(name) + "_512x512_24fps.mp4");
    if (!fs::exists(clip)) GTEST_SKIP() << "test material not found: " << clip;
    const std::vector<Landmarks> truth =
        true_landmarks(folder / (std::string(name) + "_landmarks.csv"));
    const auto detector = make_dlib_detector();
    const auto predictor = make_dlib_landmarks();
    const auto source = open_frame_source(clip);
    Frame frame;
    double sum = 0;
    int count = 0;
    while (source->read(frame)) {
      if (frame.index % 16 != 0) continue;
      const std::vector<Detection> found = detector->detect(frame.bgr);
      ASSERT_EQ(found.size(), 1u) << name << " frame " << frame.index;
      const Landmarks p = predictor->landmarks(frame.bgr, found[0].box, found[0].rotation);
      sum += mean_distance(p, truth.at(static_cast<size_t>(frame.index)), 17);
      ++count;
    }
    ASSERT_EQ(count, 15);
    RecordProperty(std::string(name) + "_mean_error_px", std::to_string(sum / count));
    EXPECT_LT(sum / count, 7.0) << name;
  }
}

}  // namespace
}  // namespace diptych
