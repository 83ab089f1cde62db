// conv2d: checks, variant tables, choice. No loops.
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d.h"

#include "kernels/common/tensor_checks.h"
#include "kernels/common/variants.h"
#include "kernels/conv2d/conv2d_device.h"
#include "kernels/conv2d/conv2d_epilogue.h"
#include "kernels/conv2d/conv2d_variants.h"

namespace diptych {

// Best first. One line adds a variant.
std::span<const Conv2dVariant<Conv2dForwardArgs>> conv2d_forward_variants() {
  static const Conv2dVariant<Conv2dForwardArgs> variants[] = {
#ifdef DIPTYCH_HAVE_AVX512
      kConv2dForwardWinograd,
      kConv2dForwardAmx,
#endif
#ifdef DIPTYCH_HAVE_ONEDNN
      kConv2dForwardOneDnn,
#endif
      kConv2dForwardLoops,
  };
  return variants;
}

std::span<const Conv2dVariant<Conv2dBackwardDataArgs>> conv2d_backward_data_variants() {
  static const Conv2dVariant<Conv2dBackwardDataArgs> variants[] = {
#ifdef DIPTYCH_HAVE_AVX512
      kConv2dBackwardDataWinograd,
      kConv2dBackwardDataAmx,
#endif
#ifdef DIPTYCH_HAVE_ONEDNN
      kConv2dBackwardDataOneDnn,
#endif
      kConv2dBackwardDataLoops,
  };
  return variants;
}

std::span<const Conv2dVariant<Conv2dBackwardWeightArgs>> conv2d_backward_weight_variants() {
  static const Conv2dVariant<Conv2dBackwardWeightArgs> variants[] = {
#ifdef DIPTYCH_HAVE_AVX512
      kConv2dBackwardWeightWinograd,
      kConv2dBackwardWeightAmx,
#endif
#ifdef DIPTYCH_HAVE_ONEDNN
      kConv2dBackwardWeightOneDnn,
#endif
      kConv2dBackwardWeightLoops,
  };
  return variants;
}

namespace {

bool valid(const Conv2dProblem& t) {
  return t.n > 0 && t.h > 0 && t.w > 0 && t.c > 0 && t.k > 0 && t.r > 0 && t.s > 0 &&
         t.stride > 0 && t.pad_top >= 0 && t.pad_left >= 0 && t.pad_bottom >= 0 &&
         t.pad_right >= 0 && t.h + t.pad_top + t.pad_bottom >= t.r &&
         t.w + t.pad_left + t.pad_right >= t.s;
}

void check_problem(const char* op, const Conv2dProblem& problem) {
  DIPTYCH_CHECK(valid(problem), op, ": no output is left or a size is out of range; ", problem);
}

void check_epilogue(const char* op, const Conv2dProblem& problem, const Conv2dEpilogue& epilogue) {
  check_slope(op, problem, epilogue.leaky_slope);
  DIPTYCH_CHECK(!epilogue.depth_to_space || problem.k % 4 == 0, op,
                ": depth_to_space needs K divisible by 4; ", problem);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Conv2dProblem& t) {
  return out << "n" << t.n << "h" << t.h << "w" << t.w << "c" << t.c << "k" << t.k << "r" << t.r
             << "s" << t.s << "st" << t.stride << "pad" << t.pad_top << "_" << t.pad_left << "_"
             << t.pad_bottom << "_" << t.pad_right;
}

Shape Conv2dEpilogue::y_shape(const Conv2dProblem& problem) const {
  if (!depth_to_space) return problem.a_shape();
  return {problem.n, 2 * problem.p(), 2 * problem.q(), problem.k / 4};
}

Conv2dProblem make_conv2d_problem(const Shape& x, const Shape& w, const Conv2dOptions& options) {
  DIPTYCH_CHECK(x.rank() == 4 && w.rank() == 4, "conv2d: expected x (N,H,W,C) and w (K,R,S,C); x ",
                x, ", w ", w);
  DIPTYCH_CHECK(x[3] == w[3], "conv2d: x has C=", x[3], ", w expects C=", w[3], "; x ", x, ", w ",
                w);
  const auto size = [&](int64_t value) { return checked_size("conv2d", value, x, w); };
  const Conv2dProblem problem = {.n = size(x[0]),
                                 .h = size(x[1]),
                                 .w = size(x[2]),
                                 .c = size(x[3]),
                                 .k = size(w[0]),
                                 .r = size(w[1]),
                                 .s = size(w[2]),
                                 .stride = options.stride,
                                 .pad_top = options.pad_top,
                                 .pad_left = options.pad_left,
                                 .pad_bottom = options.pad_bottom,
                                 .pad_right = options.pad_right};
  check_problem("conv2d", problem);
  return problem;
}

void conv2d_forward(Stream& stream,
                    const Conv2dProblem& problem,
                    const Conv2dEpilogue& epilogue,
                    View x,
                    View w,
                    View b,
                    View residual,
                    MutView y) {
  const char* op = "conv2d_forward";
  check_problem(op, problem);
  check_epilogue(op, problem, epilogue);
  DIPTYCH_CHECK(y.dtype == x.dtype || y.dtype == DType::kF32, op, ": y is ", y.dtype, ", x is ",
                x.dtype, "; y is f32 or has the dtype of x");
  check_tensor(op, "x", x, problem.x_shape(), x.dtype);
  check_tensor(op, "w", w, problem.w_shape(), x.dtype);
  check_tensor(op, "y", y, epilogue.y_shape(problem), y.dtype);
  if (epilogue.bias) check_tensor(op, "b", b, {problem.k}, DType::kF32);
  if (epilogue.residual) check_tensor(op, "residual", residual, problem.a_shape(), x.dtype);
  const Conv2dForwardArgs args = {problem, epilogue, x, w, b, residual, y};
  if (stream.on_device()) return conv2d_forward_device(stream, args);
  pick(op, conv2d_forward_variants(), stream, args).run(stream, args);
}

void conv2d_backward_epilogue(Stream& stream,
                              const Conv2dProblem& problem,
                              const Conv2dEpilogue& epilogue,
                              View y,
                              View dy,
                              MutView da,
                              GradView db) {
  const char* op = "conv2d_backward_epilogue";
  check_problem(op, problem);
  check_epilogue(op, problem, epilogue);
  check_tensor(op, "dy", dy, epilogue.y_shape(problem), dy.dtype);
  check_tensor(op, "da", da, problem.a_shape(), dy.dtype);
  const bool leaky = epilogue.leaky_slope != 1.0f;
  if (leaky) check_tensor(op, "y", y, dy.shape, dy.dtype);
  DIPTYCH_CHECK(da.data != dy.data || !epilogue.depth_to_space, op,
                ": da must not be dy when the epilogue moves elements; ", problem);
  if (db.defined()) check_tensor(op, "db", db, {problem.k}, DType::kF32);
  const auto run =
      stream.on_device() ? conv2d_backward_epilogue_device : conv2d_backward_epilogue_loops;
  run(stream, problem, epilogue, y, dy, da, db);
}

void conv2d_backward_data(
    Stream& stream, const Conv2dProblem& problem, View da, View w, GradView dx) {
  const char* op = "conv2d_backward_data";
  check_problem(op, problem);
  check_tensor(op, "da", da, problem.a_shape(), da.dtype);
  check_tensor(op, "w", w, problem.w_shape(), da.dtype);
  check_tensor(op, "dx", dx, problem.x_shape(), da.dtype);
  const Conv2dBackwardDataArgs args = {problem, da, w, dx};
  if (stream.on_device()) return conv2d_backward_data_device(stream, args);
  pick(op, conv2d_backward_data_variants(), stream, args).run(stream, args);
}

bool conv2d_undoes_below(const Stream& stream) {
  return stream.on_device() && stream.engine() != Engine::kCudnn;
}

void conv2d_backward_data_below(
    Stream& stream, const Conv2dProblem& problem, View da, View w, const Conv2dBelow& below) {
  const char* op = "conv2d_backward_data_below";
  check_problem(op, problem);
  DIPTYCH_CHECK(conv2d_undoes_below(stream), op, ": not on this engine; ", problem);
  const bool moves = below.epilogue.depth_to_space;
  DIPTYCH_CHECK(!moves || (problem.h % 2 == 0 && problem.w % 2 == 0), op,
                ": depth_to_space stores even sizes; ", problem);
  check_slope(op, problem, below.epilogue.leaky_slope);
  check_tensor(op, "da", da, problem.a_shape(), da.dtype);
  check_tensor(op, "w", w, problem.w_shape(), da.dtype);
  if (below.epilogue.leaky_slope != 1.0f)
    check_tensor(op, "x", below.x, problem.x_shape(), da.dtype);
  if (below.before.defined()) check_tensor(op, "before", below.before, problem.x_shape(), da.dtype);
  const Shape moved = {problem.n, problem.h / 2, problem.w / 2, 4 * problem.c};
  check_tensor(op, "below.da", below.da, moves ? moved : problem.x_shape(), da.dtype);
  DIPTYCH_CHECK(!moves || below.before.data != below.da.data, op,
                ": before must not be below.da when the epilogue moves elements; ", problem);
  conv2d_backward_data_below_device(stream, problem, da, w, below);
}

void conv2d_backward_weight(
    Stream& stream, const Conv2dProblem& problem, View x, View da, GradView dw, GradView db) {
  const char* op = "conv2d_backward_weight";
  check_problem(op, problem);
  check_tensor(op, "x", x, problem.x_shape(), x.dtype);
  check_tensor(op, "da", da, problem.a_shape(), x.dtype);
  check_tensor(op, "dw", dw, problem.w_shape(), DType::kF32);
  if (db.defined()) check_tensor(op, "db", db, {problem.k}, DType::kF32);
  Conv2dBackwardWeightArgs args = {problem, x, da, dw, db};
  if (conv2d_undoes_below(stream)) return conv2d_backward_weight_device(stream, args);
  if (db.defined()) {  // only read: nothing to undo
    const MutView same = {const_cast<void*>(da.data), da.shape, da.dtype};
    conv2d_backward_epilogue(stream, problem, {}, {}, da, same, db);
    args.db = {};
  }
  if (stream.on_device()) return conv2d_backward_weight_device(stream, args);
  pick(op, conv2d_backward_weight_variants(), stream, args).run(stream, args);
}

}  // namespace diptych
