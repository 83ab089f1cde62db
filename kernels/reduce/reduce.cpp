// reduce: checks.
// SPDX-License-Identifier: MIT
#include "kernels/reduce/reduce.h"

#include <cmath>

#include "kernels/reduce/reduce_cuda.h"
#include "kernels/reduce/reduce_rows.h"

namespace diptych {

void reduce_rows_device(Stream& stream,  // reduce_device.cpp
                        const RowsProblem& problem,
                        View x,
                        GradView y);
void spread_rows_device(Stream& stream, View dy, double divisor, GradView dx);
void clip_scale_device(Stream& stream, View sum_of_squares, float limit, MutView y);

namespace {

void check_rows(const char* op, View x, View y) {
  DIPTYCH_CHECK(x.shape.rank() >= 1 && y.shape == Shape{x.shape[0]}, op, ": rows of ", x,
                " give one value each, the other side is ", y);
  DIPTYCH_CHECK(y.dtype == DType::kF32, op, ": values per row are f32, got ", y);
}

void check_value(const char* op, View y) {
  DIPTYCH_CHECK(y.shape == Shape{1} && y.dtype == DType::kF32, op, ": the result is (1) f32, got ",
                y);
}

int64_t row_length(const char* op, const Shape& shape) {
  const int64_t length = shape[0] == 0 ? 0 : shape.numel() / shape[0];
  DIPTYCH_CHECK(shape[0] == 0 || length > 0, op, ": rows of ", shape, " are empty");
  return length;
}

// On the device: rows of x, or the whole of x as one row.
void reduce_device(Stream& stream, Reduction reduction, View x, double divisor, GradView y) {
  const int64_t rows = y.shape[0];
  if (rows == 0) return;
  reduce_rows_device(stream, {reduction, rows, x.shape.numel() / rows, divisor}, x, y);
}

GradView overwrite(MutView y) {
  return {y, GradMode::kOverwrite};
}

void add_to(GradView y, double value) {
  float& slot = *y.as<float>();
  slot = static_cast<float>(y.accumulate() ? slot + value : value);
}

}  // namespace

void sum_rows_forward(Stream& stream, View x, MutView y) {
  check_rows("sum_rows_forward", x, y);
  if (stream.on_device()) return reduce_device(stream, Reduction::kSum, x, 1, overwrite(y));
  sum_rows_cpu(x, 1.0, y);
}

void sum_rows_backward(Stream& stream, View dy, GradView dx) {
  check_rows("sum_rows_backward", dx, dy);
  if (stream.on_device()) return spread_rows_device(stream, dy, 1.0, dx);
  spread_rows_cpu(dy, 1.0, dx);
}

void mean_rows_forward(Stream& stream, View x, MutView y) {
  check_rows("mean_rows_forward", x, y);
  const auto length = static_cast<double>(row_length("mean_rows_forward", x.shape));
  if (stream.on_device()) return reduce_device(stream, Reduction::kSum, x, length, overwrite(y));
  sum_rows_cpu(x, length, y);
}

void mean_rows_backward(Stream& stream, View dy, GradView dx) {
  check_rows("mean_rows_backward", dx, dy);
  const auto length = static_cast<double>(row_length("mean_rows_backward", dx.shape));
  if (stream.on_device()) return spread_rows_device(stream, dy, length, dx);
  spread_rows_cpu(dy, length, dx);
}

void max_abs_rows(Stream& stream, View x, MutView y) {
  check_rows("max_abs_rows", x, y);
  if (stream.on_device()) return reduce_device(stream, Reduction::kMaxAbs, x, 1, overwrite(y));
  max_abs_rows_cpu(x, y);
}

void sum_of_squares(Stream& stream, View x, GradView y) {
  check_value("sum_of_squares", y);
  if (stream.on_device()) return reduce_device(stream, Reduction::kSquares, x, 1, y);
  add_to(y, sum_of_squares_cpu(stream, x));
}

void count_non_finite(Stream& stream, View x, GradView y) {
  check_value("count_non_finite", y);
  if (stream.on_device()) return reduce_device(stream, Reduction::kNonFinite, x, 1, y);
  add_to(y, static_cast<double>(count_non_finite_cpu(stream, x)));
}

void count_saturated(Stream& stream, View x, GradView y) {
  check_value("count_saturated", y);
  if (stream.on_device()) return reduce_device(stream, Reduction::kSaturated, x, 1, y);
  add_to(y, static_cast<double>(count_saturated_cpu(stream, x)));
}

void clip_scale(Stream& stream, View sum_of_squares, float limit, MutView y) {
  check_value("clip_scale", y);
  check_value("clip_scale", sum_of_squares);
  DIPTYCH_CHECK(limit > 0, "clip_scale: limit = ", limit, ", expected above 0");
  if (stream.on_device()) return clip_scale_device(stream, sum_of_squares, limit, y);
  const double norm = std::sqrt(static_cast<double>(*sum_of_squares.as<float>()));
  double scale = 1;
  if (!std::isfinite(norm)) {
    scale = 0;
  } else if (norm >= limit) {
    scale = limit / norm;
  }
  *y.as<float>() = static_cast<float>(scale);
}

}  // namespace diptych
