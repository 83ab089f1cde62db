// conv2d on the device: the passes of conv2d.h, checked there, run by the rungs of conv2d_cuda.h.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace diptych {

void conv2d_forward_device(Stream& stream, const Conv2dForwardArgs& args);
void conv2d_backward_epilogue_device(Stream& stream,
                                     const Conv2dProblem& problem,
                                     const Conv2dEpilogue& epilogue,
                                     View y,
                                     View dy,
                                     MutView da,
                                     GradView db);
void conv2d_backward_data_device(Stream& stream, const Conv2dBackwardDataArgs& args);
void conv2d_backward_data_below_device(
    Stream& stream, const Conv2dProblem& problem, View da, View w, const Conv2dBelow& below);
void conv2d_backward_weight_device(Stream& stream, const Conv2dBackwardWeightArgs& args);

}  // namespace diptych
