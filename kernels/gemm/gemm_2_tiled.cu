// gemm, rung 2: tiles in shared memory, f32 arithmetic.
//
// The idea over rung 1: a block of 256 threads computes 64x64 results together. For 16 terms of
// their sums at a time it fetches both operands once into shared memory, where each value is used
// 64 times.
//
//                     rows   columns   terms   A[row][k] is   B[column][k] is
//   forward           m      o         i       x[m][i]        w[o][i]
//   backward data     m      i         o       dy[m][o]       w[o][i], its rows now the terms
//   backward weight   o      i         m       dy[m][o]       x[m][i]
//
//              b: 16 x 64
//             +---------+       thread (ty, tx) of 16 x 16 owns rows ty, ty + 16, .. and columns
//             | tx  tx  |       tx, tx + 16, ..: 4 x 4 results; per term it reads 4 + 4 values
//   a: 16x64  +---------+       and does 16 multiply-adds with them
//   +---+     |         |
//   |ty |     |  64x64  |       neighbour threads fetch what are neighbours in memory: terms (Fast
//   |   |     |         |       kTerms) or rows; the pitch of 66 keeps both ways on different banks
//   +---+     +---------+
//
// What bounds it: for networks' layers, its own shape. A batch of 8 fills 8 of 64 rows, so 7/8 of
// the work is on zeros, and 256 columns are 4 blocks, whose sums of 32768 terms nobody shares. A
// dense layer is no square product but a stream of weights; the next rung treats it as one.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/gemm/gemm_rungs.cuh"

namespace diptych {

namespace {

constexpr int kThreads = 256, BM = 64, BN = 64, BK = 16, TM = 4, TN = 4;
constexpr int kSide = 16;   // of the block of threads
constexpr int kPitch = 66;  // writes of 16 terms by 2 rows, and of 32 rows, meet 32 banks

struct Tiles {
  float a[BK][kPitch], b[BK][kPitch];  // term, row
};

enum class Fast { kTerms, kRows };  // which index is contiguous in memory

// tile[k][row] = from(row, k) for the tile's 64 rows and 16 terms.
template <Fast fast, class From>
__device__ __forceinline__ void fetch(float (&tile)[BK][kPitch], const From& from) {
  const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int i = 0; i < BM * BK / kThreads; ++i) {
    constexpr int kStep = fast == Fast::kTerms ? kThreads / BK : kThreads / BM;
    const int row = fast == Fast::kTerms ? thread / BK + i * kStep : thread % BM;
    const int k = fast == Fast::kTerms ? thread % BK : thread / BM + i * kStep;
    tile[k][row] = from(row, k);
  }
}

// put(row, column, sum over k of a(row, k) * b(column, k)) for the block's tile of (rows, columns).
template <Fast fast_a, Fast fast_b, class A, class B, class Put>
__device__ __forceinline__ void tiled_product(
    int rows, int columns, int terms, const A& a, const B& b, const Put& put) {
  auto& t = simt::shared<Tiles>();
  const int column_tiles = (columns + BN - 1) / BN;
  const int row0 = static_cast<int>(blockIdx.x) / column_tiles * BM;
  const int column0 = static_cast<int>(blockIdx.x) % column_tiles * BN;
  const int ty = static_cast<int>(threadIdx.x) / kSide, tx = static_cast<int>(threadIdx.x) % kSide;
  float acc[TM][TN] = {};
  for (int k0 = 0; k0 < terms; k0 += BK) {
    fetch<fast_a>(t.a, [&](int row, int k) {
      return row0 + row < rows && k0 + k < terms ? a(row0 + row, k0 + k) : 0.0f;
    });
    fetch<fast_b>(t.b, [&](int column, int k) {
      return column0 + column < columns && k0 + k < terms ? b(column0 + column, k0 + k) : 0.0f;
    });
    __syncthreads();  // the tiles are there
#pragma unroll
    for (int k = 0; k < BK; ++k) {
      float va[TM], vb[TN];
#pragma unroll
      for (int i = 0; i < TM; ++i) va[i] = t.a[k][ty + i * kSide];
#pragma unroll
      for (int j = 0; j < TN; ++j) vb[j] = t.b[k][tx + j * kSide];
#pragma unroll
      for (int i = 0; i < TM; ++i)
#pragma unroll
        for (int j = 0; j < TN; ++j) acc[i][j] += va[i] * vb[j];
    }
    __syncthreads();  // the tiles have been read
  }
#pragma unroll
  for (int i = 0; i < TM; ++i)
#pragma unroll
    for (int j = 0; j < TN; ++j) {
      const int row = row0 + ty + i * kSide, column = column0 + tx + j * kSide;
      if (row < rows && column < columns) put(row, column, acc[i][j]);
    }
}

template <class T>
__device__ __forceinline__ float at(const T* matrix, int row, int columns, int column) {
  return static_cast<float>(__ldg(matrix + int64_t{row} * columns + column));
}

template <class T, class Y>
__global__ void __launch_bounds__(kThreads) dense_forward_tiled_kernel(int m,
                                                                       int in,
                                                                       int out,
                                                                       const T* __restrict__ x,
                                                                       const T* __restrict__ w,
                                                                       const float* b,
                                                                       Y* __restrict__ y) {
  tiled_product<Fast::kTerms, Fast::kTerms>(
      m, out, in, [&](int row, int k) { return at(x, row, in, k); },
      [&](int column, int k) { return at(w, column, in, k); },
      [&](int row, int column, float sum) {
        y[int64_t{row} * out + column] = static_cast<Y>(b ? sum + b[column] : sum);
      });
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    dense_backward_data_tiled_kernel(int m,
                                     int in,
                                     int out,
                                     const T* __restrict__ dy,
                                     const T* __restrict__ w,
                                     T* __restrict__ dx,
                                     bool accumulate) {
  tiled_product<Fast::kTerms, Fast::kRows>(
      m, in, out, [&](int row, int k) { return at(dy, row, out, k); },
      [&](int column, int k) { return at(w, k, in, column); },
      [&](int row, int column, float sum) {
        T& to = dx[int64_t{row} * in + column];
        to = static_cast<T>(accumulate ? static_cast<float>(to) + sum : sum);
      });
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    dense_backward_weight_tiled_kernel(int m,
                                       int in,
                                       int out,
                                       const T* __restrict__ x,
                                       const T* __restrict__ dy,
                                       float* __restrict__ dw,
                                       bool accumulate) {
  tiled_product<Fast::kRows, Fast::kRows>(
      out, in, m, [&](int row, int k) { return at(dy, k, out, row); },
      [&](int column, int k) { return at(x, k, in, column); },
      [&](int row, int column, float sum) {
        float& to = dw[int64_t{row} * in + column];
        to = accumulate ? to + sum : sum;
      });
}

// Hosts.

simt::Config tiles(int64_t rows, int64_t columns, CudaStream stream) {
  return {.grid = static_cast<unsigned>(tiles_in(rows, BM) * tiles_in(columns, BN)),
          .block = kThreads,
          .smem = sizeof(Tiles),
          .stream = stream};
}

void run_forward(const DenseCudaForward& a, void*, CudaStream stream) {
  const auto& t = a.problem;
  dispatch_device(a.dtype, [&]<class T>() {
    const auto start = [&](auto kernel, auto* y) {
      simt::launch(kernel, tiles(t.m, t.out, stream), t.m, t.in, t.out, static_cast<const T*>(a.x),
                   static_cast<const T*>(a.w), a.b, y);
    };
    if (a.y_dtype == DType::kF32)
      start(dense_forward_tiled_kernel<T, float>, static_cast<float*>(a.y));
    else
      start(dense_forward_tiled_kernel<T, T>, static_cast<T*>(a.y));
  });
}

void run_backward_data(const DenseCudaBackwardData& a, void*, CudaStream stream) {
  const auto& t = a.problem;
  dispatch_device(a.dtype, [&]<class T>() {
    simt::launch(dense_backward_data_tiled_kernel<T>, tiles(t.m, t.in, stream), t.m, t.in, t.out,
                 static_cast<const T*>(a.dy), static_cast<const T*>(a.w), static_cast<T*>(a.dx),
                 a.accumulate);
  });
}

void run_backward_weight(const DenseCudaBackwardWeight& a, void*, CudaStream stream) {
  const auto& t = a.problem;
  dispatch_device(a.dtype, [&]<class T>() {
    simt::launch(dense_backward_weight_tiled_kernel<T>, tiles(t.out, t.in, stream), t.m, t.in,
                 t.out, static_cast<const T*>(a.x), static_cast<const T*>(a.dy), a.dw,
                 a.accumulate);
  });
}

}  // namespace

// Instantiations: 3 kernels x {f32, bf16}, and forward from bf16 to f32.

const GemmCudaRung<DenseCudaForward> kDenseForwardTiled = {"tiled", accepts_any, suits_any,
                                                           needs_no_workspace, run_forward};
const GemmCudaRung<DenseCudaBackwardData> kDenseBackwardDataTiled = {
    "tiled", accepts_any, suits_any, needs_no_workspace, run_backward_data};
const GemmCudaRung<DenseCudaBackwardWeight> kDenseBackwardWeightTiled = {
    "tiled", accepts_any, suits_any, needs_no_workspace, run_backward_weight};

}  // namespace diptych
