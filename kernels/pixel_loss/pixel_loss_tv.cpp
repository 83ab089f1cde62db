// Total variation: squared differences of neighbours, in double.
// SPDX-License-Identifier: MIT
#include "kernels/pixel_loss/pixel_loss.h"
#include "kernels/pixel_loss/pixel_loss_cpu.h"

namespace diptych {

namespace {

// Calls pair(i, j) for every pair of neighbours of one (H,W,C) sample, by value index.
template <class Pair>
void for_each_pair(TotalVariation form, const Shape& s, const Pair& pair) {
  const int64_t h = s[1], w = s[2], c = s[3], row = w * c;
  for (int64_t i = 0; i + row < h * row; ++i) pair(i, i + row);
  if (form == TotalVariation::kRowsAndColumns) {
    for (int64_t y = 0; y < h; ++y) {
      for (int64_t i = y * row; i + c < (y + 1) * row; ++i) pair(i, i + c);
    }
  } else {
    for (int64_t pixel = 0; pixel < h * w; ++pixel) {
      for (int64_t i = pixel * c; i + 1 < (pixel + 1) * c; ++i) pair(i, i + 1);
    }
  }
}

void check(const char* op, const View& x, const View& loss) {
  DIPTYCH_CHECK(x.shape.rank() == 4, op, ": x ", x, ", expected (N,H,W,C)");
  check_same(op, x, "x", x, "x");
  check_per_sample(op, x, loss);
}

}  // namespace

void total_variation_forward([[maybe_unused]] Stream& stream,
                             TotalVariation form,
                             View x,
                             MutView loss) {
  check("total_variation_forward", x, loss);
  const int64_t values = x.shape.numel() / x.shape[0];
  for (int64_t n = 0; n < x.shape[0]; ++n) {
    const float* p = x.as<float>() + n * values;
    double sum = 0;
    for_each_pair(form, x.shape, [&](int64_t i, int64_t j) {
      const double d = static_cast<double>(p[j]) - p[i];
      sum += d * d;
    });
    loss.as<float>()[n] = static_cast<float>(sum);
  }
}

void total_variation_backward(
    [[maybe_unused]] Stream& stream, TotalVariation form, View x, View dloss, GradView dx) {
  check("total_variation_backward", x, dloss);
  check_same("total_variation_backward", x, "x", dx, "dx");
  const int64_t values = x.shape.numel() / x.shape[0];
  for (int64_t n = 0; n < x.shape[0]; ++n) {
    const float* p = x.as<float>() + n * values;
    float* out = dx.as<float>() + n * values;
    if (!dx.accumulate()) {
      for (int64_t i = 0; i < values; ++i) out[i] = 0.0f;
    }
    const float factor = 2.0f * dloss.as<float>()[n];
    for_each_pair(form, x.shape, [&](int64_t i, int64_t j) {
      const float g = factor * (p[j] - p[i]);
      out[j] += g;
      out[i] -= g;
    });
  }
}

}  // namespace diptych
