// Initial weights: Glorot uniform, U(-L, L) with L = sqrt(6 / (fan_in + fan_out)); biases 0 (spec
// networks.md 2).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "tensor/parameter.h"

namespace diptych::nn {

// Each parameter draws from its own stream of the seed, keyed by its place in the list. A value
// depends on its place among the values, not in memory.
void initialise(const ParameterList& list, uint64_t seed);

}  // namespace diptych::nn
