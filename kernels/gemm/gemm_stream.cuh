// What the streaming kernels of gemm share: runs of elements, where results go, adding up slices.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/pack.cuh"
#include "kernels/gemm/gemm_rungs.cuh"

namespace diptych {

constexpr int kStreamThreads = 256, kStreamWarps = kStreamThreads / 32;

__device__ __forceinline__ int warp_index() {
  return static_cast<int>(threadIdx.x) / 32;
}

__device__ __forceinline__ int lane_index() {
  return static_cast<int>(threadIdx.x) % 32;
}

// N neighbours as f32; `from` and `to` are multiples of the run's size, or of 16 bytes.
template <class T, int N>
__device__ __forceinline__ void load_run(const T* from, float (&v)[N]) {
  constexpr int kMost = kPackBytes / static_cast<int>(sizeof(T)), kEach = N < kMost ? N : kMost;
#pragma unroll
  for (int i = 0; i < N; i += kEach) {
    const auto pack = load_whole(packs_of<const Pack<T, kEach>>(from + i));
#pragma unroll
    for (int j = 0; j < kEach; ++j) v[i + j] = static_cast<float>(pack.v[j]);
  }
}

template <class T, int N>
__device__ __forceinline__ void store_run(T* to, const float (&v)[N]) {
  constexpr int kMost = kPackBytes / static_cast<int>(sizeof(T)), kEach = N < kMost ? N : kMost;
#pragma unroll
  for (int i = 0; i < N; i += kEach) {
    Pack<T, kEach> pack;
#pragma unroll
    for (int j = 0; j < kEach; ++j) pack.v[j] = static_cast<T>(v[i + j]);
    store_whole(packs_of<Pack<T, kEach>>(to + i), pack);
  }
}

template <class T, int N>
__device__ __forceinline__ void add_run(T* to, bool accumulate, float (&v)[N]) {
  if (accumulate) {
    float before[N];
    load_run(to, before);
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] += before[i];
  }
  store_run(to, v);
}

// Where the sums of a result (m, columns) go: to the result itself, or to a split's partials.
template <class T>
struct DenseStore {
  void* to;
  const float* bias;  // (columns), or null
  int columns;
  bool f32, accumulate;

  // Partials of split i follow those of split i - 1. A result that is whole has split 0 alone.
  __device__ DenseStore of_split(int split, int m) const {
    DenseStore mine = *this;
    if (split) mine.to = static_cast<float*>(to) + int64_t{split} * m * columns;
    return mine;
  }

  template <int N>
  __device__ __forceinline__ void put(int row, int column, float (&v)[N]) const {
    const int64_t at = int64_t{row} * columns + column;
#pragma unroll
    for (int i = 0; i < N; ++i)
      if (bias) v[i] += bias[column + i];
    if (f32)
      add_run(static_cast<float*>(to) + at, accumulate, v);
    else
      add_run(static_cast<T*>(to) + at, accumulate, v);
  }
};

// Where a kernel of several splits puts its sums.
template <class T>
DenseStore<T> partial_store(void* workspace, int columns) {
  return {.to = workspace, .bias = nullptr, .columns = columns, .f32 = true, .accumulate = false};
}

// store(m, column) = sum over splits of the partials, in order. Called with the final store.
template <class T>
void add_splits(
    const float* partials, int splits, int m, const DenseStore<T>& store, CudaStream stream);

inline simt::Config stream_config(int64_t tiles,
                                  const DenseSplit& split,
                                  size_t smem,
                                  CudaStream stream) {
  return {.grid = dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(split.count)),
          .block = kStreamThreads,
          .smem = smem,
          .stream = stream};
}

// Shared memory of add_slices, in floats, for N sums a thread.
constexpr int slice_room(int slices, int warps_a_slice, int n) {
  return slices / 2 * warps_a_slice * n * 32;
}

// The slices of a block hold sums of the same results, thread by thread: slice 0 gets their total.
// The order is that of a tree. Every thread of the block calls this; `room` is free before, and
// again after the next barrier. index: of this warp in its slice.
template <int Slices, int N>
__device__ __forceinline__ void add_slices(
    float (&sum)[N], int slice, int warps_a_slice, int index, float* room) {
#pragma unroll
  for (int half = Slices / 2; half; half /= 2) {
    float* const mine =
        room + ((slice & (half - 1)) * warps_a_slice + index) * (N * 32) + lane_index();
    if (half < Slices / 2) __syncthreads();  // the round before has been read
    if (slice >= half && slice < 2 * half)
#pragma unroll
      for (int i = 0; i < N; ++i) mine[i * 32] = sum[i];
    __syncthreads();  // the upper half's sums are there
    if (slice < half)
#pragma unroll
      for (int i = 0; i < N; ++i) sum[i] += mine[i * 32];
  }
}

}  // namespace diptych
