// style_stats: mean and deviation of every channel of every sample: what the style losses compare
// (spec training.md 2.3; Huang and Belongie, arXiv 1703.06868).
//
//   mu[n,c] = mean over the pixels of x[n,h,w,c]
//   sd[n,c] = sqrt(mean over the pixels of (x - mu)^2 + 1e-5)
//   stats[n,c] = mu, stats[n,C+c] = sd
//   dx = dstats[n,c] / (H W) + dstats[n,C+c] * (x - mu) / (H W sd)
//   x, dx (N,H,W,C); stats, dstats (N,2C). All f32, sums in double; the spread is summed around the
//   mean, so a flat picture far from 0 keeps its digits.
// FLOPs 4 per element forward, 3 backward; forward reads x twice.
// Errors: rank, shapes or dtypes that do not fit, samples without a pixel. dx may be x.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

constexpr double kStyleStatsEpsilon = 1e-5;

void style_stats_forward(Stream& stream, View x, MutView stats);
void style_stats_backward(Stream& stream, View x, View stats, View dstats, GradView dx);

}  // namespace diptych
