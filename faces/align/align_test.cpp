// Tests of the alignment geometry: the vectors of spec alignment.md 15 and properties.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <opencv2/core.hpp>

#include "faces/align/crop_matrix.h"
#include "faces/align/face_template.h"
#include "faces/align/head_template.h"
#include "faces/align/pose.h"
#include "kernels/common/check.h"
#include "kernels/common/rng.h"

namespace diptych {
namespace {

constexpr FaceType kAllTypes[] = {FaceType::kHalf,        FaceType::kMidFull, FaceType::kFull,
                                  FaceType::kFullNoAlign, FaceType::kWhole,   FaceType::kHead,
                                  FaceType::kHeadNoAlign};

Landmarks landmarks_a() {
  Landmarks p;
  for (int i = 0; i < 68; ++i)
    p[i] = {400 + 2 * kHeadTemplate[i][0], 300 + 2 * kHeadTemplate[i][1]};
  return p;
}

Landmarks landmarks_b() {
  const double yaw = CV_PI / 6, roll = CV_PI / 9;
  Landmarks p;
  for (int i = 0; i < 68; ++i) {
    const double* t = kHeadTemplate[i];
    const double x = t[0] * std::cos(yaw) + t[2] * std::sin(yaw), y = t[1];
    p[i] = {400 + 2 * (x * std::cos(roll) - y * std::sin(roll)),
            300 + 2 * (x * std::sin(roll) + y * std::cos(roll))};
  }
  return p;
}

::testing::AssertionResult matches(const cv::Matx23d& got, const cv::Matx23d& want) {
  for (int row = 0; row < 2; ++row) {
    for (int column = 0; column < 3; ++column) {
      const double bound = column == 2 ? 2e-3 : 1e-5;
      if (!(std::abs(got(row, column) - want(row, column)) <= bound)) {
        return ::testing::AssertionFailure() << "element (" << row << "," << column << "): got "
                                             << got(row, column) << ", want " << want(row, column);
      }
    }
  }
  return ::testing::AssertionSuccess();
}

double crop_side(const cv::Matx23d& m, int size) {
  const cv::Matx23d back = invert(m);
  return cv::norm(transform(back, cv::Point2d(size, 0)) - transform(back, cv::Point2d(0, 0)));
}

TEST(Umeyama, MatchesTheVector) {
  const cv::Matx23d m = umeyama_to_template(landmarks_a());
  const cv::Matx23d want(0.004162, -0.000026, -1.169962, 0.000026, 0.004162, -0.712553);
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(m.val[i], want.val[i], 1e-6) << i;
}

// The definition (Umeyama 1991): SVD of the covariance, signs fixed by the determinant.
cv::Matx23d umeyama_by_svd(const Landmarks& landmarks) {
  cv::Mat p(kFaceTemplateSize, 2, CV_64F), q(kFaceTemplateSize, 2, CV_64F), mp, mq;
  for (int i = 0; i < kFaceTemplateSize; ++i) {
    p.at<double>(i, 0) = landmarks[face_template_landmark(i)].x;
    p.at<double>(i, 1) = landmarks[face_template_landmark(i)].y;
    q.at<double>(i, 0) = kFaceTemplate[i][0];
    q.at<double>(i, 1) = kFaceTemplate[i][1];
  }
  cv::reduce(p, mp, 0, cv::REDUCE_AVG);
  cv::reduce(q, mq, 0, cv::REDUCE_AVG);
  p -= cv::repeat(mp, kFaceTemplateSize, 1);
  q -= cv::repeat(mq, kFaceTemplateSize, 1);
  const cv::Mat covariance = q.t() * p / kFaceTemplateSize;
  const cv::SVD svd(covariance);
  cv::Mat d = (cv::Mat_<double>(2, 2) << 1, 0, 0, cv::determinant(covariance) < 0 ? -1 : 1);
  const cv::Mat rotation = svd.u * d * svd.vt;
  const double trace = svd.w.at<double>(0) + d.at<double>(1, 1) * svd.w.at<double>(1);
  const double c = trace / (p.dot(p) / kFaceTemplateSize);
  const cv::Mat linear = c * rotation, shift = mq.t() - linear * mp.t();
  cv::Mat m;
  cv::hconcat(linear, shift, m);
  return cv::Matx23d(m.ptr<double>());
}

TEST(Umeyama, ClosedFormEqualsTheSvd) {
  for (uint64_t seed = 0; seed < 50; ++seed) {  // random points: half of the fits would reflect
    Rng rng(seed, 0, 0);
    Landmarks p;
    for (cv::Point2d& q : p) q = {640 * rng.uniform(), 360 * rng.uniform()};
    const cv::Matx23d got = umeyama_to_template(p), want = umeyama_by_svd(p);
    for (int i = 0; i < 6; ++i) EXPECT_NEAR(got.val[i], want.val[i], 1e-12) << "seed " << seed;
  }
}

TEST(Umeyama, FollowsASimilarity) {
  const Landmarks p = landmarks_b();
  const cv::Matx23d turn(1.3, -0.4, 17, 0.4, 1.3, -250);
  const cv::Matx23d direct = umeyama_to_template(p);
  const cv::Matx23d moved = umeyama_to_template(transform(turn, p));
  for (int i = 0; i < 68; ++i) {
    const cv::Point2d a = transform(direct, p[i]);
    const cv::Point2d b = transform(moved, transform(turn, p[i]));
    EXPECT_NEAR(cv::norm(a - b), 0, 1e-12);
  }
}

TEST(Umeyama, RefusesPointsThatCoincide) {
  Landmarks p;
  p.fill({5, 5});
  EXPECT_THROW(umeyama_to_template(p), Error);
}

TEST(Umeyama, RefusesNan) {
  Landmarks p = landmarks_a();
  p[30].x = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(umeyama_to_template(p), Error);
}

struct CropVector {
  FaceType type;
  cv::Matx23d matrix;
  double side;
  cv::Point2d centre;
};

const CropVector kVectorsA[] = {
    {FaceType::kHalf,
     {1.065437, -0.006610, -299.510351, 0.006610, 1.065437, -182.413493},
     240.2724,
     {403.0457, 288.8480}},
    {FaceType::kMidFull,
     {0.894634, -0.005550, -230.975197, 0.005551, 0.894634, -132.650403},
     286.1450,
     {403.0457, 288.8480}},
    {FaceType::kFull,
     {0.667307, -0.004140, -139.759369, 0.004140, 0.667307, -66.418945},
     383.6241,
     {403.0457, 288.8480}},
    {FaceType::kFullNoAlign,
     {0.667320, 0, -140.960421, 0, 0.667320, -64.754004},
     383.6241,
     {403.0457, 288.8480}},
    {FaceType::kWhole,
     {0.499883, -0.003101, -72.579997, 0.003101, 0.499883, -9.232549},
     512.1096,
     {402.9414, 272.0292}},
    {FaceType::kHead,
     {0.357541, -0.002218, -15.365369, 0.002218, 0.357541, 66.785364},
     715.9875,
     {402.0225, 168.7157}},
    {FaceType::kHeadNoAlign,
     {0.357548, 0, -16.108226, 0, 0.357548, 24.722955},
     715.9876,
     {403.0457, 288.8480}}};

TEST(CropMatrix, MatchesTheVectorsOfTheFrontalHead) {
  for (const CropVector& v : kVectorsA) {
    const cv::Matx23d m = crop_matrix(landmarks_a(), 256, v.type);
    EXPECT_TRUE(matches(m, v.matrix)) << name_of(v.type);
    EXPECT_NEAR(crop_side(m, 256), v.side, 1e-3) << name_of(v.type);
    const cv::Point2d centre = transform(invert(m), cv::Point2d(128, 128));
    EXPECT_NEAR(cv::norm(centre - v.centre), 0, 1e-3) << name_of(v.type);
  }
}

TEST(CropMatrix, MatchesTheVectorsOfTheTurnedHead) {
  const Landmarks p = landmarks_b();
  EXPECT_TRUE(matches(crop_matrix(p, 256, FaceType::kFull),
                      {0.653476, 0.280322, -212.346207, -0.280321, 0.653476, 54.036223}));
  EXPECT_TRUE(matches(crop_matrix(p, 256, FaceType::kWhole),
                      {0.489522, 0.209990, -126.955192, -0.209990, 0.489522, 81.001061}));
  EXPECT_TRUE(matches(crop_matrix(p, 256, FaceType::kHead),
                      {0.350130, 0.150195, -74.810389, -0.150195, 0.350130, 131.324903}));
}

TEST(CropMatrix, ScaleShrinksTheArea) {
  EXPECT_NEAR(crop_side(crop_matrix(landmarks_a(), 256, FaceType::kFull, 1.2), 256), 319.6868,
              1e-3);
  EXPECT_NEAR(crop_side(crop_matrix(landmarks_a(), 256, FaceType::kFull, 0.8), 256), 479.5301,
              1e-3);
}

TEST(CropMatrix, RectangleFromLandmarks) {
  const cv::Matx23d back = invert(crop_matrix(landmarks_a(), 256, FaceType::kFullNoAlign));
  const cv::Point2d low = transform(back, cv::Point2d(0, 0));
  const cv::Point2d high = transform(back, cv::Point2d(255, 255));
  EXPECT_NEAR(cv::norm(low - cv::Point2d(211.2336, 97.0359)), 0, 1e-3);
  EXPECT_NEAR(cv::norm(high - cv::Point2d(593.3592, 479.1615)), 0, 1e-3);
}

TEST(CropMatrix, IsASimilarityWithoutReflection) {
  for (const FaceType type : kAllTypes) {
    const cv::Matx23d m = crop_matrix(landmarks_b(), 512, type);
    EXPECT_NEAR(m(0, 0), m(1, 1), 1e-12);
    EXPECT_NEAR(m(0, 1), -m(1, 0), 1e-12);
    EXPECT_GT(m(0, 0) * m(1, 1) - m(0, 1) * m(1, 0), 0);
  }
}

TEST(CropMatrix, SizeOnlyScales) {
  for (const FaceType type : kAllTypes) {
    const cv::Matx23d small = crop_matrix(landmarks_b(), 128, type);
    const cv::Matx23d large = crop_matrix(landmarks_b(), 512, type);
    for (int i = 0; i < 6; ++i) EXPECT_NEAR(4 * small.val[i], large.val[i], 1e-9);
  }
}

TEST(CropMatrix, RefusesABadSize) {
  EXPECT_THROW(crop_matrix(landmarks_a(), 0, FaceType::kFull), Error);
}

TEST(CropMatrix, InverseTakesPointsBack) {
  const cv::Matx23d m = crop_matrix(landmarks_b(), 512, FaceType::kHead);
  const cv::Point2d p(123.25, -47.5);
  EXPECT_NEAR(cv::norm(transform(invert(m), transform(m, p)) - p), 0, 1e-10);
}

TEST(Affine, RefusesASingularMap) {
  EXPECT_THROW(invert(cv::Matx23d(1, 2, 0, 2, 4, 0)), Error);
}

TEST(Mirror, TwiceIsTheIdentity) {
  const Landmarks p = landmarks_b();
  const Landmarks twice = mirror(mirror(p, 640), 640);
  for (int i = 0; i < 68; ++i) EXPECT_NEAR(cv::norm(twice[i] - p[i]), 0, 1e-12);
}

TEST(Mirror, SwapsTheCorners) {
  Landmarks p{};
  p[48] = {10, 7};
  EXPECT_EQ(mirror(p, 100)[54], cv::Point2d(89, 7));
}

TEST(Mirror, TurnsTheYaw) {
  const Pose pose = estimate_pose(landmarks_b(), 800);
  const Pose turned = estimate_pose(mirror(landmarks_b(), 801), 800);
  EXPECT_NEAR(turned.yaw, -pose.yaw, 0.03);
  EXPECT_NEAR(turned.roll, -pose.roll, 0.03);
}

TEST(FaceTypeNames, GoThereAndBack) {
  for (const FaceType type : kAllTypes) EXPECT_EQ(face_type_from(name_of(type)), type);
}

TEST(FaceTypeNames, AcceptTheOptions) {
  EXPECT_EQ(face_type_from("h"), FaceType::kHalf);
  EXPECT_EQ(face_type_from("mf"), FaceType::kMidFull);
  EXPECT_EQ(face_type_from("f"), FaceType::kFull);
  EXPECT_EQ(face_type_from("wf"), FaceType::kWhole);
  EXPECT_EQ(face_type_from("head"), FaceType::kHead);
}

TEST(FaceTypeNames, ListTheKnownOnesOnAMistake) {
  try {
    face_type_from("whole");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("whole_face (wf)"), std::string::npos) << error.what();
  }
}

// Perspective picture (256 px, distance 420) of the head after a rotation.
Landmarks projected(const cv::Matx33d& rotation, double distance = 420) {
  Landmarks p;
  for (int i = 0; i < 68; ++i) {
    const double* t = kHeadTemplate[i];
    const cv::Vec3d q = rotation * cv::Vec3d(t[0], t[1], t[2]);
    const double k = 256 * (distance / 420) / (q[2] + distance);
    p[i] = {k * q[0] + 128, k * q[1] + 128};
  }
  return p;
}

cv::Matx33d about_y(double a) {
  return {std::cos(a), 0, std::sin(a), 0, 1, 0, -std::sin(a), 0, std::cos(a)};
}

cv::Matx33d about_x(double a) {
  return {1, 0, 0, 0, std::cos(a), -std::sin(a), 0, std::sin(a), std::cos(a)};
}

cv::Matx33d about_z(double a) {
  return {std::cos(a), -std::sin(a), 0, std::sin(a), std::cos(a), 0, 0, 0, 1};
}

void expect_pose(const Pose& pose, double pitch, double yaw, double roll, double tolerance) {
  EXPECT_NEAR(pose.pitch, pitch, tolerance);
  EXPECT_NEAR(pose.yaw, yaw, tolerance);
  EXPECT_NEAR(pose.roll, roll, tolerance);
}

TEST(PoseVectors, Yaw) {
  expect_pose(estimate_pose(projected(about_y(CV_PI / 6)), 256), 0, 0.5236, 0, 1e-3);
}

TEST(PoseVectors, Pitch) {
  expect_pose(estimate_pose(projected(about_x(CV_PI / 9)), 256), -0.3491, 0, 0, 1e-3);
}

TEST(PoseVectors, Roll) {
  expect_pose(estimate_pose(projected(about_z(CV_PI / 12)), 256), 0, 0, 0.2618, 1e-3);
}

// A long lens is where the unconstrained search of the original lands on a mirrored head.
TEST(PoseSolver, FindsTheSameHeadThroughALongLens) {
  for (int step = -5; step <= 5; ++step) {
    const double yaw = step * 0.2;
    const Pose pose = estimate_pose(projected(about_y(yaw), 42000), 256);
    EXPECT_NEAR(pose.yaw, yaw, 0.08) << yaw;
    EXPECT_NEAR(pose.roll, 0, 0.08) << yaw;
  }
}

TEST(PoseSolver, IsStableUnderNoise) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Rng rng(seed, 0, 0);
    Landmarks p = projected(about_y(0.4) * about_x(0.2));
    for (cv::Point2d& q : p) q += cv::Point2d(rng.normal(), rng.normal());
    const Pose pose = estimate_pose(p, 256);
    EXPECT_NEAR(pose.yaw, 0.4, 0.08);
    EXPECT_NEAR(pose.pitch, -0.2, 0.12);
  }
}

TEST(PoseSolver, RefusesPointsThatCoincide) {
  Landmarks p;
  p.fill({5, 5});
  EXPECT_THROW(estimate_pose(p, 256), Error);
}

}  // namespace
}  // namespace diptych
