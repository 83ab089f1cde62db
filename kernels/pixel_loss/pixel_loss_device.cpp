// pixel_loss on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/steps.h"
#include "kernels/pixel_loss/pixel_loss_cuda.h"

namespace diptych {

namespace {

using Power = PixelErrorPower;

void two_pass(CudaStream stream, Power power, View t, View p, View mask, MutView loss, void* w) {
  pixel_error_two_pass_cuda(stream, power, t, p, mask, loss, w);
}

void naive(CudaStream stream, Power power, View t, View p, View mask, MutView loss, void*) {
  pixel_error_naive_cuda(stream, power, t, p, mask, loss);
}

}  // namespace

void pixel_error_device(
    Stream& stream, Power power, View target, View prediction, View mask, MutView loss) {
  static constexpr DeviceStep<Power, View, View, View, MutView, void*> steps[] = {
      {"two_pass", kAnyProblem, two_pass}, {"naive", kAnyProblem, naive}};
  run_step("pixel_error_forward", steps, stream, power, target, prediction, mask, loss,
           stream.workspace(pixel_error_workspace(prediction)));
}

void pixel_error_backward_device(Stream& stream,
                                 Power power,
                                 View target,
                                 View prediction,
                                 View mask,
                                 View dloss,
                                 GradView dprediction) {
  pixel_error_backward_naive_cuda(stream.cuda(), power, target, prediction, mask, dloss,
                                  dprediction);
}

void mul_mask_device(Stream& stream, View x, View mask, GradView y) {
  mul_mask_naive_cuda(stream.cuda(), x, mask, y);
}

}  // namespace diptych
