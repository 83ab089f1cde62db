// From accumulator fragments to memory: a warp's 16 rows of results pass through shared memory, so
// that each lane holds 8 neighbours of one row and can store 16 bytes or more at once.
//
//   fragment: lane holds (g, 2t), (g, 2t+1), (g+8, ..)      run: lane holds (row, 8c .. 8c+7)
//     a store of it touches 8 rows x 16 bytes                 4 lanes store 64 bytes of a row
//
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv2d/conv2d_device.cuh"
#include "kernels/conv2d/conv2d_vector.cuh"

namespace diptych {

template <int NI>
struct Slice {
  static constexpr int kColumns = NI * 8, kChunks = NI;

  float value[16][kColumns + 8];  // this pitch: a half warp writes 32 different banks

  // value_of(j, e): this lane's element e of the j-th 16x8 fragment. use(row, column, run).
  template <class Value, class Use>
  __device__ __forceinline__ void for_each_run(const Value& value_of, const Use& use) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    __syncwarp();  // the slice before this one has been read
#pragma unroll
    for (int j = 0; j < NI; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        *reinterpret_cast<float2*>(&value[lane / 4 + half * 8][j * 8 + lane % 4 * 2]) =
            make_float2(value_of(j, half * 2), value_of(j, half * 2 + 1));
    __syncwarp();  // the slice is whole
#pragma unroll
    for (int i = 0; i < 16 * kChunks; i += 32) {
      const int row = (i + lane) / kChunks, column = (i + lane) % kChunks * 8;
      float run[8];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float4 v = *reinterpret_cast<const float4*>(&value[row][column + half * 4]);
        run[half * 4] = v.x;
        run[half * 4 + 1] = v.y;
        run[half * 4 + 2] = v.z;
        run[half * 4 + 3] = v.w;
      }
      use(row, column, run);
    }
  }
};

// Stores elements k.. of pixel m of a through the forward epilogue.
__device__ __forceinline__ void put_run(
    const ForwardStore<simt::bf16>& store, const ConvDims& d, int m, int k, float (&run)[8]) {
  by_width(store.width, [&]<int Width>() {
#pragma unroll
    for (int j = 0; j < 8; j += Width) {
      if (k + j >= d.k) return;
      float* const v = run + j;
      if (store.residual) {
        float residual[Width];
        load_vector<Width>(store.residual + int64_t{m} * d.k + k + j, residual);
#pragma unroll
        for (int i = 0; i < Width; ++i) v[i] += residual[i];
      }
#pragma unroll
      for (int i = 0; i < Width; ++i) {
        if (store.b) v[i] += __ldg(store.b + k + j + i);
        v[i] = v[i] >= 0.0f ? v[i] : store.slope * v[i];
      }
      const int64_t at = store.offset(d, m, k + j);
      if (store.y_f32)
        store_vector<Width>(static_cast<float*>(store.y) + at, v);
      else
        store_vector<Width>(static_cast<simt::bf16*>(store.y) + at, v);
    }
  });
}

// Stores channels c.. of input pixel `at` through backward data's store.
__device__ __forceinline__ void put_run(const DataStore<simt::bf16>& store,
                                        const ConvDims& d,
                                        const Pixel& at,
                                        int c,
                                        float (&run)[8]) {
  const int64_t from = offset_of(at.n, at.y, at.x, d.h, d.w, d.c) + c;
  simt::bf16* const to = store.dx + store.offset(d, at) + c;
  by_width(store.width, [&]<int Width>() {
#pragma unroll
    for (int j = 0; j < 8; j += Width) {
      if (c + j >= d.c) return;
      float* const v = run + j;
      float other[Width];
      if (store.before) {
        load_vector<Width>(store.before + from + j, other);
#pragma unroll
        for (int i = 0; i < Width; ++i) v[i] += other[i];
      }
      if (store.x) {
        load_vector<Width>(store.x + from + j, other);
#pragma unroll
        for (int i = 0; i < Width; ++i)
          if (!(other[i] >= 0.0f)) v[i] *= store.slope;
      }
      store_vector<Width>(to + j, v);
    }
  });
}

// to[column ..] (+)= run, for columns below `columns`.
template <class T>
__device__ __forceinline__ void add_run(
    T* to, int column, int columns, int width, bool accumulate, float (&run)[8]) {
  by_width(width, [&]<int Width>() {
#pragma unroll
    for (int j = 0; j < 8; j += Width) {
      if (column + j >= columns) return;
      if (accumulate) {
        float before[Width];
        load_vector<Width>(to + column + j, before);
#pragma unroll
        for (int i = 0; i < Width; ++i) run[j + i] += before[i];
      }
      store_vector<Width>(to + column + j, run + j);
    }
  });
}

}  // namespace diptych
