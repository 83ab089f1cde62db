// adam on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/adam/adam_cuda.h"
#include "kernels/common/cuda/steps.h"

namespace diptych {

void adam_device(Stream& stream, const AdamStep& step, const AdamArrays& arrays) {
  static constexpr DeviceStep<const AdamStep&, const AdamArrays&> steps[] = {
      {"vector", adam_vector_accepts, adam_vector_cuda}, {"naive", kAnyProblem, adam_naive_cuda}};
  if (arrays.count > 0) run_step("adam_step", steps, stream, step, arrays);
}

}  // namespace diptych
