// adam, step 2: a warp per 256 elements.
//
// New over step 1: one Philox block serves eight elements, so the draws cost an eighth; arrays are
// read and written 16 bytes at a time. A lane draws for eight elements that stand together but
// handles two packs of four that stand 128 elements apart, so that every access of the warp is 512
// bytes without a gap; the draws reach their packs by shuffles.
//
//   lane l    Philox(counter first/8 + l) -> draws of elements 8l .. 8l+7
//   round 0   g m v w | 4l .. 4l+3 |              draws from lane l/2
//   round 1   g m v w | 128 + 4l .. 128 + 4l+3 |  draws from lane 16 + l/2
//
// Bound by memory again.
// SPDX-License-Identifier: MIT
#include "kernels/adam/adam_update.cuh"
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/cuda/pack.cuh"

namespace diptych {

namespace {

static_assert(Pack<float>::kSize == kPackElements);

__global__ void adam_vector_kernel(AdamRates rates, AdamArrays a, int64_t first_block) {
  if (skipped(a.state)) return;
  const int64_t warp = item_index() / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  const AdamRates r = current(rates, a.state);
  const float scale = a.gradient_scale ? *a.gradient_scale : 1.0f;
  PhiloxWords mine{};
  if (!r.all) mine = keep_block(r.draw, static_cast<uint64_t>(first_block + warp * 32 + lane));
#pragma unroll
  for (int round = 0; round < 2; ++round) {
    PackDraws draws{};
    if (!r.all) draws = draws_of_pack(mine, round);  // before any lane leaves
    const int64_t p = warp * (kWarpElements / kPackElements) + round * 32 + lane;
    if (p * kPackElements >= a.count) continue;
    const Pack<float> g = load_pack(a.gradient, p, a.count);
    Pack<float> w = load_pack(a.weight, p, a.count);
    Pack<float> m = load_pack(a.m, p, a.count);
    Pack<float> v = load_pack(a.v, p, a.count);
    Pack<simt::bf16, kPackElements> copy;
#pragma unroll
    for (int i = 0; i < kPackElements; ++i) {
      const bool keep = r.all || keeps(draws, i, r.draw.threshold);
      adam_update(r, scale * g.v[i], keep, w.v[i], m.v[i], v.v[i]);
      copy.v[i] = simt::bf16(w.v[i]);
    }
    store_pack(a.weight, p, a.count, w);
    store_pack(a.m, p, a.count, m);
    store_pack(a.v, p, a.count, v);
    if (a.copy) store_pack(reinterpret_cast<simt::bf16*>(a.copy), p, a.count, copy);
  }
}

}  // namespace

bool adam_vector_accepts(const AdamStep& step, const AdamArrays& a) {
  return step.first_element % kDrawsPerBlock == 0 &&
         pack_aligned(a.gradient, a.weight, a.m, a.v, a.copy);
}

void adam_vector_cuda(CudaStream stream, const AdamStep& step, const AdamArrays& a) {
  if (a.count == 0) return;
  simt::launch(adam_vector_kernel, cover(packs_in(a.count, kWarpElements) * 32, stream),
               adam_rates(step), a, step.first_element / kDrawsPerBlock);
}

}  // namespace diptych
