// conv2d, the forward epilogue as a pass of its own.
//
// Memory bound: a (and the residual) are read once, y is written once, up to 16 bytes at a time by
// a thread. Neighbouring threads take neighbouring groups of `Width` channels; depth_to_space moves
// a group as one, because its quarter of the channels lies together in y, too. What it costs is
// what fusing it into the convolution saves.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/common/simt/simt.h"
#include "kernels/conv2d/conv2d_device.cuh"
#include "kernels/conv2d/conv2d_forward_epilogue.h"
#include "kernels/conv2d/conv2d_rungs.cuh"
#include "kernels/conv2d/conv2d_vector.cuh"

namespace diptych {

namespace {

constexpr int kThreads = 256;

// a, residual and y are read and written element by element: they may be one array.
template <class A, class T, class Y, int Width>
__global__ void __launch_bounds__(kThreads)
    conv2d_forward_epilogue_kernel(ConvDims d, ForwardStore<T> store, const A* a) {
  const int64_t group = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  const int groups = d.k / Width;
  if (group >= int64_t{d.pixels()} * groups) return;
  const int m = static_cast<int>(group / groups), k = static_cast<int>(group % groups) * Width;
  const int64_t from = int64_t{m} * d.k + k;
  float v[Width], other[Width];
  load_vector<Width>(a + from, v);
  if (store.b)
#pragma unroll
    for (int i = 0; i < Width; ++i) v[i] += __ldg(store.b + k + i);
  if (store.residual) {
    load_vector<Width>(store.residual + from, other);
#pragma unroll
    for (int i = 0; i < Width; ++i) v[i] += other[i];
  }
#pragma unroll
  for (int i = 0; i < Width; ++i) v[i] = v[i] >= 0.0f ? v[i] : store.slope * v[i];
  store_vector<Width>(static_cast<Y*>(store.y) + store.offset(d, m, k), v);
}

// Channels that stay together on both sides and may move at once.
int width_of(const Conv2dCudaForwardEpilogue& e) {
  const auto bytes = [](DType dtype) { return static_cast<int>(size_of(dtype)); };
  const int run = e.epilogue.depth_to_space ? e.problem.k / 4 : e.problem.k;
  int width =
      std::min(move_width(run, e.a, bytes(e.a_dtype)), move_width(run, e.y, bytes(e.y_dtype)));
  if (e.epilogue.residual) width = std::min(width, move_width(run, e.residual, bytes(e.dtype)));
  return width;
}

template <class A, class T, class Y, int Width>
void run(const Conv2dCudaForwardEpilogue& e, CudaStream stream) {
  const ConvDims d = dims_of(e.problem);
  const ForwardStore<T> store = {
      .b = e.epilogue.bias ? e.b : nullptr,
      .residual = e.epilogue.residual ? static_cast<const T*>(e.residual) : nullptr,
      .y = e.y,
      .slope = e.epilogue.leaky_slope,
      .depth_to_space = e.epilogue.depth_to_space,
      .y_f32 = e.y_dtype == DType::kF32,
      .width = Width};
  simt::launch(conv2d_forward_epilogue_kernel<A, T, Y, Width>,
               {.grid = blocks_for(int64_t{d.pixels()} * (d.k / Width), kThreads),
                .block = kThreads,
                .stream = stream},
               d, store, static_cast<const A*>(e.a));
}

template <class A, class T, class Y>
void run_width(const Conv2dCudaForwardEpilogue& e, CudaStream stream) {
  switch (width_of(e)) {
    case 8:
      return run<A, T, Y, 8>(e, stream);
    case 4:
      return run<A, T, Y, 4>(e, stream);
    case 2:
      return run<A, T, Y, 2>(e, stream);
    default:
      return run<A, T, Y, 1>(e, stream);
  }
}

}  // namespace

// Instantiations: 1 kernel x {f32 throughout; bf16 to bf16, bf16 to f32, f32 to f32, f32 to bf16
// with a bf16 residual} x 4 widths.
void conv2d_forward_epilogue_cuda(const Conv2dCudaForwardEpilogue& e, CudaStream stream) {
  using simt::bf16;
  DIPTYCH_CHECK(fits_int(e.problem), "conv2d_forward_epilogue: too large for the GPU's kernels; ",
                e.problem);
  const bool a_f32 = e.a_dtype == DType::kF32, y_f32 = e.y_dtype == DType::kF32;
  if (e.dtype == DType::kF32) return run_width<float, float, float>(e, stream);
  if (a_f32) {
    y_f32 ? run_width<float, bf16, float>(e, stream) : run_width<float, bf16, bf16>(e, stream);
  } else {
    y_f32 ? run_width<bf16, bf16, float>(e, stream) : run_width<bf16, bf16, bf16>(e, stream);
  }
}

}  // namespace diptych
