// conv_transpose2d on the device: the forward pass, checked in conv_transpose2d.cpp, run by the
// rungs of conv_transpose2d_cuda.h. The backward passes are conv2d's there too.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv_transpose2d/conv_transpose2d.h"

namespace diptych {

void conv_transpose2d_forward_device(Stream& stream, const ConvTranspose2dForwardArgs& args);

}  // namespace diptych
