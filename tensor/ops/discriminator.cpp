// What adversarial and style losses need on the tape: transposed convolution, cross-entropy on
// logits, total variation, blur, channel statistics.
// SPDX-License-Identifier: MIT
#include <utility>

#include "kernels/blur/blur.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/style_stats/style_stats.h"
#include "tensor/ops.h"
#include "tensor/ops/store_undo.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

// Gradient before the activation, in y's dtype.
Tensor undo_epilogue(Stream& stream,
                     const ConvTranspose2dProblem& problem,
                     const ConvTranspose2dEpilogue& epilogue,
                     const Tensor& y,
                     const Tensor& dy,
                     const Tensor& b,
                     StoreUndo* undo) {
  const GradView db = b.needs_grad() ? b.grad_view() : GradView{};
  if (!dy.defined()) {  // the last reader of y has done it
    const Tensor da = std::exchange(undo->da, {});
    if (db.defined()) conv_transpose2d_backward_epilogue(stream, problem, {}, {}, da, da, db);
    return da;
  }
  const bool plain = epilogue.leaky_slope == 1.0f;
  const Tensor da = plain ? dy : Tensor::empty(dy.shape(), dy.dtype());
  if (!plain || db.defined())
    conv_transpose2d_backward_epilogue(stream, problem, epilogue, y, dy, da, db);
  return da;
}

}  // namespace

Tensor conv_transpose2d(const Tensor& x,
                        const Tensor& w,
                        const Tensor& b,
                        const ConvTranspose2dBlock& block) {
  const OpTimer timer("conv_transpose2d");
  const ConvTranspose2dProblem problem =
      make_conv_transpose2d_problem(x.shape(), w.shape(), block.options);
  const ConvTranspose2dEpilogue epilogue = {.bias = b.defined(), .leaky_slope = block.leaky_slope};
  Tensor y = Tensor::empty(problem.y_shape(), block.out_dtype);
  conv_transpose2d_forward(current_stream(), problem, epilogue, x, w, b, y);
  // y is saved for the sign of the activation alone.
  const Tensor saved_y = epilogue.leaky_slope == 1.0f ? Tensor() : y.detach();
  const auto undo = make_store_undo({.leaky_slope = block.leaky_slope}, problem.y_shape());
  record("conv_transpose2d", {&x, &w, &b}, y, [=](const Tensor& dy) {
    Stream& stream = current_stream();
    const Tensor da = in_dtype(
        stream, undo_epilogue(stream, problem, epilogue, saved_y, dy, b, undo.get()), x.dtype());
    if (x.needs_grad()) conv_transpose2d_backward_data(stream, problem, da, w, x.grad_view());
    if (w.needs_grad()) conv_transpose2d_backward_weight(stream, problem, x, da, w.grad_view());
  });
  offer_store_undo(y, undo);
  return y;
}

Tensor bce_logits(const Tensor& logits, float label) {
  const OpTimer timer("bce_logits");
  Tensor loss = Tensor::empty({logits.shape()[0]});
  bce_logits_forward(current_stream(), logits, label, loss);
  record("bce_logits", {&logits}, loss, [=](const Tensor& dloss) {
    bce_logits_backward(current_stream(), logits, label, dloss, logits.grad_view());
  });
  return loss;
}

Tensor total_variation(const Tensor& x, TotalVariation form) {
  const OpTimer timer("total_variation");
  Tensor loss = Tensor::empty({x.shape()[0]});
  total_variation_forward(current_stream(), form, x, loss);
  record("total_variation", {&x}, loss, [=](const Tensor& dloss) {
    total_variation_backward(current_stream(), form, x, dloss, x.grad_view());
  });
  return loss;
}

Tensor gaussian_blur(const Tensor& x, double sigma) {
  const OpTimer timer("blur");
  Tensor y = Tensor::empty(x.shape());
  blur_forward(current_stream(), x, sigma, y);
  record("blur", {&x}, y,
         [=](const Tensor& dy) { blur_backward(current_stream(), dy, sigma, x.grad_view()); });
  return y;
}

Tensor style_stats(const Tensor& x) {
  const OpTimer timer("style_stats");
  DIPTYCH_CHECK(x.shape().rank() == 4, "style_stats: x ", x.shape(), ", expected (N,H,W,C)");
  Tensor stats = Tensor::empty({x.shape()[0], 2 * x.shape()[3]});
  style_stats_forward(current_stream(), x, stats);
  const Tensor saved = stats.detach();
  record("style_stats", {&x}, stats, [=](const Tensor& dstats) {
    style_stats_backward(current_stream(), x, saved, dstats, x.grad_view());
  });
  return stats;
}

}  // namespace diptych
