// rmsprop, step 1: a thread per element.
//
//   thread i   g[i] v[i] w[i]  ->  update  ->  v[i] w[i] copy[i]
//
// Bound by memory: 20 bytes and 9 FLOPs an element; with learning-rate dropout by the integer
// units, since each thread makes eight draws and uses one.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/rmsprop/rmsprop_update.cuh"

namespace diptych {

namespace {

__global__ void rmsprop_naive_kernel(RmsPropRates rates, RmsPropArrays a, int64_t first_element) {
  if (skipped(a.state)) return;
  const int64_t i = item_index();
  if (i >= a.count) return;
  const RmsPropRates r = current(rates, a.state);
  const float gradient = (a.gradient_scale ? *a.gradient_scale : 1.0f) * a.gradient[i];
  const bool keep = r.all || keeps_element(r.draw, first_element + i);
  float w = a.weight[i], v = a.v[i];
  rmsprop_update(r, gradient, keep, w, v);
  a.weight[i] = w;
  a.v[i] = v;
  if (a.copy) reinterpret_cast<simt::bf16*>(a.copy)[i] = simt::bf16(w);
}

}  // namespace

void rmsprop_naive_cuda(CudaStream stream, const RmsPropStep& step, const RmsPropArrays& a) {
  if (a.count == 0) return;
  simt::launch(rmsprop_naive_kernel, cover(a.count, stream), rmsprop_rates(step), a,
               step.first_element);
}

}  // namespace diptych
