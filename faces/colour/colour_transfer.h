// Colour transfer: gives a picture the colours of a reference (spec samples.md 6, merge.md 6).
// SPDX-License-Identifier: MIT
//
// target is changed, source is the reference. Both CV_32FC3, BGR, [0,1] (not checked: cubic
// overshoot is fine), gamma-encoded; sizes may differ. The result has the size of target and is a
// new picture. A flat picture (no spread in a channel) is only shifted: results are finite for
// finite input. Errors: Error for an empty picture, another type or an unknown mode.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <opencv2/core.hpp>

namespace diptych {

// none, rct, lct, mkl, idt, sot.
std::span<const std::string_view> colour_transfer_modes();

// Throws Error that lists the known modes when `mode` is not one of them.
void check_colour_transfer_mode(std::string_view mode);

// The mode's function with its usual settings. seed: used by idt and sot alone.
cv::Mat colour_transfer(std::string_view mode,
                        const cv::Mat& target,
                        const cv::Mat& source,
                        uint64_t seed);

// Mean and covariance (divisor N) over the pixels of a picture.
struct ColourMoments {
  cv::Vec3d mean;
  cv::Matx33d covariance;
  double count = 0;  // pixels, or the sum of the weights
};

// mask: empty, or CV_32FC1 of the picture's size with weights in [0,1].
ColourMoments colour_moments(const cv::Mat& picture, const cv::Mat& mask = {});
// The same in CIELAB (OpenCV f32: L 0..100, a and b about +-127): what rct needs of its source.
ColourMoments lab_moments(const cv::Mat& picture, const cv::Mat& mask = {});

// rct (Reinhard et al., "Color transfer between images", 2001, in CIELAB): mean and deviation per
// channel. The result may leave [0,1]. With masks the statistics are weighted by them; a mask that
// is 0 everywhere counts as none.
cv::Mat colour_rct(const cv::Mat& target,
                   const cv::Mat& source,
                   const cv::Mat& target_mask = {},
                   const cv::Mat& source_mask = {});
// Towards statistics made before by lab_moments().
cv::Mat colour_rct(const cv::Mat& target,
                   const ColourMoments& source_lab,
                   const cv::Mat& target_mask = {});
// The original's masked form (merge.md 6.1): pixels with a mask below 0.5 count as Lab (0,0,0), so
// the result depends on the area of the mask.
cv::Mat colour_rct_parity(const cv::Mat& target,
                          const cv::Mat& source,
                          const cv::Mat& target_mask,
                          const cv::Mat& source_mask);

// lct: equal mean and covariance by symmetric roots. Result in [0,1].
cv::Mat colour_lct(const cv::Mat& target, const cv::Mat& source);
cv::Mat colour_lct(const cv::Mat& target, const ColourMoments& source);

// Its factors: the map is lct_factor(source, 0.5) * lct_factor(target, -0.5).
cv::Matx33d lct_factor(const ColourMoments& moments, double exponent);

// mkl (Pitie and Kokaram, "The linear Monge-Kantorovitch linear colour mapping", 2007): the linear
// map to the source's mean and covariance that moves colours least. Result in [0,1].
cv::Mat colour_mkl(const cv::Mat& target, const cv::Mat& source);
cv::Mat colour_mkl(const cv::Mat& target, const ColourMoments& source);

// idt (Pitie et al., "Automated colour grading using colour distribution transfer", 2007): matches
// one-dimensional histograms along random axes. Result in [0,1].
struct IdtOptions {
  int rotations = 20;
  int bins = 256;
  float relaxation = 0.05f;  // share of the way that a rotation moves a colour
  bool parity_dfl = false;   // the lowest bin maps to 0 (samples.md 6)
};

cv::Mat colour_idt(const cv::Mat& target,
                   const cv::Mat& source,
                   uint64_t seed,
                   const IdtOptions& options = {});

// sot: sliced optimal transport (Rabin et al., 2012), then the change is smoothed over the picture
// so that it stays free of noise. Result in [0,1].
struct SotOptions {
  int steps = 10;
  int batch = 5;            // directions averaged in a step; 5 in training, 30 in merging
  double sigma_space = 16;  // pixels of the target
  int work_side = 64;       // transport runs on copies of at most this side; 0: full size
  bool parity_dfl = false;  // full size, and the bilateral filter with a range sigma of 5
};

cv::Mat colour_sot(const cv::Mat& target,
                   const cv::Mat& source,
                   uint64_t seed,
                   const SotOptions& options = {});

// Histogram match per channel (merge.md 6.7). threshold in (0,255]: 255 matches fully, less leaves
// out the brightest part of the source.
cv::Mat histogram_match(const cv::Mat& target, const cv::Mat& source, int threshold = 255);

}  // namespace diptych
