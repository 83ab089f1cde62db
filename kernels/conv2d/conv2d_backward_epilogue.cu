// conv2d, backward of the epilogue as a pass of its own: da = leaky'(a) * space_to_depth(dy), db =
// sum of da. Where a convolution makes dy, its backward data does this on the way (DataStore), and
// backward weight sums db; what is left is the gradient that another op has made.
//
// Memory bound: 2 to 3 tensors pass once, so what counts is that every access moves up to 16 bytes
// and that db costs no second read. Pixels are cut into strips, one block each; within a block each
// thread keeps one group of `Width` channels and walks down its pixels, so its share of db is a sum
// in registers:
//
//            channels: |--g0--|--g1--|--g2--|          partial sums of strip b: (strips, K)
//   strip b  pixel 0    t0     t1     t2      .
//            pixel 1    t3     t4     t5      :  shared memory: add the rows of a block,
//            pixel 2    t0     t1     t2      .  write K sums; a second kernel adds the strips
//            ...
//
// depth_to_space only changes where a group is read: its quarter of the channels is contiguous in
// dy too, as long as K/4 is a multiple of the group. No atomics: strips are added in order.
// SPDX-License-Identifier: MIT
#include "kernels/common/simt/simt.h"
#include "kernels/conv2d/conv2d_device.cuh"
#include "kernels/conv2d/conv2d_rungs.cuh"
#include "kernels/conv2d/conv2d_vector.cuh"

namespace diptych {

namespace {

constexpr int kThreads = 256, kMostStrips = 1024;

// How threads and blocks share the work; the same on every chip.
struct Strips {
  int groups;          // of channels, in all
  int block_groups;    // of them in a block: neighbours in threadIdx
  int rows;            // pixels that a block takes at once
  int count;           // strips: blockIdx.x
  int pixels_a_strip;  // a multiple of rows
};

Strips strips_of(const Conv2dProblem& t, int width) {
  const int pixels = t.n * t.p() * t.q();
  Strips s{};
  s.groups = t.k / width;
  s.block_groups = s.groups < kThreads ? s.groups : kThreads;
  s.rows = kThreads / s.block_groups;
  const int passes = static_cast<int>(blocks_for(pixels, int64_t{s.rows} * kMostStrips));
  s.pixels_a_strip = passes * s.rows;
  s.count = static_cast<int>(blocks_for(pixels, s.pixels_a_strip));
  return s;
}

// y and dy are read before da is written, element by element: da may be dy.
template <class T, int Width>
__global__ void __launch_bounds__(kThreads) conv2d_backward_epilogue_strips_kernel(
    ConvDims d, Strips s, ForwardStore<T> store, const T* y, const T* dy, T* da, float* partials) {
  auto& sums = simt::shared<float[kThreads][Width]>();
  const int thread = static_cast<int>(threadIdx.x);
  const int group = static_cast<int>(blockIdx.y) * s.block_groups + thread % s.block_groups;
  const int row = thread / s.block_groups, k = group * Width;
  const bool works = row < s.rows && group < s.groups;
  const int first = static_cast<int>(blockIdx.x) * s.pixels_a_strip;
  const int end = min(first + s.pixels_a_strip, d.pixels());
  float sum[Width];
#pragma unroll
  for (int i = 0; i < Width; ++i) sum[i] = 0;
  for (int m = first + row; works && m < end; m += s.rows) {
    const int64_t at = store.offset(d, m, k);
    float v[Width], sign[Width];
    load_vector<Width>(dy + at, v);
    if (y) load_vector<Width>(y + at, sign);
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      if (y && !(sign[i] >= 0.0f)) v[i] *= store.slope;
      sum[i] += v[i];
    }
    if (da) store_vector<Width>(da + int64_t{m} * d.k + k, v);
  }
  if (!partials) return;
#pragma unroll
  for (int i = 0; i < Width; ++i) sums[thread][i] = sum[i];
  __syncthreads();  // every thread's sums are there
  if (row || !works) return;
  for (int r = 1; r < s.rows; ++r)
#pragma unroll
    for (int i = 0; i < Width; ++i) sum[i] += sums[thread + r * s.block_groups][i];
#pragma unroll
  for (int i = 0; i < Width; ++i) partials[int64_t{blockIdx.x} * d.k + k + i] = sum[i];
}

// Channels that stay together on both sides and may move at once.
int width_of(const Conv2dCudaBackwardEpilogue& a) {
  const int bytes = static_cast<int>(size_of(a.dtype));
  const int run = a.epilogue.depth_to_space ? a.problem.k / 4 : a.problem.k;
  int width = min(move_width(run, a.dy, bytes), 16 / bytes);
  if (a.da) width = min(width, move_width(run, a.da, bytes));
  if (a.epilogue.leaky_slope != 1.0f) width = min(width, move_width(run, a.y, bytes));
  return width;
}

template <class T, int Width>
void run(const Conv2dCudaBackwardEpilogue& a, float* partials, CudaStream stream) {
  const Strips s = strips_of(a.problem, Width);
  const ForwardStore<T> store = {.b = nullptr,
                                 .residual = nullptr,
                                 .y = nullptr,
                                 .slope = a.epilogue.leaky_slope,
                                 .depth_to_space = a.epilogue.depth_to_space,
                                 .y_f32 = false,
                                 .width = Width};
  simt::launch(conv2d_backward_epilogue_strips_kernel<T, Width>,
               {.grid = dim3(static_cast<unsigned>(s.count), blocks_for(s.groups, s.block_groups)),
                .block = kThreads,
                .smem = sizeof(float[kThreads][Width]),
                .stream = stream},
               dims_of(a.problem), s, store,
               a.epilogue.leaky_slope == 1.0f ? nullptr : static_cast<const T*>(a.y),
               static_cast<const T*>(a.dy), static_cast<T*>(a.da), a.db ? partials : nullptr);
  if (a.db) sum_partials(partials, s.count, a.problem.k, a.db, a.accumulate_db, stream);
}

template <class T>
void run_width(const Conv2dCudaBackwardEpilogue& a, float* partials, CudaStream stream) {
  switch (width_of(a)) {
    case 8:
      if constexpr (sizeof(T) == 2) return run<T, 8>(a, partials, stream);
      break;
    case 4:
      return run<T, 4>(a, partials, stream);
    case 2:
      return run<T, 2>(a, partials, stream);
    default:
      return run<T, 1>(a, partials, stream);
  }
}

}  // namespace

// Instantiations: 1 kernel x (bf16 x {8, 4, 2, 1} + f32 x {4, 2, 1}).

const Conv2dCudaRung<Conv2dCudaBackwardEpilogue> kConv2dBackwardEpilogueStrips = {
    "strips", [](const Conv2dCudaBackwardEpilogue& a, int) { return fits_int(a.problem); },
    always_suits,
    [](const Conv2dCudaBackwardEpilogue& a) {
      return a.db ? sizeof(float) * static_cast<size_t>(strips_of(a.problem, width_of(a)).count) *
                        static_cast<size_t>(a.problem.k)
                  : 0;
    },
    [](const Conv2dCudaBackwardEpilogue& a, void* workspace, CudaStream stream) {
      auto* const partials = static_cast<float*>(workspace);
      a.dtype == DType::kF32 ? run_width<float>(a, partials, stream)
                             : run_width<simt::bf16>(a, partials, stream);
    }};

}  // namespace diptych
