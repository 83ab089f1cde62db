// Pointwise passes around a convolution, for variants that cannot fuse them.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace diptych {

// The contract of conv2d_backward_epilogue, arguments already checked. One pass over dy (and y).
void conv2d_backward_epilogue_loops(Stream& stream,
                                    const Conv2dProblem& problem,
                                    const Conv2dEpilogue& epilogue,
                                    View y,
                                    View dy,
                                    MutView da,
                                    GradView db);

// y (N,2P,2Q,K/4) from a (N,P,Q,K), both of one dtype.
void conv2d_depth_to_space(Stream& stream, const Conv2dProblem& problem, View a, MutView y);

}  // namespace diptych
