// pixel_loss: cross-entropy of logits and total variation, in two passes like step 2's errors.
//
//   pass 1   sample n | part 0 | part 1 | ...   -> partial[n][part]     a block of 256 per part
//   pass 2   block n: partial[n][...]           -> loss[n]              kernels/reduce
//   backward a thread per element: both losses know their slope from an element and its neighbours
//
// Cross-entropy binds on arithmetic, exp and log1p in double; its maps are a discriminator's, a few
// thousand logits. Total variation binds on memory: neighbours come from the cache.
// SPDX-License-Identifier: MIT
#include <cmath>

#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/reduce.cuh"
#include "kernels/pixel_loss/pixel_loss_cuda.h"
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/reduction.cuh"

namespace diptych {

namespace {

// -q log p - (1 - q) log(1 - p) with p = sigmoid(z), without a log of 0.
struct CrossEntropy {
  const float *z, *q;  // q: null for `label`
  float label;

  __device__ double wanted(int64_t i) const { return q ? q[i] : label; }

  __device__ double value(int64_t i, int64_t) const {
    const double logit = z[i], positive = logit < 0 ? 0 : logit;  // NaN stays
    return positive - logit * wanted(i) + log1p(exp(-fabs(logit)));
  }

  __device__ double slope(int64_t i, int64_t) const {
    return 1.0 / (1.0 + exp(-static_cast<double>(z[i]))) - wanted(i);
  }
};

// Squared differences to the next row, and to the next column or channel.
struct Variation {
  const float* x;
  int h, w, c;
  bool columns;

  // Whether the second neighbour before (-1) or after (+1) element i of its sample exists.
  __device__ bool joined(int64_t i, int by) const {
    const auto at = static_cast<int>((columns ? i / c : i) % (columns ? w : c)) + by;
    return at >= 0 && at < (columns ? w : c);
  }

  __device__ int64_t row() const { return int64_t{w} * c; }

  __device__ int64_t next() const { return columns ? c : 1; }

  __device__ double squared(int64_t i, int64_t other) const {
    const double d = static_cast<double>(x[other]) - static_cast<double>(x[i]);
    return d * d;
  }

  // i over all samples, j within its own.
  __device__ double value(int64_t i, int64_t j) const {
    double sum = 0;
    if (j + row() < row() * h) sum += squared(i, i + row());
    if (joined(j, 1)) sum += squared(i, i + next());
    return sum;
  }

  __device__ double slope(int64_t i, int64_t j) const {
    const double mine = x[i];
    double sum = 0;
    if (j >= row()) sum += mine - x[i - row()];
    if (j + row() < row() * h) sum += mine - x[i + row()];
    if (joined(j, -1)) sum += mine - x[i - next()];
    if (joined(j, 1)) sum += mine - x[i + next()];
    return 2 * sum;
  }
};

template <class Term>
__global__ void __launch_bounds__(kBlockThreads)
    term_parts_kernel(Term term, int64_t length, double* partial) {
  __shared__ double slots[kBlockThreads / 32];
  const int64_t first = static_cast<int64_t>(blockIdx.y) * length;
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kReduceBlock;
  const int64_t end = begin + kReduceBlock < length ? begin + kReduceBlock : length;
  double sum = 0;
  for (int64_t j = begin + threadIdx.x; j < end; j += kBlockThreads)
    sum += term.value(first + j, j);
  sum = simt::block_sum(sum, slots);
  if (threadIdx.x == 0) partial[static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x] = sum;
}

template <class Term>
__global__ void term_backward_kernel(Term term,
                                     int64_t length,
                                     double divisor,
                                     const float* dloss,
                                     float* dx,
                                     int64_t count,
                                     bool accumulate) {
  const int64_t i = item_index();
  if (i >= count) return;
  const int64_t n = i / length;
  const auto value =
      static_cast<float>(static_cast<double>(dloss[n]) / divisor * term.slope(i, i - n * length));
  dx[i] = accumulate ? dx[i] + value : value;
}

int64_t parts_of(int64_t length) {
  return (length + kReduceBlock - 1) / kReduceBlock;
}

template <class Term>
void forward(
    CudaStream stream, const Term& term, View x, double divisor, MutView loss, void* workspace) {
  if (x.shape.numel() == 0) return;
  const auto samples = static_cast<unsigned>(x.shape[0]);
  const int64_t length = x.shape.numel() / x.shape[0], parts = parts_of(length);
  auto* const partial = static_cast<double*>(workspace);
  simt::launch(term_parts_kernel<Term>,
               simt::Config{.grid = dim3(static_cast<unsigned>(parts), samples),
                            .block = kBlockThreads,
                            .stream = stream},
               term, length, partial);
  simt::launch(combine_parts_kernel<Reduction::kSum>,
               simt::Config{.grid = samples, .block = kBlockThreads, .stream = stream}, partial,
               parts, divisor, static_cast<float*>(loss.data), false);
}

template <class Term>
void backward(
    CudaStream stream, const Term& term, View x, double divisor, View dloss, GradView dx) {
  const int64_t count = x.shape.numel();
  if (count == 0) return;
  simt::launch(term_backward_kernel<Term>, cover(count, stream), term, count / x.shape[0], divisor,
               static_cast<const float*>(dloss.data), static_cast<float*>(dx.data), count,
               dx.accumulate());
}

CrossEntropy cross_entropy(View logits, View labels, float label) {
  return {static_cast<const float*>(logits.data), static_cast<const float*>(labels.data), label};
}

double length_of(View x) {
  return x.shape[0] == 0 ? 1 : static_cast<double>(x.shape.numel() / x.shape[0]);
}

Variation variation(TotalVariation form, View x) {
  const Shape& s = x.shape;
  return {static_cast<const float*>(x.data), static_cast<int>(s[1]), static_cast<int>(s[2]),
          static_cast<int>(s[3]), form == TotalVariation::kRowsAndColumns};
}

}  // namespace

size_t pixel_terms_workspace(View x) {
  if (x.shape.numel() == 0) return 0;
  return static_cast<size_t>(x.shape[0] * parts_of(x.shape.numel() / x.shape[0])) * sizeof(double);
}

// Instantiations: 2 kernels x {cross-entropy, total variation}.
void bce_logits_cuda(
    CudaStream stream, View logits, View labels, float label, MutView loss, void* workspace) {
  forward(stream, cross_entropy(logits, labels, label), logits, length_of(logits), loss, workspace);
}

void bce_logits_backward_cuda(
    CudaStream stream, View logits, View labels, float label, View dloss, GradView dlogits) {
  backward(stream, cross_entropy(logits, labels, label), logits, length_of(logits), dloss, dlogits);
}

void total_variation_cuda(
    CudaStream stream, TotalVariation form, View x, MutView loss, void* workspace) {
  forward(stream, variation(form, x), x, 1, loss, workspace);
}

void total_variation_backward_cuda(
    CudaStream stream, TotalVariation form, View x, View dloss, GradView dx) {
  backward(stream, variation(form, x), x, 1, dloss, dx);
}

}  // namespace diptych
