// conv_transpose2d: checks, variant table, choice; the backward passes are conv2d's.
// SPDX-License-Identifier: MIT
#include "kernels/conv_transpose2d/conv_transpose2d.h"

#include "kernels/common/tensor_checks.h"
#include "kernels/common/variants.h"
#include "kernels/conv_transpose2d/conv_transpose2d_device.h"
#include "kernels/conv_transpose2d/conv_transpose2d_variants.h"

namespace diptych {

// Best first. One line adds a variant.
std::span<const ConvTranspose2dVariant> conv_transpose2d_forward_variants() {
  static const ConvTranspose2dVariant variants[] = {
      kConvTranspose2dAdjoint,
#ifdef DIPTYCH_HAVE_ONEDNN
      kConvTranspose2dOneDnn,
#endif
      kConvTranspose2dLoops,
  };
  return variants;
}

namespace {

void check_problem(const char* op, const ConvTranspose2dProblem& t) {
  const bool valid = t.n > 0 && t.h > 0 && t.w > 0 && t.c > 0 && t.k > 0 && t.r > 0 && t.s > 0 &&
                     t.stride > 0 && t.pad_top >= 0 && t.pad_left >= 0 && t.pad_bottom >= 0 &&
                     t.pad_right >= 0 && t.p() > 0 && t.q() > 0;
  DIPTYCH_CHECK(valid, op, ": no output is left or a size is out of range; ", t);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ConvTranspose2dProblem& t) {
  return out << "n" << t.n << "h" << t.h << "w" << t.w << "c" << t.c << "k" << t.k << "r" << t.r
             << "s" << t.s << "st" << t.stride << "pad" << t.pad_top << "_" << t.pad_left << "_"
             << t.pad_bottom << "_" << t.pad_right;
}

Conv2dProblem ConvTranspose2dProblem::conv2d() const {
  return {.n = n,
          .h = p(),
          .w = q(),
          .c = k,
          .k = c,
          .r = r,
          .s = s,
          .stride = stride,
          .pad_top = pad_top,
          .pad_left = pad_left,
          .pad_bottom = pad_bottom,
          .pad_right = pad_right};
}

ConvTranspose2dProblem make_conv_transpose2d_problem(const Shape& x,
                                                     const Shape& w,
                                                     const Conv2dOptions& options) {
  DIPTYCH_CHECK(x.rank() == 4 && w.rank() == 4,
                "conv_transpose2d: expected x (N,H,W,C) and w (C,R,S,K); x ", x, ", w ", w);
  DIPTYCH_CHECK(x[3] == w[0], "conv_transpose2d: x has C=", x[3], ", w expects C=", w[0], "; x ", x,
                ", w ", w);
  const auto size = [&](int64_t value) { return checked_size("conv_transpose2d", value, x, w); };
  const ConvTranspose2dProblem problem = {.n = size(x[0]),
                                          .h = size(x[1]),
                                          .w = size(x[2]),
                                          .c = size(x[3]),
                                          .k = size(w[3]),
                                          .r = size(w[1]),
                                          .s = size(w[2]),
                                          .stride = options.stride,
                                          .pad_top = options.pad_top,
                                          .pad_left = options.pad_left,
                                          .pad_bottom = options.pad_bottom,
                                          .pad_right = options.pad_right};
  check_problem("conv_transpose2d", problem);
  return problem;
}

void conv_transpose2d_forward(Stream& stream,
                              const ConvTranspose2dProblem& problem,
                              const ConvTranspose2dEpilogue& epilogue,
                              View x,
                              View w,
                              View b,
                              MutView y) {
  const char* op = "conv_transpose2d_forward";
  check_problem(op, problem);
  check_slope(op, problem, epilogue.leaky_slope);
  DIPTYCH_CHECK(y.dtype == x.dtype || y.dtype == DType::kF32, op, ": y is ", y.dtype, ", x is ",
                x.dtype, "; y is f32 or has the dtype of x");
  check_tensor(op, "x", x, problem.x_shape(), x.dtype);
  check_tensor(op, "w", w, problem.w_shape(), x.dtype);
  check_tensor(op, "y", y, problem.y_shape(), y.dtype);
  if (epilogue.bias) check_tensor(op, "b", b, {problem.k}, DType::kF32);
  const ConvTranspose2dForwardArgs args = {problem, epilogue, x, w, b, y};
  if (stream.on_device()) return conv_transpose2d_forward_device(stream, args);
  pick(op, conv_transpose2d_forward_variants(), stream, args).run(stream, args);
}

void conv_transpose2d_backward_epilogue(Stream& stream,
                                        const ConvTranspose2dProblem& problem,
                                        const ConvTranspose2dEpilogue& epilogue,
                                        View y,
                                        View dy,
                                        MutView da,
                                        GradView db) {
  const char* op = "conv_transpose2d_backward_epilogue";
  check_problem(op, problem);
  check_slope(op, problem, epilogue.leaky_slope);
  check_tensor(op, "dy", dy, problem.y_shape(), dy.dtype);
  check_tensor(op, "da", da, problem.y_shape(), dy.dtype);
  // Pointwise, so any convolution with this output has the same epilogue.
  const Conv2dProblem pointwise = {
      .n = problem.n, .h = problem.p(), .w = problem.q(), .c = 1, .k = problem.k, .r = 1, .s = 1};
  const Conv2dEpilogue same = {.bias = epilogue.bias, .leaky_slope = epilogue.leaky_slope};
  conv2d_backward_epilogue(stream, pointwise, same, y, dy, da, db);
}

void conv_transpose2d_backward_data(
    Stream& stream, const ConvTranspose2dProblem& problem, View da, View w, GradView dx) {
  const char* op = "conv_transpose2d_backward_data";
  check_problem(op, problem);
  check_tensor(op, "da", da, problem.y_shape(), da.dtype);
  check_tensor(op, "w", w, problem.w_shape(), da.dtype);
  check_tensor(op, "dx", dx, problem.x_shape(), da.dtype);
  const Conv2dEpilogue add_to_dx = {.residual = dx.accumulate()};
  conv2d_forward(stream, problem.conv2d(), add_to_dx, da, w, {}, dx.accumulate() ? dx : View{}, dx);
}

void conv_transpose2d_backward_weight(
    Stream& stream, const ConvTranspose2dProblem& problem, View x, View da, GradView dw) {
  const char* op = "conv_transpose2d_backward_weight";
  check_problem(op, problem);
  check_tensor(op, "x", x, problem.x_shape(), x.dtype);
  check_tensor(op, "da", da, problem.y_shape(), x.dtype);
  check_tensor(op, "dw", dw, problem.w_shape(), DType::kF32);
  conv2d_backward_weight(stream, problem.conv2d(), da, x, dw);
}

}  // namespace diptych
