// concat: checks.
// SPDX-License-Identifier: MIT
#include "kernels/concat/concat.h"

#include "kernels/concat/concat_cuda.h"

namespace diptych {

// concat_cpu.cpp: moves a matrix of `rows` rows and `width` elements between row pitches.
void copy_columns_cpu(View from,
                      int64_t from_pitch,
                      int64_t from_column,
                      GradView to,
                      int64_t to_pitch,
                      int64_t to_column,
                      int64_t rows,
                      int64_t width);
void fill_zero_cpu(MutView y, int64_t first, int64_t count);

void copy_columns_device(Stream& stream,  // concat_device.cpp
                         View from,
                         ConcatColumns of_from,
                         GradView to,
                         ConcatColumns of_to,
                         int64_t rows,
                         int64_t count);
void fill_zero_device(Stream& stream, MutView y, int64_t first, int64_t count);

namespace {

// All axes but `axis` agree, and axis sizes add up.
void check_join(const char* op, int axis, View a, View b, View y) {
  const int rank = y.shape.rank();
  bool fits = rank > 0 && a.shape.rank() == rank && b.shape.rank() == rank;
  const int joined = axis < 0 ? rank - 1 : axis;
  for (int i = 0; fits && i < rank; ++i) {
    fits = i == joined ? a.shape[i] + b.shape[i] == y.shape[i]
                       : a.shape[i] == y.shape[i] && b.shape[i] == y.shape[i];
  }
  DIPTYCH_CHECK(fits, op, ": shapes do not join; ", a, " and ", b, " against ", y);
  DIPTYCH_CHECK(a.dtype == y.dtype && b.dtype == y.dtype, op, ": dtypes differ; ", a, " and ", b,
                " against ", y);
}

// Number of rows when the joined axis is the last one.
int64_t rows_of(const Shape& shape) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < shape.rank(); ++i) rows *= shape[i];
  return rows;
}

// The other part's shape when one gradient is left out.
Shape rest_of(const Shape& whole, const Shape& part, int axis) {
  DIPTYCH_CHECK(whole.rank() == part.rank() && whole.rank() > 0, "concat: ranks differ; ", whole,
                " and ", part);
  const int joined = axis < 0 ? whole.rank() - 1 : axis;
  DIPTYCH_CHECK(part[joined] <= whole[joined], "concat: part ", part, " is larger than ", whole);
  Shape rest;
  const int64_t size = whole[joined] - part[joined];
  switch (whole.rank()) {
    case 1:
      rest = {size};
      break;
    case 2:
      rest = joined == 0 ? Shape{size, whole[1]} : Shape{whole[0], size};
      break;
    case 3:
      rest = joined == 0 ? Shape{size, whole[1], whole[2]} : Shape{whole[0], whole[1], size};
      break;
    default:
      rest = joined == 0 ? Shape{size, whole[1], whole[2], whole[3]}
                         : Shape{whole[0], whole[1], whole[2], size};
  }
  return rest;
}

void check_split(const char* op, int axis, View dy, View da, View db) {
  if (da.defined() && !db.defined()) db = {nullptr, rest_of(dy.shape, da.shape, axis), dy.dtype};
  if (!da.defined() && db.defined()) da = {nullptr, rest_of(dy.shape, db.shape, axis), dy.dtype};
  if (da.shape.rank() > 0) check_join(op, axis, da, db, dy);
}

int64_t sample_size(const Shape& shape) {
  int64_t size = 1;
  for (int i = 1; i < shape.rank(); ++i) size *= shape[i];
  return size;
}

// Moves `count` columns of `rows` rows.
void copy_columns(Stream& stream,
                  View from,
                  ConcatColumns of_from,
                  GradView to,
                  ConcatColumns of_to,
                  int64_t rows,
                  int64_t count) {
  if (stream.on_device()) return copy_columns_device(stream, from, of_from, to, of_to, rows, count);
  copy_columns_cpu(from, of_from.pitch, of_from.first, to, of_to.pitch, of_to.first, rows, count);
}

void fill_zero(Stream& stream, MutView y, int64_t first, int64_t count) {
  if (stream.on_device()) return fill_zero_device(stream, y, first, count);
  fill_zero_cpu(y, first, count);
}

GradView overwrite(MutView y) {
  return {y, GradMode::kOverwrite};
}

}  // namespace

void concat_channels_forward(Stream& stream, View a, View b, MutView y) {
  check_join("concat_channels_forward", -1, a, b, y);
  const int64_t rows = rows_of(y.shape), ca = a.shape.last(), cb = b.shape.last();
  copy_columns(stream, a, {ca, 0}, overwrite(y), {ca + cb, 0}, rows, ca);
  copy_columns(stream, b, {cb, 0}, overwrite(y), {ca + cb, ca}, rows, cb);
}

void concat_channels_backward(Stream& stream, View dy, GradView da, GradView db) {
  check_split("concat_channels_backward", -1, dy, da, db);
  const int64_t rows = rows_of(dy.shape), c = dy.shape.last();
  if (da.defined()) {
    const int64_t ca = da.shape.last();
    copy_columns(stream, dy, {c, 0}, da, {ca, 0}, rows, ca);
  }
  if (db.defined()) {
    const int64_t cb = db.shape.last();
    copy_columns(stream, dy, {c, c - cb}, db, {cb, 0}, rows, cb);
  }
}

void concat_batch_forward(Stream& stream, View a, View b, MutView y) {
  check_join("concat_batch_forward", 0, a, b, y);
  const int64_t na = a.shape.numel(), nb = b.shape.numel();
  copy_columns(stream, a, {na, 0}, overwrite(y), {na + nb, 0}, 1, na);
  copy_columns(stream, b, {nb, 0}, overwrite(y), {na + nb, na}, 1, nb);
}

void concat_batch_backward(Stream& stream, View dy, GradView da, GradView db) {
  check_split("concat_batch_backward", 0, dy, da, db);
  const int64_t all = dy.shape.numel();
  if (da.defined()) {
    const int64_t na = da.shape.numel();
    copy_columns(stream, dy, {all, 0}, da, {na, 0}, 1, na);
  }
  if (db.defined()) {
    const int64_t nb = db.shape.numel();
    copy_columns(stream, dy, {all, all - nb}, db, {nb, 0}, 1, nb);
  }
}

namespace {

void check_slice(const char* op, View whole, View slice, int64_t first) {
  bool fits = whole.shape.rank() > 0 && whole.shape.rank() == slice.shape.rank();
  for (int i = 1; fits && i < whole.shape.rank(); ++i) fits = whole.shape[i] == slice.shape[i];
  DIPTYCH_CHECK(fits && whole.dtype == slice.dtype, op, ": slice ", slice, " is not a part of ",
                whole);
  DIPTYCH_CHECK(first >= 0 && first + slice.shape[0] <= whole.shape[0], op, ": samples ", first,
                " to ", first + slice.shape[0], " of ", whole);
}

}  // namespace

void slice_batch_forward(Stream& stream, View x, int64_t first, MutView y) {
  check_slice("slice_batch_forward", x, y, first);
  const int64_t count = y.shape.numel();
  const ConcatColumns of_x = {x.shape.numel(), first * sample_size(x.shape)};
  copy_columns(stream, x, of_x, overwrite(y), {count, 0}, 1, count);
}

void slice_batch_backward(Stream& stream, View dy, int64_t first, GradView dx) {
  check_slice("slice_batch_backward", dx, dy, first);
  const int64_t count = dy.shape.numel(), all = dx.shape.numel();
  const int64_t begin = first * sample_size(dx.shape);
  copy_columns(stream, dy, {count, 0}, dx, {all, begin}, 1, count);
  if (dx.accumulate()) return;
  fill_zero(stream, dx, 0, begin);
  fill_zero(stream, dx, begin + count, all - begin - count);
}

}  // namespace diptych
