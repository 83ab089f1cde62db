// Tests of conv2d's winograd variant: its own error bound, on shapes its accepts() leaves to others
// too.
// SPDX-License-Identifier: MIT
//
// Points 0, +-sqrt(1/2), +-sqrt(2) are not integers, so nothing is exact and the direct sum's
// magnitude does not bound the error. What does is the magnitude inside the transform,
//   |A|^T [ (|G| |g| |G|^T) * (|B|^T |d| |B|) ] |A|,
// times the roundings on the longest path: at most 4 per one-dimensional transform of six values
// (its coefficient, and three additions), six such transforms, one per term of the sum, the
// epilogue.
#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/conv2d/conv2d_ref.h"

namespace diptych {
namespace {

using ref::Values;

template <int rows, int columns>
using Matrix = std::array<std::array<double, columns>, rows>;

// The transforms' coefficients, from the points. At[i][e] = point_e^i.
const double kRoot = std::sqrt(2.0);
const double kPoints[5] = {0, kRoot / 2, -kRoot / 2, kRoot, -kRoot};

Matrix<6, 4> make_a() {
  Matrix<6, 4> a{};
  for (size_t e = 0; e < 5; ++e)
    for (size_t i = 0; i < 4; ++i) a[e][i] = std::pow(kPoints[e], static_cast<double>(i));
  a[5][3] = 1;
  return a;
}

// Row e of G is (1, p, p^2) over the product of differences to the other points.
Matrix<6, 3> make_g() {
  Matrix<6, 3> g{};
  for (size_t e = 0; e < 5; ++e) {
    double product = 1;
    for (size_t other = 0; other < 5; ++other)
      if (other != e) product *= kPoints[e] - kPoints[other];
    for (size_t i = 0; i < 3; ++i) g[e][i] = std::pow(kPoints[e], static_cast<double>(i)) / product;
  }
  g[5][2] = 1;
  return g;
}

// Column e of B holds the coefficients of the product of (t - point) over the other points.
Matrix<6, 6> make_b() {
  Matrix<6, 6> b{};
  for (size_t e = 0; e < 6; ++e) {
    std::array<double, 7> polynomial = {1};
    for (size_t other = 0; other < 5; ++other) {
      if (other == e) continue;
      for (size_t i = 6; i-- > 0;)
        polynomial[i] = (i > 0 ? polynomial[i - 1] : 0) - kPoints[other] * polynomial[i];
    }
    for (size_t i = 0; i < 6; ++i) b[i][e] = polynomial[i];
  }
  return b;
}

// |T|^T in |T|: (in, in) -> (out, out).
template <size_t in, size_t out>
Matrix<out, out> magnitudes(const std::array<std::array<double, out>, in>& t,
                            const Matrix<in, in>& values) {
  Matrix<out, out> result{};
  for (size_t i = 0; i < in; ++i)
    for (size_t j = 0; j < in; ++j)
      for (size_t u = 0; u < out; ++u)
        for (size_t v = 0; v < out; ++v) result[u][v] += std::abs(t[i][u] * t[j][v] * values[i][j]);
  return result;
}

template <size_t rows, size_t columns>
std::array<std::array<double, rows>, columns> transposed(
    const std::array<std::array<double, columns>, rows>& m) {
  std::array<std::array<double, rows>, columns> result{};
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j) result[j][i] = m[i][j];
  return result;
}

// size x size values of an image (n,h,w,channels) from (row, column) on, 0 outside.
template <int size>
Matrix<size, size> patch(
    const Values& x, int h, int w, int channels, int n, int row, int column, int c) {
  Matrix<size, size> d{};
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j < size; ++j) {
      if (row + i < 0 || row + i >= h || column + j < 0 || column + j >= w) continue;
      d[static_cast<size_t>(i)][static_cast<size_t>(j)] =
          x[static_cast<size_t>(((n * h + row + i) * w + column + j) * channels + c)];
    }
  }
  return d;
}

void add_product(Matrix<6, 6>& sum, const Matrix<6, 6>& u, const Matrix<6, 6>& v) {
  for (size_t i = 0; i < 36; ++i) sum[i / 6][i % 6] += u[i / 6][i % 6] * v[i / 6][i % 6];
}

using Filter = std::function<double(int out, int in, int r, int s)>;

// Magnitude of a convolution of x (n,h,w,channels) to (n,p,q,outputs), over 4x4 tiles.
Values convolution_magnitude(const Values& x,
                             int n,
                             int h,
                             int w,
                             int channels,
                             int pad_top,
                             int pad_left,
                             int p,
                             int q,
                             int outputs,
                             const Filter& filter) {
  Values result(static_cast<size_t>(n) * p * q * outputs);
  const auto a = make_a();
  const auto gt = transposed(make_g());
  const auto b = make_b();
  std::vector<Matrix<6, 6>> u;  // (outputs, channels)
  for (int k = 0; k < outputs; ++k)
    for (int c = 0; c < channels; ++c) {
      Matrix<3, 3> g{};
      for (int i = 0; i < 9; ++i)
        g[static_cast<size_t>(i / 3)][static_cast<size_t>(i % 3)] = filter(k, c, i / 3, i % 3);
      u.push_back(magnitudes(gt, g));
    }
  for (int image = 0; image < n; ++image)
    for (int row = 0; row < p; row += 4)
      for (int column = 0; column < q; column += 4) {
        std::vector<Matrix<6, 6>> v;
        for (int c = 0; c < channels; ++c) {
          v.push_back(magnitudes(
              b, patch<6>(x, h, w, channels, image, row - pad_top, column - pad_left, c)));
        }
        for (int k = 0; k < outputs; ++k) {
          Matrix<6, 6> sum{};
          for (size_t c = 0; c < v.size(); ++c)
            add_product(sum, u[static_cast<size_t>(k) * v.size() + c], v[c]);
          const auto y = magnitudes(a, sum);
          for (int i = 0; i < 4 && row + i < p; ++i)
            for (int j = 0; j < 4 && column + j < q; ++j)
              result[static_cast<size_t>(((image * p + row + i) * q + column + j) * outputs + k)] =
                  y[static_cast<size_t>(i)][static_cast<size_t>(j)];
        }
      }
  return result;
}

// Magnitude of dw.
Values weight_magnitude(const Conv2dProblem& t, const Values& x, const Values& da) {
  Values result(static_cast<size_t>(t.w_shape().numel()));
  const auto at = transposed(make_a());
  const auto g = make_g();
  const auto b = make_b();
  std::vector<Matrix<6, 6>> v(static_cast<size_t>(t.c)), d(static_cast<size_t>(t.k));
  std::vector<Matrix<6, 6>> sums(v.size() * d.size());
  for (int n = 0; n < t.n; ++n)
    for (int row = 0; row < t.p(); row += 4)
      for (int column = 0; column < t.q(); column += 4) {
        for (int c = 0; c < t.c; ++c) {
          v[static_cast<size_t>(c)] =
              magnitudes(b, patch<6>(x, t.h, t.w, t.c, n, row - t.pad_top, column - t.pad_left, c));
        }
        for (int k = 0; k < t.k; ++k) {
          d[static_cast<size_t>(k)] =
              magnitudes(at, patch<4>(da, t.p(), t.q(), t.k, n, row, column, k));
        }
        for (size_t i = 0; i < sums.size(); ++i)
          add_product(sums[i], d[i / v.size()], v[i % v.size()]);
      }
  for (int k = 0; k < t.k; ++k)
    for (int c = 0; c < t.c; ++c) {
      const Matrix<6, 6>& sum = sums[static_cast<size_t>(k * t.c + c)];
      const auto dw = magnitudes(g, sum);
      for (int i = 0; i < 9; ++i)
        result[static_cast<size_t>((k * 9 + i) * t.c + c)] =
            dw[static_cast<size_t>(i / 3)][static_cast<size_t>(i % 3)];
    }
  return result;
}

Tolerance roundings(int64_t terms) {
  return {.c = static_cast<double>(terms) + 6 * 4 + 4};
}

template <class Variants>
auto find_winograd(const Variants& variants) -> decltype(&variants[0]) {
  for (const auto& variant : variants)
    if (std::string_view(variant.name) == "winograd") return &variant;
  return nullptr;
}

// The variant runs every 3x3 shape where the machine has AVX-512; a layer of a model tells whether.
bool machine_has_avx512(const Stream& stream) {
  const auto* variant = find_winograd(conv2d_backward_weight_variants());
  const Conv2dProblem t = {.n = 4, .h = 66, .w = 66, .c = 128, .k = 128, .r = 3, .s = 3};
  return variant && variant->accepts(stream, {t,
                                              {nullptr, t.x_shape(), DType::kF32},
                                              {nullptr, t.a_shape(), DType::kF32},
                                              {{nullptr, t.w_shape(), DType::kF32}}});
}

constexpr Conv2dProblem problem(int n, int h, int w, int c, int k, std::array<int, 4> pad) {
  return {.n = n,
          .h = h,
          .w = w,
          .c = c,
          .k = k,
          .r = 3,
          .s = 3,
          .pad_top = pad[0],
          .pad_left = pad[1],
          .pad_bottom = pad[2],
          .pad_right = pad[3]};
}

// One tile and part of one, several groups of tiles, channel tails, both chunks of channels, both
// chunks of tiles.
const Conv2dProblem kProblems[] = {
    problem(1, 4, 4, 1, 1, {1, 1, 1, 1}),    problem(1, 1, 1, 3, 5, {1, 1, 1, 1}),
    problem(2, 5, 9, 17, 33, {1, 1, 1, 1}),  problem(3, 8, 8, 16, 44, {1, 1, 1, 1}),
    problem(1, 9, 6, 20, 8, {0, 0, 0, 0}),   problem(2, 7, 5, 5, 18, {2, 0, 1, 2}),
    problem(1, 6, 7, 8, 12, {0, 2, 2, 1}),   problem(2, 8, 8, 300, 20, {1, 1, 1, 1}),
    problem(2, 8, 8, 20, 300, {1, 1, 1, 1}), problem(3, 24, 25, 16, 16, {1, 1, 1, 1}),
};

class Conv2dWinograd : public ::testing::TestWithParam<Conv2dProblem> {
 protected:
  void SetUp() override {
    if (!machine_has_avx512(stream_)) GTEST_SKIP() << "this machine has no AVX-512";
  }

  void forward(const Conv2dEpilogue& epilogue) {
    const Conv2dProblem& t = GetParam();
    TestBuffer x(t.x_shape(), DType::kF32), w(t.w_shape(), DType::kF32), b({t.k}, DType::kF32);
    TestBuffer residual(t.a_shape(), DType::kF32), y(epilogue.y_shape(t), DType::kF32);
    const Values x_values = x.set(random_reals(t.x_shape().numel(), 1));
    const Values w_values = w.set(random_reals(t.w_shape().numel(), 2));
    const Values b_values = b.set(random_reals(t.k, 3));
    const Values residual_values = residual.set(random_reals(t.a_shape().numel(), 4));
    find_winograd(conv2d_forward_variants())
        ->run(stream_, {t, epilogue, x.view(), w.view(), b.view(), residual.view(), y.mut()});
    RefTensor expected =
        ref::conv2d_forward(t, epilogue, x_values, w_values, b_values, residual_values);
    const Values magnitude = convolution_magnitude(
        x_values, t.n, t.h, t.w, t.c, t.pad_top, t.pad_left, t.p(), t.q(), t.k,
        [&](int k, int c, int r, int s) {
          return w_values[static_cast<size_t>(((k * 3 + r) * 3 + s) * t.c + c)];
        });
    for (size_t i = 0; i < magnitude.size();
         ++i) {  // on top of the direct sum's, bias and residual
      expected.magnitude[ref::conv2d_store_at(t, epilogue.depth_to_space, i)] += magnitude[i];
    }
    EXPECT_TRUE(within(y, expected, roundings(t.c)));
  }

  void backward_data(GradMode mode) {
    const Conv2dProblem& t = GetParam();
    TestBuffer da(t.a_shape(), DType::kF32), w(t.w_shape(), DType::kF32);
    TestBuffer dx(t.x_shape(), DType::kF32);
    const Values da_values = da.set(random_reals(t.a_shape().numel(), 1));
    const Values w_values = w.set(random_reals(t.w_shape().numel(), 2));
    RefTensor expected = ref::conv2d_backward_data(t, da_values, w_values);
    expected.magnitude = convolution_magnitude(
        da_values, t.n, t.p(), t.q(), t.k, 2 - t.pad_top, 2 - t.pad_left, t.h, t.w, t.c,
        [&](int c, int k, int r, int s) {
          return w_values[static_cast<size_t>(((k * 3 + 2 - r) * 3 + 2 - s) * t.c + c)];
        });
    if (mode == GradMode::kAccumulate) {
      const Values start = dx.set(random_reals(t.x_shape().numel(), 3));
      for (size_t i = 0; i < start.size(); ++i) ref::add_term(expected, i, start[i]);
    }
    find_winograd(conv2d_backward_data_variants())
        ->run(stream_, {t, da.view(), w.view(), dx.grad(mode)});
    EXPECT_TRUE(within(dx, expected, roundings(t.k)));
  }

  void backward_weight(GradMode mode) {
    const Conv2dProblem& t = GetParam();
    TestBuffer x(t.x_shape(), DType::kF32), da(t.a_shape(), DType::kF32);
    TestBuffer dw(t.w_shape(), DType::kF32);
    const Values x_values = x.set(random_reals(t.x_shape().numel(), 1));
    const Values da_values = da.set(random_reals(t.a_shape().numel(), 2));
    RefTensor expected = ref::conv2d_backward_weight(t, x_values, da_values);
    expected.magnitude = weight_magnitude(t, x_values, da_values);
    if (mode == GradMode::kAccumulate) {
      const Values start = dw.set(random_reals(t.w_shape().numel(), 3));
      for (size_t i = 0; i < start.size(); ++i) ref::add_term(expected, i, start[i]);
    }
    find_winograd(conv2d_backward_weight_variants())
        ->run(stream_, {t, x.view(), da.view(), dw.grad(mode)});
    EXPECT_TRUE(within(dw, expected, roundings(int64_t{t.n} * t.p() * t.q())));
  }

  Stream stream_{Engine::kCpu, 2};
};

TEST_P(Conv2dWinograd, ForwardStaysWithinBound) {
  forward({});
}

TEST_P(Conv2dWinograd, ForwardWithBiasResidualAndLeakyStaysWithinBound) {
  forward({.bias = true, .residual = true, .leaky_slope = 0.1f});
}

TEST_P(Conv2dWinograd, ForwardMovesDepthToSpace) {
  if (GetParam().k % 4 != 0) GTEST_SKIP() << "K is not divisible by 4";
  forward({.bias = true, .leaky_slope = 0.1f, .depth_to_space = true});
}

TEST_P(Conv2dWinograd, BackwardDataStaysWithinBound) {
  backward_data(GradMode::kOverwrite);
}

TEST_P(Conv2dWinograd, BackwardDataAccumulates) {
  backward_data(GradMode::kAccumulate);
}

TEST_P(Conv2dWinograd, BackwardWeightStaysWithinBound) {
  backward_weight(GradMode::kOverwrite);
}

TEST_P(Conv2dWinograd, BackwardWeightAccumulates) {
  backward_weight(GradMode::kAccumulate);
}

std::string name_of_problem(const ::testing::TestParamInfo<Conv2dProblem>& test) {
  return str(test.param);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv2dWinograd, ::testing::ValuesIn(kProblems), name_of_problem);

// The bits do not depend on how blocks are dealt to threads.
TEST(Conv2dWinogradThreads, GiveTheSameBits) {
  const Conv2dProblem t = problem(4, 16, 16, 96, 80, {1, 1, 1, 1});
  Stream one(Engine::kCpu, 1), two(Engine::kCpu, 2);
  if (!machine_has_avx512(one)) GTEST_SKIP() << "this machine has no AVX-512";
  TestBuffer x(t.x_shape(), DType::kF32), da(t.a_shape(), DType::kF32);
  TestBuffer first(t.w_shape(), DType::kF32), second(t.w_shape(), DType::kF32);
  x.set(random_reals(t.x_shape().numel(), 1));
  da.set(random_reals(t.a_shape().numel(), 2));
  const auto* variant = find_winograd(conv2d_backward_weight_variants());
  one.set_threads(1);
  variant->run(one, {t, x.view(), da.view(), first.grad()});
  two.set_threads(2);
  variant->run(two, {t, x.view(), da.view(), second.grad()});
  for (size_t i = 0; i < static_cast<size_t>(t.w_shape().numel()); ++i) {
    ASSERT_EQ(first.get(i), second.get(i)) << "at " << i;
  }
}

// The bound above would hide an error of all elements by a factor: at the size of a model's layer
// the error stays within a few roundings of the direct sum's magnitude (measured 2 to 6).
TEST(Conv2dWinogradAccuracy, IsThatOfAFewRoundings) {
  const Conv2dProblem t = problem(1, 8, 8, 128, 16, {1, 1, 1, 1});
  Stream stream(Engine::kCpu, 1);
  if (!machine_has_avx512(stream)) GTEST_SKIP() << "this machine has no AVX-512";
  TestBuffer x(t.x_shape(), DType::kF32), w(t.w_shape(), DType::kF32), y(t.a_shape(), DType::kF32);
  const Values x_values = x.set(random_reals(t.x_shape().numel(), 1));
  const Values w_values = w.set(random_reals(t.w_shape().numel(), 2));
  find_winograd(conv2d_forward_variants())
      ->run(stream, {t, {}, x.view(), w.view(), {}, {}, y.mut()});
  const RefTensor expected = ref::conv2d_forward(t, {}, x_values, w_values, {}, {});
  EXPECT_TRUE(within(y, expected, {.c = 20}));
}

}  // namespace
}  // namespace diptych
