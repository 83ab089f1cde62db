// conv2d, rung 2: implicit GEMM through shared memory, f32 arithmetic.
//
// The idea over rung 1: a convolution is a matrix product whose left matrix nobody stores. A block
// computes a 128x64 tile of the result; 8 columns of gemm_k at a time, its threads fetch both
// operands once into shared memory, and each value fetched is used 64 or 128 times.
//
//                     gemm_m      gemm_n   gemm_k     A[m][k] is             B[k][n] is
//   forward           n,p,q       k        r,s,c      x under tap r,s        w[k][r,s,c]
//   backward data     n,h,w *     c        r,s,k *    da that saw the input  w[k][r,s][c]
//   backward weight   k           r,s,c    n,p,q      da[n,p,q][k]           x under tap r,s
//                                 (* of one phase: conv2d_device.cuh)
//
//              b: 8 x 64
//             +---------+        thread (ty, tx) of 16 x 16 owns 8 rows and 4 columns:
//             |  tx..   |        per step of gemm_k it reads 8 + 4 values from shared memory
//   a: 8x128  +---------+        and does 32 multiply-adds with them
//   +---+     |         |
//   |ty |     | 128 x 64|        fetch of step i+1 (global -> registers) runs under the
//   |   |     |         |        multiplications of step i; two buffers, one barrier a step
//   +---+     +---------+
//
// What bounds it: the f32 pipes at best, and in practice the 12 shared-memory reads per 32
// multiply-adds and the index arithmetic of one-element fetches. The next rung moves 16 bytes at a
// time and multiplies on tensor cores.
// SPDX-License-Identifier: MIT
#include "kernels/common/simt/simt.h"
#include "kernels/conv2d/conv2d_device.cuh"
#include "kernels/conv2d/conv2d_rungs.cuh"

namespace diptych {

namespace {

constexpr int kThreads = 256, BM = 128, BN = 64, BK = 8, TM = 8, TN = 4;
constexpr int kPad = 4;  // keeps the writes of 8 k by 4 rows on 32 different banks
constexpr int kEachA = BM * BK / kThreads, kEachB = BN * BK / kThreads;
constexpr int kFar = -(1 << 24);  // a coordinate that no tap brings back into the image

struct Tiles {
  float a[2][BK][BM + kPad], b[2][BK][BN + kPad];
};

// Which element of a step's tile (rows x BK) is the i-th that this thread fetches. KFast: neighbour
// threads take neighbours in gemm_k, else neighbour rows: whichever is contiguous in memory.
template <int Rows, bool KFast>
struct Fetch {
  __device__ static int row(int i) {
    const int thread = static_cast<int>(threadIdx.x);
    return KFast ? thread / BK + i * (kThreads / BK) : thread % Rows;
  }

  __device__ static int k(int i) {
    const int thread = static_cast<int>(threadIdx.x);
    return KFast ? thread % BK : thread / Rows + i * (kThreads / Rows);
  }
};

__device__ int row_of(int i) {
  return i / 4 * (BM / 2) + static_cast<int>(threadIdx.x) / 16 * 4 + i % 4;
}

__device__ int column_of(int j) {
  return static_cast<int>(threadIdx.x) % 16 * 4 + j;
}

__device__ void multiply(const Tiles& t, int buffer, float (&acc)[TM][TN]) {
#pragma unroll
  for (int k = 0; k < BK; ++k) {
    float a[TM], b[TN];
#pragma unroll
    for (int i = 0; i < TM; ++i) a[i] = t.a[buffer][k][row_of(i)];
#pragma unroll
    for (int j = 0; j < TN; ++j) b[j] = t.b[buffer][k][column_of(j)];
#pragma unroll
    for (int i = 0; i < TM; ++i)
#pragma unroll
      for (int j = 0; j < TN; ++j) acc[i][j] += a[i] * b[j];
  }
}

// acc = sum over steps of A tile times B tile. fetch(step, a, b) reads this thread's elements.
template <class A, class B, class Load>
__device__ void tiled_gemm(int steps, const Load& load, float (&acc)[TM][TN]) {
  auto& t = simt::shared<Tiles>();
  float a[kEachA], b[kEachB];
  const auto put = [&](int buffer) {
#pragma unroll
    for (int i = 0; i < kEachA; ++i) t.a[buffer][A::k(i)][A::row(i)] = a[i];
#pragma unroll
    for (int i = 0; i < kEachB; ++i) t.b[buffer][B::k(i)][B::row(i)] = b[i];
  };
#pragma unroll
  for (int i = 0; i < TM; ++i)
#pragma unroll
    for (int j = 0; j < TN; ++j) acc[i][j] = 0;
  if (steps == 0) return;
  load(0, a, b);
  put(0);
  for (int step = 0; step < steps; ++step) {
    __syncthreads();  // this step's buffer is written by all, the other one read by all
    if (step + 1 < steps) load(step + 1, a, b);
    multiply(t, step & 1, acc);
    if (step + 1 < steps) put(~step & 1);
  }
}

// The input patch of an output pixel: its image and the input coordinates of its tap (0, 0).
struct Patch {
  int n, y, x;
};

__device__ Patch patch_of(const ConvDims& d, int m) {
  if (m >= d.pixels()) return {0, kFar, kFar};
  const Pixel at = pixel_of(m, d.p, d.q);
  return {at.n, at.y * d.stride - d.pad_top, at.x * d.stride - d.pad_left};
}

template <class T>
__device__ float read_x(const ConvDims& d, const T* x, const Patch& from, const Tap& tap) {
  const int row = from.y + tap.r, column = from.x + tap.s;
  if (!inside(row, column, d.h, d.w)) return 0.0f;
  return load_f32(x + offset_of(from.n, row, column, d.h, d.w, d.c) + tap.channel);
}

template <class T>
__global__ void __launch_bounds__(kThreads, 2) conv2d_forward_tiled_kernel(ConvDims d,
                                                                           const T* __restrict__ x,
                                                                           const T* __restrict__ w,
                                                                           ForwardStore<T> store) {
  using A = Fetch<BM, true>;  // x: channels are contiguous
  using B = Fetch<BN, true>;  // w: r,s,c are contiguous
  const int m0 = static_cast<int>(blockIdx.x) * BM, n0 = static_cast<int>(blockIdx.y) * BN;
  const int depth = d.depth();
  Patch patch[kEachA];
#pragma unroll
  for (int i = 0; i < kEachA; ++i) patch[i] = patch_of(d, m0 + A::row(i));

  float acc[TM][TN];
  tiled_gemm<A, B>((depth + BK - 1) / BK,
                   [&](int step, float(&a)[kEachA], float(&b)[kEachB]) {
                     const int index = step * BK + A::k(0);
                     const Tap tap = tap_of(index, d.s, d.c);
#pragma unroll
                     for (int i = 0; i < kEachA; ++i)
                       a[i] = index < depth ? read_x(d, x, patch[i], tap) : 0.0f;
#pragma unroll
                     for (int i = 0; i < kEachB; ++i) {
                       const int k = n0 + B::row(i);
                       b[i] = index < depth && k < d.k ? load_f32(w + int64_t{k} * depth + index)
                                                       : 0.0f;
                     }
                   },
                   acc);
#pragma unroll
  for (int i = 0; i < TM; ++i)
#pragma unroll
    for (int j = 0; j < TN; ++j) {
      const int m = m0 + row_of(i), k = n0 + column_of(j);
      if (m < d.pixels() && k < d.k) store.put(d, m, k, acc[i][j]);
    }
}

// blockIdx.z is the phase. gemm_k runs over its taps and over k.
template <class T>
__global__ void __launch_bounds__(kThreads, 2) conv2d_backward_data_tiled_kernel(
    ConvDims d, const T* __restrict__ da, const T* __restrict__ w, DataStore<T> store) {
  using A = Fetch<BM, true>;   // da: k is contiguous
  using B = Fetch<BN, false>;  // w: for one k,r,s, c is contiguous
  const Phase f = phase_of(d, static_cast<int>(blockIdx.z));
  const int m0 = static_cast<int>(blockIdx.x) * BM, n0 = static_cast<int>(blockIdx.y) * BN;
  const int pixels = f.pixels(d), depth = f.taps_r * f.taps_s * d.k;
  if (m0 >= pixels) return;
  Patch patch[kEachA];
#pragma unroll
  for (int i = 0; i < kEachA; ++i) {
    const Pixel at = pixel_of(m0 + A::row(i), f.rows, f.columns);
    patch[i] = {at.n, f.origin_y + at.y, f.origin_x + at.x};
    if (m0 + A::row(i) >= pixels) patch[i] = {0, kFar, kFar};
  }

  float acc[TM][TN];
  tiled_gemm<A, B>(
      (depth + BK - 1) / BK,
      [&](int step, float(&a)[kEachA], float(&b)[kEachB]) {
        const int index = step * BK + A::k(0);
        const Tap tap = tap_of(index, f.taps_s, d.k);
#pragma unroll
        for (int i = 0; i < kEachA; ++i) {
          const int p = patch[i].y - tap.r, q = patch[i].x - tap.s;
          a[i] = index < depth && inside(p, q, d.p, d.q)
                     ? load_f32(da + offset_of(patch[i].n, p, q, d.p, d.q, d.k) + tap.channel)
                     : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < kEachB; ++i) {
          const int row = step * BK + B::k(i), c = n0 + B::row(i);
          const Tap at = tap_of(row, f.taps_s, d.k);
          const int r = f.a + d.stride * at.r, s = f.b + d.stride * at.s;
          b[i] = row < depth && c < d.c
                     ? load_f32(w + offset_of(at.channel, r, s, d.r, d.s, d.c) + c)
                     : 0.0f;
        }
      },
      acc);
#pragma unroll
  for (int i = 0; i < TM; ++i) {
    const int m = m0 + row_of(i);
    if (m >= pixels) continue;
    const Pixel at = phase_pixel(d, f, pixel_of(m, f.rows, f.columns));
#pragma unroll
    for (int j = 0; j < TN; ++j) {
      const int c = n0 + column_of(j);
      if (c < d.c) store.put(d, at, c, acc[i][j]);
    }
  }
}

// blockIdx.z is the split of the sum over pixels; split i writes to[i] (K,R,S,C).
template <class T>
__global__ void __launch_bounds__(kThreads, 2)
    conv2d_backward_weight_tiled_kernel(ConvDims d,
                                        const T* __restrict__ x,
                                        const T* __restrict__ da,
                                        float* __restrict__ to,
                                        BiasTurn bias,
                                        int steps_each,
                                        bool accumulate) {
  using A = Fetch<BM, false>;  // da: for one pixel, k is contiguous
  using B = Fetch<BN, false>;  // x: for one pixel and tap, c is contiguous
  const int m0 = static_cast<int>(blockIdx.x) * BM, n0 = static_cast<int>(blockIdx.y) * BN;
  const int split = static_cast<int>(blockIdx.z), first = split * steps_each * BK;
  const int end = min(first + steps_each * BK, d.pixels());
  const int k = m0 + A::row(0), column = n0 + B::row(0);
  const Tap tap = tap_of(column, d.s, d.c);

  float acc[TM][TN], bias_sum = 0;
  tiled_gemm<A, B>((end - first + BK - 1) / BK,
                   [&](int step, float(&a)[kEachA], float(&b)[kEachB]) {
                     const int pixel = first + step * BK;
#pragma unroll
                     for (int i = 0; i < kEachA; ++i) {
                       const int at = pixel + A::k(i);
                       a[i] = at < end && k < d.k ? load_f32(da + int64_t{at} * d.k + k) : 0.0f;
                     }
                     if (bias.at(step))
#pragma unroll
                       for (int i = 0; i < kEachA; ++i) bias_sum += a[i];
#pragma unroll
                     for (int i = 0; i < kEachB; ++i) {
                       const int at = pixel + B::k(i);
                       b[i] = at < end && column < d.depth() ? read_x(d, x, patch_of(d, at), tap)
                                                             : 0.0f;
                     }
                   },
                   acc);
  to += int64_t{split} * d.k * d.depth();
#pragma unroll
  for (int i = 0; i < TM; ++i)
#pragma unroll
    for (int j = 0; j < TN; ++j) {
      const int row = m0 + row_of(i), at = n0 + column_of(j);
      if (row >= d.k || at >= d.depth()) continue;
      float& v = to[int64_t{row} * d.depth() + at];
      v = accumulate ? v + acc[i][j] : acc[i][j];
    }
  if (!bias.partials) return;
  auto& sums = simt::shared<Tiles>().a[0][0];  // threads t and t + BM have summed the same k
  __syncthreads();                             // the tiles have been read by all
  if (threadIdx.x >= BM) sums[A::row(0)] = bias_sum;
  __syncthreads();  // the second half's sums are there
  if (threadIdx.x < BM && k < d.k) bias.row(d)[k] = bias_sum + sums[A::row(0)];
}

// Hosts.

template <class Args>
bool accepts(const Args& a, int) {
  return fits_int(a.problem);
}

simt::Config tiles(int64_t gemm_m, int gemm_n, int z, CudaStream stream) {
  return {.grid = dim3(blocks_for(gemm_m, BM), blocks_for(gemm_n, BN), static_cast<unsigned>(z)),
          .block = kThreads,
          .smem = sizeof(Tiles),
          .stream = stream};
}

template <class T>
void run_forward(const Conv2dCudaForward& a, CudaStream stream) {
  const ConvDims d = dims_of(a.problem);
  simt::launch(conv2d_forward_tiled_kernel<T>, tiles(d.pixels(), d.k, 1, stream), d,
               static_cast<const T*>(a.x), static_cast<const T*>(a.w), store_of<T>(a));
}

template <class T>
void run_backward_data(const Conv2dCudaBackwardData& a, CudaStream stream) {
  const ConvDims d = dims_of(a.problem);
  simt::launch(conv2d_backward_data_tiled_kernel<T>,
               tiles(most_phase_pixels(d), d.c, d.stride * d.stride, stream), d,
               static_cast<const T*>(a.da), static_cast<const T*>(a.w), store_of<T>(a));
}

WeightParts weight_parts(const Conv2dCudaBackwardWeight& a) {
  const ConvDims d = dims_of(a.problem);
  return {split_sum(a.problem, BM, BN, BK, 2), static_cast<int>(blocks_for(d.depth(), BN))};
}

template <class T>
void run_backward_weight(const Conv2dCudaBackwardWeight& a, void* workspace, CudaStream stream) {
  const ConvDims d = dims_of(a.problem);
  const WeightParts parts = weight_parts(a);
  simt::launch(conv2d_backward_weight_tiled_kernel<T>,
               tiles(d.k, d.depth(), parts.split.count, stream), d, static_cast<const T*>(a.x),
               static_cast<const T*>(a.da), parts.dw(a, workspace),
               BiasTurn{parts.db(a, workspace)}, parts.split.steps_each, parts.accumulates(a));
  parts.add_up(a, workspace, stream);
}

}  // namespace

// Instantiations: 3 kernels x {f32, bf16}.

const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardTiled = {
    "tiled", accepts, always_suits, no_workspace,
    [](const Conv2dCudaForward& a, void*, CudaStream stream) {
      a.dtype == DType::kF32 ? run_forward<float>(a, stream) : run_forward<simt::bf16>(a, stream);
    }};

const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataTiled = {
    "tiled", accepts, always_suits, no_workspace,
    [](const Conv2dCudaBackwardData& a, void*, CudaStream stream) {
      a.dtype == DType::kF32 ? run_backward_data<float>(a, stream)
                             : run_backward_data<simt::bf16>(a, stream);
    }};

const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightTiled = {
    "tiled", accepts, always_suits,
    [](const Conv2dCudaBackwardWeight& a) { return weight_parts(a).bytes(a); },
    [](const Conv2dCudaBackwardWeight& a, void* workspace, CudaStream stream) {
      a.dtype == DType::kF32 ? run_backward_weight<float>(a, workspace, stream)
                             : run_backward_weight<simt::bf16>(a, workspace, stream);
    }};

}  // namespace diptych
