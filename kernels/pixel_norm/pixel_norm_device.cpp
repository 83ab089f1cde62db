// pixel_norm on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/steps.h"
#include "kernels/pixel_norm/pixel_norm_cuda.h"

namespace diptych {

void pixel_norm_device(Stream& stream, View x, MutView y, MutView inverse_norm) {
  static constexpr DeviceStep<View, MutView, MutView> steps[] = {
      {"block", kAnyProblem, pixel_norm_forward_block_cuda},
      {"naive", kAnyProblem, pixel_norm_forward_naive_cuda}};
  run_step("pixel_norm_forward", steps, stream, x, y, inverse_norm);
}

void pixel_norm_backward_device(Stream& stream, View x, View inverse_norm, View dy, GradView dx) {
  static constexpr DeviceStep<View, View, View, GradView> steps[] = {
      {"block", kAnyProblem, pixel_norm_backward_block_cuda},
      {"naive", kAnyProblem, pixel_norm_backward_naive_cuda}};
  run_step("pixel_norm_backward", steps, stream, x, inverse_norm, dy, dx);
}

}  // namespace diptych
