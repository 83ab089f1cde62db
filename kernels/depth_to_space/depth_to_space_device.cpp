// depth_to_space on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/steps.h"
#include "kernels/depth_to_space/depth_to_space_cuda.h"

namespace diptych {

void depth_to_space_device(Stream& stream, View deep, GradView wide) {
  static constexpr DeviceStep<View, GradView> steps[] = {
      {"vector",
       [](const View& d, const GradView& w) { return depth_to_space_vector_accepts(d, w); },
       depth_to_space_vector_cuda},
      {"naive", kAnyProblem, depth_to_space_naive_cuda}};
  run_step("depth_to_space", steps, stream, deep, wide);
}

void space_to_depth_device(Stream& stream, View wide, GradView deep) {
  static constexpr DeviceStep<View, GradView> steps[] = {
      {"vector",
       [](const View& w, const GradView& d) { return depth_to_space_vector_accepts(d, w); },
       space_to_depth_vector_cuda},
      {"naive", kAnyProblem, space_to_depth_naive_cuda}};
  run_step("space_to_depth", steps, stream, wide, deep);
}

}  // namespace diptych
