// Philox4x32-10 on the device: the generator of kernels/common/rng.h, bit for bit.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/simt/simt.h"

namespace diptych {

struct PhiloxWords {
  unsigned w[4];
};

__device__ __forceinline__ PhiloxWords philox_device(PhiloxWords c, unsigned k0, unsigned k1) {
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(0xD2511F53u, c.w[0]), low0 = 0xD2511F53u * c.w[0];
    const unsigned high1 = __umulhi(0xCD9E8D57u, c.w[2]), low1 = 0xCD9E8D57u * c.w[2];
    c = {{high1 ^ c.w[1] ^ k0, low1, high0 ^ c.w[3] ^ k1, low0}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

}  // namespace diptych
