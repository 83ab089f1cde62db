// dssim's kernels against the double reference.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/dssim/dssim_cuda.h"
#include "kernels/dssim/dssim_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

const std::vector<DssimProblem> kCases = {{.n = 1, .h = 1, .w = 1, .c = 1, .window = 1},
                                          {.n = 1, .h = 5, .w = 5, .c = 1, .window = 5},
                                          {.n = 2, .h = 9, .w = 7, .c = 3, .window = 2},
                                          {.n = 1, .h = 13, .w = 22, .c = 3, .window = 5},
                                          {.n = 1, .h = 37, .w = 31, .c = 2, .window = 11},
                                          {.n = 1, .h = 30, .w = 29, .c = 1, .window = 28}};

struct Step {
  const char* name;
  decltype(&dssim_forward_naive_cuda) forward;
  decltype(&dssim_backward_naive_cuda) backward;
};

constexpr Step kSteps[] = {{"naive", dssim_forward_naive_cuda, dssim_backward_naive_cuda},
                           {"tiled", dssim_forward_tiled_cuda, dssim_backward_tiled_cuda}};

// Taps down and along, the products and the weights' own rounding.
double roundings(int window) {
  return 2.0 * std::min(window, 23) + 6;
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
    auto target = random_reals(p.x_shape().numel(), 1);
    auto prediction = random_reals(p.x_shape().numel(), 2);
    for (size_t i = 0; i < target.size(); ++i) {  // a prediction follows its target
      target[i] = 0.5 + 0.5 * target[i];
      prediction[i] = 0.7 * target[i] + 0.3 * (0.5 + 0.5 * prediction[i]);
    }
    xv = x.set(target);
    yv = y.set(prediction);
    dv = dloss.set(random_reals(p.loss_shape().numel(), 3));
  }

  void forward(const Step& step, bool save = true) {
    const DeviceArray<double> workspace(dssim_workspace(p) / sizeof(double));
    step.forward(nullptr, p,
                 {x.view(), y.view(), loss.mut(), save ? saved.mut() : MutView{}, workspace.get()});
    simt::synchronize();
  }

  void backward(const Step& step, GradMode mode = GradMode::kOverwrite) {
    step.backward(nullptr, p, {x.view(), y.view(), saved.view(), dloss.view(), dy.grad(mode)});
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
  DeviceBuffer x, y, loss, saved, dloss, dy;
  std::vector<double> xv, yv, dv;
};

TEST(DssimSim, LossIsWithinItsBound) {
  for (const DssimProblem& p : kCases) {
    Pass run(p);
    RefTensor ref;
    for (int n = 0; n < p.n; ++n)
      for (int c = 0; c < p.c; ++c) {
        const DssimRef r = run.reference(n, c);
        ref.value.push_back(r.loss);
        ref.magnitude.push_back(r.loss_magnitude);
      }
    for (const Step& step : kSteps)
      for (const bool save : {true, false}) {
        run.forward(step, save);
        EXPECT_TRUE(within(run.loss.fetch(), ref, {.c = roundings(p.window)}))
            << step.name << " " << p;
      }
  }
}

TEST(DssimSim, BackwardIsWithinItsBoundAndAccumulates) {
  for (const DssimProblem& p : kCases) {
    Pass run(p);
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
    RefTensor twice = ref;
    for (double& v : twice.value) v *= 2;
    for (double& m : twice.magnitude) m *= 2;
    for (const Step& step : kSteps) {
      SCOPED_TRACE(step.name + str(" ", p));
      run.forward(step);
      run.backward(step);
      EXPECT_TRUE(within(run.dy.fetch(), ref, {.c = 2 * roundings(p.window)}));
      run.backward(step, GradMode::kAccumulate);
      EXPECT_TRUE(within(run.dy.fetch(), twice, {.c = 2 * roundings(p.window)}));
    }
  }
}

TEST(DssimSim, EqualPicturesHaveNoLossAndNoGradientToSpeakOf) {
  for (const Step& step : kSteps) {
    Pass run({.n = 1, .h = 20, .w = 19, .c = 3, .window = 8});
    run.y.set(run.xv);
    run.forward(step);
    run.backward(step);
    for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(run.loss.fetch().get(i), 0, 1e-6) << step.name;
    for (size_t i = 0; i < run.xv.size(); ++i)
      ASSERT_NEAR(run.dy.fetch().get(i), 0, 1e-5) << step.name << " " << i;
  }
}

TEST(DssimSim, NanShowsInItsSampleAndChannelOnly) {
  for (const Step& step : kSteps) {
    Pass run({.n = 2, .h = 12, .w = 12, .c = 3, .window = 5});
    run.yv[(12 * 12 + 40) * 3 + 2] = std::numeric_limits<double>::quiet_NaN();
    run.y.set(run.yv);
    run.forward(step);
    for (size_t i = 0; i < 6; ++i)
      EXPECT_EQ(std::isnan(run.loss.fetch().get(i)), i == 5) << step.name << " " << i;
  }
}

}  // namespace
}  // namespace diptych
