// x_cos_x on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/steps.h"
#include "kernels/x_cos_x/x_cos_x_cuda.h"

namespace diptych {

void x_cos_x_device(Stream& stream, View x, MutView y) {
  static constexpr DeviceStep<View, MutView> steps[] = {
      {"naive", kAligned16, x_cos_x_forward_naive_cuda}};
  run_step("x_cos_x_forward", steps, stream, x, y);
}

void x_cos_x_backward_device(Stream& stream, View x, View dy, GradView dx) {
  static constexpr DeviceStep<View, View, GradView> steps[] = {
      {"naive", kAligned16, x_cos_x_backward_naive_cuda}};
  run_step("x_cos_x_backward", steps, stream, x, dy, dx);
}

}  // namespace diptych
