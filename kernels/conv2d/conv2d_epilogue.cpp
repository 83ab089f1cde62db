// Pointwise passes around a convolution: undoing the epilogue, depth_to_space.
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_epilogue.h"

#include <algorithm>
#include <cstring>

#include "kernels/common/cpu_clones.h"
#include "kernels/common/parallel.h"

namespace diptych {

namespace {

// Rows of partial sums of db do not depend on the thread count, so neither do its bits.
constexpr int64_t kMaxPartialRows = 256;

// da = leaky'(y) * dy for count elements; sums[i] += da[i] when sums is not null. y may be null.
template <class T>
[[gnu::always_inline]] inline void undo_span(
    const T* y, const T* dy, float slope, T* da, float* sums, int64_t count) {
  if (y && sums) {
    for (int64_t i = 0; i < count; ++i) {
      const float d = static_cast<float>(dy[i]);
      const float a = static_cast<float>(y[i]) >= 0.0f ? d : slope * d;
      sums[i] += a;
      da[i] = T(a);
    }
  } else if (y) {
    for (int64_t i = 0; i < count; ++i) {
      const float d = static_cast<float>(dy[i]);
      da[i] = T(static_cast<float>(y[i]) >= 0.0f ? d : slope * d);
    }
  } else {
    if (sums) {
      for (int64_t i = 0; i < count; ++i) sums[i] += static_cast<float>(dy[i]);
    }
    if (da != dy) std::memcpy(da, dy, static_cast<size_t>(count) * sizeof(T));
  }
}

DIPTYCH_CPU_CLONES void undo_span_f32(
    const float* y, const float* dy, float slope, float* da, float* sums, int64_t count) {
  undo_span(y, dy, slope, da, sums, count);
}

DIPTYCH_CPU_CLONES void undo_span_bf16(
    const bf16* y, const bf16* dy, float slope, bf16* da, float* sums, int64_t count) {
  undo_span(y, dy, slope, da, sums, count);
}

void undo(const float* y, const float* dy, float slope, float* da, float* sums, int64_t count) {
  undo_span_f32(y, dy, slope, da, sums, count);
}

void undo(const bf16* y, const bf16* dy, float slope, bf16* da, float* sums, int64_t count) {
  undo_span_bf16(y, dy, slope, da, sums, count);
}

// One output row (n,p): rows 2p and 2p+1 of y are dealt out to the four quarters of the channels.
template <class T>
void undo_row(const Conv2dProblem& problem,
              const Conv2dEpilogue& epilogue,
              int64_t row,
              const T* y,
              const T* dy,
              T* da,
              float* sums) {
  const int64_t q = problem.q(), k = problem.k, width = q * k;
  const float slope = epilogue.leaky_slope;
  if (!epilogue.depth_to_space) {
    for (int64_t i = row * width; i < (row + 1) * width; i += k) {
      undo(y ? y + i : nullptr, dy + i, slope, da + i, sums, k);
    }
    return;
  }
  const int64_t half = k / 2;  // the two neighbours of one y row: 2 * (K/4) elements side by side
  for (int64_t i = 0; i < q; ++i) {
    for (int64_t block_row = 0; block_row < 2; ++block_row) {
      const int64_t from = (2 * row + block_row) * (width / 2) + i * half;
      const int64_t to = row * width + i * k + block_row * half;
      undo(y ? y + from : nullptr, dy + from, slope, da + to,
           sums ? sums + block_row * half : nullptr, half);
    }
  }
}

void sum_partials(const float* partials, int64_t rows, int64_t k, GradView db) {
  float* out = db.as<float>();
  for (int64_t i = 0; i < k; ++i) {
    double sum = db.accumulate() ? static_cast<double>(out[i]) : 0.0;
    for (int64_t row = 0; row < rows; ++row) sum += static_cast<double>(partials[row * k + i]);
    out[i] = static_cast<float>(sum);
  }
}

}  // namespace

void conv2d_backward_epilogue_loops(Stream& stream,
                                    const Conv2dProblem& problem,
                                    const Conv2dEpilogue& epilogue,
                                    View y,
                                    View dy,
                                    MutView da,
                                    GradView db) {
  const int64_t rows = int64_t{problem.n} * problem.p(), k = problem.k;
  const int64_t chunk = (rows + kMaxPartialRows - 1) / kMaxPartialRows;
  const int64_t chunks = (rows + chunk - 1) / chunk;
  float* partials = nullptr;  // (chunks,K)
  if (db.defined()) {
    const size_t bytes = static_cast<size_t>(chunks * k) * sizeof(float);
    partials = static_cast<float*>(stream.workspace(bytes));
    std::memset(partials, 0, bytes);
  }
  dispatch_float(dy.dtype, [&]<class T>() {
    const T* y_data = epilogue.leaky_slope == 1.0f ? nullptr : y.as<T>();
    parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t row = i * chunk; row < std::min(rows, (i + 1) * chunk); ++row) {
          undo_row<T>(problem, epilogue, row, y_data, dy.as<T>(), da.as<T>(),
                      partials ? partials + i * k : nullptr);
        }
      }
    });
  });
  if (partials) sum_partials(partials, chunks, k, db);
}

void conv2d_depth_to_space(Stream&, const Conv2dProblem& problem, View a, MutView y) {
  const int64_t rows = int64_t{problem.n} * problem.p(), q = problem.q();
  const size_t half = static_cast<size_t>(problem.k / 2) * size_of(a.dtype);  // bytes
  const char* from = static_cast<const char*>(a.data);
  char* to = static_cast<char*>(y.data);
  parallel_for(rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * q; i < end * q; ++i) {
      const int64_t row = i / q, column = i % q;
      const char* pixel = from + static_cast<size_t>(i) * 2 * half;
      std::memcpy(to + static_cast<size_t>(2 * row * q + column) * half, pixel, half);
      std::memcpy(to + static_cast<size_t>((2 * row + 1) * q + column) * half, pixel + half, half);
    }
  });
}

}  // namespace diptych
