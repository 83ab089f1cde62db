// The variants of conv_transpose2d's forward, each defined in the source named behind it.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv_transpose2d/conv_transpose2d.h"

namespace diptych {

// conv_transpose2d_adjoint.cpp: f32
extern const ConvTranspose2dVariant kConvTranspose2dAdjoint;

// conv_transpose2d_onednn.cpp, in builds with oneDNN
extern const ConvTranspose2dVariant kConvTranspose2dOneDnn;

// conv_transpose2d_cpu.cpp: accepts every problem on the cpu engine
extern const ConvTranspose2dVariant kConvTranspose2dLoops;

}  // namespace diptych
