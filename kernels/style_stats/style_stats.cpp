// style_stats: checks.
// SPDX-License-Identifier: MIT
#include "kernels/style_stats/style_stats.h"

namespace diptych {

void style_stats_cpu(Stream& stream, View x, MutView stats);  // style_stats_cpu.cpp
void style_stats_backward_cpu(Stream& stream, View x, View stats, View dstats, GradView dx);
void style_stats_device(Stream& stream, View x, MutView stats);  // style_stats_device.cpp
void style_stats_backward_device(Stream& stream, View x, View stats, View dstats, GradView dx);

namespace {

void check(const char* op, const View& x, const View& stats) {
  const Shape& s = x.shape;
  DIPTYCH_CHECK(s.rank() == 4 && x.dtype == DType::kF32, op, ": x is ", x,
                ", expected (N,H,W,C) f32");
  DIPTYCH_CHECK(s[0] == 0 || s.numel() > 0, op, ": samples of ", x, " are empty");
  DIPTYCH_CHECK((stats.shape == Shape{s[0], 2 * s[3]}) && stats.dtype == DType::kF32, op,
                ": statistics are ", stats, " for x ", x, ", expected (N,2C) f32");
}

}  // namespace

void style_stats_forward(Stream& stream, View x, MutView stats) {
  check("style_stats_forward", x, stats);
  if (stream.on_device()) return style_stats_device(stream, x, stats);
  style_stats_cpu(stream, x, stats);
}

void style_stats_backward(Stream& stream, View x, View stats, View dstats, GradView dx) {
  const char* op = "style_stats_backward";
  check(op, x, stats);
  check(op, x, dstats);
  DIPTYCH_CHECK(dx.shape == x.shape && dx.dtype == x.dtype, op, ": dx is ", dx, ", x is ", x);
  if (stream.on_device()) return style_stats_backward_device(stream, x, stats, dstats, dx);
  style_stats_backward_cpu(stream, x, stats, dstats, dx);
}

}  // namespace diptych
