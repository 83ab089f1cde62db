// fill: y[i] = value for every element. y: any shape, f32 or bf16 (rounded).
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

void fill(Stream& stream, float value, MutView y);

}  // namespace diptych
