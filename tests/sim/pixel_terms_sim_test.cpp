// Cross-entropy and total variation on the device against the double reference.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/pixel_loss/pixel_loss_cuda.h"
#include "kernels/pixel_loss/pixel_loss_ref.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

const std::vector<Shape> kShapes = {
    {1, 1, 1, 1}, {1, 3, 5, 3}, {2, 7, 9, 1}, {3, 16, 17, 3}, {1, 90, 71, 3}};

struct Case {
  explicit Case(const Shape& s)
      : x(s, DType::kF32),
        q(s, DType::kF32),
        loss({s[0]}, DType::kF32),
        dloss({s[0]}, DType::kF32),
        dx(s, DType::kF32),
        workspace(pixel_terms_workspace(x.view()) / sizeof(double)) {
    std::vector<double> logits = random_reals(s.numel(), 1), labels = random_reals(s.numel(), 2);
    for (double& z : logits) z *= 12;  // both tails
    for (double& label : labels) label = label > 0 ? 1 : 0;
    xv = x.set(logits);
    qv = q.set(labels);
    dv = dloss.set(random_reals(s[0], 3));
  }

  // The reference's gradient times dloss, added `times` times.
  RefTensor scaled(const RefTensor& gradient, double times) const {
    RefTensor r = gradient;
    const size_t length = r.value.size() / dv.size();
    for (size_t i = 0; i < r.value.size(); ++i) {
      r.value[i] *= times * dv[i / length];
      r.magnitude[i] *= times * std::abs(dv[i / length]);
    }
    return r;
  }

  DeviceBuffer x, q, loss, dloss, dx;
  DeviceArray<double> workspace;
  std::vector<double> xv, qv, dv;
};

TEST(BceLogitsSim, ValueAndGradientAreWithinTheirBounds) {
  for (const Shape& s : kShapes) {
    Case run(s);
    const PixelLossRef ref = bce_ref(run.xv, run.qv, static_cast<size_t>(s[0]));
    bce_logits_cuda(nullptr, run.x.view(), run.q.view(), 0, run.loss.mut(), run.workspace.get());
    EXPECT_TRUE(within(run.loss.fetch(), ref.loss, {.c = 2})) << s;
    bce_logits_backward_cuda(nullptr, run.x.view(), run.q.view(), 0, run.dloss.view(),
                             run.dx.grad());
    EXPECT_TRUE(within(run.dx.fetch(), run.scaled(ref.gradient, 1), {.c = 2})) << s;
    bce_logits_backward_cuda(nullptr, run.x.view(), run.q.view(), 0, run.dloss.view(),
                             run.dx.grad(GradMode::kAccumulate));
    EXPECT_TRUE(within(run.dx.fetch(), run.scaled(ref.gradient, 2), {.c = 3})) << s;
  }
}

TEST(BceLogitsSim, OneLabelForAllEqualsLabelsThatAreAllAlike) {
  Case run({2, 7, 9, 1});
  run.q.set(std::vector<double>(126, 1.0));
  bce_logits_cuda(nullptr, run.x.view(), run.q.view(), 0, run.loss.mut(), run.workspace.get());
  const std::vector<double> each = run.loss.values();
  bce_logits_cuda(nullptr, run.x.view(), {}, 1, run.loss.mut(), run.workspace.get());
  EXPECT_EQ(run.loss.values(), each);
}

TEST(BceLogitsSim, FarLogitsStayFiniteAndNanShows) {
  Case run({2, 1, 2, 1});
  run.x.set({-200, 200, 1, std::numeric_limits<double>::quiet_NaN()});
  bce_logits_cuda(nullptr, run.x.view(), {}, 1, run.loss.mut(), run.workspace.get());
  EXPECT_DOUBLE_EQ(run.loss.fetch().get(0), 100.0);
  EXPECT_TRUE(std::isnan(run.loss.fetch().get(1)));
}

class TotalVariationSim : public ::testing::TestWithParam<TotalVariation> {};

TEST_P(TotalVariationSim, ValueAndGradientAreWithinTheirBounds) {
  const bool columns = GetParam() == TotalVariation::kRowsAndColumns;
  for (const Shape& s : kShapes) {
    Case run(s);
    const PixelLossRef ref = total_variation_ref(run.xv, s, columns);
    total_variation_cuda(nullptr, GetParam(), run.x.view(), run.loss.mut(), run.workspace.get());
    EXPECT_TRUE(within(run.loss.fetch(), ref.loss, {.c = 2})) << s;
    total_variation_backward_cuda(nullptr, GetParam(), run.x.view(), run.dloss.view(),
                                  run.dx.grad());
    EXPECT_TRUE(within(run.dx.fetch(), run.scaled(ref.gradient, 1), {.c = 2})) << s;
    total_variation_backward_cuda(nullptr, GetParam(), run.x.view(), run.dloss.view(),
                                  run.dx.grad(GradMode::kAccumulate));
    EXPECT_TRUE(within(run.dx.fetch(), run.scaled(ref.gradient, 2), {.c = 3})) << s;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Forms,
    TotalVariationSim,
    ::testing::Values(TotalVariation::kRowsAndColumns, TotalVariation::kRowsAndChannels),
    [](const auto& param) {
      return std::string(param.param == TotalVariation::kRowsAndColumns ? "columns" : "channels");
    });

}  // namespace
}  // namespace diptych
