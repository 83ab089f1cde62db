// add on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/add/add_cuda.h"
#include "kernels/common/cuda/steps.h"

namespace diptych {

void add_device(Stream& stream, View a, View b, MutView y) {
  static constexpr DeviceStep<View, View, MutView> steps[] = {
      {"vector", kAligned16, add_vector_cuda}, {"naive", kAnyProblem, add_naive_cuda}};
  run_step("add_forward", steps, stream, a, b, y);
}

void affine_device(Stream& stream, float factor, float offset, View x, MutView y) {
  static constexpr DeviceStep<float, float, View, MutView> steps[] = {
      {"vector", kAligned16, affine_vector_cuda}, {"naive", kAnyProblem, affine_naive_cuda}};
  run_step("affine_forward", steps, stream, factor, offset, x, y);
}

void add_scaled_device(Stream& stream, float factor, View x, GradView y) {
  static constexpr DeviceStep<float, View, GradView> steps[] = {
      {"vector", kAligned16, add_scaled_vector_cuda},
      {"naive", kAnyProblem, add_scaled_naive_cuda}};
  run_step("add_scaled", steps, stream, factor, x, y);
}

}  // namespace diptych
