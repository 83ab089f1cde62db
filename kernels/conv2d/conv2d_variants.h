// The variants of conv2d, each defined in the source named behind it. conv2d.cpp puts them in
// order.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace diptych {

// conv2d_winograd.cpp
extern const Conv2dVariant<Conv2dForwardArgs> kConv2dForwardWinograd;
extern const Conv2dVariant<Conv2dBackwardDataArgs> kConv2dBackwardDataWinograd;
extern const Conv2dVariant<Conv2dBackwardWeightArgs> kConv2dBackwardWeightWinograd;

// conv2d_amx.cpp
extern const Conv2dVariant<Conv2dForwardArgs> kConv2dForwardAmx;
extern const Conv2dVariant<Conv2dBackwardDataArgs> kConv2dBackwardDataAmx;
extern const Conv2dVariant<Conv2dBackwardWeightArgs> kConv2dBackwardWeightAmx;

// conv2d_onednn.cpp, in builds with oneDNN
extern const Conv2dVariant<Conv2dForwardArgs> kConv2dForwardOneDnn;
extern const Conv2dVariant<Conv2dBackwardDataArgs> kConv2dBackwardDataOneDnn;
extern const Conv2dVariant<Conv2dBackwardWeightArgs> kConv2dBackwardWeightOneDnn;

// conv2d_cpu.cpp: accepts every problem on the cpu engine
extern const Conv2dVariant<Conv2dForwardArgs> kConv2dForwardLoops;
extern const Conv2dVariant<Conv2dBackwardDataArgs> kConv2dBackwardDataLoops;
extern const Conv2dVariant<Conv2dBackwardWeightArgs> kConv2dBackwardWeightLoops;

}  // namespace diptych
