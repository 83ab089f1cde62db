// sigmoid on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/steps.h"
#include "kernels/sigmoid/sigmoid_cuda.h"

namespace diptych {

void sigmoid_device(Stream& stream, View x, MutView y) {
  static constexpr DeviceStep<View, MutView> steps[] = {
      {"naive", kAligned16, sigmoid_forward_naive_cuda}};
  run_step("sigmoid_forward", steps, stream, x, y);
}

void sigmoid_backward_device(Stream& stream, View y, View dy, GradView dx) {
  static constexpr DeviceStep<View, View, GradView> steps[] = {
      {"naive", kAligned16, sigmoid_backward_naive_cuda}};
  run_step("sigmoid_backward", steps, stream, y, dy, dx);
}

}  // namespace diptych
