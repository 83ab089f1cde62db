// Tests of the faceset report: what is measured, how sides are compared, what is said.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <functional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

#include "faces/image/image.h"
#include "faces/image/test_folder.h"
#include "faces/report/faces_report.h"
#include "faces/sample/test_faces.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

constexpr double kPi = 3.14159265358979;

cv::Mat noise(int size, int seed) {
  cv::Mat picture(size, size, CV_8UC3);
  cv::RNG rng(static_cast<uint64_t>(seed) + 1);
  rng.fill(picture, cv::RNG::UNIFORM, 60, 196);
  return picture;
}

Face with_pose(Face face, double yaw, double pitch = 1) {
  face.pose = {pitch * kPi / 180, yaw * kPi / 180, 0.01};
  return face;
}

FaceMeasures measure(const cv::Mat& picture) {
  return measure_face(face_of(picture, 7), 64, FaceType::kWhole);
}

TEST(FaceMeasures, WhiteIsBurntOutAndWithoutDetail) {
  const FaceMeasures m = measure(cv::Mat(128, 128, CV_8UC3, cv::Scalar(255, 255, 255)));
  EXPECT_EQ(m.trouble, "");
  EXPECT_EQ(m.clipped, 1);
  EXPECT_EQ(m.dark, 0);
  EXPECT_EQ(m.brightness, 255);
  EXPECT_EQ(m.sharpness, 0);
}

TEST(FaceMeasures, BlackIsDark) {
  const FaceMeasures m = measure(cv::Mat(128, 128, CV_8UC3, cv::Scalar(9, 9, 9)));
  EXPECT_EQ(m.dark, 1);
  EXPECT_EQ(m.clipped, 0);
}

TEST(FaceMeasures, BlurLowersSharpnessAndContrastDoesNot) {
  const cv::Mat sharp = noise(128, 1);
  cv::Mat blurred, pale;
  cv::GaussianBlur(sharp, blurred, {}, 6);
  sharp.convertTo(pale, CV_8UC3, 0.5, 64);
  const double all = measure(sharp).sharpness;
  EXPECT_LT(measure(blurred).sharpness, 0.5 * all);
  EXPECT_NEAR(measure(pale).sharpness, all, 0.05 * all);
}

TEST(FaceMeasures, SourceSideGrowsWithTheFaceInItsFrame) {
  Face face = test_face(1);
  face.source_landmarks = test_landmarks(256);
  const double small = measure_face(face, 64, FaceType::kWhole).source_side;
  face.source_landmarks = test_landmarks(512);
  EXPECT_NEAR(measure_face(face, 64, FaceType::kWhole).source_side, 2 * small, 1e-6 * small);
  EXPECT_LT(measure_face(face, 64, FaceType::kHalf).source_side, 2 * small);
}

TEST(FaceMeasures, LipsApartAreMeasuredAgainstTheMouth) {
  Face face = test_face(1, 512);
  face.landmarks[48] = {200, 350};
  face.landmarks[54] = {300, 350};
  face.landmarks[62] = {250, 340};
  face.landmarks[66] = {250, 370};
  EXPECT_DOUBLE_EQ(measure_face(face, 64, FaceType::kWhole).mouth, 0.3);
}

TEST(FaceMeasures, AMaskOverHalfOfTheFaceCoversHalf) {
  Face face = test_face(1, 128);
  cv::Mat mask(128, 128, CV_8UC1, cv::Scalar(255));
  EXPECT_FALSE(measure_face(face, 64, FaceType::kWhole).own_mask);
  face.mask = encode_png(mask);
  EXPECT_EQ(measure_face(face, 64, FaceType::kWhole).mask_cover, 1);
  mask.colRange(0, 60).setTo(0);  // the test face's axis lies at 60
  face.mask = encode_png(mask);
  EXPECT_NEAR(measure_face(face, 64, FaceType::kWhole).mask_cover, 0.5, 0.05);
}

// Light is measured where the face is, whatever a mask that covers nothing says.
TEST(FaceMeasures, AMaskOverNothingLeavesTheHull) {
  Face face = test_face(1, 128);
  const FaceMeasures plain = measure_face(face, 64, FaceType::kWhole);
  face.mask = encode_png(cv::Mat(128, 128, CV_8UC1, cv::Scalar(0)));
  const FaceMeasures masked = measure_face(face, 64, FaceType::kWhole);
  EXPECT_EQ(masked.mask_cover, 0);
  EXPECT_EQ(masked.brightness, plain.brightness);
  face.mask = encode_png(cv::Mat(128, 128, CV_8UC1, cv::Scalar(255)));
  EXPECT_NE(measure_face(face, 64, FaceType::kWhole).brightness, plain.brightness);
}

TEST(FaceMeasures, TroubleIsNotedNotThrown) {
  const auto trouble = [](const std::function<void(Face&)>& spoil) {
    Face face = test_face(1);
    spoil(face);
    return measure_face(face, 64, FaceType::kWhole).trouble;
  };
  EXPECT_NE(trouble([](Face& f) { f.image.resize(f.image.size() / 2); }), "");
  EXPECT_NE(trouble([](Face& f) { f.image.clear(); }), "");
  EXPECT_NE(trouble([](Face& f) { f.mask = {1, 2, 3}; }), "");
  EXPECT_EQ(trouble([](Face& f) { f.landmarks.fill({0, 0}); }), "it has no landmarks");
  EXPECT_EQ(trouble([](Face& f) { f.landmarks[5].y = NAN; }), "it has no landmarks");
  EXPECT_NE(trouble([](Face& f) { f.size = 64; }).find("the record says 64"), std::string::npos);
}

std::vector<FaceMeasures> looking(std::initializer_list<double> yaws, int64_t first_id) {
  std::vector<FaceMeasures> faces;
  for (const double yaw : yaws) {
    FaceMeasures m;
    m.id = first_id++;
    m.has_pose = true;
    m.pose = with_pose({}, yaw).pose;
    faces.push_back(m);
  }
  return faces;
}

TEST(PoseCoverage, FacesThatSrcLacksAreCountedWithExamples) {
  const auto src = looking({0, 1, 2, 3}, 1), dst = looking({0, 5, 42, 44, -42}, 100);
  const PoseCoverage c = compare_poses(src, dst);
  EXPECT_EQ(c.dst_faces, 5);
  EXPECT_EQ(c.uncovered_faces, 3);
  ASSERT_EQ(c.missing.size(), 2u);
  EXPECT_EQ(c.missing[0].uncovered, 2);
  EXPECT_EQ(PoseGrid::yaw_of(c.missing[0].yaw), 45);
  EXPECT_EQ(PoseGrid::pitch_of(c.missing[0].pitch), 5);
  EXPECT_EQ(c.missing[0].examples, (std::vector<int64_t>{102, 103}));
}

TEST(PoseCoverage, ThreeNearFacesAreEnoughAndTwoAreNot) {
  EXPECT_EQ(compare_poses(looking({30, 31, 32}, 1), looking({25}, 9)).uncovered_faces, 0);
  EXPECT_EQ(compare_poses(looking({30, 31}, 1), looking({25}, 9)).uncovered_faces, 1);
  EXPECT_EQ(compare_poses(looking({36, 36, 36}, 1), looking({25}, 9)).uncovered_faces, 1);
}

TEST(PoseCoverage, MirroredFacesWouldCover) {
  const PoseCoverage c = compare_poses(looking({-40, -41, -42}, 1), looking({40, 41, 70}, 9));
  EXPECT_EQ(c.uncovered_faces, 3);
  EXPECT_EQ(c.uncovered_if_flipped, 1);
}

TEST(PoseCoverage, FacesWithoutAPoseDoNotCount) {
  auto src = looking({0, 0, 0}, 1), dst = looking({0, 0}, 9);
  src[0].has_pose = false;
  dst[0].trouble = "damaged";
  const PoseCoverage c = compare_poses(src, dst);
  EXPECT_EQ(c.dst_faces, 1);
  EXPECT_EQ(c.uncovered_faces, 1);
}

TEST(PoseGrid, WhatLiesBeyondTheEndsCountsInTheLastCells) {
  EXPECT_EQ(PoseGrid::yaw_cell(with_pose({}, 89).pose), PoseGrid::kYaws - 1);
  EXPECT_EQ(PoseGrid::yaw_cell(with_pose({}, -89).pose), 0);
  EXPECT_EQ(PoseGrid::pitch_cell(with_pose({}, 0, 80).pose), 0);
}

std::vector<FaceMeasures> measures_of(const std::vector<cv::Mat>& pictures) {
  std::vector<FaceMeasures> out;
  int64_t id = 1;
  for (const cv::Mat& picture : pictures)
    out.push_back(measure_face(face_of(picture, id++), 64, FaceType::kWhole));
  return out;
}

TEST(NearDuplicates, TheSamePictureInOtherLightIsARepeat) {
  cv::Mat picture = test_picture(128, 3), bright, coded;
  picture.convertTo(bright, CV_8UC3, 1, 12);
  const Duplicates d = find_duplicates(measures_of({picture, noise(128, 4), bright}));
  EXPECT_EQ(d.distinct, 2);
  EXPECT_EQ(d.repeats, 1);
  ASSERT_EQ(d.groups.size(), 1u);
  EXPECT_EQ(d.groups[0].kept, 1);
  EXPECT_EQ(d.groups[0].repeats, (std::vector<int64_t>{3}));
}

TEST(NearDuplicates, AnotherExpressionIsNoRepeat) {
  std::vector<FaceMeasures> faces = measures_of({test_picture(128, 3), test_picture(128, 3)});
  EXPECT_EQ(find_duplicates(faces).repeats, 1);
  faces[1].mouth += 0.2;
  EXPECT_EQ(find_duplicates(faces).repeats, 0);
  faces[1] = faces[0];
  faces[1].trouble = "damaged";
  EXPECT_EQ(find_duplicates(faces).repeats, 0);
}

TEST(Spread, PercentilesOfAHundred) {
  std::vector<double> values;
  for (int i = 100; i >= 0; --i) values.push_back(i);
  values.push_back(NAN);
  const Spread s = spread_of(values);
  EXPECT_EQ(s.count, 101);
  EXPECT_EQ(s.p2, 2);
  EXPECT_EQ(s.median, 50);
  EXPECT_EQ(s.p98, 98);
  EXPECT_EQ(spread_of({}).count, 0);
}

class FacesetReport : public ::testing::Test {
 protected:
  Faceset make(const std::string& name, int faces) const {
    Faceset set = Faceset::create((folder / name).string());
    for (int i = 0; i < faces; ++i) {
      Face face = with_pose(face_of(noise(64, i), 0), i % 5);
      face.frame_index = i;
      set.put_frame({i, i / 25.0, 320, 240, 1, ""}, {face});
    }
    return set;
  }

  static SideMeasures measured(const Faceset& set) {
    MeasureOptions options;
    options.resolution = 64;
    return *measure_faceset(set, options);
  }

  static FacesReport report_of(std::optional<SideMeasures> src, std::optional<SideMeasures> dst) {
    return make_faces_report({std::move(src), std::move(dst)}, 64, FaceType::kWhole);
  }

  static bool says(const FacesReport& report, FindingKind kind, const std::string& text) {
    for (const Finding& f : report.findings)
      if (f.kind == kind && f.what.find(text) != std::string::npos) return true;
    return false;
  }

  TestFolder folder;
};

TEST_F(FacesetReport, CountsFramesFacesAndTrash) {
  Faceset set = make("a.faces", 3);
  set.put_frame({3, 0.12, 320, 240, 0, "no face"}, {});
  Face one = with_pose(face_of(noise(64, 8), 0), 1), two = one;
  one.frame_index = two.frame_index = 4;
  set.put_frame({4, 0.16, 320, 240, 2, ""}, {one, two});
  set.set_state({1}, FaceState::kTrash);
  const SideMeasures side = measured(set);
  EXPECT_EQ(side.faces.size(), 4u);
  EXPECT_EQ(side.trash, 1);
  EXPECT_EQ(side.frames, 5);
  EXPECT_EQ(side.frames_without, 2);
  EXPECT_EQ(side.frames_crowded, 1);
}

TEST_F(FacesetReport, StopsWhenAsked) {
  MeasureOptions options;
  options.stop = [] { return true; };
  EXPECT_FALSE(measure_faceset(make("a.faces", 2), options).has_value());
}

TEST_F(FacesetReport, ProgressReachesEveryFace) {
  MeasureOptions options;
  int64_t last = 0;
  options.progress = [&](int64_t done) {
    EXPECT_GT(done, last);
    last = done;
  };
  measure_faceset(make("a.faces", 40), options);
  EXPECT_EQ(last, 40);
}

TEST_F(FacesetReport, NoFaceAndOneFaceAndAllTrashed) {
  EXPECT_TRUE(says(report_of(measured(make("a.faces", 0)), {}), FindingKind::kStops,
                   "holds no face that can be used"));
  EXPECT_TRUE(says(report_of(measured(make("b.faces", 1)), {}), FindingKind::kHurts,
                   "src has 1 face: very few"));
  Faceset set = make("c.faces", 2);
  set.set_state({1, 2}, FaceState::kTrash);
  const FacesReport report = report_of({}, measured(set));
  EXPECT_TRUE(says(report, FindingKind::kStops, "are in the trash"));
  EXPECT_TRUE(says(report, FindingKind::kStops, "There is no src faceset"));
  EXPECT_NE(report.verdict.find("Not ready"), std::string::npos);
}

TEST_F(FacesetReport, ADamagedPictureStopsTraining) {
  Faceset set = make("a.faces", 3);
  Face face = with_pose(face_of(noise(64, 8), 0), 1);
  face.image.resize(40);
  face.frame_index = 9;
  set.put_frame({9, 0.4, 320, 240, 1, ""}, {face});
  const FacesReport report = report_of(measured(set), measured(set));
  EXPECT_EQ(report.sides[0]->usable, 3);
  EXPECT_EQ(report.sides[0]->unusable, 1);
  EXPECT_TRUE(says(report, FindingKind::kStops, "1 face of src cannot be used (face 4"));
}

TEST_F(FacesetReport, FindingsComeWeightiestFirst) {
  Faceset set = make("a.faces", 3);
  const FacesReport report = report_of(measured(set), {});
  for (size_t i = 1; i < report.findings.size(); ++i)
    EXPECT_GE(report.findings[i - 1].kind, report.findings[i].kind);
}

TEST_F(FacesetReport, MissingPosesHurtAndNameTheirPlace) {
  SideMeasures src = measured(make("a.faces", 5)), dst = src;
  for (FaceMeasures& face : dst.faces) face.pose.yaw += 50 * kPi / 180;
  EXPECT_TRUE(says(report_of(src, dst), FindingKind::kHurts,
                   "100 % of the dst faces look where src has next to no face, most of them around "
                   "yaw 55, pitch 5"));
  EXPECT_TRUE(says(report_of(src, src), FindingKind::kGood, "src shows the head turns of dst"));
}

TEST_F(FacesetReport, JsonHoldsTheNumbers) {
  const SideMeasures side = measured(make("a.faces", 5));
  const auto j = nlohmann::json::parse(to_json(report_of(side, side), {side, side}));
  EXPECT_EQ(j["src"]["usable"], 5);
  EXPECT_EQ(j["poses"]["dst_faces"], 5);
  EXPECT_EQ(j["poses"]["src"].size(), static_cast<size_t>(PoseGrid::kPitches));
  EXPECT_FALSE(j["findings"].empty());
  ASSERT_EQ(j["dst"]["faces"]["rows"].size(), 5u);
  EXPECT_EQ(j["dst"]["faces"]["columns"].size(), j["dst"]["faces"]["rows"][0].size());
  const auto single = nlohmann::json::parse(to_json(report_of({}, side), {std::nullopt, side}));
  EXPECT_TRUE(single["src"].is_null());
  EXPECT_TRUE(single["poses"].is_null());
}

}  // namespace
}  // namespace diptych
