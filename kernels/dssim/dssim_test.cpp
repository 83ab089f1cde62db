// Tests of dssim.
// SPDX-License-Identifier: MIT
#include "kernels/dssim/dssim.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "kernels/dssim/dssim_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

const std::vector<DssimProblem> kCases = {{.n = 1, .h = 1, .w = 1, .c = 1, .window = 1},
                                          {.n = 1, .h = 5, .w = 5, .c = 1, .window = 5},
                                          {.n = 2, .h = 9, .w = 7, .c = 3, .window = 2},
                                          {.n = 1, .h = 13, .w = 22, .c = 3, .window = 5},
                                          {.n = 3, .h = 20, .w = 17, .c = 1, .window = 8},
                                          {.n = 1, .h = 37, .w = 31, .c = 2, .window = 11},
                                          {.n = 1, .h = 30, .w = 29, .c = 1, .window = 28}};

// Taps down and along, the products and the weights' own rounding.
double roundings(int window) {
  return 2.0 * std::min(window, 23) + 6;
}

std::vector<double> picture(int64_t count, uint64_t seed) {
  auto x = random_reals(count, seed);
  for (double& v : x) v = 0.5 + 0.5 * v;
  return x;
}

// y follows x, as a prediction does, so that l*cs is not lost in noise.
std::vector<double> prediction(const std::vector<double>& x, uint64_t seed) {
  auto y = picture(static_cast<int64_t>(x.size()), seed);
  for (size_t i = 0; i < y.size(); ++i) y[i] = 0.7 * x[i] + 0.3 * y[i];
  return y;
}

struct Pass {
  explicit Pass(const DssimProblem& problem)
      : p(problem),
        x(p.x_shape(), DType::kF32),
        y(p.x_shape(), DType::kF32),
        loss(p.loss_shape(), DType::kF32),
        saved(p.saved_shape(), DType::kF32),
        dloss(p.loss_shape(), DType::kF32),
        dy(p.x_shape(), DType::kF32) {
    xv = x.set(picture(p.x_shape().numel(), 1));
    yv = y.set(prediction(xv, 2));
    dv = dloss.set(random_reals(p.loss_shape().numel(), 3));
  }

  void forward(Stream& stream) {
    dssim_forward(stream, p, x.view(), y.view(), loss.mut(), saved.mut());
  }

  void backward(Stream& stream, GradMode mode = GradMode::kOverwrite) {
    dssim_backward(stream, p, x.view(), y.view(), saved.view(), dloss.view(), dy.grad(mode));
  }

  DssimRef reference(int n, int c) const {
    std::vector<double> a, b;
    for (int i = 0; i < p.h * p.w; ++i) {
      const auto at = static_cast<size_t>((n * p.h * p.w + i) * p.c + c);
      a.push_back(xv[at]);
      b.push_back(yv[at]);
    }
    return dssim_ref(a, b, p.h, p.w, p.window);
  }

  DssimProblem p;
  TestBuffer x, y, loss, saved, dloss, dy;
  std::vector<double> xv, yv, dv;
};

TEST(Dssim, ForwardIsWithinItsBound) {
  Stream stream;
  for (const DssimProblem& p : kCases) {
    Pass run(p);
    run.forward(stream);
    RefTensor ref;
    for (int n = 0; n < p.n; ++n)
      for (int c = 0; c < p.c; ++c) {
        const DssimRef r = run.reference(n, c);
        ref.value.push_back(r.loss);
        ref.magnitude.push_back(r.loss_magnitude);
      }
    EXPECT_TRUE(within(run.loss, ref, {.c = roundings(p.window)})) << p;
    EXPECT_TRUE(run.saved.guards_intact()) << p;
  }
}

TEST(Dssim, BackwardIsWithinItsBound) {
  Stream stream;
  for (const DssimProblem& p : kCases) {
    Pass run(p);
    run.forward(stream);
    RefTensor ref{std::vector<double>(run.xv.size()), std::vector<double>(run.xv.size())};
    for (int n = 0; n < p.n; ++n)
      for (int c = 0; c < p.c; ++c) {
        const DssimRef r = run.reference(n, c);
        const double up = run.dv[static_cast<size_t>(n * p.c + c)];
        for (int i = 0; i < p.h * p.w; ++i) {
          const auto at = static_cast<size_t>((n * p.h * p.w + i) * p.c + c);
          ref.value[at] = up * r.gradient[static_cast<size_t>(i)];
          ref.magnitude[at] = std::abs(up) * r.gradient_magnitude[static_cast<size_t>(i)];
        }
      }
    // Pixels that only taps left out would reach: 1e-12 of the largest, far below this.
    const double largest = *std::max_element(ref.magnitude.begin(), ref.magnitude.end());
    for (double& m : ref.magnitude) m += 1e-6 * largest;
    run.backward(stream);
    EXPECT_TRUE(within(run.dy, ref, {.c = 2 * roundings(p.window)})) << p;
    run.backward(stream, GradMode::kAccumulate);
    for (double& v : ref.value) v *= 2;
    for (double& m : ref.magnitude) m *= 2;
    EXPECT_TRUE(within(run.dy, ref, {.c = 2 * roundings(p.window)})) << p << " accumulated";
  }
}

TEST(Dssim, ForwardWithoutSavedGivesTheSameLoss) {
  Stream stream;
  for (const DssimProblem& p : kCases) {
    Pass run(p);
    run.forward(stream);
    TestBuffer loss(p.loss_shape(), DType::kF32);
    dssim_forward(stream, p, run.x.view(), run.y.view(), loss.mut(), {});
    for (size_t i = 0; i < static_cast<size_t>(p.n * p.c); ++i)
      EXPECT_NEAR(loss.get(i), run.loss.get(i), 2e-6) << p;  // quotients against reciprocals
  }
}

TEST(Dssim, EqualPicturesHaveNoLossAndNoGradient) {
  Stream stream;
  Pass run({.n = 2, .h = 21, .w = 19, .c = 3, .window = 8});
  run.y.set(run.xv);
  run.forward(stream);
  run.backward(stream);
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(run.loss.get(i), 0.0, 1e-6);
  for (size_t i = 0; i < run.xv.size(); ++i) ASSERT_NEAR(run.dy.get(i), 0.0, 1e-6);
}

TEST(Dssim, SameBitsWhateverTheThreadCount) {
  const DssimProblem p{.n = 2, .h = 67, .w = 41, .c = 3, .window = 5};
  Pass a(p), b(p);
  Stream one(Engine::kCpu, 1);
  a.forward(one);
  a.backward(one);
  Stream three(Engine::kCpu, 3);
  b.forward(three);
  b.backward(three);
  for (size_t i = 0; i < 6; ++i) ASSERT_EQ(a.loss.get(i), b.loss.get(i));
  for (size_t i = 0; i < a.xv.size(); ++i) ASSERT_EQ(a.dy.get(i), b.dy.get(i)) << i;
}

// Uniform numbers of the spec (networks.md 11).
double spec_uniform(uint32_t j, uint32_t k) {
  uint32_t u = j * 2654435761u + k * 1013904223u + 1u;
  u ^= u >> 15;
  u *= 2246822519u;
  u ^= u >> 13;
  return u / 4294967296.0;
}

// Spec training.md 10: x = h(j,1), y = f32(0.7 x + 0.3 h(j,2)), in channel, row, column order.
TEST(Dssim, TestVectorsOfTheSpec) {
  Stream stream;

  const struct {
    int size, window;
    double loss[3];
  } vectors[] = {{64, 5, {0.06130541, 0.05913737, 0.05793665}},
                 {128, 11, {0.05849612, 0.05768769, 0.05900069}},
                 {256, 22, {0.05813293, 0.05813434, 0.05918233}},
                 {256, 11, {0.05826452, 0.05816918, 0.05896960}}};

  for (const auto& v : vectors) {
    const DssimProblem p = make_dssim_problem({1, v.size, v.size, 3}, v.window);
    TestBuffer x(p.x_shape(), DType::kF32), y(p.x_shape(), DType::kF32),
        loss(p.loss_shape(), DType::kF32);
    const auto pixels = static_cast<uint32_t>(v.size * v.size);
    std::vector<double> xv(size_t{3} * pixels), yv(xv.size());
    for (uint32_t c = 0; c < 3; ++c)
      for (uint32_t i = 0; i < pixels; ++i) {
        const double a = static_cast<float>(spec_uniform(c * pixels + i, 1));
        const double b = static_cast<float>(spec_uniform(c * pixels + i, 2));
        xv[size_t{i} * 3 + c] = a;
        yv[size_t{i} * 3 + c] = 0.7 * a + 0.3 * b;
      }
    x.set(xv);
    y.set(yv);
    dssim_forward(stream, p, x.view(), y.view(), loss.mut(), {});
    for (size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(loss.get(c), v.loss[c], 3e-7) << p << " channel " << c;
  }
}

TEST(Dssim, ReferenceBackwardMatchesFiniteDifferences) {
  const int h = 6, w = 7, f = 3;
  const auto x = picture(h * w, 5);
  const auto y = prediction(x, 6);
  const DssimRef r = dssim_ref(x, y, h, w, f);
  const double step = 1e-6;
  for (size_t i = 0; i < x.size(); ++i) {
    auto up = y, down = y;
    up[i] += step;
    down[i] -= step;
    const double slope =
        (dssim_ref(x, up, h, w, f).loss - dssim_ref(x, down, h, w, f).loss) / (2 * step);
    EXPECT_NEAR(r.gradient[i], slope, 1e-8) << i;
  }
}

TEST(Dssim, NanShowsInItsChannelOnly) {
  Stream stream;
  Pass run({.n = 2, .h = 12, .w = 12, .c = 3, .window = 5});
  auto values = run.yv;
  values[(144 + 50) * 3 + 1] = std::numeric_limits<double>::quiet_NaN();
  run.y.set(values);
  run.forward(stream);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(std::isnan(run.loss.get(i)), i == 4);
}

TEST(Dssim, RejectsWhatDoesNotFit) {
  Stream stream;
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message([] {
              make_dssim_problem({4, 4, 3}, 2);
            }),
            "dssim: (4,4,3), expected (N,H,W,C)");
  EXPECT_EQ(message([] {
              make_dssim_problem({1, 4, 9, 3}, 5);
            }),
            "dssim: window = 5 does not fit in (1,4,9,3)");
  EXPECT_NE(message([] { make_dssim_problem({1, 4, 9, 3}, 0); }), "accepted");
  EXPECT_NE(message([] { make_dssim_problem({0, 4, 9, 3}, 2); }), "accepted");
  const DssimProblem p{.n = 1, .h = 6, .w = 6, .c = 3, .window = 3};
  Pass run(p);
  TestBuffer other({1, 6, 6, 1}, DType::kF32), half(p.x_shape(), DType::kBF16);
  EXPECT_EQ(
      message([&] { dssim_forward(stream, p, other.view(), run.y.view(), run.loss.mut(), {}); }),
      "dssim_forward: target is (1,6,6,1) f32, expected (1,6,6,3) f32");
  EXPECT_EQ(
      message([&] { dssim_forward(stream, p, run.x.view(), half.view(), run.loss.mut(), {}); }),
      "dssim_forward: prediction is (1,6,6,3) bf16, expected (1,6,6,3) f32");
  EXPECT_NE(message([&] { dssim_forward(stream, p, run.x.view(), run.y.view(), other.mut(), {}); }),
            "accepted");
  EXPECT_NE(message([&] {
              dssim_forward(stream, p, run.x.view(), run.y.view(), run.loss.mut(), other.mut());
            }),
            "accepted");
  EXPECT_EQ(message([&] {
              dssim_backward(stream, p, run.x.view(), run.y.view(), {}, run.dloss.view(),
                             run.dy.grad());
            }),
            "dssim_backward: saved is () f32, expected (1,4,12,3) f32");
  EXPECT_NE(message([&] {
              dssim_backward(stream, p, run.x.view(), run.y.view(), run.saved.view(), other.view(),
                             run.dy.grad());
            }),
            "accepted");
}

}  // namespace
}  // namespace diptych
