// Linear colour transfers: lct (symmetric roots) and mkl (Monge-Kantorovich).
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "faces/colour/colour_detail.h"
#include "faces/colour/colour_transfer.h"

namespace diptych {

namespace {

constexpr double kLctRidge = 1e-5;  // samples.md 6
// Smallest variance along an axis that mkl stretches: a quarter of an 8-bit step. Flatter axes,
// such as the colour axes of a grey picture, hold rounding noise alone.
constexpr double kMklFloor = 1e-6;

struct Eigen3 {
  cv::Vec3d values;
  cv::Matx33d vectors;  // in columns
};

Eigen3 eigen(const cv::Matx33d& symmetric) {
  cv::Mat values, rows;
  cv::eigen(cv::Mat(symmetric), values, rows);
  Eigen3 e;
  for (int i = 0; i < 3; ++i) {
    e.values[i] = values.at<double>(i);
    for (int k = 0; k < 3; ++k) e.vectors(k, i) = rows.at<double>(i, k);
  }
  return e;
}

// vectors * diag(f(value)) * vectors^T with f(l) = max(l, floor)^power.
cv::Matx33d power(const cv::Matx33d& symmetric, double exponent, double floor) {
  const Eigen3 e = eigen(symmetric);
  cv::Matx33d scale = cv::Matx33d::zeros();
  for (int i = 0; i < 3; ++i) scale(i, i) = std::pow(std::max(e.values[i], floor), exponent);
  return e.vectors * scale * e.vectors.t();
}

}  // namespace

cv::Matx33d lct_factor(const ColourMoments& moments, double exponent) {
  return power(moments.covariance + cv::Matx33d::eye() * kLctRidge, exponent, kLctRidge);
}

cv::Mat colour_lct(const cv::Mat& target, const cv::Mat& source) {
  return colour_lct(target, colour_moments(source));
}

cv::Mat colour_lct(const cv::Mat& target, const ColourMoments& source) {
  const ColourMoments from = colour_moments(target);
  const cv::Matx33d map = lct_factor(source, 0.5) * lct_factor(from, -0.5);
  return map_colours(target, from.mean, map, source.mean);
}

cv::Mat colour_mkl(const cv::Mat& target, const cv::Mat& source) {
  return colour_mkl(target, colour_moments(source));
}

// T = A^(-1/2) (A^(1/2) B A^(1/2))^(1/2) A^(-1/2), A and B the covariances of target and source.
// The form with eigenvectors in samples.md 6 is this matrix written out.
cv::Mat colour_mkl(const cv::Mat& target, const ColourMoments& source) {
  const ColourMoments from = colour_moments(target);
  const auto unbiased = [](const ColourMoments& m) {
    return m.covariance * (m.count > 1 ? m.count / (m.count - 1) : 1.0);
  };
  const cv::Matx33d a = unbiased(from), b = unbiased(source);
  const cv::Matx33d root = power(a, 0.5, kMklFloor), inverse_root = power(a, -0.5, kMklFloor);
  const cv::Matx33d map = inverse_root * power(root * b * root, 0.5, 0.0) * inverse_root;
  return map_colours(target, from.mean, map, source.mean);
}

}  // namespace diptych
