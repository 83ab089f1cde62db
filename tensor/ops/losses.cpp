// Losses on the tape: one value per sample. Targets and masks are data and get no gradient.
// SPDX-License-Identifier: MIT
#include "kernels/add/add.h"
#include "kernels/dssim/dssim.h"
#include "kernels/dssim/picture_loss.h"
#include "kernels/pixel_loss/pixel_loss.h"
#include "kernels/reduce/reduce.h"
#include "tensor/ops.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

Tensor dssim_loss(const Tensor& target, const Tensor& prediction, int window) {
  const OpTimer timer("dssim");
  const DssimProblem problem = make_dssim_problem(prediction.shape(), window);
  const Tensor per_channel = Tensor::empty(problem.loss_shape());
  const Tensor saved = recording({&prediction}) ? Tensor::empty(problem.saved_shape()) : Tensor();
  dssim_forward(current_stream(), problem, target, prediction, per_channel, saved);
  Tensor loss = Tensor::empty({per_channel.shape()[0]});
  mean_rows_forward(current_stream(), per_channel, loss);
  record("dssim", {&prediction}, loss, [=](const Tensor& dloss) {
    const Tensor d_channel = Tensor::empty(problem.loss_shape());
    mean_rows_backward(current_stream(), dloss, {d_channel.mut(), GradMode::kOverwrite});
    dssim_backward(current_stream(), problem, target, prediction, saved, d_channel,
                   prediction.grad_view());
  });
  return loss;
}

namespace {

Tensor fused_picture_loss(const Tensor& target,
                          const Tensor& prediction,
                          const Tensor& mask,
                          const PictureTerms& terms) {
  const OpTimer timer("picture_loss");
  const DssimProblem problem = make_dssim_problem(prediction.shape(), terms.window);
  const PictureLossWeights weights = {terms.structure, terms.squares};
  const Tensor saved = recording({&prediction}) ? Tensor::empty(problem.saved_shape()) : Tensor();
  Tensor loss = Tensor::empty({prediction.shape()[0]});
  picture_loss_forward(current_stream(), problem, weights, target, prediction, mask, loss, saved);
  record("picture_loss", {&prediction}, loss, [=](const Tensor& dloss) {
    picture_loss_backward(current_stream(), problem, weights, target, prediction, mask, saved,
                          dloss, prediction.grad_view());
  });
  return loss;
}

}  // namespace

Tensor picture_loss(const Tensor& target,
                    const Tensor& prediction,
                    const Tensor& mask,
                    const PictureTerms& terms) {
  if (current_stream().on_device()) return fused_picture_loss(target, prediction, mask, terms);
  const Tensor t = mask.defined() ? mul_mask(target, mask) : target;
  const Tensor p = mask.defined() ? mul_mask(prediction, mask) : prediction;
  const Tensor structure = dssim_loss(t, p, terms.window);
  const Tensor pixels = terms.squares != 0 ? squared_error(t, p) : Tensor();
  return weighted_sum({{terms.structure, &structure}, {terms.squares, &pixels}});
}

Tensor squared_error(const Tensor& target, const Tensor& prediction, const Tensor& mask) {
  const OpTimer timer("squared_error");
  Tensor loss = Tensor::empty({prediction.shape()[0]});
  squared_error_forward(current_stream(), target, prediction, mask, loss);
  record("squared_error", {&prediction}, loss, [=](const Tensor& dloss) {
    squared_error_backward(current_stream(), target, prediction, mask, dloss,
                           prediction.grad_view());
  });
  return loss;
}

Tensor masked_abs_error(const Tensor& target, const Tensor& prediction, const Tensor& mask) {
  const OpTimer timer("absolute_error");
  Tensor loss = Tensor::empty({prediction.shape()[0]});
  absolute_error_forward(current_stream(), target, prediction, mask, loss);
  record("absolute_error", {&prediction}, loss, [=](const Tensor& dloss) {
    absolute_error_backward(current_stream(), target, prediction, mask, dloss,
                            prediction.grad_view());
  });
  return loss;
}

Tensor mul_mask(const Tensor& x, const Tensor& mask) {
  const OpTimer timer("mul_mask");
  Tensor y = Tensor::empty(x.shape());
  mul_mask_forward(current_stream(), x, mask, y);
  record("mul_mask", {&x}, y,
         [=](const Tensor& dy) { mul_mask_backward(current_stream(), dy, mask, x.grad_view()); });
  return y;
}

Tensor weighted_sum(std::initializer_list<std::pair<float, const Tensor*>> terms) {
  Tensor total;
  for (const auto& [weight, term] : terms) {
    if (!term->defined()) continue;
    Tensor sum = Tensor::empty(term->shape());
    const float factor = weight;
    const Tensor value = *term, before = total;
    if (before.defined()) {
      affine_forward(current_stream(), 1.0f, 0.0f, before, sum);
      add_scaled(current_stream(), factor, value, {sum.mut(), GradMode::kAccumulate});
    } else {
      affine_forward(current_stream(), factor, 0.0f, value, sum);
    }
    record("weighted_sum", {&value, &before}, sum, [=](const Tensor& dy) {
      if (value.needs_grad()) add_scaled(current_stream(), factor, dy, value.grad_view());
      if (before.needs_grad()) add_scaled(current_stream(), 1.0f, dy, before.grad_view());
    });
    total = sum;
  }
  DIPTYCH_CHECK(total.defined(), "weighted_sum: no term is defined");
  return total;
}

}  // namespace diptych
