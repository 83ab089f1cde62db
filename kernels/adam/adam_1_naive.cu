// adam, step 1: a thread per element.
//
//   thread i   g[i] m[i] v[i] w[i]  ->  update  ->  m[i] v[i] w[i] copy[i]
//
// Bound by memory: 28 bytes and 12 FLOPs an element. But with learning-rate dropout each thread
// makes eight draws of 16 bits and uses one: ten rounds of multiplications per element, enough to
// bind the integer units instead. Step 2 shares the draws.
// SPDX-License-Identifier: MIT
#include "kernels/adam/adam_update.cuh"
#include "kernels/common/cuda/dispatch.cuh"

namespace diptych {

namespace {

__global__ void adam_naive_kernel(AdamRates rates, AdamArrays a, int64_t first_element) {
  if (skipped(a.state)) return;
  const int64_t i = item_index();
  if (i >= a.count) return;
  const AdamRates r = current(rates, a.state);
  const float gradient = (a.gradient_scale ? *a.gradient_scale : 1.0f) * a.gradient[i];
  const bool keep = r.all || keeps_element(r.draw, first_element + i);
  float w = a.weight[i], m = a.m[i], v = a.v[i];
  adam_update(r, gradient, keep, w, m, v);
  a.weight[i] = w;
  a.m[i] = m;
  a.v[i] = v;
  if (a.copy) reinterpret_cast<simt::bf16*>(a.copy)[i] = simt::bf16(w);
}

}  // namespace

void adam_naive_cuda(CudaStream stream, const AdamStep& step, const AdamArrays& a) {
  if (a.count == 0) return;
  simt::launch(adam_naive_kernel, cover(a.count, stream), adam_rates(step), a, step.first_element);
}

}  // namespace diptych
