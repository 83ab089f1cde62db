// picture_loss on a GPU: launchers of its step. Views hold device pointers and have passed the
// checks of picture_loss.cpp. Sums in double, in a fixed order, without atomics.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/dssim/picture_loss.h"

namespace diptych {

struct PictureLossForward {
  PictureLossWeights weights;
  View target, prediction, mask;
  MutView loss, saved;
  void* workspace;  // device memory of picture_loss_workspace bytes, aligned to 8
};

struct PictureLossBackward {
  PictureLossWeights weights;
  View target, prediction, mask, saved, dloss;
  GradView dprediction;
};

size_t picture_loss_workspace(const DssimProblem& problem);
void picture_loss_forward_fused_cuda(CudaStream stream,
                                     const DssimProblem& p,
                                     const PictureLossForward& f);
void picture_loss_backward_fused_cuda(CudaStream stream,
                                      const DssimProblem& p,
                                      const PictureLossBackward& b);

}  // namespace diptych
