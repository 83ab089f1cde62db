// Dense layer, loops variant: every weight is read once and used for the whole batch. Always there.
// SPDX-License-Identifier: MIT
//
// M is small, so w (forward, backward_data) and dw (backward_weight) are the traffic that counts:
//   forward          4 rows of w against 4 rows of x: 16 dot products, 16 partial sums each
//   backward_data    columns of dx in chunks that stay in L1; 4 rows of w per sweep over a chunk
//   backward_weight  columns of x in chunks that stay in L1; each row of dw is written once
#include <algorithm>

#include "kernels/common/cpu_clones.h"
#include "kernels/common/lanes.h"
#include "kernels/common/parallel.h"
#include "kernels/gemm/gemm_variants.h"

namespace diptych {

namespace {

constexpr int kTile = 4;      // rows of w and of x that meet in registers
constexpr int kChunk = 1024;  // columns worked on at a time: 4 KB of f32

// dots[a][b] = <w row a, x row b>.
template <class T>
[[gnu::always_inline]] inline void dot_tile(const T* const* w,
                                            const T* const* x,
                                            int count,
                                            float* dots) {
  Lanes sums[kTile][kTile] = {};
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Lanes x_lanes[kTile];
#pragma GCC unroll 4
    for (int b = 0; b < kTile; ++b) load_lanes(x[b] + i, x_lanes[b]);
#pragma GCC unroll 4
    for (int a = 0; a < kTile; ++a) {
      Lanes w_lanes;
      load_lanes(w[a] + i, w_lanes);
#pragma GCC unroll 4
      for (int b = 0; b < kTile; ++b) sums[a][b] += w_lanes * x_lanes[b];
    }
  }
  for (int a = 0; a < kTile; ++a) {
    for (int b = 0; b < kTile; ++b) {
      float dot = 0.0f;
      for (int lane = 0; lane < kLanes; ++lane) dot += sums[a][b][lane];
      for (int j = i; j < count; ++j) {
        dot += static_cast<float>(w[a][j]) * static_cast<float>(x[b][j]);
      }
      dots[a * kTile + b] = dot;
    }
  }
}

// to[i] += sum of scale[j] * rows[j][i] over the 4 rows.
template <class T>
[[gnu::always_inline]] inline void add_rows(const float* scale,
                                            const T* const* rows,
                                            int count,
                                            float* to) {
  const T* row0 = rows[0];
  const T* row1 = rows[1];
  const T* row2 = rows[2];
  const T* row3 = rows[3];
  for (int i = 0; i < count; ++i) {
    to[i] += scale[0] * static_cast<float>(row0[i]) + scale[1] * static_cast<float>(row1[i]) +
             scale[2] * static_cast<float>(row2[i]) + scale[3] * static_cast<float>(row3[i]);
  }
}

DIPTYCH_CPU_CLONES void dot_tile_f32(const float* const* w,
                                     const float* const* x,
                                     int count,
                                     float* dots) {
  dot_tile(w, x, count, dots);
}

DIPTYCH_CPU_CLONES void dot_tile_bf16(const bf16* const* w,
                                      const bf16* const* x,
                                      int count,
                                      float* dots) {
  dot_tile(w, x, count, dots);
}

DIPTYCH_CPU_CLONES void add_rows_f32(const float* scale,
                                     const float* const* rows,
                                     int count,
                                     float* to) {
  add_rows(scale, rows, count, to);
}

DIPTYCH_CPU_CLONES void add_rows_bf16(const float* scale,
                                      const bf16* const* rows,
                                      int count,
                                      float* to) {
  add_rows(scale, rows, count, to);
}

void dots_of(const float* const* w, const float* const* x, int count, float* dots) {
  dot_tile_f32(w, x, count, dots);
}

void dots_of(const bf16* const* w, const bf16* const* x, int count, float* dots) {
  dot_tile_bf16(w, x, count, dots);
}

void add_scaled_rows(const float* scale, const float* const* rows, int count, float* to) {
  add_rows_f32(scale, rows, count, to);
}

void add_scaled_rows(const float* scale, const bf16* const* rows, int count, float* to) {
  add_rows_bf16(scale, rows, count, to);
}

// Pointers to rows first..first+3 of a matrix; past the edge the last row again.
template <class T>
void point_at_rows(const T* matrix, int64_t first, int64_t rows, int64_t step, const T** to) {
  for (int64_t i = 0; i < kTile; ++i) to[i] = matrix + std::min(first + i, rows - 1) * step;
}

template <class T, class Y>
void forward(const DenseForwardArgs& args) {
  const DenseProblem& t = args.problem;
  const float* b = args.b.defined() ? args.b.as<float>() : nullptr;
  Y* y = args.y.as<Y>();
  parallel_for((t.out + kTile - 1) / kTile, 1, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin * kTile; o < std::min<int64_t>(t.out, end * kTile); o += kTile) {
      for (int64_t m = 0; m < t.m; m += kTile) {
        const T* w_rows[kTile];
        const T* x_rows[kTile];
        float dots[kTile * kTile];
        point_at_rows(args.w.as<T>(), o, t.out, t.in, w_rows);
        point_at_rows(args.x.as<T>(), m, t.m, t.in, x_rows);
        dots_of(w_rows, x_rows, t.in, dots);
        for (int64_t i = o; i < std::min<int64_t>(t.out, o + kTile); ++i) {
          for (int64_t j = m; j < std::min<int64_t>(t.m, m + kTile); ++j) {
            y[j * t.out + i] = Y(dots[(i - o) * kTile + j - m] + (b ? b[i] : 0.0f));
          }
        }
      }
    }
  });
}

// sum = sum over j of scale(j) * row j of the matrix (rows, step), columns c..c+count.
template <class T, class Scale>
void weighted_rows(const T* matrix,
                   int64_t rows,
                   int64_t step,
                   int64_t c,
                   int count,
                   const Scale& scale,
                   float* sum) {
  std::fill(sum, sum + count, 0.0f);
  for (int64_t j = 0; j < rows; j += kTile) {
    if (j + kTile <= rows) {
      const T* pointers[kTile];
      const float scales[kTile] = {scale(j), scale(j + 1), scale(j + 2), scale(j + 3)};
      point_at_rows(matrix + c, j, rows, step, pointers);
      add_scaled_rows(scales, pointers, count, sum);
      continue;
    }
    for (int64_t tail = j; tail < rows; ++tail) {  // not padded with zeros: 0 * inf is NaN
      const float factor = scale(tail);
      const T* row = matrix + tail * step + c;
      for (int i = 0; i < count; ++i) sum[i] += factor * static_cast<float>(row[i]);
    }
  }
}

template <class T>
void store(const float* sum, int count, bool accumulate, T* to) {
  if (accumulate) {
    for (int i = 0; i < count; ++i) to[i] = T(static_cast<float>(to[i]) + sum[i]);
  } else {
    for (int i = 0; i < count; ++i) to[i] = T(sum[i]);
  }
}

template <class T>
void backward_data(const DenseBackwardDataArgs& args) {
  const DenseProblem& t = args.problem;
  const T* dy = args.dy.as<T>();
  T* dx = args.dx.as<T>();
  const int64_t chunks = (t.in + kChunk - 1) / kChunk;
  const int64_t groups = (t.m + kTile - 1) / kTile;  // of batch rows; the chunk of w stays in L2
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    float sum[kChunk];
    for (int64_t i = begin * groups; i < end * groups; ++i) {
      const int64_t c = i / groups * kChunk, m0 = i % groups * kTile;
      const int count = static_cast<int>(std::min<int64_t>(kChunk, t.in - c));
      for (int64_t m = m0; m < std::min<int64_t>(t.m, m0 + kTile); ++m) {
        const auto scale = [&](int64_t o) { return static_cast<float>(dy[m * t.out + o]); };
        weighted_rows(args.w.as<T>(), t.out, t.in, c, count, scale, sum);
        store(sum, count, args.dx.accumulate(), dx + m * t.in + c);
      }
    }
  });
}

template <class T>
void backward_weight(const DenseBackwardWeightArgs& args) {
  const DenseProblem& t = args.problem;
  const T* dy = args.dy.as<T>();
  float* dw = args.dw.as<float>();
  const int64_t chunks = (t.in + kChunk - 1) / kChunk;
  parallel_for(chunks * t.out, 64, [&](int64_t begin, int64_t end) {
    float sum[kChunk];
    for (int64_t i = begin; i < end; ++i) {
      const int64_t c = i / t.out * kChunk, o = i % t.out;
      const int count = static_cast<int>(std::min<int64_t>(kChunk, t.in - c));
      const auto scale = [&](int64_t m) { return static_cast<float>(dy[m * t.out + o]); };
      weighted_rows(args.x.as<T>(), t.m, t.in, c, count, scale, sum);
      store(sum, count, args.dw.accumulate(), dw + o * t.in + c);
    }
  });
}

template <class Args>
bool accepts(const Stream& stream, const Args&) {
  return stream.engine() == Engine::kCpu;
}

void run_forward(Stream&, const DenseForwardArgs& args) {
  dispatch_float(args.x.dtype, [&]<class T>() {
    dispatch_float(args.y.dtype, [&]<class Y>() { forward<T, Y>(args); });
  });
}

void run_backward_data(Stream&, const DenseBackwardDataArgs& args) {
  dispatch_float(args.dy.dtype, [&]<class T>() { backward_data<T>(args); });
}

void run_backward_weight(Stream&, const DenseBackwardWeightArgs& args) {
  dispatch_float(args.x.dtype, [&]<class T>() { backward_weight<T>(args); });
}

}  // namespace

const DenseVariant<DenseForwardArgs> kDenseForwardLoops = {"loops", accepts<DenseForwardArgs>,
                                                           run_forward};
const DenseVariant<DenseBackwardDataArgs> kDenseBackwardDataLoops = {
    "loops", accepts<DenseBackwardDataArgs>, run_backward_data};
const DenseVariant<DenseBackwardWeightArgs> kDenseBackwardWeightLoops = {
    "loops", accepts<DenseBackwardWeightArgs>, run_backward_weight};

}  // namespace diptych
