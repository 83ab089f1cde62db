// Colour transfer: the list of modes, colour statistics and Reinhard's transfer.
// SPDX-License-Identifier: MIT
#include "faces/colour/colour_transfer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include <opencv2/imgproc.hpp>

#include "faces/colour/colour_detail.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr std::array<std::string_view, 6> kModes = {"none", "rct", "lct", "mkl", "idt", "sot"};

// A deviation below this (Lab units) is rounding noise: one step of an 8-bit picture is about 0.4.
constexpr double kFlatDeviation = 0.02;

// OpenCV fills its Lab tables on first use without a lock: do it once, before threads meet there.
void fill_lab_tables() {
  static const bool filled = [] {
    cv::Mat pixel(1, 1, CV_32FC3, cv::Scalar::all(0.5));
    cv::cvtColor(pixel, pixel, cv::COLOR_BGR2Lab);
    cv::cvtColor(pixel, pixel, cv::COLOR_Lab2BGR);
    return true;
  }();
  (void)filled;
}

cv::Mat to_lab(const cv::Mat& picture) {
  fill_lab_tables();
  cv::Mat lab;
  cv::cvtColor(picture, lab, cv::COLOR_BGR2Lab);
  return lab;
}

void check_mask(const char* operation, const cv::Mat& picture, const cv::Mat& mask) {
  DIPTYCH_CHECK(mask.empty() || (mask.type() == CV_32FC1 && mask.size() == picture.size()),
                operation, ": mask is type ", mask.type(), " of ", mask.cols, "x", mask.rows,
                ", expected CV_32FC1 of ", picture.cols, "x", picture.rows);
}

// Mean and covariance without checks; weights 1 when the mask is empty.
ColourMoments moments_of(const cv::Mat& picture, const cv::Mat& mask) {
  double total = 0;
  cv::Vec3d sum(0, 0, 0);
  double bb = 0, gg = 0, rr = 0, bg = 0, br = 0, gr = 0;
  for (int y = 0; y < picture.rows; ++y) {
    const auto* pixel = picture.ptr<cv::Vec3f>(y);
    const float* weight = mask.empty() ? nullptr : mask.ptr<float>(y);
    for (int x = 0; x < picture.cols; ++x) {
      const double w = weight ? weight[x] : 1.0;
      const double b = pixel[x][0], g = pixel[x][1], r = pixel[x][2];
      total += w;
      sum += cv::Vec3d(w * b, w * g, w * r);
      bb += w * b * b, gg += w * g * g, rr += w * r * r;
      bg += w * b * g, br += w * b * r, gr += w * g * r;
    }
  }
  if (!(total > 0)) return moments_of(picture, {});
  ColourMoments m;
  m.count = total;
  m.mean = sum * (1.0 / total);
  const auto central = [&](double product, int i, int j) {
    const double value = product / total - m.mean[i] * m.mean[j];
    return i == j ? std::max(0.0, value) : value;
  };
  const double c01 = central(bg, 0, 1), c02 = central(br, 0, 2), c12 = central(gr, 1, 2);
  m.covariance = {central(bb, 0, 0), c01, c02, c01, central(gg, 1, 1), c12, c02, c12,
                  central(rr, 2, 2)};
  return m;
}

cv::Mat rct_from_lab(cv::Mat lab, const ColourMoments& target, const ColourMoments& source) {
  std::array<float, 3> gain, offset;
  for (int c = 0; c < 3; ++c) {
    const double sd_target = std::sqrt(target.covariance(c, c));
    const double sd_source = std::sqrt(source.covariance(c, c));
    const double ratio = sd_target < kFlatDeviation ? 1.0 : sd_source / sd_target;
    gain[c] = static_cast<float>(ratio);
    offset[c] = static_cast<float>(source.mean[c] - target.mean[c] * ratio);
  }
  for (int y = 0; y < lab.rows; ++y) {
    auto* pixel = lab.ptr<cv::Vec3f>(y);
    for (int x = 0; x < lab.cols; ++x) {
      pixel[x][0] = std::clamp(pixel[x][0] * gain[0] + offset[0], 0.0f, 100.0f);
      pixel[x][1] = std::clamp(pixel[x][1] * gain[1] + offset[1], -127.0f, 127.0f);
      pixel[x][2] = std::clamp(pixel[x][2] * gain[2] + offset[2], -127.0f, 127.0f);
    }
  }
  cv::Mat result;
  cv::cvtColor(lab, result, cv::COLOR_Lab2BGR);
  return result;
}

}  // namespace

void check_colour_picture(const char* operation, const char* name, const cv::Mat& picture) {
  DIPTYCH_CHECK(!picture.empty() && picture.type() == CV_32FC3, operation, ": ", name, " is type ",
                picture.type(), " of ", picture.cols, "x", picture.rows,
                ", expected a CV_32FC3 picture that is not empty");
}

void clip_unit(cv::Mat& picture) {
  for (int y = 0; y < picture.rows; ++y) {
    auto* value = picture.ptr<float>(y);
    const int count = picture.cols * picture.channels();
    for (int i = 0; i < count; ++i) value[i] = std::clamp(value[i], 0.0f, 1.0f);
  }
}

cv::Mat map_colours(const cv::Mat& picture,
                    const cv::Vec3d& from,
                    const cv::Matx33d& matrix,
                    const cv::Vec3d& to) {
  const cv::Matx33f a = matrix;
  const cv::Vec3f shift = to - matrix * from;
  cv::Mat result(picture.size(), CV_32FC3);
  for (int y = 0; y < picture.rows; ++y) {
    const auto* in = picture.ptr<cv::Vec3f>(y);
    auto* out = result.ptr<cv::Vec3f>(y);
    for (int x = 0; x < picture.cols; ++x) {
      for (int c = 0; c < 3; ++c) {
        const float v = a(c, 0) * in[x][0] + a(c, 1) * in[x][1] + a(c, 2) * in[x][2] + shift[c];
        out[x][c] = std::clamp(v, 0.0f, 1.0f);
      }
    }
  }
  return result;
}

std::span<const std::string_view> colour_transfer_modes() {
  return kModes;
}

void check_colour_transfer_mode(std::string_view mode) {
  if (std::find(kModes.begin(), kModes.end(), mode) != kModes.end()) return;
  std::string known;
  for (const std::string_view name : kModes)
    known += (known.empty() ? "" : ", ") + std::string(name);
  throw Error(str("colour_transfer: unknown mode '", mode, "'; known modes: ", known));
}

cv::Mat colour_transfer(std::string_view mode,
                        const cv::Mat& target,
                        const cv::Mat& source,
                        uint64_t seed) {
  check_colour_transfer_mode(mode);
  if (mode == "rct") return colour_rct(target, source);
  if (mode == "lct") return colour_lct(target, source);
  if (mode == "mkl") return colour_mkl(target, source);
  if (mode == "idt") return colour_idt(target, source, seed);
  if (mode == "sot") return colour_sot(target, source, seed);
  return target.clone();
}

ColourMoments colour_moments(const cv::Mat& picture, const cv::Mat& mask) {
  check_colour_picture("colour_moments", "picture", picture);
  check_mask("colour_moments", picture, mask);
  return moments_of(picture, mask);
}

ColourMoments lab_moments(const cv::Mat& picture, const cv::Mat& mask) {
  check_colour_picture("lab_moments", "picture", picture);
  check_mask("lab_moments", picture, mask);
  return moments_of(to_lab(picture), mask);
}

cv::Mat colour_rct(const cv::Mat& target,
                   const cv::Mat& source,
                   const cv::Mat& target_mask,
                   const cv::Mat& source_mask) {
  return colour_rct(target, lab_moments(source, source_mask), target_mask);
}

cv::Mat colour_rct(const cv::Mat& target,
                   const ColourMoments& source_lab,
                   const cv::Mat& target_mask) {
  check_colour_picture("colour_rct", "target", target);
  check_mask("colour_rct", target, target_mask);
  cv::Mat lab = to_lab(target);
  const ColourMoments moments = moments_of(lab, target_mask);
  return rct_from_lab(lab, moments, source_lab);
}

cv::Mat colour_rct_parity(const cv::Mat& target,
                          const cv::Mat& source,
                          const cv::Mat& target_mask,
                          const cv::Mat& source_mask) {
  check_colour_picture("colour_rct_parity", "target", target);
  check_colour_picture("colour_rct_parity", "source", source);
  check_mask("colour_rct_parity", target, target_mask);
  check_mask("colour_rct_parity", source, source_mask);
  const auto cut_moments = [](const cv::Mat& lab, const cv::Mat& mask) {
    cv::Mat cut = lab.clone();
    if (!mask.empty()) cut.setTo(cv::Scalar::all(0), mask < 0.5f);
    return moments_of(cut, {});
  };
  cv::Mat lab = to_lab(target);
  const ColourMoments moments = cut_moments(lab, target_mask);
  return rct_from_lab(lab, moments, cut_moments(to_lab(source), source_mask));
}

}  // namespace diptych
