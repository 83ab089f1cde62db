// What a kernel file includes: one source for two machines.
//
// Under nvcc this is CUDA plus launch() and shared<T>(). Under any other C++20 compiler it is the
// device itself: __global__ functions are ordinary functions, threadIdx is an ordinary variable,
// every CUDA thread of a block is a fiber, and __syncthreads, shuffles, mma ... are places where
// fibers meet (docs/emulator.md). The three habits that let one text serve both:
//   simt::launch(kernel, {.grid, .block, .smem, .stream}, args...)   instead of <<<...>>>
//   auto& tile = simt::shared<Tile>();                               instead of extern __shared__
//   the functions of kernels/common/cuda/*.cuh                       instead of inline PTX
// Namespace diptych::simt.
// SPDX-License-Identifier: MIT
#pragma once

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#else
#include "kernels/common/simt/bf16.h"
#include "kernels/common/simt/intrinsics.h"
#include "kernels/common/simt/memory.h"
#include "kernels/common/simt/sync.h"
#include "kernels/common/simt/vector_types.h"
#include "kernels/common/simt/warp.h"
#endif

#include "kernels/common/simt/launch.h"
#include "kernels/common/simt/site.h"

// True where sm_90a instructions may stand: on the emulator, in nvcc's host pass and in its pass
// for sm_90a itself. Bodies of Hopper kernels are compiled only there.
#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define DIPTYCH_SM90A 1
#else
#define DIPTYCH_SM90A 0
#endif

namespace diptych::simt {

using bf16 = __nv_bfloat16;  // the bits of diptych::bf16
using bf16x2 = __nv_bfloat162;

}  // namespace diptych::simt
