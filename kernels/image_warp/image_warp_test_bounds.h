// A sample drawn and made in double for the tests of image_warp, and how far f32 may be from it.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/common/rng.h"
#include "kernels/image_warp/image_warp_ref.h"
#include "kernels/image_warp/image_warp_test_faces.h"

namespace diptych {

// A sample's numbers drawn apart from the code under test: plain Rng, spec samples.md 2 to 4.
struct RefDraws {
  warp::Geometry geometry;
  int cell = 0, n = 0;
  std::vector<float> dx, dy;
  warp::ColourShift shift;

  RefDraws(const ImageWarpOptions& o, uint64_t k) {
    const auto rng = [&](uint32_t purpose) {
      return Rng(o.seed, 0x5A000000u + 256u * static_cast<uint32_t>(o.side) + purpose, k);
    };
    Rng random = rng(0);
    const auto uniform = [&](double low, double high) {
      return low + (high - low) * double(random.uniform());
    };
    geometry.rotation_degrees = uniform(-o.range.rotation_degrees, o.range.rotation_degrees);
    geometry.scale = uniform(1 / (1 - o.range.scale_low), 1 + o.range.scale_high);
    geometry.shift_x = uniform(-o.range.shift, o.range.shift);
    geometry.shift_y = uniform(-o.range.shift, o.range.shift);
    geometry.flip = o.range.flip && random.below(10) < 4;
    if (o.random_warp) {
      random = rng(1);
      cell = o.resolution / (2 << random.below(3));
      n = o.resolution / cell + 1;
      dx.assign(static_cast<size_t>(n * n), 0);
      dy = dx;
      for (auto* nodes : {&dx, &dy})
        for (int i = 1; i < n - 1; ++i)
          for (int j = 1; j < n - 1; ++j) {
            double noise = random.normal();
            while (std::abs(noise) > 2.5) noise = random.normal();
            (*nodes)[static_cast<size_t>(i * n + j)] =
                static_cast<float>(0.24 * std::sqrt(2.0) * cell * (noise / 2.5));
          }
    }
    if (o.hsv_power > 0) {
      random = rng(2);
      shift.hue = static_cast<float>(uniform(-180 * o.hsv_power, 180 * o.hsv_power));
      shift.saturation = static_cast<float>((random.uniform() - 0.5) * o.hsv_power);
      shift.value = static_cast<float>((random.uniform() - 0.5) * o.hsv_power);
    }
  }
};

// One sample in double.
struct RefSample {
  std::vector<double> warped, target;  // (w,w,3)
  std::vector<double> mask, eyes;      // (w,w)
  double turning = 0;  // most that jitter stretches a small error of the colour before it
};

// colour: of the sample's numbers, for transfer.
inline RefSample image_warp_ref(const NoiseFaces& faces,
                                const ImageWarpOptions& o,
                                const RefDraws& draws,
                                int face,
                                const float* colour) {
  const int w = faces.w;
  const auto area = static_cast<size_t>(w * w), base = static_cast<size_t>(face) * area;
  std::vector<double> target[3], input[3], mask, eyes;
  double turning = 0;
  for (size_t i = 0; i < area; ++i) {
    const FaceTexel& t = faces.pictures[base + i];
    RefColour c{t.b / 255.0, t.g / 255.0, t.r / 255.0};
    if (o.transfer == ColourTransfer::kLct) c = lct_ref(colour, c);
    if (o.transfer == ColourTransfer::kRct) c = rct_ref(colour, faces.lab[base + i]);
    const RefColour jittered = o.hsv_power > 0 ? jitter_ref(draws.shift, c) : c;
    for (size_t k = 0; k < 3; ++k) target[k].push_back(c[k]), input[k].push_back(jittered[k]);
    // An error d turns the hue by 3 d / range sixths, of what the colour swings afterwards.
    const auto [low, high] = std::minmax({c[0], c[1], c[2]});
    const auto [new_low, new_high] = std::minmax({jittered[0], jittered[1], jittered[2]});
    if (high > low) turning = std::max(turning, 3 * (new_high - new_low) / (high - low));
    mask.push_back(t.mask / 255.0);
    eyes.push_back(faces.eyes[base + i] / 255.0);
  }
  RefSample out;
  out.turning = turning;
  for (int y = 0; y < w; ++y)
    for (int x = 0; x < w; ++x) {
      const RefPosition p = image_warp_position_ref(draws.geometry, w, nullptr, nullptr, 0, x, y);
      const RefPosition q = image_warp_position_ref(draws.geometry, w, draws.dx.data(),
                                                    draws.dy.data(), draws.n, x, y);
      for (const auto& channel : target) out.target.push_back(sample_cubic_ref(channel, w, p));
      for (const auto& channel : input) out.warped.push_back(sample_cubic_ref(channel, w, q));
      out.mask.push_back(sample_linear_ref(mask, w, p));
      out.eyes.push_back(sample_linear_ref(eyes, w, p));
    }
  const double largest = *std::max_element(out.eyes.begin(), out.eyes.end());
  if (largest > 0)
    for (double& v : out.eyes) v /= largest;
  return out;
}

// Largest error of a position in pixels: eight roundings of numbers below 2w.
inline double position_error(int w) {
  return 16 * 0x1p-24 * w;
}

// A position off by e pixels on each axis, in noise: the slope of the cubic weights sums to at most
// 3 on an axis and to 1.375 on the other, over values half a range from their middle. Steps of a
// fraction add 1/2048. Values themselves: 32 roundings of terms that sum to at most 1.375^2, and
// `colour`, the error of a source pixel.
inline double cubic_bound(int w, double colour) {
  const double e = position_error(w) + 1.0 / 2048;
  return 2 * e * 3 * 1.375 / 2 + 1.9 * (32 * 0x1p-24 + colour);
}

// Masks are not stepped: slopes of 1 on each axis.
inline double linear_bound(int w) {
  return 2 * position_error(w) + 8 * 0x1p-24;
}

// The error of a source pixel's colour in f32 after transfer: lct has four terms below 2; rct Lab's
// cubes and the gamma curve, steepest (12.92) in the dark.
inline double transfer_bound(ColourTransfer transfer) {
  return transfer == ColourTransfer::kNone  ? 0
         : transfer == ColourTransfer::kLct ? 16 * 0x1p-24
                                            : 12.92 * 32 * 0x1p-24;
}

// And after jitter: four roundings of a hue of 6 sixths, 16 of the rest.
inline double jitter_bound(const ImageWarpOptions& o, double turning) {
  const double transfer = transfer_bound(o.transfer);
  if (!(o.hsv_power > 0)) return transfer;
  return transfer * (2 + turning) + (4 * 6 + 16) * 0x1p-24;
}

inline ::testing::AssertionResult close(const char* name,
                                        const float* got,
                                        const std::vector<double>& expected,
                                        double bound) {
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::abs(got[i] - expected[i]) <= bound) continue;
    return ::testing::AssertionFailure() << name << " value " << i << " is " << got[i]
                                         << ", reference " << expected[i] << ", bound " << bound;
  }
  return ::testing::AssertionSuccess();
}

}  // namespace diptych
