// conv2d on the real layers of SAEHD df-ud 128 (batch 1): sampled elements of every pass, exact on
// integers. winograd is not exact; conv2d_winograd_test.cpp has its bounds.
// SPDX-License-Identifier: MIT
#include <string_view>

#include <gtest/gtest.h>

#include "kernels/conv2d/conv2d.h"
#include "tests/support/cases.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

constexpr int kSamples = 64;

Stream& stream() {
  static Stream cpu(Engine::kCpu, 2);
  return cpu;
}

int below(Rng& rng, int n) {
  return static_cast<int>(rng.below(static_cast<uint32_t>(n)));
}

// One element of an NHWC tensor, or of a KRSC weight.
size_t at(const Shape& shape, int i, int j, int k, int l) {
  return static_cast<size_t>(((i * shape[1] + j) * shape[2] + k) * shape[3] + l);
}

double stored(double value, DType dtype) {
  const float f = static_cast<float>(value);
  return static_cast<double>(dtype == DType::kBF16 ? static_cast<float>(bf16(f)) : f);
}

// Filled tensors of one layer. x and w in [-1,1], da in [-1,1]: f32 sums of 65536 terms are exact.
struct Layer {
  Conv2dProblem t;
  DType dtype;
  TestBuffer x, w, a, dx, dw;
  std::vector<double> xs, ws, das;

  Layer(const Conv2dProblem& problem, DType type)
      : t(problem),
        dtype(type),
        x(t.x_shape(), type),
        w(t.w_shape(), type),
        a(t.a_shape(), type),
        dx(t.x_shape(), type),
        dw(t.w_shape(), DType::kF32),
        xs(x.set(random_integers(t.x_shape().numel(), 1, 1))),
        ws(w.set(random_integers(t.w_shape().numel(), 1, 2))),
        das(a.set(random_integers(t.a_shape().numel(), 1, 3))) {}

  // Sum over the taps that join x (h,w), w (r,s) and a (p,q) under the given condition.
  double a_at(int n, int p, int q, int k) const {
    double sum = 0;
    for (int r = 0; r < t.r; ++r)
      for (int s = 0; s < t.s; ++s) {
        const int h = p * t.stride + r - t.pad_top, col = q * t.stride + s - t.pad_left;
        if (h < 0 || h >= t.h || col < 0 || col >= t.w) continue;
        for (int c = 0; c < t.c; ++c) {
          sum += xs[at(t.x_shape(), n, h, col, c)] * ws[at(t.w_shape(), k, r, s, c)];
        }
      }
    return sum;
  }

  double dx_at(int n, int h, int col, int c) const {
    double sum = 0;
    for (int r = 0; r < t.r; ++r)
      for (int s = 0; s < t.s; ++s) {
        const int p = h + t.pad_top - r, q = col + t.pad_left - s;
        if (p < 0 || q < 0 || p % t.stride != 0 || q % t.stride != 0) continue;
        if (p / t.stride >= t.p() || q / t.stride >= t.q()) continue;
        for (int k = 0; k < t.k; ++k) {
          sum += das[at(t.a_shape(), n, p / t.stride, q / t.stride, k)] *
                 ws[at(t.w_shape(), k, r, s, c)];
        }
      }
    return sum;
  }

  double dw_at(int k, int r, int s, int c) const {
    double sum = 0;
    for (int n = 0; n < t.n; ++n)
      for (int p = 0; p < t.p(); ++p)
        for (int q = 0; q < t.q(); ++q) {
          const int h = p * t.stride + r - t.pad_top, col = q * t.stride + s - t.pad_left;
          if (h < 0 || h >= t.h || col < 0 || col >= t.w) continue;
          sum += das[at(t.a_shape(), n, p, q, k)] * xs[at(t.x_shape(), n, h, col, c)];
        }
    return sum;
  }
};

void check_layer(const Conv2dLayer& named, DType dtype) {
  Layer layer(named.problem, dtype);
  const Conv2dProblem& t = layer.t;
  const std::string where = str(named.name, " ", dtype, " ");
  for (const auto& variant : conv2d_backward_data_variants()) {
    const Conv2dBackwardDataArgs args = {t, layer.a.view(), layer.w.view(), layer.dx.grad()};
    if (std::string_view(variant.name) == "winograd" || !variant.accepts(stream(), args)) continue;
    variant.run(stream(), args);
    Rng rng(1, 0, 0);
    for (int i = 0; i < kSamples; ++i) {
      const int n = below(rng, t.n), h = below(rng, t.h), w = below(rng, t.w), c = below(rng, t.c);
      ASSERT_EQ(layer.dx.get(at(t.x_shape(), n, h, w, c)), stored(layer.dx_at(n, h, w, c), dtype))
          << where << variant.name << " dx at " << n << "," << h << "," << w << "," << c;
    }
  }
  for (const auto& variant : conv2d_backward_weight_variants()) {
    const Conv2dBackwardWeightArgs args = {t, layer.x.view(), layer.a.view(), layer.dw.grad()};
    if (std::string_view(variant.name) == "winograd" || !variant.accepts(stream(), args)) continue;
    variant.run(stream(), args);
    Rng rng(2, 0, 0);
    for (int i = 0; i < kSamples; ++i) {
      const int k = below(rng, t.k), r = below(rng, t.r), s = below(rng, t.s), c = below(rng, t.c);
      ASSERT_EQ(layer.dw.get(at(t.w_shape(), k, r, s, c)), layer.dw_at(k, r, s, c))
          << where << variant.name << " dw at " << k << "," << r << "," << s << "," << c;
    }
  }
  for (const auto& variant : conv2d_forward_variants()) {  // last: it overwrites a
    const Conv2dForwardArgs args = {t, {}, layer.x.view(), layer.w.view(), {}, {}, layer.a.mut()};
    if (std::string_view(variant.name) == "winograd" || !variant.accepts(stream(), args)) continue;
    variant.run(stream(), args);
    Rng rng(3, 0, 0);
    for (int i = 0; i < kSamples; ++i) {
      const int n = below(rng, t.n), p = below(rng, t.p()), q = below(rng, t.q());
      const int k = below(rng, t.k);
      ASSERT_EQ(layer.a.get(at(t.a_shape(), n, p, q, k)), stored(layer.a_at(n, p, q, k), dtype))
          << where << variant.name << " a at " << n << "," << p << "," << q << "," << k;
    }
  }
}

TEST(Conv2dLayers, SampledElementsEqualTheReferenceInF32) {
  for (const Conv2dLayer& layer : saehd_df_ud_128_convs(1)) check_layer(layer, DType::kF32);
}

TEST(Conv2dLayers, SampledElementsEqualTheReferenceInBf16) {
  for (const Conv2dLayer& layer : saehd_df_ud_128_convs(1)) check_layer(layer, DType::kBF16);
}

}  // namespace
}  // namespace diptych
