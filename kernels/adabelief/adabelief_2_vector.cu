// adabelief, step 2: a thread per 8 elements.
//
// New over step 1: one Philox block serves the eight elements of a thread, so the draws cost an
// eighth; arrays are read and written 16 bytes at a time.
//
//   thread t   Philox(counter first/8 + t) -> 8 draws
//              g m v w | 8t .. 8t+3 | 8t+4 .. 8t+7 |  ->  m v w, copy | 8t .. 8t+7 |
//
// Bound by memory again. SPDX-License-Identifier: MIT
#include "kernels/adabelief/adabelief_update.cuh"
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/pack.cuh"

namespace diptych {

namespace {

constexpr int kHalf = Pack<float>::kSize;  // elements of one of the two f32 packs

__global__ void adabelief_vector_kernel(AdaBeliefRates rates,
                                        AdaBeliefArrays a,
                                        int64_t first_block) {
  const int64_t t = item_index();
  if (t * kDrawsPerBlock >= a.count) return;
  const AdaBeliefRates r = current(rates, a.state);
  const float scale = a.gradient_scale ? *a.gradient_scale : 1.0f;
  PhiloxWords draws{};
  if (!r.all) draws = keep_block(r.draw, static_cast<uint64_t>(first_block + t));
  Pack<simt::bf16> copy;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int64_t p = 2 * t + half;
    if (p * kHalf >= a.count) break;
    const Pack<float> g = load_pack(a.gradient, p, a.count);
    Pack<float> w = load_pack(a.weight, p, a.count), m = load_pack(a.m, p, a.count),
                v = load_pack(a.v, p, a.count);
#pragma unroll
    for (int i = 0; i < kHalf; ++i) {
      const bool keep = r.all || keeps(draws, half * kHalf + i, r.draw.threshold);
      adabelief_update(r, scale * g.v[i], keep, w.v[i], m.v[i], v.v[i]);
      copy.v[half * kHalf + i] = simt::bf16(w.v[i]);
    }
    store_pack(a.weight, p, a.count, w);
    store_pack(a.m, p, a.count, m);
    store_pack(a.v, p, a.count, v);
  }
  if (a.copy) store_pack(reinterpret_cast<simt::bf16*>(a.copy), t, a.count, copy);
}

}  // namespace

bool adabelief_vector_accepts(const AdaBeliefStep& step, const AdaBeliefArrays& a) {
  return step.first_element % kDrawsPerBlock == 0 &&
         pack_aligned(a.gradient, a.weight, a.m, a.v, a.copy);
}

void adabelief_vector_cuda(CudaStream stream, const AdaBeliefStep& step, const AdaBeliefArrays& a) {
  if (a.count == 0) return;
  simt::launch(adabelief_vector_kernel, cover(packs_in(a.count, kDrawsPerBlock), stream),
               adabelief_rates(step), a, step.first_element / kDrawsPerBlock);
}

}  // namespace diptych
