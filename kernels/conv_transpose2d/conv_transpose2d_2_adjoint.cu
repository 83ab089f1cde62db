// conv_transpose2d, rung 2: conv2d's backward data, then bias and leaky ReLU in place. f32.
//
// The idea over rung 1: this op is the adjoint of a convolution, and conv2d has a ladder for that,
// which sorts the outputs into stride x stride phases so that no tap is looked at for nothing.
//
//   x --conv2d backward data (w as it lies)--> y --y = leaky(y + b)--> y
//                                                  16 bytes a thread
//
// bf16 is left to the next rung: the sums would be rounded before the bias and again behind it.
//
// What bounds it: the f32 pipes in conv2d's rung; the second pass reads and writes y once more.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/pack.cuh"
#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv_transpose2d/conv_transpose2d_rungs.cuh"

namespace diptych {

namespace {

constexpr int kAnyChip = 80;  // what conv2d runs in f32 does not depend on the chip

using Quad = Pack<float>;

// A thread takes a pack of y (rows, k); the ragged last one is handled by load_pack.
__global__ void __launch_bounds__(kBlockThreads)
    conv_transpose2d_epilogue_kernel(float* y, int64_t count, int k, const float* b, float slope) {
  const int64_t p = item_index();
  if (p * Quad::kSize >= count) return;
  Quad v = load_pack(y, p, count);
#pragma unroll
  for (int i = 0; i < Quad::kSize; ++i) {
    if (b) v.v[i] += b[(p * Quad::kSize + i) % k];
    v.v[i] = v.v[i] >= 0.0f ? v.v[i] : slope * v.v[i];
  }
  store_pack(y, p, count, v);
}

Conv2dCudaBackwardData adjoint_of(const ConvTranspose2dCudaForward& a) {
  return {.problem = a.problem.conv2d(), .dtype = DType::kF32, .da = a.x, .w = a.w, .dx = a.y};
}

void run(const ConvTranspose2dCudaForward& a, void* workspace, CudaStream stream) {
  const Conv2dCudaBackwardData adjoint = adjoint_of(a);
  pick_conv2d_cuda(adjoint, kAnyChip).run(adjoint, workspace, stream);
  if (!a.epilogue.bias && a.epilogue.leaky_slope == 1.0f) return;
  const int64_t count = a.problem.y_shape().numel();
  simt::launch(conv_transpose2d_epilogue_kernel, cover(packs_in(count, Quad::kSize), stream),
               static_cast<float*>(a.y), count, a.problem.k, a.epilogue.bias ? a.b : nullptr,
               a.epilogue.leaky_slope);
}

}  // namespace

const ConvTranspose2dCudaRung kConvTranspose2dCudaAdjoint = {
    "adjoint",
    [](const ConvTranspose2dCudaForward& a, int) {
      return a.dtype == DType::kF32 && fits_int(a.problem.conv2d()) &&
             pack_aligned(static_cast<const float*>(a.y));
    },
    always_suits,
    [](const ConvTranspose2dCudaForward& a) {
      const Conv2dCudaBackwardData adjoint = adjoint_of(a);
      return pick_conv2d_cuda(adjoint, kAnyChip).workspace(adjoint);
    },
    run};

}  // namespace diptych
