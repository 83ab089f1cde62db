// The fused picture loss against the double reference of its parts.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/dssim/dssim_ref.h"
#include "kernels/dssim/picture_loss_cuda.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

const std::vector<DssimProblem> kCases = {{.n = 1, .h = 1, .w = 1, .c = 1, .window = 1},
                                          {.n = 2, .h = 9, .w = 7, .c = 3, .window = 2},
                                          {.n = 2, .h = 18, .w = 33, .c = 3, .window = 5},
                                          {.n = 1, .h = 30, .w = 29, .c = 1, .window = 28}};
constexpr PictureLossWeights kWeights = {.structure = 10, .squares = 7};

struct Pass {
  explicit Pass(const DssimProblem& problem, bool masked)
      : p(problem),
        x(p.x_shape(), DType::kF32),
        y(p.x_shape(), DType::kF32),
        m({p.n, p.h, p.w, 1}, DType::kF32),
        loss({p.n}, DType::kF32),
        saved(p.saved_shape(), DType::kF32),
        dloss({p.n}, DType::kF32),
        dy(p.x_shape(), DType::kF32),
        with_mask(masked) {
    const auto half = [](std::vector<double> v) {
      for (double& value : v) value = 0.5 + 0.5 * value;
      return v;
    };
    xv = x.set(half(random_reals(p.x_shape().numel(), 1)));
    yv = y.set(half(random_reals(p.x_shape().numel(), 2)));
    mv = m.set(half(random_reals(int64_t{p.n} * p.h * p.w, 4)));
    dv = dloss.set(random_reals(p.n, 3));
  }

  void forward() {
    const DeviceArray<double> workspace(picture_loss_workspace(p) / sizeof(double));
    picture_loss_forward_fused_cuda(
        nullptr, p,
        {kWeights, x.view(), y.view(), mask(), loss.mut(), saved.mut(), workspace.get()});
    simt::synchronize();
  }

  void backward(GradMode mode) {
    picture_loss_backward_fused_cuda(
        nullptr, p,
        {kWeights, x.view(), y.view(), mask(), saved.view(), dloss.view(), dy.grad(mode)});
    simt::synchronize();
  }

  View mask() const { return with_mask ? m.view() : View{}; }

  double mask_at(int n, int i) const {
    return with_mask ? mv[static_cast<size_t>(n * p.h * p.w + i)] : 1.0;
  }

  size_t at(int n, int c, int i) const {
    return static_cast<size_t>((n * p.h * p.w + i) * p.c + c);
  }

  // The parts by their definitions, on pictures that were multiplied by the mask.
  void reference(RefTensor& losses, RefTensor& gradient) const {
    losses = {std::vector<double>(static_cast<size_t>(p.n)),
              std::vector<double>(static_cast<size_t>(p.n))};
    gradient = {std::vector<double>(xv.size()), std::vector<double>(xv.size())};
    const double count = static_cast<double>(p.h) * p.w * p.c;
    for (int n = 0; n < p.n; ++n)
      for (int c = 0; c < p.c; ++c) {
        std::vector<double> u, v;
        for (int i = 0; i < p.h * p.w; ++i) {
          u.push_back(mask_at(n, i) * xv[at(n, c, i)]);
          v.push_back(mask_at(n, i) * yv[at(n, c, i)]);
        }
        const DssimRef r = dssim_ref(u, v, p.h, p.w, p.window);
        const auto sample = static_cast<size_t>(n);
        losses.value[sample] += kWeights.structure * r.loss / p.c;
        losses.magnitude[sample] += kWeights.structure * r.loss_magnitude / p.c;
        for (int i = 0; i < p.h * p.w; ++i) {
          const auto j = static_cast<size_t>(i);
          const double off = v[j] - u[j], up = dv[sample] * mask_at(n, i);
          losses.value[sample] += kWeights.squares * off * off / count;
          losses.magnitude[sample] += kWeights.squares * (u[j] + v[j]) * (u[j] + v[j]) / count;
          gradient.value[at(n, c, i)] =
              up * (kWeights.structure * r.gradient[j] / p.c + 2 * kWeights.squares * off / count);
          gradient.magnitude[at(n, c, i)] =
              std::abs(up) * (kWeights.structure * r.gradient_magnitude[j] / p.c +
                              2 * kWeights.squares * (u[j] + v[j]) / count);
        }
      }
  }

  DssimProblem p;
  DeviceBuffer x, y, m, loss, saved, dloss, dy;
  bool with_mask;
  std::vector<double> xv, yv, mv, dv;
};

double roundings(int window) {
  return 2.0 * std::min(window, 23) + 10;
}

TEST(PictureLossSim, LossAndGradientAreWithinTheirBounds) {
  for (const DssimProblem& p : kCases)
    for (const bool masked : {false, true}) {
      Pass run(p, masked);
      RefTensor losses, gradient;
      run.reference(losses, gradient);
      run.forward();
      EXPECT_TRUE(within(run.loss.fetch(), losses, {.c = roundings(p.window)})) << p << masked;
      run.backward(GradMode::kOverwrite);
      EXPECT_TRUE(within(run.dy.fetch(), gradient, {.c = 2 * roundings(p.window)})) << p << masked;
    }
}

TEST(PictureLossSim, BackwardAddsToWhatIsThere) {
  Pass run(kCases[2], true);
  run.forward();
  run.backward(GradMode::kOverwrite);
  const std::vector<double> once = run.dy.values();
  run.backward(GradMode::kAccumulate);
  const std::vector<double> twice = run.dy.values();
  for (size_t i = 0; i < once.size(); ++i) EXPECT_FLOAT_EQ(twice[i], 2 * once[i]) << i;
}

TEST(PictureLossSim, NanShowsInItsSampleOnly) {
  Pass run(kCases[2], true);
  run.xv[5] = std::numeric_limits<double>::quiet_NaN();
  run.x.set(run.xv);
  run.forward();
  EXPECT_TRUE(std::isnan(run.loss.fetch().get(0)));
  EXPECT_FALSE(std::isnan(run.loss.fetch().get(1)));
}

}  // namespace
}  // namespace diptych
