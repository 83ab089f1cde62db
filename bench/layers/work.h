// What a pass of a layer has to do at least: operations, and bytes that must cross device memory
// (every input read once, every output written once). With a chip's peaks that gives the floor no
// kernel gets under.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/gemm/gemm.h"

namespace diptych {

struct Work {
  double flops = 0, bytes = 0;
};

// kBackwardDataBelow: backward data and, behind it, the leaky ReLU of the convolution that made x.
enum class LayerPass {
  kForward,
  kBackwardEpilogue,
  kBackwardData,
  kBackwardDataBelow,
  kBackwardWeight,
  kBackwardBias
};

const char* name_of(LayerPass pass);

// y_dtype f32 with bf16 inputs: a head. dw, b and db are f32.
Work work_of(LayerPass pass,
             const Conv2dProblem& problem,
             const Conv2dEpilogue& epilogue,
             DType dtype,
             DType y_dtype);
Work work_of(LayerPass pass, const DenseProblem& problem, DType dtype);

struct Peaks {
  double flops_per_s = 0;  // of the dtype
  double bytes_per_s = 0;
};

struct Floor {
  double ms = 0;
  bool memory_bound = false;
};

Floor floor_of(const Work& work, const Peaks& peaks);

}  // namespace diptych
