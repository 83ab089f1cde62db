// cast on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/cast/cast_cuda.h"
#include "kernels/common/cuda/steps.h"

namespace diptych {

void cast_device(Stream& stream, View x, GradView y) {
  static constexpr DeviceStep<View, GradView> steps[] = {{"vector", kAligned16, cast_vector_cuda},
                                                         {"naive", kAnyProblem, cast_naive_cuda}};
  run_step("cast", steps, stream, x, y);
}

}  // namespace diptych
