// Transposed convolutions shared by tests and benches: small cases, and layers of the models.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "kernels/conv_transpose2d/conv_transpose2d.h"

namespace diptych {

// A 3x3 transposed convolution with output = input * stride (spec networks.md 1.2).
constexpr ConvTranspose2dProblem growing_conv(int n, int size, int c, int k, int stride) {
  const int before = stride == 1 ? 1 : 0;
  return {.n = n,
          .h = size,
          .w = size,
          .c = c,
          .k = k,
          .r = 3,
          .s = 3,
          .stride = stride,
          .pad_top = before,
          .pad_left = before,
          .pad_bottom = 1,
          .pad_right = 1};
}

inline std::vector<ConvTranspose2dProblem> conv_transpose2d_small_cases() {
  return {
      growing_conv(1, 1, 1, 1, 2),
      growing_conv(1, 1, 1, 1, 1),
      growing_conv(2, 5, 3, 12, 2),
      growing_conv(1, 7, 16, 22, 2),
      growing_conv(2, 6, 17, 13, 1),
      growing_conv(1, 4, 32, 64, 2),
      growing_conv(1, 9, 33, 1, 2),
      {.n = 1, .h = 3, .w = 5, .c = 2, .k = 3, .r = 2, .s = 3, .stride = 3},
      {.n = 2,
       .h = 4,
       .w = 3,
       .c = 7,
       .k = 5,
       .r = 4,
       .s = 5,
       .stride = 2,
       .pad_top = 1,
       .pad_left = 3,
       .pad_bottom = 2,
       .pad_right = 0},
  };
}

struct ConvTranspose2dLayer {
  std::string name;
  ConvTranspose2dProblem problem;
};

// The up path of the patch discriminator at resolution 128, patch 16, dims 16 (spec networks.md
// 5.1), and the widest up block of XSeg (spec networks.md 6).
inline std::vector<ConvTranspose2dLayer> conv_transpose2d_layers(int batch) {
  return {{"patch_up0", growing_conv(batch, 16, 128, 64, 2)},
          {"patch_up1", growing_conv(batch, 32, 128, 32, 2)},
          {"patch_up2", growing_conv(batch, 64, 64, 16, 2)},
          {"xseg_up3", growing_conv(batch, 16, 256, 128, 2)}};
}

}  // namespace diptych
