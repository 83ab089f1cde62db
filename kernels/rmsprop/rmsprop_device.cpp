// rmsprop on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/steps.h"
#include "kernels/rmsprop/rmsprop_cuda.h"

namespace diptych {

void rmsprop_device(Stream& stream, const RmsPropStep& step, const RmsPropArrays& arrays) {
  static constexpr DeviceStep<const RmsPropStep&, const RmsPropArrays&> steps[] = {
      {"vector", rmsprop_vector_accepts, rmsprop_vector_cuda},
      {"naive", kAnyProblem, rmsprop_naive_cuda}};
  if (arrays.count > 0) run_step("rmsprop_step", steps, stream, step, arrays);
}

}  // namespace diptych
