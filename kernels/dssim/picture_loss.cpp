// picture_loss: checks.
// SPDX-License-Identifier: MIT
#include "kernels/dssim/picture_loss.h"

#include "kernels/dssim/picture_loss_cuda.h"

namespace diptych {

namespace {

void check(const char* op, const char* name, View v, const Shape& expected) {
  DIPTYCH_CHECK(v.shape == expected && v.dtype == DType::kF32, op, ": ", name, " is ", v,
                ", expected ", expected, " f32");
}

void check_all(const char* op,
               const Stream& stream,
               const DssimProblem& p,
               View target,
               View prediction,
               View mask,
               View loss) {
  DIPTYCH_CHECK(stream.on_device(), op, ": needs a device engine, not ", name_of(stream.engine()));
  DIPTYCH_CHECK(p.window >= 1 && p.window <= p.h && p.window <= p.w, op, ": window = ", p.window,
                " does not fit in ", p.x_shape());
  check(op, "target", target, p.x_shape());
  check(op, "prediction", prediction, p.x_shape());
  if (mask.defined()) check(op, "mask", mask, {p.n, p.h, p.w, 1});
  check(op, "loss", loss, {p.n});
}

}  // namespace

void picture_loss_forward(Stream& stream,
                          const DssimProblem& problem,
                          const PictureLossWeights& weights,
                          View target,
                          View prediction,
                          View mask,
                          MutView loss,
                          MutView saved) {
  const char* op = "picture_loss_forward";
  check_all(op, stream, problem, target, prediction, mask, loss);
  if (saved.defined()) check(op, "saved", saved, problem.saved_shape());
  picture_loss_forward_fused_cuda(stream.cuda(), problem,
                                  {weights, target, prediction, mask, loss, saved,
                                   stream.workspace(picture_loss_workspace(problem))});
}

void picture_loss_backward(Stream& stream,
                           const DssimProblem& problem,
                           const PictureLossWeights& weights,
                           View target,
                           View prediction,
                           View mask,
                           View saved,
                           View dloss,
                           GradView dprediction) {
  const char* op = "picture_loss_backward";
  check_all(op, stream, problem, target, prediction, mask, dloss);
  check(op, "saved", saved, problem.saved_shape());
  check(op, "dprediction", dprediction, problem.x_shape());
  picture_loss_backward_fused_cuda(stream.cuda(), problem,
                                   {weights, target, prediction, mask, saved, dloss, dprediction});
}

}  // namespace diptych
