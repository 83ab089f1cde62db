// The variants of the dense layer, each defined in the source named behind it.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/gemm/gemm.h"

namespace diptych {

// gemm_onednn.cpp, in builds with oneDNN
extern const DenseVariant<DenseForwardArgs> kDenseForwardOneDnn;
extern const DenseVariant<DenseBackwardDataArgs> kDenseBackwardDataOneDnn;
extern const DenseVariant<DenseBackwardWeightArgs> kDenseBackwardWeightOneDnn;

// gemm_cpu.cpp: accepts every problem on the cpu engine
extern const DenseVariant<DenseForwardArgs> kDenseForwardLoops;
extern const DenseVariant<DenseBackwardDataArgs> kDenseBackwardDataLoops;
extern const DenseVariant<DenseBackwardWeightArgs> kDenseBackwardWeightLoops;

}  // namespace diptych
