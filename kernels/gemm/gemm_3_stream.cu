// gemm, rung 3: each weight is read once, by whichever thread needs it, f32 arithmetic.
//
// The idea over rung 2: with a batch this small there is nothing to gain from sharing weights in a
// block, and everything from keeping many of their bytes on the way. So weights go straight from
// global memory to the registers of one thread, 16 bytes at a time, and are multiplied with all
// rows of the batch there. Long sums are split over threads, warps and blocks, so that every
// multiprocessor has loads under way.
//
//   forward           lanes of a warp split the sum: w[o][i] for 4 rows o at 4 i each, times MT
//                     rows of x; the lanes' 4 x MT sums are added by shuffles at the end
//                          w[o..o+3] |l0 |l1 |l2 | .. |l31|  -> next 128 i     block: 8 warps,
//                          x[m]      |l0 |l1 |l2 | .. |l31|  (first cache)     32 rows of w
//
//   backward data     lanes hold 4 columns i each; down the rows o of w they add dy[m][o] * w[o][i]
//                          w[o]   |l0 |l1 |l2 | .. |l31|   dy[0..MT][o] is one broadcast from
//                          w[o+1] |l0 |l1 |l2 | .. |l31|   shared memory
//                     block: 2 warps wide, 4 slices of the rows, added up in shared memory
//
//   backward weight   no sum to split: 4 columns i by 8 rows o a thread, M terms, 16-byte stores
//
// blockIdx.y of forward and backward data is the split; gemm_3_split.cu adds the splits.
//
// What bounds it: memory, up to a batch of about 16 in f32: a thread's multiply-adds and its reads
// of x or dy grow with the batch while the weights' bytes do not. In bf16 there are half the bytes
// to hide them behind; the next rung gives the products to the tensor cores.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/gemm/gemm_stream.cuh"

namespace diptych {

namespace {

constexpr int kThreads = kStreamThreads, kWarps = kStreamWarps;
constexpr int kMostRows = 64;  // of a batch; beyond it weights in shared memory pay

// Two blocks a multiprocessor, or where the sums of 16 batch rows fill the registers, one.
template <int MT>
constexpr int kBlocks = MT <= 8 ? 2 : 1;

// Sums v over the warp: lane l gets the totals of elements l * N/32 .. in v[0 .. N/32). In each
// round a lane keeps one half of what it has and gives the other to the lane `d` away.
template <int N>
__device__ __forceinline__ void spread_sums(float (&v)[N]) {
  int count = N / 2;
#pragma unroll
  for (int d = 16; d; d /= 2, count /= 2) {
    const bool upper = lane_index() & d;
#pragma unroll
    for (int i = 0; i < N / 2; ++i) {
      if (i >= count) continue;
      const float give = upper ? v[i] : v[i + count], keep = upper ? v[i + count] : v[i];
      v[i] = keep + __shfl_xor_sync(~0u, give, d);
    }
  }
}

constexpr int kForwardRows = 4, kBlockRows = kForwardRows * kWarps;  // of w: a warp's, a block's

// blockIdx.x: rows of w, and of the batch, which runs faster: w comes from memory once.
template <class T, int Width, int MT>
__global__ void __launch_bounds__(kThreads, kBlocks<MT>)
    dense_forward_stream_kernel(int rows,
                                int in,
                                int out,
                                int each,
                                const T* __restrict__ x,
                                const T* __restrict__ w,
                                DenseStore<T> store) {
  constexpr int kEach = kForwardRows * MT / 32;     // results a lane has in the end
  __shared__ float tile[MT][kBlockRows + 32 / MT];  // lanes of MT rows by 4 meet 32 banks
  const int row_tiles = (rows + MT - 1) / MT;
  const int m0 = static_cast<int>(blockIdx.x) % row_tiles * MT;
  const int o0 = static_cast<int>(blockIdx.x) / row_tiles * kBlockRows;
  const int begin = static_cast<int>(blockIdx.y) * each, end = min(begin + each, in);
  const int first = o0 + warp_index() * kForwardRows;
  // Rows behind the last are that one again: read, never stored.
  const T* weights[kForwardRows];
#pragma unroll
  for (int r = 0; r < kForwardRows; ++r) weights[r] = w + int64_t{min(first + r, out - 1)} * in;

  float sum[kForwardRows * MT] = {};  // (r, m)
  for (int i = begin + lane_index() * Width; i < end; i += 32 * Width) {
    float wv[kForwardRows][Width];
#pragma unroll
    for (int r = 0; r < kForwardRows; ++r) load_run(weights[r] + i, wv[r]);
#pragma unroll
    for (int m = 0; m < MT; ++m) {
      float xv[Width];
      load_run(x + int64_t{min(m0 + m, rows - 1)} * in + i, xv);
#pragma unroll
      for (int r = 0; r < kForwardRows; ++r)
#pragma unroll
        for (int j = 0; j < Width; ++j) sum[r * MT + m] += wv[r][j] * xv[j];
    }
  }
  spread_sums(sum);
#pragma unroll
  for (int e = 0; e < kEach; ++e) {
    const int at = lane_index() * kEach + e;
    tile[at % MT][warp_index() * kForwardRows + at / MT] = sum[e];
  }
  __syncthreads();  // the tile is whole: rows of it are neighbours in y
  const DenseStore<T> mine = store.of_split(static_cast<int>(blockIdx.y), rows);
  const int o = o0 + lane_index();
  for (int m = warp_index(); m < MT && m0 + m < rows; m += kWarps) {
    float v[1] = {tile[m][lane_index()]};
    if (o < out) mine.put(m0 + m, o, v);
  }
}

constexpr int kSlices = 4, kWide = kWarps / kSlices;  // warps of a slice
constexpr int kStagedRows = 128, kAtOnce = 8;         // rows of w: of a stage, on the way at once

template <int MT>
struct DataShared {
  union {
    float dy[kStagedRows][MT + 4];  // o, m; the pitch keeps float4 whole and spreads the banks
    float room[slice_room(kSlices, kWide, MT * 4)];
  };
};

// dy[.., o0 ..] of MT rows from m0, zeros behind the ends.
template <class T, int MT>
__device__ __forceinline__ void stage_dy(
    float (&to)[kStagedRows][MT + 4], const T* dy, int rows, int out, int m0, int o0, int end) {
  for (int i = static_cast<int>(threadIdx.x); i < kStagedRows * MT; i += kThreads) {
    const int m = i / kStagedRows, o = i % kStagedRows;
    const bool in = m0 + m < rows && o0 + o < end;
    to[o][m] = in ? static_cast<float>(__ldg(dy + int64_t{m0 + m} * out + o0 + o)) : 0.0f;
  }
}

template <class T, int Width, int MT>
__global__ void __launch_bounds__(kThreads, kBlocks<MT>)
    dense_backward_data_stream_kernel(int rows,
                                      int in,
                                      int out,
                                      int each,
                                      const T* __restrict__ dy,
                                      const T* __restrict__ w,
                                      DenseStore<T> store) {
  auto& shared = simt::shared<DataShared<MT>>();
  const int row_tiles = (rows + MT - 1) / MT;
  const int m0 = static_cast<int>(blockIdx.x) % row_tiles * MT;
  const int slice = warp_index() / kWide, wide = warp_index() % kWide;
  const int i =
      (static_cast<int>(blockIdx.x) / row_tiles * kWide + wide) * 32 * Width + lane_index() * Width;
  const int begin = static_cast<int>(blockIdx.y) * each, end = min(begin + each, out);

  float sum[MT * Width] = {};  // (m, column)
  for (int o0 = begin; o0 < end; o0 += kStagedRows) {
    __syncthreads();  // the stage before has been read
    stage_dy<T, MT>(shared.dy, dy, rows, out, m0, o0, end);
    __syncthreads();  // this one is there
    if (i >= in) continue;
    // A slice takes 8 rows, skips those of the others, and so on.
    for (int row = slice * kAtOnce; row < kStagedRows && o0 + row < end; row += kSlices * kAtOnce) {
      float wv[kAtOnce][Width];
#pragma unroll
      for (int r = 0; r < kAtOnce; ++r) {
        const int o = min(o0 + row + r, end - 1);  // dy is 0 behind the end
        load_run(w + int64_t{o} * in + i, wv[r]);
      }
#pragma unroll
      for (int r = 0; r < kAtOnce; ++r)
#pragma unroll
        for (int m = 0; m < MT; m += 4) {
          const float4 d = load_whole(reinterpret_cast<const float4*>(&shared.dy[row + r][m]));
          const float dv[4] = {d.x, d.y, d.z, d.w};
#pragma unroll
          for (int k = 0; k < 4; ++k)
#pragma unroll
            for (int j = 0; j < Width; ++j) sum[(m + k) * Width + j] += dv[k] * wv[r][j];
        }
    }
  }
  __syncthreads();  // dy has been read: its memory is free
  add_slices<kSlices>(sum, slice, kWide, wide, shared.room);
  if (slice || i >= in) return;
  const DenseStore<T> mine = store.of_split(static_cast<int>(blockIdx.y), rows);
#pragma unroll
  for (int m = 0; m < MT; ++m) {
    float v[Width];
#pragma unroll
    for (int j = 0; j < Width; ++j) v[j] = sum[m * Width + j];
    if (m0 + m < rows) mine.put(m0 + m, i, v);
  }
}

constexpr int kOuterRows = 8, kOuterBlock = kOuterRows * kSlices;  // of dw: a thread's, a block's
constexpr int kStagedBatch = 32;

template <class T, int Width>
__global__ void __launch_bounds__(kThreads, 2)
    dense_backward_weight_stream_kernel(int rows,
                                        int in,
                                        int out,
                                        const T* __restrict__ x,
                                        const T* __restrict__ dy,
                                        float* __restrict__ dw,
                                        bool accumulate) {
  __shared__ __align__(16) float staged[kStagedBatch][kOuterBlock];  // m, o
  const int column_tiles = (in + kWide * 32 * Width - 1) / (kWide * 32 * Width);
  const int o0 = static_cast<int>(blockIdx.x) / column_tiles * kOuterBlock;
  const int slice = warp_index() / kWide, wide = warp_index() % kWide;
  const int i = (static_cast<int>(blockIdx.x) % column_tiles * kWide + wide) * 32 * Width +
                lane_index() * Width;
  float sum[kOuterRows][Width] = {};
  for (int m0 = 0; m0 < rows; m0 += kStagedBatch) {
    const int batch = min(kStagedBatch, rows - m0);
    __syncthreads();  // the stage before has been read
    for (int m = warp_index(); m < batch; m += kWarps) {
      const int o = o0 + lane_index();
      staged[m][lane_index()] =
          o < out ? static_cast<float>(__ldg(dy + int64_t{m0 + m} * out + o)) : 0.0f;
    }
    __syncthreads();  // this one is there
    if (i >= in) continue;
    for (int m = 0; m < batch; ++m) {
      float xv[Width], dv[kOuterRows];
      load_run(x + int64_t{m0 + m} * in + i, xv);
      load_run(&staged[m][slice * kOuterRows], dv);
#pragma unroll
      for (int r = 0; r < kOuterRows; ++r)
#pragma unroll
        for (int j = 0; j < Width; ++j) sum[r][j] += dv[r] * xv[j];
    }
  }
  if (i >= in) return;
#pragma unroll
  for (int r = 0; r < kOuterRows; ++r) {
    const int o = o0 + slice * kOuterRows + r;
    if (o < out) add_run(dw + int64_t{o} * in + i, accumulate, sum[r]);
  }
}

// 32 columns a block; warp g adds rows g, g + 8, ..; then warp 0 adds the 8 sums.
template <class T>
__global__ void __launch_bounds__(kThreads) dense_backward_bias_stream_kernel(
    int rows, int out, const T* __restrict__ dy, float* __restrict__ db, bool accumulate) {
  __shared__ float sums[kWarps][32];
  const int o = static_cast<int>(blockIdx.x) * 32 + lane_index();
  float sum = 0;
  for (int m = warp_index(); m < rows && o < out; m += kWarps)
    sum += static_cast<float>(__ldg(dy + int64_t{m} * out + o));
  sums[warp_index()][lane_index()] = sum;
  __syncthreads();  // every warp's sums are there
  if (warp_index() || o >= out) return;
  for (int g = 1; g < kWarps; ++g) sum += sums[g][lane_index()];
  db[o] = accumulate ? db[o] + sum : sum;
}

// Hosts.

constexpr int kWidth = 4;  // f32: 16 bytes, bf16: 8

template <class... P>
bool wide(int row, const P*... p) {
  return row % kWidth == 0 && pack_aligned(p...);
}

// Calls f<T, Width, MT>().
template <class F>
void dispatch_stream(DType dtype, bool is_wide, int rows, const F& f) {
  dispatch_device(dtype, [&]<class T>() {
    if (is_wide)
      rows <= 8 ? f.template operator()<T, kWidth, 8>() : f.template operator()<T, kWidth, 16>();
    else
      rows <= 8 ? f.template operator()<T, 1, 8>() : f.template operator()<T, 1, 16>();
  });
}

int batch_tiles(const DenseProblem& t) {
  return static_cast<int>(tiles_in(t.m, t.m <= 8 ? 8 : 16));
}

DenseSplit forward_split(const DenseProblem& t) {
  return split_length(tiles_in(t.out, kBlockRows) * batch_tiles(t), t.in, 32 * kWidth, t.m);
}

DenseSplit data_split(const DenseProblem& t) {
  const int64_t tiles = tiles_in(t.in, kWide * 32 * kWidth) * batch_tiles(t);
  return split_length(tiles, t.out, kStagedRows, t.m);
}

void run_forward(const DenseCudaForward& a, void* workspace, CudaStream stream) {
  const auto& t = a.problem;
  const DenseSplit split = forward_split(t);
  dispatch_stream(a.dtype, wide(t.in, a.x, a.w), t.m, [&]<class T, int Width, int MT>() {
    const DenseStore<T> y = {a.y, a.b, t.out, a.y_dtype == DType::kF32, false};
    simt::launch(dense_forward_stream_kernel<T, Width, MT>,
                 stream_config(tiles_in(t.out, kBlockRows) * tiles_in(t.m, MT), split, 0, stream),
                 t.m, t.in, t.out, split.each, static_cast<const T*>(a.x),
                 static_cast<const T*>(a.w),
                 split.count == 1 ? y : partial_store<T>(workspace, t.out));
    if (split.count > 1)
      add_splits(static_cast<const float*>(workspace), split.count, t.m, y, stream);
  });
}

void run_backward_data(const DenseCudaBackwardData& a, void* workspace, CudaStream stream) {
  const auto& t = a.problem;
  const DenseSplit split = data_split(t);
  dispatch_stream(a.dtype, wide(t.in, a.w, a.dx), t.m, [&]<class T, int Width, int MT>() {
    const DenseStore<T> dx = {a.dx, nullptr, t.in, a.dtype == DType::kF32, a.accumulate};
    const int64_t tiles = tiles_in(t.in, kWide * 32 * Width) * tiles_in(t.m, MT);
    simt::launch(dense_backward_data_stream_kernel<T, Width, MT>,
                 stream_config(tiles, split, sizeof(DataShared<MT>), stream), t.m, t.in, t.out,
                 split.each, static_cast<const T*>(a.dy), static_cast<const T*>(a.w),
                 split.count == 1 ? dx : partial_store<T>(workspace, t.in));
    if (split.count > 1)
      add_splits(static_cast<const float*>(workspace), split.count, t.m, dx, stream);
  });
}

void run_backward_weight(const DenseCudaBackwardWeight& a, void*, CudaStream stream) {
  const auto& t = a.problem;
  dispatch_stream(a.dtype, wide(t.in, a.x, a.dw), 8, [&]<class T, int Width, int>() {
    const int64_t tiles = tiles_in(t.out, kOuterBlock) * tiles_in(t.in, kWide * 32 * Width);
    simt::launch(dense_backward_weight_stream_kernel<T, Width>,
                 stream_config(tiles, {1, 0}, 0, stream), t.m, t.in, t.out,
                 static_cast<const T*>(a.x), static_cast<const T*>(a.dy), a.dw, a.accumulate);
  });
}

void run_backward_bias(const DenseCudaBackwardBias& a, void*, CudaStream stream) {
  const auto& t = a.problem;
  dispatch_device(a.dtype, [&]<class T>() {
    simt::launch(dense_backward_bias_stream_kernel<T>,
                 stream_config(tiles_in(t.out, 32), {1, 0}, 0, stream), t.m, t.out,
                 static_cast<const T*>(a.dy), a.db, a.accumulate);
  });
}

template <class Args>
bool suits(const Args& a) {
  return a.problem.m <= kMostRows;
}

}  // namespace

// Instantiations: {f32, bf16} x {4, 1} wide x (2 kernels x batches of {8, 16}, 1 kernel of any
// batch), and bias x {f32, bf16}.

const GemmCudaRung<DenseCudaForward> kDenseForwardStream = {
    "stream", accepts_any, suits,
    [](const DenseCudaForward& a) {
      return forward_split(a.problem).workspace(a.problem.m, a.problem.out);
    },
    run_forward};

const GemmCudaRung<DenseCudaBackwardData> kDenseBackwardDataStream = {
    "stream", accepts_any, suits,
    [](const DenseCudaBackwardData& a) {
      return data_split(a.problem).workspace(a.problem.m, a.problem.in);
    },
    run_backward_data};

const GemmCudaRung<DenseCudaBackwardWeight> kDenseBackwardWeightStream = {
    "stream", accepts_any, suits, needs_no_workspace, run_backward_weight};

const GemmCudaRung<DenseCudaBackwardBias> kDenseBackwardBiasStream = {
    "stream", accepts_any, suits_any, needs_no_workspace, run_backward_bias};

}  // namespace diptych
