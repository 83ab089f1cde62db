// style_stats on a GPU: launchers of its steps. Views hold device pointers and have passed the
// checks of style_stats.cpp: x, dx (N,H,W,C), stats, dstats (N,2C), all f32. Sums in double, in an
// order that depends on the shape alone.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/view.h"

namespace diptych {

// Step 1: a thread per sample and channel.
void style_stats_naive_cuda(CudaStream stream, View x, MutView stats);

// Step 2: many blocks per sample; their means and spreads are joined in a second pass. Up to
// kStyleStatsMaxChannels channels. workspace: device memory of style_stats_workspace bytes, aligned
// to 8.
constexpr int64_t kStyleStatsMaxChannels = 256;
size_t style_stats_workspace(View x);
bool style_stats_two_pass_accepts(View x);
void style_stats_two_pass_cuda(CudaStream stream, View x, MutView stats, void* workspace);

// A thread per element.
void style_stats_backward_naive_cuda(
    CudaStream stream, View x, View stats, View dstats, GradView dx);

}  // namespace diptych
