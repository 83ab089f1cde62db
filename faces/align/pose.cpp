// Pose by weak perspective, refined to full perspective.
// SPDX-License-Identifier: MIT
#include "faces/align/pose.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <opencv2/calib3d.hpp>

#include "faces/align/head_template.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

// The landmarks that hardly move with expression: jaw, brows, bridge and base of the nose.
constexpr int kRigid = 33;

constexpr int rigid_landmark(int i) {
  return i < 27 ? i : i + 3;
}

struct RigidPose {
  cv::Matx33d rotation;
  cv::Vec3d translation;
};

// Least-squares affine camera x = P X + t, its rows made orthogonal and equally long. Unlike a
// search from a fixed start this has one answer, and never the mirrored one, because the head is
// not flat.
RigidPose weak_perspective(const std::vector<cv::Point3d>& object,
                           const std::vector<cv::Point2d>& image,
                           double focal,
                           cv::Point2d centre) {
  cv::Mat design(kRigid, 4, CV_64F), target(kRigid, 2, CV_64F), solution;
  for (int i = 0; i < kRigid; ++i) {
    double* row = design.ptr<double>(i);
    row[0] = object[i].x;
    row[1] = object[i].y;
    row[2] = object[i].z;
    row[3] = 1;
    target.at<double>(i, 0) = image[i].x - centre.x;
    target.at<double>(i, 1) = image[i].y - centre.y;
  }
  cv::solve(design, target, solution, cv::DECOMP_SVD);  // (4,2)
  const cv::Mat rows = solution.rowRange(0, 3).t();     // (2,3)
  cv::SVD svd(rows);
  const double scale = 0.5 * (svd.w.at<double>(0) + svd.w.at<double>(1));
  DIPTYCH_CHECK(std::isfinite(scale) && scale > 1e-9,
                "estimate_pose: the landmarks coincide or hold a NaN; scale ", scale);
  const cv::Mat orthogonal = svd.u * svd.vt;  // (2,3), orthonormal rows
  const cv::Vec3d r0(orthogonal.ptr<double>(0)), r1(orthogonal.ptr<double>(1));
  const cv::Vec3d r2 = r0.cross(r1);
  const double depth = focal / scale;
  return {cv::Matx33d(r0[0], r0[1], r0[2], r1[0], r1[1], r1[2], r2[0], r2[1], r2[2]),
          {solution.at<double>(3, 0) / scale, solution.at<double>(3, 1) / scale, depth}};
}

bool in_front(const RigidPose& pose, const std::vector<cv::Point3d>& object) {
  return std::all_of(object.begin(), object.end(), [&](const cv::Point3d& p) {
    const cv::Vec3d q = pose.rotation * cv::Vec3d(p.x, p.y, p.z) + pose.translation;
    return std::isfinite(q[2]) && q[2] > 0;
  });
}

// Mean squared distance in pixels between the projected template and the landmarks.
double reprojection_error(const RigidPose& pose,
                          const std::vector<cv::Point3d>& object,
                          const std::vector<cv::Point2d>& image,
                          double focal,
                          cv::Point2d centre) {
  double sum = 0;
  for (int i = 0; i < kRigid; ++i) {
    const cv::Vec3d q =
        pose.rotation * cv::Vec3d(object[i].x, object[i].y, object[i].z) + pose.translation;
    const double dx = focal * q[0] / q[2] + centre.x - image[i].x;
    const double dy = focal * q[1] / q[2] + centre.y - image[i].y;
    sum += dx * dx + dy * dy;
  }
  return sum / kRigid;
}

double clip_to_quarter_turn(double angle) {
  return std::clamp(angle, -CV_PI / 2, CV_PI / 2);
}

Pose euler(const cv::Matx33d& r) {
  const double sy = std::hypot(r(0, 0), r(1, 0));
  const bool regular = sy >= 1e-6;
  const double a = regular ? std::atan2(r(2, 1), r(2, 2)) : std::atan2(-r(1, 2), r(1, 1));
  const double b = std::atan2(-r(2, 0), sy);
  const double c = regular ? std::atan2(r(1, 0), r(0, 0)) : 0;
  return {-clip_to_quarter_turn(a), clip_to_quarter_turn(b), clip_to_quarter_turn(c)};
}

}  // namespace

Pose estimate_pose(const Landmarks& landmarks, int size) {
  DIPTYCH_CHECK(size > 0, "estimate_pose: size ", size, " must be positive");
  std::vector<cv::Point3d> object(kRigid);
  std::vector<cv::Point2d> image(kRigid);
  for (int i = 0; i < kRigid; ++i) {
    const double* p = kHeadTemplate[rigid_landmark(i)];
    object[i] = {p[0], p[1], p[2]};
    image[i] = landmarks[rigid_landmark(i)];
    DIPTYCH_CHECK(std::isfinite(image[i].x) && std::isfinite(image[i].y),
                  "estimate_pose: landmark ", rigid_landmark(i), " is not finite");
  }
  const double focal = size;
  const cv::Point2d centre(size / 2.0, size / 2.0);
  const RigidPose start = weak_perspective(object, image, focal, centre);
  if (!in_front(start, object)) return euler(start.rotation);  // a head larger than its distance

  cv::Vec3d rotation;
  cv::Rodrigues(start.rotation, rotation);
  RigidPose refined = start;
  const cv::Matx33d camera(focal, 0, centre.x, 0, focal, centre.y, 0, 0, 1);
  const cv::TermCriteria until(cv::TermCriteria::EPS | cv::TermCriteria::COUNT, 50, 1e-10);
  cv::solvePnPRefineLM(object, image, camera, cv::noArray(), rotation, refined.translation, until);
  cv::Rodrigues(rotation, refined.rotation);
  const bool better =
      in_front(refined, object) && reprojection_error(refined, object, image, focal, centre) <=
                                       reprojection_error(start, object, image, focal, centre);
  return euler(better ? refined.rotation : start.rotation);
}

}  // namespace diptych
