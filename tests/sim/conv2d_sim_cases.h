// conv2d problems for the emulator, small.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/conv2d_ref.h"
#include "tests/sim/rungs.h"
#include "tests/support/cases.h"

namespace diptych {

// Channels on and off the 16-byte grid, images smaller and larger than a tile, odd sizes, every
// stride and epilogue of the networks, paddings that differ, a stride beyond the filter.
inline std::vector<Conv2dCase> conv2d_sim_cases() {
  const Conv2dEpilogue plain, act = {.bias = true, .leaky_slope = 0.125f};
  const Conv2dEpilogue residual = {.bias = true, .residual = true, .leaky_slope = 0.25f};
  const Conv2dEpilogue up = {.bias = true, .leaky_slope = 0.5f, .depth_to_space = true};
  const Conv2dEpilogue heads = {.bias = true, .depth_to_space = true};
  return {
      {same_conv(1, 1, 1, 1, 1, 1, 1), plain},
      {same_conv(1, 5, 7, 3, 8, 5, 2), act},
      {same_conv(2, 7, 9, 8, 12, 3, 1), heads},
      {same_conv(1, 9, 5, 22, 1, 1, 1), act},
      {same_conv(1, 2, 3, 8, 12, 1, 1), act},
      {same_conv(1, 4, 5, 24, 40, 3, 1), residual},
      {same_conv(1, 3, 4, 40, 96, 3, 1), up},
      {same_conv(2, 4, 3, 12, 88, 3, 1), up},
      {same_conv(2, 7, 5, 24, 8, 5, 2), act},
      {same_conv(1, 21, 23, 8, 24, 1, 1), residual},
      {same_conv(1, 7, 8, 16, 8, 1, 2), plain},
      {same_conv(1, 2, 3, 136, 72, 1, 1), plain},  // beyond 64 channels, and beyond a tile
      {{.n = 1,
        .h = 7,
        .w = 6,
        .c = 8,
        .k = 16,
        .r = 4,
        .s = 2,
        .stride = 2,
        .pad_top = 2,
        .pad_left = 0,
        .pad_bottom = 1,
        .pad_right = 3},
       act},
      {{.n = 2, .h = 8, .w = 7, .c = 5, .k = 6, .r = 2, .s = 3, .stride = 3, .pad_right = 2},
       residual},
  };
}

}  // namespace diptych
