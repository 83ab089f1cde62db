// conv2d problems shared by tests and benches: small cases that hit every edge, and the real shapes
// of the models. Names are the layers' own.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "kernels/conv2d/conv2d.h"

namespace diptych {

struct Conv2dCase {
  Conv2dProblem problem;
  Conv2dEpilogue epilogue;
};

// Square filter, the same padding on all sides.
constexpr Conv2dProblem same_conv(int n, int h, int w, int c, int k, int filter, int stride) {
  const int pad = filter / 2;
  return {.n = n,
          .h = h,
          .w = w,
          .c = c,
          .k = k,
          .r = filter,
          .s = filter,
          .stride = stride,
          .pad_top = pad,
          .pad_left = pad,
          .pad_bottom = pad,
          .pad_right = pad};
}

constexpr Conv2dProblem square_conv(int n, int size, int c, int k, int filter, int stride) {
  return same_conv(n, size, size, c, k, filter, stride);
}

// Size 1, primes, one below and above multiples of 16 and 32, odd images, one channel, batch 1,
// stride 2 with the encoder's padding, four different paddings, every epilogue.
inline std::vector<Conv2dCase> conv2d_small_cases() {
  const Conv2dEpilogue plain, bias = {.bias = true};
  const Conv2dEpilogue act = {.bias = true, .leaky_slope = 0.125f};
  const Conv2dEpilogue residual = {.bias = true, .residual = true, .leaky_slope = 0.25f};
  const Conv2dEpilogue up = {.bias = true, .leaky_slope = 0.5f, .depth_to_space = true};
  const Conv2dEpilogue up_only = {.depth_to_space = true};
  return {
      {square_conv(1, 1, 1, 1, 1, 1), plain},
      {square_conv(1, 1, 1, 1, 3, 1), bias},
      {square_conv(2, 5, 3, 8, 3, 1), act},
      {square_conv(1, 8, 16, 16, 3, 1), residual},
      {square_conv(2, 7, 17, 15, 3, 1), residual},
      {square_conv(1, 9, 31, 33, 3, 1), act},
      {square_conv(3, 6, 22, 12, 3, 1), up},
      {square_conv(1, 4, 12, 88, 3, 1), up},
      {square_conv(1, 5, 13, 12, 3, 1), up_only},
      {square_conv(2, 8, 3, 12, 5, 2), act},
      {square_conv(1, 9, 7, 22, 5, 2), act},
      {square_conv(2, 10, 32, 48, 5, 2), act},
      {square_conv(1, 11, 5, 3, 3, 2), plain},
      {square_conv(2, 9, 22, 1, 1, 1), bias},
      {square_conv(1, 13, 64, 3, 1, 1), bias},
      {square_conv(2, 8, 9, 4, 4, 2), act},
      {square_conv(1, 8, 48, 64, 3, 1), residual},
      {square_conv(1, 17, 11, 19, 7, 3), act},
      {{.n = 2, .h = 6, .w = 11, .c = 5, .k = 7, .r = 3, .s = 3, .pad_top = 1, .pad_right = 2},
       act},
      {{.n = 1,
        .h = 7,
        .w = 10,
        .c = 19,
        .k = 20,
        .r = 5,
        .s = 3,
        .stride = 2,
        .pad_top = 0,
        .pad_left = 2,
        .pad_bottom = 3,
        .pad_right = 1},
       up},
      {{.n = 2, .h = 5, .w = 9, .c = 6, .k = 10, .r = 1, .s = 3}, residual},
      {{.n = 1, .h = 33, .w = 5, .c = 16, .k = 32, .r = 3, .s = 3, .pad_left = 2, .pad_bottom = 1},
       act},
  };
}

// A layer of a network and how often one training step runs it.
struct Conv2dLayer {
  std::string name;
  Conv2dProblem problem;
  Conv2dEpilogue epilogue;
  int calls = 1;
  bool needs_dx = true;
  bool f32_out = false;  // a head: f32 output also from bf16 input
};

// SAEHD df-ud, resolution 128, dims 256/64/64/22 (spec networks.md 4), channels as they are stored:
// the mask decoder's 44 and 22 as 48 and 24. batch is per side; the encoder sees src and dst as one
// batch.
inline std::vector<Conv2dLayer> saehd_df_ud_128_convs(int batch) {
  const int both = 2 * batch;
  const Conv2dEpilogue down = {.bias = true, .leaky_slope = 0.1f};
  const Conv2dEpilogue up = {.bias = true, .leaky_slope = 0.1f, .depth_to_space = true};
  const Conv2dEpilogue res1 = {.bias = true, .leaky_slope = 0.2f};
  const Conv2dEpilogue res2 = {.bias = true, .residual = true, .leaky_slope = 0.2f};
  const Conv2dEpilogue heads = {.bias = true, .depth_to_space = true};
  const Conv2dEpilogue head = {.bias = true};
  return {
      {"down0", square_conv(both, 128, 3, 64, 5, 2), down, 1, false},
      {"down1", square_conv(both, 64, 64, 128, 5, 2), down},
      {"down2", square_conv(both, 32, 128, 256, 5, 2), down},
      {"down3", square_conv(both, 16, 256, 512, 5, 2), down},
      {"inter_up", square_conv(both, 4, 256, 1024, 3, 1), up},
      {"up0", square_conv(batch, 8, 256, 2048, 3, 1), up, 2},
      {"res0_conv1", square_conv(batch, 16, 512, 512, 3, 1), res1, 2},
      {"res0_conv2", square_conv(batch, 16, 512, 512, 3, 1), res2, 2},
      {"up1", square_conv(batch, 16, 512, 1024, 3, 1), up, 2},
      {"res1_conv1", square_conv(batch, 32, 256, 256, 3, 1), res1, 2},
      {"res1_conv2", square_conv(batch, 32, 256, 256, 3, 1), res2, 2},
      {"up2", square_conv(batch, 32, 256, 512, 3, 1), up, 2},
      {"res2_conv1", square_conv(batch, 64, 128, 128, 3, 1), res1, 2},
      {"res2_conv2", square_conv(batch, 64, 128, 128, 3, 1), res2, 2},
      {"heads", square_conv(batch, 64, 128, 12, 3, 1), heads, 2, true, true},
      {"mask_up0", square_conv(batch, 8, 256, 704, 3, 1), up, 2},
      {"mask_up1", square_conv(batch, 16, 176, 352, 3, 1), up, 2},
      {"mask_up2", square_conv(batch, 32, 88, 192, 3, 1), up, 2},
      {"mask_up3", square_conv(batch, 64, 48, 96, 3, 1), up, 2},
      {"mask_head", square_conv(batch, 128, 24, 1, 1, 1), head, 2, true, true},
  };
}

}  // namespace diptych
