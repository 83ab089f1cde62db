// The inputs of the golden dumps, made again from their hash, and small batches for tests.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "models/saehd/trainer.h"

namespace diptych {

// Uniform in [0,1) by a splitmix64 mix of (seed, index); exact in f32. The generator of the dumps.
inline float golden_uniform(uint64_t seed, uint64_t index) {
  uint64_t z = (index + (seed << 32)) * 0x9E3779B97F4A7C15u + 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return static_cast<float>(z >> 40) * 0x1p-24f;
}

// A network as small as they come: pictures of 64 pixels, a sample a step.
inline SaehdTrainOptions tiny_options(const std::string& archi, DType dtype = DType::kF32) {
  SaehdTrainOptions options;
  options.network.set_archi(archi);
  options.network.resolution = 64;
  options.network.ae_dims = 8;
  options.network.e_dims = 2;
  options.network.d_dims = 2;
  options.network.d_mask_dims = 2;
  options.batch_size = 1;
  options.dtype = dtype;
  return options;
}

// warped, target, mask and eyes+mouth of both sides, (n,r,r,c). smooth: pictures a network can
// learn.
class GoldenBatch {
 public:
  GoldenBatch(int n, int r, bool smooth = false) : n_(n), r_(r) {
    for (int i = 0; i < 4; ++i) pictures_[i] = smooth ? smooth_picture(i) : picture(i);
    for (int i = 0; i < 4; ++i) discs_[i] = disc(i);
  }

  SaehdSide src() { return side(0); }

  SaehdSide dst() { return side(1); }

  SaehdSide src() const { return const_cast<GoldenBatch*>(this)->side(0); }

  SaehdSide dst() const { return const_cast<GoldenBatch*>(this)->side(1); }

  void poison_dst_target(int sample) {
    pictures_[3][static_cast<size_t>(sample) * r_ * r_ * 3] =
        std::numeric_limits<float>::quiet_NaN();
  }

 private:
  // Dump order: warped_src, warped_dst, target_src, target_dst, (N,C,H,W).
  std::vector<float> picture(int index) const {
    std::vector<float> out(static_cast<size_t>(n_) * r_ * r_ * 3);
    uint64_t i = 0;
    for (int s = 0; s < n_; ++s) {
      for (int c = 0; c < 3; ++c) {
        for (int pixel = 0; pixel < r_ * r_; ++pixel, ++i) {
          out[(static_cast<size_t>(s) * r_ * r_ + pixel) * 3 + c] =
              golden_uniform(1000 + static_cast<uint64_t>(index), i);
        }
      }
    }
    return out;
  }

  std::vector<float> smooth_picture(int index) const {
    std::vector<float> out(static_cast<size_t>(n_) * r_ * r_ * 3);
    for (size_t i = 0; i < out.size(); ++i) {
      const auto c = static_cast<float>(i % 3);
      const auto x = static_cast<float>(i / 3 % static_cast<size_t>(r_)) / static_cast<float>(r_);
      const auto y = static_cast<float>(i / 3 / static_cast<size_t>(r_) % static_cast<size_t>(r_)) /
                     static_cast<float>(r_);
      const auto s = static_cast<float>(i / (3 * static_cast<size_t>(r_) * r_)) +
                     4.0f * static_cast<float>(index % 2);
      out[i] = 0.5f + 0.4f * std::sin(3.0f * x + c + s) * std::cos(4.0f * y - s);
    }
    return out;
  }

  std::vector<float> disc(int index) const {
    std::vector<float> out(static_cast<size_t>(n_) * r_ * r_);
    const double radius = r_ * (0.4 - 0.03 * index);
    for (int y = 0; y < r_; ++y) {
      for (int x = 0; x < r_; ++x) {
        const double dy = y + 0.5 - r_ / 2.0, dx = x + 0.5 - r_ / 2.0;
        for (int s = 0; s < n_; ++s) {
          out[(static_cast<size_t>(s) * r_ + y) * r_ + x] =
              dy * dy + dx * dx < radius * radius ? 1.0f : 0.0f;
        }
      }
    }
    return out;
  }

  SaehdSide side(int which) {
    const Shape p{n_, r_, r_, 3}, m{n_, r_, r_, 1};
    return {{pictures_[which].data(), p, DType::kF32},
            {pictures_[2 + which].data(), p, DType::kF32},
            {discs_[which].data(), m, DType::kF32},
            {discs_[2 + which].data(), m, DType::kF32}};
  }

  int n_, r_;
  std::vector<float> pictures_[4], discs_[4];
};

}  // namespace diptych
