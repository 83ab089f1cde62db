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

}  // namespace diptych
