// conv2d loops variant: plain f32 loops over packed weights, f32 and bf16 storage. Always there.
// SPDX-License-Identifier: MIT
//
// forward, and backward_data with the roles of x and da swapped:
//   pack w into blocks of 16 (kLanes) output channels, (blocks, R,S, in, 16)
//   for each block, each row of outputs, each 4 pixels of it:
//     acc (4,16) += in[pixel][i] * packed[i][16]  for every tap (r,s) and input channel i
// backward_weight: for each 4 output channels and tap: acc (4,C) += da[4] * x[C] for every pixel.
// The innermost loop runs over neighbours in memory, so the compiler vectorises it.
#include <algorithm>

#include "kernels/common/cpu_clones.h"
#include "kernels/common/lanes.h"
#include "kernels/common/parallel.h"
#include "kernels/conv2d/conv2d_variants.h"

namespace diptych {

namespace {

constexpr int kPixels = 4;  // output pixels computed together: independent chains of additions

// acc[t][lane] += sum over i of in[t*step + i] * packed[i][lane], for PIXELS pixels t.
template <class T, int PIXELS>
[[gnu::always_inline]] inline void add_tap(
    const T* in, int64_t step, const float* packed, int count, float* acc) {
  Lanes sums[PIXELS];
#pragma GCC unroll 4
  for (int t = 0; t < PIXELS; ++t) load_lanes(acc + t * kLanes, sums[t]);
  for (int i = 0; i < count; ++i) {
    Lanes w;
    load_lanes(packed + i * kLanes, w);
#pragma GCC unroll 4
    for (int t = 0; t < PIXELS; ++t) sums[t] += static_cast<float>(in[t * step + i]) * w;
  }
#pragma GCC unroll 4
  for (int t = 0; t < PIXELS; ++t) store_lanes(sums[t], acc + t * kLanes);
}

DIPTYCH_CPU_CLONES void add_taps_f32(
    const float* in, int64_t step, int pixels, const float* packed, int count, float* acc) {
  if (pixels == kPixels) return add_tap<float, kPixels>(in, step, packed, count, acc);
  for (int t = 0; t < pixels; ++t) {
    add_tap<float, 1>(in + t * step, 0, packed, count, acc + t * kLanes);
  }
}

DIPTYCH_CPU_CLONES void add_taps_bf16(
    const bf16* in, int64_t step, int pixels, const float* packed, int count, float* acc) {
  if (pixels == kPixels) return add_tap<bf16, kPixels>(in, step, packed, count, acc);
  for (int t = 0; t < pixels; ++t) {
    add_tap<bf16, 1>(in + t * step, 0, packed, count, acc + t * kLanes);
  }
}

void add_taps(
    const float* in, int64_t step, int pixels, const float* packed, int count, float* acc) {
  add_taps_f32(in, step, pixels, packed, count, acc);
}

void add_taps(
    const bf16* in, int64_t step, int pixels, const float* packed, int count, float* acc) {
  add_taps_bf16(in, step, pixels, packed, count, acc);
}

// acc[j][i] += a[j] * x[i] for the 4 output channels j.
template <class T>
[[gnu::always_inline]] inline void add_outer(const float* a, const T* x, int count, float* acc) {
  const float factor[4] = {a[0], a[1], a[2], a[3]};
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Lanes value;
    load_lanes(x + i, value);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      Lanes sum;
      load_lanes(acc + j * count + i, sum);
      store_lanes(sum + factor[j] * value, acc + j * count + i);
    }
  }
  for (; i < count; ++i) {
    const float value = static_cast<float>(x[i]);
    for (int j = 0; j < 4; ++j) acc[j * count + i] += factor[j] * value;
  }
}

DIPTYCH_CPU_CLONES void add_outer_f32(const float* a, const float* x, int count, float* acc) {
  add_outer(a, x, count, acc);
}

DIPTYCH_CPU_CLONES void add_outer_bf16(const float* a, const bf16* x, int count, float* acc) {
  add_outer(a, x, count, acc);
}

void add_outer_any(const float* a, const float* x, int count, float* acc) {
  add_outer_f32(a, x, count, acc);
}

void add_outer_any(const float* a, const bf16* x, int count, float* acc) {
  add_outer_bf16(a, x, count, acc);
}

int blocks_of(int channels) {
  return (channels + kLanes - 1) / kLanes;
}

// packed[block][tap][i][lane] = w(out = block*16 + lane, tap, i), 0 past the last channel. In
// memory w is (K, taps, C); `out` is K for forward and C for backward_data.
template <class T>
const float* pack(Stream& stream, const Conv2dProblem& problem, const T* w, bool out_is_k) {
  const int out = out_is_k ? problem.k : problem.c, in = out_is_k ? problem.c : problem.k;
  const int64_t taps = int64_t{problem.r} * problem.s, c = problem.c;
  const int64_t block_size = taps * in * kLanes;
  float* packed = static_cast<float*>(
      stream.workspace(static_cast<size_t>(blocks_of(out) * block_size) * sizeof(float)));
  const int64_t out_step = out_is_k ? taps * c : 1, in_step = out_is_k ? 1 : taps * c;
  parallel_for(blocks_of(out), 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      float* to = packed + block * block_size;
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int i = 0; i < in; ++i) {
          for (int64_t o = block * kLanes; o < (block + 1) * kLanes; ++o) {
            *to++ = o < out ? static_cast<float>(w[o * out_step + tap * c + i * in_step]) : 0.0f;
          }
        }
      }
    }
  });
  return packed;
}

// Bias, residual, activation and store of one pixel's block of channels.
template <class T, class Y>
void store_pixel(const Conv2dForwardArgs& args, int64_t row, int q, int k0, const float* acc) {
  const Conv2dProblem& problem = args.problem;
  const int64_t k = problem.k, quarter = k / 4, columns = problem.q();
  const int64_t pixel = row * columns + q;
  const float* b = args.epilogue.bias ? args.b.as<float>() : nullptr;
  const T* residual = args.epilogue.residual ? args.residual.as<T>() + pixel * k : nullptr;
  Y* y = args.y.as<Y>();
  for (int64_t i = k0; i < std::min<int64_t>(k, k0 + kLanes); ++i) {
    float a = acc[i - k0];
    if (b) a += b[i];
    if (residual) a += static_cast<float>(residual[i]);
    if (!(a >= 0.0f)) a *= args.epilogue.leaky_slope;  // keeps NaN
    int64_t at = pixel * k + i;
    if (args.epilogue.depth_to_space) {
      const int64_t block = i / quarter;  // 2*dy + dx
      at = ((2 * row + block / 2) * 2 * columns + 2 * q + block % 2) * quarter + i % quarter;
    }
    y[at] = Y(a);
  }
}

template <class T, class Y>
void forward_row(const Conv2dForwardArgs& args, int64_t row, int k0, const float* packed) {
  const Conv2dProblem& t = args.problem;
  const int p = static_cast<int>(row % t.p()), q_count = t.q();
  const T* image = args.x.as<T>() + row / t.p() * t.h * t.w * t.c;
  for (int q0 = 0; q0 < q_count; q0 += kPixels) {
    const int pixels = std::min(kPixels, q_count - q0);
    float acc[kPixels * kLanes] = {};
    for (int r = 0; r < t.r; ++r) {
      const int y = p * t.stride + r - t.pad_top;
      if (y < 0 || y >= t.h) continue;
      for (int s = 0; s < t.s; ++s) {
        int first = 0, last = pixels;  // pixels whose tap lies inside the row
        const auto x_of = [&](int i) { return (q0 + i) * t.stride + s - t.pad_left; };
        while (first < last && x_of(first) < 0) ++first;
        while (first < last && x_of(last - 1) >= t.w) --last;
        if (first == last) continue;
        add_taps(image + (int64_t{y} * t.w + x_of(first)) * t.c, int64_t{t.stride} * t.c,
                 last - first, packed + (int64_t{r} * t.s + s) * t.c * kLanes, t.c,
                 acc + first * kLanes);
      }
    }
    for (int i = 0; i < pixels; ++i) {
      store_pixel<T, Y>(args, row, q0 + i, k0, acc + i * kLanes);
    }
  }
}

template <class T, class Y>
void forward(Stream& stream, const Conv2dForwardArgs& args) {
  const Conv2dProblem& t = args.problem;
  const float* packed = pack(stream, t, args.w.as<T>(), true);
  const int64_t rows = int64_t{t.n} * t.p();
  const int64_t block_size = int64_t{t.r} * t.s * t.c * kLanes;
  parallel_for(blocks_of(t.k) * rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = i / rows;
      forward_row<T, Y>(args, i % rows, static_cast<int>(block) * kLanes,
                        packed + block * block_size);
    }
  });
}

// One row (n,h) of dx. Columns of one phase w % stride meet the same taps, and their q are
// neighbours.
template <class T>
void backward_data_row(const Conv2dBackwardDataArgs& args,
                       int64_t row,
                       int c0,
                       const float* packed) {
  const Conv2dProblem& t = args.problem;
  const int h = static_cast<int>(row % t.h), p_count = t.p(), q_count = t.q();
  const T* image = args.da.as<T>() + row / t.h * p_count * q_count * t.k;
  const int64_t step = int64_t{kPixels} * t.stride;
  for (int64_t start = 0; start < (t.w + step - 1) / step * t.stride; ++start) {
    const int w0 = static_cast<int>(start / t.stride * step + start % t.stride);
    if (w0 >= t.w) continue;
    const int pixels = std::min(kPixels, (t.w - 1 - w0) / t.stride + 1);
    float acc[kPixels * kLanes] = {};
    for (int r = 0; r < t.r; ++r) {
      const int y = h + t.pad_top - r;  // p * stride
      if (y < 0 || y % t.stride != 0 || y / t.stride >= p_count) continue;
      for (int s = 0; s < t.s; ++s) {
        const int x = w0 + t.pad_left - s;  // q * stride of the first pixel
        if ((x % t.stride + t.stride) % t.stride != 0) continue;
        const int q0 = x / t.stride;
        int first = 0, last = pixels;
        while (first < last && q0 + first < 0) ++first;
        while (first < last && q0 + last - 1 >= q_count) --last;
        if (first == last) continue;
        add_taps(image + (int64_t{y / t.stride} * q_count + q0 + first) * t.k, t.k, last - first,
                 packed + (int64_t{r} * t.s + s) * t.k * kLanes, t.k, acc + first * kLanes);
      }
    }
    T* dx = args.dx.as<T>() + row * t.w * t.c;
    for (int i = 0; i < pixels; ++i) {
      for (int c = c0; c < std::min(t.c, c0 + kLanes); ++c) {
        T& to = dx[(w0 + int64_t{i} * t.stride) * t.c + c];
        const float value = acc[i * kLanes + c - c0];
        to = T(args.dx.accumulate() ? static_cast<float>(to) + value : value);
      }
    }
  }
}

// dw of 4 output channels and one tap.
template <class T>
void backward_weight_tap(const Conv2dBackwardWeightArgs& args, int k0, int r, int s, float* acc) {
  const Conv2dProblem& t = args.problem;
  const int p_count = t.p(), q_count = t.q(), outputs = std::min(4, t.k - k0);
  std::fill(acc, acc + 4 * int64_t{t.c}, 0.0f);
  for (int64_t row = 0; row < int64_t{t.n} * p_count; ++row) {
    const int y = static_cast<int>(row % p_count) * t.stride + r - t.pad_top;
    if (y < 0 || y >= t.h) continue;
    const T* x_row = args.x.as<T>() + (row / p_count * t.h + y) * t.w * t.c;
    const T* da_row = args.da.as<T>() + row * q_count * t.k + k0;
    for (int q = 0; q < q_count; ++q) {
      const int x = q * t.stride + s - t.pad_left;
      if (x < 0 || x >= t.w) continue;
      float a[4] = {};
      for (int j = 0; j < outputs; ++j) a[j] = static_cast<float>(da_row[int64_t{q} * t.k + j]);
      add_outer_any(a, x_row + int64_t{x} * t.c, t.c, acc);
    }
  }
  for (int j = 0; j < outputs; ++j) {
    float* dw = args.dw.as<float>() + ((int64_t{k0 + j} * t.r + r) * t.s + s) * t.c;
    for (int c = 0; c < t.c; ++c) {
      const float value = acc[int64_t{j} * t.c + c];
      dw[c] = args.dw.accumulate() ? dw[c] + value : value;
    }
  }
}

template <class Args>
bool accepts(const Stream& stream, const Args&) {
  return stream.engine() == Engine::kCpu;
}

void run_forward(Stream& stream, const Conv2dForwardArgs& args) {
  dispatch_float(args.x.dtype, [&]<class T>() {
    dispatch_float(args.y.dtype, [&]<class Y>() { forward<T, Y>(stream, args); });
  });
}

void run_backward_data(Stream& stream, const Conv2dBackwardDataArgs& args) {
  const Conv2dProblem& t = args.problem;
  dispatch_float(args.da.dtype, [&]<class T>() {
    const float* packed = pack(stream, t, args.w.as<T>(), false);
    const int64_t rows = int64_t{t.n} * t.h, block_size = int64_t{t.r} * t.s * t.k * kLanes;
    parallel_for(blocks_of(t.c) * rows, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t block = i / rows;
        backward_data_row<T>(args, i % rows, static_cast<int>(block) * kLanes,
                             packed + block * block_size);
      }
    });
  });
}

void run_backward_weight(Stream& stream, const Conv2dBackwardWeightArgs& args) {
  const Conv2dProblem& t = args.problem;
  const int64_t taps = int64_t{t.r} * t.s, tasks = (t.k + 3) / 4 * taps;
  const int64_t groups = std::min<int64_t>(tasks, std::max(1, stream.threads()));
  float* scratch =
      static_cast<float*>(stream.workspace(static_cast<size_t>(groups * 4 * t.c) * sizeof(float)));
  dispatch_float(args.x.dtype, [&]<class T>() {
    parallel_for(groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t group = begin; group < end; ++group) {
        for (int64_t i = tasks * group / groups; i < tasks * (group + 1) / groups; ++i) {
          const int tap = static_cast<int>(i % taps);
          backward_weight_tap<T>(args, static_cast<int>(i / taps) * 4, tap / t.s, tap % t.s,
                                 scratch + group * 4 * t.c);
        }
      }
    });
  });
}

}  // namespace

const Conv2dVariant<Conv2dForwardArgs> kConv2dForwardLoops = {"loops", accepts<Conv2dForwardArgs>,
                                                              run_forward};
const Conv2dVariant<Conv2dBackwardDataArgs> kConv2dBackwardDataLoops = {
    "loops", accepts<Conv2dBackwardDataArgs>, run_backward_data};
const Conv2dVariant<Conv2dBackwardWeightArgs> kConv2dBackwardWeightLoops = {
    "loops", accepts<Conv2dBackwardWeightArgs>, run_backward_weight};

}  // namespace diptych
