// What the kernels of conv2d share: sizes, pixels, the phases of a strided backward, the store.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/common/simt/simt.h"
#include "kernels/conv2d/conv2d_cuda.h"

namespace diptych {

// A Conv2dProblem as kernels take it.
struct ConvDims {
  int n, h, w, c, k, r, s, stride, pad_top, pad_left, p, q;

  __host__ __device__ int pixels() const { return n * p * q; }

  __host__ __device__ int depth() const { return r * s * c; }
};

inline ConvDims dims_of(const Conv2dProblem& t) {
  return {t.n, t.h, t.w, t.c, t.k, t.r, t.s, t.stride, t.pad_top, t.pad_left, t.p(), t.q()};
}

struct Pixel {
  int n, y, x;

  // `by` pixels on, in an image of rows x columns.
  __device__ void advance(int by, int rows, int columns) {
    x += by;
    while (x >= columns) {
      x -= columns;
      if (++y == rows) {
        y = 0;
        ++n;
      }
    }
  }
};

__device__ inline Pixel pixel_of(int m, int rows, int columns) {
  return {m / columns / rows, m / columns % rows, m % columns};
}

__device__ inline bool inside(int y, int x, int rows, int columns) {
  return static_cast<unsigned>(y) < static_cast<unsigned>(rows) &&
         static_cast<unsigned>(x) < static_cast<unsigned>(columns);
}

// Element 0 of pixel (n, y, x) of images (n, rows, columns, channels).
__device__ inline int64_t offset_of(int n, int y, int x, int rows, int columns, int channels) {
  return ((int64_t{n} * rows + y) * columns + x) * channels;
}

// A filter tap and its channel: the running index (r, s, channel) of gemm_k.
struct Tap {
  int r, s, channel;

  __device__ void advance(int by, int columns, int channels) {
    channel += by;
    while (channel >= channels) {
      channel -= channels;
      if (++s == columns) {
        s = 0;
        ++r;
      }
    }
  }
};

__device__ inline Tap tap_of(int index, int columns, int channels) {
  return {index / channels / columns, index / channels % columns, index % channels};
}

// Backward data with a stride: an input row h meets only the filter rows r with
// r = h + pad_top (mod stride). So the inputs fall into stride x stride phases; within phase (a, b)
// the taps are r = a + stride * r', s = b + stride * s', and with h = first_h + stride * i
//   p = (h + pad_top - r) / stride = origin_y + i - r'
// which is a dense convolution of stride 1 over a grid of rows x columns. No zero is multiplied.
struct Phase {
  int a, b;
  int first_h, first_w;    // the phase's first input row and column
  int rows, columns;       // how many it has
  int taps_r, taps_s;      // how many filter rows and columns reach them
  int origin_y, origin_x;  // the output pixel that tap (0, 0) of its first input reads

  __host__ __device__ int pixels(const ConvDims& d) const { return d.n * rows * columns; }
};

__host__ __device__ inline Phase phase_of(const ConvDims& d, int index) {
  Phase f;
  f.a = index / d.stride;
  f.b = index % d.stride;
  f.first_h = ((f.a - d.pad_top) % d.stride + d.stride) % d.stride;
  f.first_w = ((f.b - d.pad_left) % d.stride + d.stride) % d.stride;
  f.rows = f.first_h < d.h ? (d.h - f.first_h + d.stride - 1) / d.stride : 0;
  f.columns = f.first_w < d.w ? (d.w - f.first_w + d.stride - 1) / d.stride : 0;
  f.taps_r = f.a < d.r ? (d.r - f.a + d.stride - 1) / d.stride : 0;
  f.taps_s = f.b < d.s ? (d.s - f.b + d.stride - 1) / d.stride : 0;
  if (!f.taps_r || !f.taps_s) {  // a stride beyond the filter: these inputs get 0
    f.taps_r = 0;
    f.taps_s = 1;
  }
  f.origin_y = (f.first_h + d.pad_top - f.a) / d.stride;
  f.origin_x = (f.first_w + d.pad_left - f.b) / d.stride;
  return f;
}

// The pixels of the largest phase, which is what a grid must cover.
inline int most_phase_pixels(const ConvDims& d) {
  int most = 0;
  for (int i = 0; i < d.stride * d.stride; ++i) most = max(most, phase_of(d, i).pixels(d));
  return most;
}

// The input pixel at `at` of a phase's own grid.
__device__ inline Pixel phase_pixel(const ConvDims& d, const Phase& f, const Pixel& at) {
  return {at.n, f.first_h + d.stride * at.y, f.first_w + d.stride * at.x};
}

// A block's part in summing db, in a grid of (gemm_m, gemm_n, splits): of the blocks along gemm_n,
// which all see the same da, each takes every gridDim.y-th step.
struct BiasTurn {
  float* partials;  // (splits * gridDim.y, K), or null

  __device__ bool at(int step) const {
    return partials && step % static_cast<int>(gridDim.y) == static_cast<int>(blockIdx.y);
  }

  __device__ float* row(const ConvDims& d) const {
    return partials + int64_t{blockIdx.z * gridDim.y + blockIdx.y} * d.k;
  }
};

template <class T>
__device__ float load_f32(const T* from) {
  return static_cast<float>(__ldg(from));
}

// The forward epilogue.
template <class T>
struct ForwardStore {
  const float* b;     // or null
  const T* residual;  // or null
  void* y;
  float slope;
  bool depth_to_space, y_f32;
  int width;  // elements that may be stored at once

  // Where element k of pixel m goes in y.
  __device__ int64_t offset(const ConvDims& d, int m, int k) const {
    if (!depth_to_space) return int64_t{m} * d.k + k;
    const Pixel at = pixel_of(m, d.p, d.q);
    const int quarter = d.k / 4, part = k / quarter;  // part = 2 * block row + block column
    return offset_of(at.n, 2 * at.y + part / 2, 2 * at.x + part % 2, 2 * d.p, 2 * d.q, quarter) +
           k % quarter;
  }

  __device__ float value(const ConvDims& d, int m, int k, float sum) const {
    if (b) sum += __ldg(b + k);
    if (residual) sum += load_f32(residual + int64_t{m} * d.k + k);
    return sum >= 0.0f ? sum : slope * sum;
  }

  __device__ void put(const ConvDims& d, int m, int k, float sum) const {
    const float v = value(d, m, k, sum);
    const int64_t at = offset(d, m, k);
    if (y_f32)
      static_cast<float*>(y)[at] = v;
    else
      static_cast<T*>(y)[at] = static_cast<T>(v);
  }
};

// Backward data's store: dx, or what becomes of it behind the epilogue of the convolution that made
// x. Each pixel of dx is C neighbours there too, so folding it costs an address and a read of x.
template <class T>
struct DataStore {
  T* dx;
  const T* before;  // added, or null
  const T* x;       // has the sign of the activation; null: there is none
  float slope;
  bool space_to_depth;
  int width;  // elements that may move at once

  // Channel 0 of an input pixel in dx.
  __device__ int64_t offset(const ConvDims& d, const Pixel& at) const {
    if (!space_to_depth) return offset_of(at.n, at.y, at.x, d.h, d.w, d.c);
    return offset_of(at.n, at.y / 2, at.x / 2, d.h / 2, d.w / 2, 4 * d.c) +
           (at.y % 2 * 2 + at.x % 2) * d.c;
  }

  __device__ void put(const ConvDims& d, const Pixel& at, int c, float sum) const {
    const int64_t from = offset_of(at.n, at.y, at.x, d.h, d.w, d.c) + c;
    if (before) sum += static_cast<float>(before[from]);
    if (x && !(load_f32(x + from) >= 0.0f)) sum *= slope;
    dx[offset(d, at) + c] = static_cast<T>(sum);
  }
};

template <class T>
DataStore<T> store_of(const Conv2dCudaBackwardData& a, int width = 1) {
  return {static_cast<T*>(a.dx),
          static_cast<const T*>(a.before),
          a.below.leaky_slope == 1.0f ? nullptr : static_cast<const T*>(a.x),
          a.below.leaky_slope,
          a.below.depth_to_space,
          width};
}

template <class T>
ForwardStore<T> store_of(const Conv2dCudaForward& a, int width = 1) {
  return {a.epilogue.bias ? a.b : nullptr,
          a.epilogue.residual ? static_cast<const T*>(a.residual) : nullptr,
          a.y,
          a.epilogue.leaky_slope,
          a.epilogue.depth_to_space,
          a.y_dtype == DType::kF32,
          width};
}

}  // namespace diptych
