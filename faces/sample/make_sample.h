// One sample from one prepared face: warped input, target and masks (spec samples.md 3 and 5).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "faces/sample/colour_jitter.h"
#include "faces/sample/geometry.h"
#include "faces/sample/prepared_face.h"
#include "faces/sample/sampler.h"
#include "faces/sample/warp_grid.h"

namespace diptych {

// Everything random about a sample but the colour transfer.
struct SampleDraws {
  Geometry geometry = {};
  std::optional<WarpGrid> warp = {};      // absent without random_warp
  std::optional<ColourShift> shift = {};  // absent when hsv_power is 0
};

// A pure function of its arguments. Under parity_dfl pictures below 64 pixels are warped at 64.
SampleDraws draw_sample(const SampleOptions& options, uint64_t seed, int side, uint64_t sample);

// Where one sample is written; the layout of SampleBatch, eyes_mouth null when not asked.
struct SampleOutput {
  float* warped = nullptr;      // (R,R,3)
  float* target = nullptr;      // (R,R,3)
  float* mask = nullptr;        // (R,R)
  float* eyes_mouth = nullptr;  // (R,R)
};

// Colour transfer of a CV_32FC3 picture; take 0 for the input, 1 for the target. May be empty.
using TransferColours = std::function<cv::Mat(const cv::Mat& picture, uint32_t take)>;

// Default: colours change once for input and target; warp, affine map and flip are one
// interpolation; borders are replicated.
void make_sample(const PreparedFace& face,
                 const SampleDraws& draws,
                 const TransferColours& transfer,
                 const SampleOutput& out);

// The original's chain: grid warp with black border, then the affine map, an interpolation each.
void make_sample_parity(const ParityFace& face,
                        const SampleDraws& draws,
                        const TransferColours& transfer,
                        const SampleOutput& out);

}  // namespace diptych
