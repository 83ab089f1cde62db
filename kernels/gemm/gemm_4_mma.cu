// gemm, rung 4: weights stream into tensor cores, bf16 operands, f32 sums (sm_80 and later).
//
// The idea over rung 3: the multiply-adds grow with the batch, the weights' bytes do not, so hand
// the products to mma.sync. The weights are its 16-row operand A, the batch its 8 columns, so that
// a batch of 8 wastes nothing; and both operands are loaded as fragments, past shared memory
// (gemm_mma.cuh).
//
//   forward           A = w   a warp: 16 rows o, 128 terms i a step, 8 loads of 16 bytes on the way
//                     B = x   lane (g, t) reads 8 terms of row g of the batch
//                         block: 4 warps of 16 rows, 2 slices of the terms
//
//   backward data     A = w^T a warp: 64 columns i, 32 rows o a step; lane (g, t) reads columns
//                             8g .. 8g+7 of rows 8t .. 8t+7 and pairs the rows itself
//                     B = dy  its results: 8 neighbours of dx per row of the batch
//                         block: 2 warps of 64 columns, 4 slices of the rows
//
// blockIdx.y of forward and backward data is the split; gemm_3_split.cu adds the splits.
//
// Backward weight is in gemm_4_mma_weight.cu.
//
// What bounds it: memory, 2 bytes a weight. Beyond M = 64 (32 in backward data) blocks of the next
// rows read the weights again, at about the same time: from the second cache.
// SPDX-License-Identifier: MIT
#include "kernels/gemm/gemm_mma.cuh"
#include "kernels/gemm/gemm_stream.cuh"

namespace diptych {

namespace {

using simt::bf16;

constexpr int kThreads = kStreamThreads, kWarps = kStreamWarps;

// Two blocks a multiprocessor, or where the sums of 32 batch rows and more fill the registers, one:
// with 8 loads of 16 bytes a lane on the way, 32 KB are under way even so.
template <int NT>
constexpr int kBlocks = NT <= 2 ? 2 : 1;

// Forward.

constexpr int kForwardSlices = 2, kRowWarps = kWarps / kForwardSlices, kBlockRows = 16 * kRowWarps;
constexpr int kSpan = 32, kSpans = 4, kForwardStep = kForwardSlices * kSpans * kSpan;

template <int NT>
struct ForwardShared {
  union {
    float room[slice_room(kForwardSlices, kRowWarps, NT * 4)];
    float tile[NT * 8][kBlockRows + 4];  // m, o; 8 rows by 4 pairs meet 32 banks
  };
};

// sum += a span of 32 terms of 16 rows of w, times NT * 8 rows of the batch.
template <int NT, class LoadX>
__device__ __forceinline__ void multiply_span(const Chunk (&w)[2],
                                              const LoadX& load_x,
                                              float (&sum)[NT][4]) {
#pragma unroll
  for (int n = 0; n < NT; ++n) {
    const Chunk x = load_x(n);
#pragma unroll
    for (int s = 0; s < 2; ++s) {
      const unsigned a[4] = {w[0].v[2 * s], w[1].v[2 * s], w[0].v[2 * s + 1], w[1].v[2 * s + 1]};
      const unsigned b[2] = {x.v[2 * s], x.v[2 * s + 1]};
      simt::mma_16816(sum[n], a, b);
    }
  }
}

template <int NT>
__global__ void __launch_bounds__(kThreads, kBlocks<NT>)
    dense_forward_mma_kernel(int rows,
                             int in,
                             int out,
                             int each,
                             const bf16* __restrict__ x,
                             const bf16* __restrict__ w,
                             DenseStore<bf16> store) {
  auto& shared = simt::shared<ForwardShared<NT>>();
  const int row_tiles = (rows + NT * 8 - 1) / (NT * 8);
  const int m0 = static_cast<int>(blockIdx.x) % row_tiles * NT * 8;
  const int o0 = static_cast<int>(blockIdx.x) / row_tiles * kBlockRows;
  const int begin = static_cast<int>(blockIdx.y) * each, end = min(begin + each, in);
  const int slice = warp_index() / kRowWarps, row_warp = warp_index() % kRowWarps;
  const int o = o0 + row_warp * 16 + lane_g();
  // Rows behind the last are that one again: multiplied, never stored.
  const bf16* const weights[2] = {w + int64_t{min(o, out - 1)} * in,
                                  w + int64_t{min(o + 8, out - 1)} * in};
  float sum[NT][4] = {};  // (8n + 2t, +1) of row g, then of row g + 8
  for (int k = begin + slice * kSpans * kSpan; k < end; k += kForwardStep) {
    Chunk wv[kSpans][2];
#pragma unroll
    for (int s = 0; s < kSpans; ++s)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int i = k + s * kSpan + lane_t() * 8;
        wv[s][half] = load_or_zero<Chunk>(weights[half] + i, i < end);
      }
#pragma unroll
    for (int s = 0; s < kSpans; ++s) {
      const int i = k + s * kSpan + lane_t() * 8;
      multiply_span<NT>(
          wv[s],
          [&](int n) {
            const int m = min(m0 + n * 8 + lane_g(), rows - 1);
            return load_or_zero<Chunk>(x + int64_t{m} * in + i, i < end);
          },
          sum);
    }
  }
  add_slices<kForwardSlices>(reinterpret_cast<float(&)[NT * 4]>(sum), slice, kRowWarps, row_warp,
                             shared.room);
  __syncthreads();  // the slices' sums have been read: their memory is free
  if (slice == 0)
#pragma unroll
    for (int n = 0; n < NT; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        shared.tile[n * 8 + lane_t() * 2 + e % 2][row_warp * 16 + lane_g() + e / 2 * 8] = sum[n][e];
  __syncthreads();  // the tile is whole: rows of it are neighbours in y
  const DenseStore<bf16> mine = store.of_split(static_cast<int>(blockIdx.y), rows);
  for (int at = static_cast<int>(threadIdx.x); at < NT * 8 * kBlockRows; at += kThreads) {
    const int m = at / kBlockRows, column = at % kBlockRows;
    float v[1] = {shared.tile[m][column]};
    if (m0 + m < rows && o0 + column < out) mine.put(m0 + m, o0 + column, v);
  }
}

// Backward data.

constexpr int kDataSlices = 4, kDataWide = kWarps / kDataSlices, kDataColumns = 64;
constexpr int kDataStep = kDataSlices * kSpan;

template <int NT>
struct DataShared {
  float room[slice_room(kDataSlices, kDataWide, 16 * NT)];
};

template <int NT>
__global__ void __launch_bounds__(kThreads, kBlocks<NT>)
    dense_backward_data_mma_kernel(int rows,
                                   int in,
                                   int out,
                                   int each,
                                   const bf16* __restrict__ dy,
                                   const bf16* __restrict__ w,
                                   bool dy_aligned,
                                   DenseStore<bf16> store) {
  auto& shared = simt::shared<DataShared<NT>>();
  const int row_tiles = (rows + NT * 8 - 1) / (NT * 8);
  const int m0 = static_cast<int>(blockIdx.x) % row_tiles * NT * 8;
  const int slice = warp_index() / kDataWide, wide = warp_index() % kDataWide;
  const int i =
      (static_cast<int>(blockIdx.x) / row_tiles * kDataWide + wide) * kDataColumns + lane_g() * 8;
  const int begin = static_cast<int>(blockIdx.y) * each, end = min(begin + each, out);
  float sum[4][NT][4] = {};  // column i + 2j, rows (8n + 2t, +1), then column i + 2j + 1
  for (int k = begin + slice * kSpan; k < end; k += kDataStep) {
    const int o = k + lane_t() * 8;
    Chunk wv[8];
#pragma unroll
    for (int r = 0; r < 8; ++r)
      wv[r] = load_or_zero<Chunk>(w + int64_t{o + r} * in + i, o + r < end && i < in);
    Chunk dv[NT];
#pragma unroll
    for (int n = 0; n < NT; ++n) {
      const int m = min(m0 + n * 8 + lane_g(), rows - 1);
      dv[n] = load_terms(dy + int64_t{m} * out, o, end, dy_aligned);
    }
#pragma unroll
    for (int s = 0; s < 2; ++s)
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const Chunk* const r = wv + 4 * s;
        const unsigned a[4] = {low_pair(r[0].v[j], r[1].v[j]), high_pair(r[0].v[j], r[1].v[j]),
                               low_pair(r[2].v[j], r[3].v[j]), high_pair(r[2].v[j], r[3].v[j])};
#pragma unroll
        for (int n = 0; n < NT; ++n) {
          const unsigned b[2] = {dv[n].v[2 * s], dv[n].v[2 * s + 1]};
          simt::mma_16816(sum[j][n], a, b);
        }
      }
  }
  add_slices<kDataSlices>(reinterpret_cast<float(&)[16 * NT]>(sum), slice, kDataWide, wide,
                          shared.room);
  if (slice || i >= in) return;
  const DenseStore<bf16> mine = store.of_split(static_cast<int>(blockIdx.y), rows);
#pragma unroll
  for (int n = 0; n < NT; ++n)
#pragma unroll
    for (int p = 0; p < 2; ++p) {
      const int m = m0 + n * 8 + lane_t() * 2 + p;
      float v[8];
#pragma unroll
      for (int c = 0; c < 8; ++c) v[c] = sum[c / 2][n][c % 2 * 2 + p];
      if (m < rows) mine.put(m, i, v);
    }
}

// Hosts.

// Rows of the batch that a block of forward takes, of backward data.
int forward_rows(int m) {
  return m <= 8 ? 8 : m <= 16 ? 16 : m <= 32 ? 32 : 64;
}

int data_rows(int m) {
  return m <= 8 ? 8 : m <= 16 ? 16 : 32;
}

DenseSplit forward_split(const DenseProblem& t) {
  const int64_t tiles = tiles_in(t.out, kBlockRows) * tiles_in(t.m, forward_rows(t.m));
  return split_length(tiles, t.in, kForwardStep, t.m);
}

DenseSplit data_split(const DenseProblem& t) {
  const int64_t tiles = tiles_in(t.in, kDataWide * kDataColumns) * tiles_in(t.m, data_rows(t.m));
  return split_length(tiles, t.out, kDataStep, t.m);
}

template <int NT>
void start_forward(const DenseCudaForward& a, const DenseStore<bf16>& store, CudaStream stream) {
  const auto& t = a.problem;
  const DenseSplit split = forward_split(t);
  simt::launch(dense_forward_mma_kernel<NT>,
               stream_config(tiles_in(t.out, kBlockRows) * tiles_in(t.m, NT * 8), split,
                             sizeof(ForwardShared<NT>), stream),
               t.m, t.in, t.out, split.each, static_cast<const bf16*>(a.x),
               static_cast<const bf16*>(a.w), store);
}

void run_forward(const DenseCudaForward& a, void* workspace, CudaStream stream) {
  const auto& t = a.problem;
  const int splits = forward_split(t).count;
  const DenseStore<bf16> y = {a.y, a.b, t.out, a.y_dtype == DType::kF32, false};
  const DenseStore<bf16> store = splits == 1 ? y : partial_store<bf16>(workspace, t.out);
  switch (forward_rows(t.m)) {
    case 8:
      start_forward<1>(a, store, stream);
      break;
    case 16:
      start_forward<2>(a, store, stream);
      break;
    case 32:
      start_forward<4>(a, store, stream);
      break;
    default:
      start_forward<8>(a, store, stream);
  }
  if (splits > 1) add_splits(static_cast<const float*>(workspace), splits, t.m, y, stream);
}

template <int NT>
void start_backward_data(const DenseCudaBackwardData& a,
                         const DenseStore<bf16>& store,
                         CudaStream stream) {
  const auto& t = a.problem;
  const DenseSplit split = data_split(t);
  const int64_t tiles = tiles_in(t.in, kDataWide * kDataColumns) * tiles_in(t.m, NT * 8);
  simt::launch(dense_backward_data_mma_kernel<NT>,
               stream_config(tiles, split, sizeof(DataShared<NT>), stream), t.m, t.in, t.out,
               split.each, static_cast<const bf16*>(a.dy), static_cast<const bf16*>(a.w),
               chunks(t.out, a.dy, a.dy), store);
}

void run_backward_data(const DenseCudaBackwardData& a, void* workspace, CudaStream stream) {
  const auto& t = a.problem;
  const int splits = data_split(t).count;
  const DenseStore<bf16> dx = {a.dx, nullptr, t.in, false, a.accumulate};
  const DenseStore<bf16> store = splits == 1 ? dx : partial_store<bf16>(workspace, t.in);
  switch (data_rows(t.m)) {
    case 8:
      start_backward_data<1>(a, store, stream);
      break;
    case 16:
      start_backward_data<2>(a, store, stream);
      break;
    default:
      start_backward_data<4>(a, store, stream);
  }
  if (splits > 1) add_splits(static_cast<const float*>(workspace), splits, t.m, dx, stream);
}

}  // namespace

// Instantiations: forward {8, 16, 32, 64}, backward data {8, 16, 32} rows of the batch.

const GemmCudaRung<DenseCudaForward> kDenseForwardMma = {
    "mma",
    [](const DenseCudaForward& a, int chip) {
      return accepts_bf16(a, chip) && chunks(a.problem.in, a.x, a.w);
    },
    suits_any,
    [](const DenseCudaForward& a) {
      return forward_split(a.problem).workspace(a.problem.m, a.problem.out);
    },
    run_forward};

const GemmCudaRung<DenseCudaBackwardData> kDenseBackwardDataMma = {
    "mma",
    [](const DenseCudaBackwardData& a, int chip) {
      return accepts_bf16(a, chip) && chunks(a.problem.in, a.w, a.dx);
    },
    suits_any,
    [](const DenseCudaBackwardData& a) {
      return data_split(a.problem).workspace(a.problem.m, a.problem.in);
    },
    run_backward_data};

}  // namespace diptych
