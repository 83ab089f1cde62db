// gemm: checks, variant tables, choice.
// SPDX-License-Identifier: MIT
#include "kernels/gemm/gemm.h"

#include <limits>

#include "kernels/common/variants.h"
#include "kernels/gemm/gemm_device.h"
#include "kernels/gemm/gemm_variants.h"

namespace diptych {

// Best first. One line adds a variant.
std::span<const DenseVariant<DenseForwardArgs>> dense_forward_variants() {
  static const DenseVariant<DenseForwardArgs> variants[] = {
#ifdef DIPTYCH_HAVE_ONEDNN
      kDenseForwardOneDnn,
#endif
      kDenseForwardLoops,
  };
  return variants;
}

std::span<const DenseVariant<DenseBackwardDataArgs>> dense_backward_data_variants() {
  static const DenseVariant<DenseBackwardDataArgs> variants[] = {
#ifdef DIPTYCH_HAVE_ONEDNN
      kDenseBackwardDataOneDnn,
#endif
      kDenseBackwardDataLoops,
  };
  return variants;
}

std::span<const DenseVariant<DenseBackwardWeightArgs>> dense_backward_weight_variants() {
  static const DenseVariant<DenseBackwardWeightArgs> variants[] = {
#ifdef DIPTYCH_HAVE_ONEDNN
      kDenseBackwardWeightOneDnn,
#endif
      kDenseBackwardWeightLoops,
  };
  return variants;
}

namespace {

int checked_size(const char* op, const char* name, const View& tensor, int axis) {
  const int64_t size = tensor.shape[axis];
  DIPTYCH_CHECK(size > 0 && size <= std::numeric_limits<int>::max(), op, ": ", name, " is ", tensor,
                "; sizes must be positive and fit an int");
  return static_cast<int>(size);
}

void check_matrix(const char* op, const char* name, const View& tensor) {
  DIPTYCH_CHECK(tensor.shape.rank() == 2, op, ": ", name, " is ", tensor, ", expected a matrix");
  DIPTYCH_CHECK(tensor.data != nullptr, op, ": ", name, " is missing");
}

// rows (M,out) and columns (M,in) share M; w or dw is (out,in).
DenseProblem make_problem(const char* op,
                          const char* in_name,
                          const View& in,
                          const char* out_name,
                          const View& out,
                          const char* w_name,
                          const View& w) {
  check_matrix(op, in_name, in);
  check_matrix(op, out_name, out);
  check_matrix(op, w_name, w);
  const DenseProblem problem = {.m = checked_size(op, in_name, in, 0),
                                .in = checked_size(op, in_name, in, 1),
                                .out = checked_size(op, out_name, out, 1)};
  DIPTYCH_CHECK(out.shape[0] == in.shape[0] && w.shape == Shape({problem.out, problem.in}), op,
                ": shapes disagree, expected ", in_name, " (M,in), ", out_name, " (M,out), ",
                w_name, " (out,in); ", in_name, " ", in, ", ", out_name, " ", out, ", ", w_name,
                " ", w);
  return problem;
}

void check_dtype(const char* op, const char* name, const View& tensor, DType dtype) {
  DIPTYCH_CHECK(tensor.dtype == dtype, op, ": ", name, " is ", tensor, ", expected ", dtype);
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const DenseProblem& problem) {
  return stream << "m" << problem.m << "in" << problem.in << "out" << problem.out;
}

void dense_forward(Stream& stream, View x, View w, View b, MutView y) {
  const char* op = "dense_forward";
  const DenseProblem problem = make_problem(op, "x", x, "y", y, "w", w);
  check_dtype(op, "w", w, x.dtype);
  if (y.dtype != DType::kF32) check_dtype(op, "y", y, x.dtype);
  if (b.defined()) {
    DIPTYCH_CHECK(b.shape == Shape({problem.out}) && b.dtype == DType::kF32, op, ": b is ", b,
                  ", expected ", Shape({problem.out}), " f32");
  }
  const DenseForwardArgs args = {problem, x, w, b, y};
  if (stream.on_device()) return dense_forward_device(stream, args);
  pick(op, dense_forward_variants(), stream, args).run(stream, args);
}

void dense_backward_data(Stream& stream, View dy, View w, GradView dx) {
  const char* op = "dense_backward_data";
  const DenseProblem problem = make_problem(op, "dx", dx, "dy", dy, "w", w);
  check_dtype(op, "w", w, dy.dtype);
  check_dtype(op, "dx", dx, dy.dtype);
  const DenseBackwardDataArgs args = {problem, dy, w, dx};
  if (stream.on_device()) return dense_backward_data_device(stream, args);
  pick(op, dense_backward_data_variants(), stream, args).run(stream, args);
}

void dense_backward_weight(Stream& stream, View x, View dy, GradView dw) {
  const char* op = "dense_backward_weight";
  const DenseProblem problem = make_problem(op, "x", x, "dy", dy, "dw", dw);
  check_dtype(op, "dy", dy, x.dtype);
  check_dtype(op, "dw", dw, DType::kF32);
  const DenseBackwardWeightArgs args = {problem, x, dy, dw};
  if (stream.on_device()) return dense_backward_weight_device(stream, args);
  pick(op, dense_backward_weight_variants(), stream, args).run(stream, args);
}

void dense_backward_bias(Stream& stream, View dy, GradView db) {
  const char* op = "dense_backward_bias";
  check_matrix(op, "dy", dy);
  DIPTYCH_CHECK(db.defined() && db.shape == Shape({dy.shape[1]}) && db.dtype == DType::kF32, op,
                ": db is ", db, ", expected ", Shape({dy.shape[1]}), " f32; dy ", dy);
  checked_size(op, "dy", dy, 0);
  checked_size(op, "dy", dy, 1);
  if (stream.on_device()) return dense_backward_bias_device(stream, dy, db);
  const int64_t rows = dy.shape[0], columns = dy.shape[1];
  float* out = db.as<float>();
  dispatch_float(dy.dtype, [&]<class T>() {
    const T* from = dy.as<T>();
    for (int64_t o = 0; o < columns; ++o) {
      double sum = db.accumulate() ? static_cast<double>(out[o]) : 0.0;
      for (int64_t m = 0; m < rows; ++m) {
        sum += static_cast<double>(static_cast<float>(from[m * columns + o]));
      }
      out[o] = static_cast<float>(sum);
    }
  });
}

}  // namespace diptych
