// conv_transpose2d loops variant: plain f32 loops, f32 and bf16 storage. Always there.
// SPDX-License-Identifier: MIT
//
// Gathers: for each output pixel, acc (K) += x[c] * weight[c,r,s,:] over the taps that reach it.
// The weight's last axis is the output channel, so it is read as it lies.
#include <algorithm>

#include "kernels/common/cpu_clones.h"
#include "kernels/common/parallel.h"
#include "kernels/conv_transpose2d/conv_transpose2d_variants.h"

namespace diptych {

namespace {

// acc[k] += sum over i of x[i] * w[i*step + k].
template <class T>
[[gnu::always_inline]] inline void add_rows(
    const T* x, int count, const T* w, int64_t step, int k, float* acc) {
  for (int i = 0; i < count; ++i) {
    const float value = static_cast<float>(x[i]);
    const T* row = w + i * step;
    for (int j = 0; j < k; ++j) acc[j] += value * static_cast<float>(row[j]);
  }
}

DIPTYCH_CPU_CLONES void add_rows_f32(
    const float* x, int count, const float* w, int64_t step, int k, float* acc) {
  add_rows(x, count, w, step, k, acc);
}

DIPTYCH_CPU_CLONES void add_rows_bf16(
    const bf16* x, int count, const bf16* w, int64_t step, int k, float* acc) {
  add_rows(x, count, w, step, k, acc);
}

void add_pixel(const float* x, int count, const float* w, int64_t step, int k, float* acc) {
  add_rows_f32(x, count, w, step, k, acc);
}

void add_pixel(const bf16* x, int count, const bf16* w, int64_t step, int k, float* acc) {
  add_rows_bf16(x, count, w, step, k, acc);
}

template <class T, class Y>
void forward_row(const ConvTranspose2dForwardArgs& args, int64_t row, float* acc) {
  const ConvTranspose2dProblem& t = args.problem;
  const int p = static_cast<int>(row % t.p());
  const T* image = args.x.as<T>() + row / t.p() * t.h * t.w * t.c;
  const T* weight = args.w.as<T>();
  const float* b = args.epilogue.bias ? args.b.as<float>() : nullptr;
  const int64_t step = int64_t{t.r} * t.s * t.k;  // from one input channel to the next
  for (int q = 0; q < t.q(); ++q) {
    std::fill(acc, acc + t.k, 0.0f);
    for (int r = 0; r < t.r; ++r) {
      const int y = p + t.pad_top - r;  // h * stride
      if (y < 0 || y % t.stride != 0 || y / t.stride >= t.h) continue;
      for (int s = 0; s < t.s; ++s) {
        const int x = q + t.pad_left - s;  // w * stride
        if (x < 0 || x % t.stride != 0 || x / t.stride >= t.w) continue;
        add_pixel(image + (int64_t{y / t.stride} * t.w + x / t.stride) * t.c, t.c,
                  weight + (int64_t{r} * t.s + s) * t.k, step, t.k, acc);
      }
    }
    Y* out = args.y.as<Y>() + (row * t.q() + q) * t.k;
    for (int k = 0; k < t.k; ++k) {
      float a = acc[k];
      if (b) a += b[k];
      if (!(a >= 0.0f)) a *= args.epilogue.leaky_slope;  // keeps NaN
      out[k] = Y(a);
    }
  }
}

bool accepts(const Stream& stream, const ConvTranspose2dForwardArgs&) {
  return stream.engine() == Engine::kCpu;
}

void run(Stream& stream, const ConvTranspose2dForwardArgs& args) {
  const ConvTranspose2dProblem& t = args.problem;
  const int64_t rows = int64_t{t.n} * t.p();
  const int64_t groups = std::min<int64_t>(rows, std::max(1, stream.threads()));
  float* acc =
      static_cast<float*>(stream.workspace(static_cast<size_t>(groups * t.k) * sizeof(float)));
  dispatch_float(args.x.dtype, [&]<class T>() {
    dispatch_float(args.y.dtype, [&]<class Y>() {
      parallel_for(groups, 1, [&](int64_t begin, int64_t end) {
        for (int64_t group = begin; group < end; ++group) {
          for (int64_t row = rows * group / groups; row < rows * (group + 1) / groups; ++row) {
            forward_row<T, Y>(args, row, acc + group * t.k);
          }
        }
      });
    });
  });
}

}  // namespace

const ConvTranspose2dVariant kConvTranspose2dLoops = {"loops", accepts, run};

}  // namespace diptych
