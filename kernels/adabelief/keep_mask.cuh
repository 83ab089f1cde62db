// The update mask of learning-rate dropout on the device: the draws of keep_mask.h, bit for bit.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/adabelief/keep_mask.h"
#include "kernels/common/cuda/philox.cuh"

namespace diptych {

constexpr int kDrawsPerBlock = 8;  // elements that one Philox block serves

// The 16-bit draws of elements 8 * block .. 8 * block + 7.
__device__ __forceinline__ PhiloxWords keep_block(const KeepDraw& draw, uint64_t block) {
  return philox_device(
      {{static_cast<unsigned>(block), static_cast<unsigned>(block >> 32), draw.stream, draw.step}},
      static_cast<unsigned>(draw.seed), static_cast<unsigned>(draw.seed >> 32));
}

// Whether element i of the block's eight moves.
__device__ __forceinline__ bool keeps(const PhiloxWords& block, int i, unsigned threshold) {
  const unsigned word = block.w[i / 2];
  return (i % 2 == 0 ? word & 0xffffu : word >> 16) < threshold;
}

// Whether an element moves, with a Philox block of its own: seven of the eight draws are not used.
__device__ __forceinline__ bool keeps_element(const KeepDraw& draw, int64_t element) {
  const PhiloxWords block = keep_block(draw, static_cast<uint64_t>(element / kDrawsPerBlock));
  return keeps(block, static_cast<int>(element % kDrawsPerBlock), draw.threshold);
}

// A warp works on 256 elements: lane l draws block l of them, and handles packs l and 32 + l of
// four.
constexpr int kWarpElements = 256, kPackElements = 4;

struct PackDraws {
  unsigned w[2];
};

// The draws of this lane's pack in round 0 or 1, from the lane that made them. All lanes call this.
__device__ __forceinline__ PackDraws draws_of_pack(const PhiloxWords& mine, int round) {
  const int lane = static_cast<int>(threadIdx.x % 32), source = round * 16 + lane / 2;
  unsigned w[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) w[i] = __shfl_sync(~0u, mine.w[i], source);
  return lane % 2 ? PackDraws{{w[2], w[3]}} : PackDraws{{w[0], w[1]}};
}

// Whether element i of the pack's four moves.
__device__ __forceinline__ bool keeps(const PackDraws& pack, int i, unsigned threshold) {
  const unsigned word = pack.w[i / 2];
  return (i % 2 == 0 ? word & 0xffffu : word >> 16) < threshold;
}

}  // namespace diptych
