// gemm on the device: the passes of gemm.h, checked there, run by the rungs of gemm_cuda.h.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/gemm/gemm.h"

namespace diptych {

void dense_forward_device(Stream& stream, const DenseForwardArgs& args);
void dense_backward_data_device(Stream& stream, const DenseBackwardDataArgs& args);
void dense_backward_weight_device(Stream& stream, const DenseBackwardWeightArgs& args);
void dense_backward_bias_device(Stream& stream, View dy, GradView db);

}  // namespace diptych
