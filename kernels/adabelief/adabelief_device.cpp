// adabelief on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/adabelief/adabelief_cuda.h"
#include "kernels/common/cuda/steps.h"

namespace diptych {

void adabelief_device(Stream& stream, const AdaBeliefStep& step, const AdaBeliefArrays& arrays) {
  static constexpr DeviceStep<const AdaBeliefStep&, const AdaBeliefArrays&> steps[] = {
      {"vector", adabelief_vector_accepts, adabelief_vector_cuda},
      {"naive", kAnyProblem, adabelief_naive_cuda}};
  if (arrays.count > 0) run_step("adabelief_step", steps, stream, step, arrays);
}

}  // namespace diptych
