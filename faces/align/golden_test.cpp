// Alignment against matrices, landmarks and poses that the original program computed
// (data/dfl/golden.json).
// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "faces/align/crop_matrix.h"
#include "faces/align/pose.h"

namespace diptych {
namespace {

std::filesystem::path data_folder() {
  const char* set = std::getenv("DIPTYCH_TEST_DATA");
  return set ? std::filesystem::path(set)
             : std::filesystem::path(DIPTYCH_SOURCE_DIR) / "../shared/data";
}

Landmarks read_landmarks(const nlohmann::json& list) {
  Landmarks p;
  for (size_t i = 0; i < p.size(); ++i)
    p[i] = {list.at(i).at(0).get<double>(), list.at(i).at(1).get<double>()};
  return p;
}

class Golden : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(data_folder() / "dfl/golden.json");
    if (!file) GTEST_SKIP() << "test material not found: " << data_folder() / "dfl/golden.json";
    frames_ = nlohmann::json::parse(file);
    ASSERT_FALSE(frames_.empty());
  }

  nlohmann::json frames_;
};

// Largest distance in frame pixels between the corners of the crops that two matrices cut.
double corner_distance(const cv::Matx23d& got, const cv::Matx23d& want, int size) {
  double worst = 0;
  for (const cv::Point2d corner :
       {cv::Point2d(0, 0), cv::Point2d(size, 0), cv::Point2d(0, size), cv::Point2d(size, size)}) {
    const double distance =
        cv::norm(transform(invert(got), corner) - transform(invert(want), corner));
    if (!(distance <= worst)) worst = distance;
  }
  return worst;
}

// The original keeps points of the frame as f32: steps of 3e-5 px at 400 px, a few of them in a
// row.
TEST_F(Golden, MatricesAgree) {
  for (const auto& frame : frames_) {
    const Landmarks landmarks = read_landmarks(frame.at("source_landmarks"));
    for (const auto& [name, entry] : frame.at("mats").items()) {
      const int size = entry.at("size");
      const auto values = entry.at("mat").get<std::array<std::array<double, 3>, 2>>();
      const cv::Matx23d want(values[0][0], values[0][1], values[0][2], values[1][0], values[1][1],
                             values[1][2]);
      const cv::Matx23d got = crop_matrix(landmarks, size, face_type_from(name));
      EXPECT_LE(corner_distance(got, want, size), 1e-4) << frame.at("source") << " " << name;
    }
  }
}

TEST_F(Golden, AlignedLandmarksAgree) {
  for (const auto& frame : frames_) {
    const Landmarks source = read_landmarks(frame.at("source_landmarks"));
    const Landmarks want = read_landmarks(frame.at("aligned").at("aligned_wf_512").at("landmarks"));
    const Landmarks got = transform(crop_matrix(source, 512, FaceType::kWhole), source);
    for (int i = 0; i < 68; ++i) {
      EXPECT_LE(cv::norm(got[i] - want[i]), 1e-4) << frame.at("source") << " point " << i;
    }
  }
}

TEST_F(Golden, PosesAgree) {
  for (const auto& frame : frames_) {
    for (const auto& [folder, entry] : frame.at("aligned").items()) {
      const int size = std::stoi(folder.substr(folder.rfind('_') + 1));
      const Pose pose = estimate_pose(read_landmarks(entry.at("landmarks")), size);
      const auto want = entry.at("pitch_yaw_roll").get<std::array<double, 3>>();
      EXPECT_NEAR(pose.pitch, want[0], 1e-3) << frame.at("source") << " " << folder;
      EXPECT_NEAR(pose.yaw, want[1], 1e-3) << frame.at("source") << " " << folder;
      EXPECT_NEAR(pose.roll, want[2], 1e-3) << frame.at("source") << " " << folder;
    }
  }
}

}  // namespace
}  // namespace diptych
