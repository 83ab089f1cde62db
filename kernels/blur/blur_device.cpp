// blur on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/blur/blur_cuda.h"
#include "kernels/common/cuda/steps.h"

namespace diptych {

namespace {

// The workspace is taken before a step is chosen: every step is called alike.
void separable(CudaStream stream, View x, double sigma, GradView y, void* workspace) {
  blur_separable_cuda(stream, x, sigma, y, workspace);
}

void naive(CudaStream stream, View x, double sigma, GradView y, void*) {
  blur_naive_cuda(stream, x, sigma, y);
}

}  // namespace

void blur_device(Stream& stream, View x, double sigma, GradView y) {
  static constexpr DeviceStep<View, double, GradView, void*> steps[] = {
      {"separable", kAnyProblem, separable}, {"naive", kAnyProblem, naive}};
  run_step("blur", steps, stream, x, sigma, y, stream.workspace(blur_workspace(x)));
}

void soft_mask_device(Stream& stream, View mask, double sigma, BlurBorder border, MutView y) {
  soft_mask_separable_cuda(stream.cuda(), mask, sigma, border, y,
                           stream.workspace(blur_workspace(mask)));
}

void blur_out_device(
    Stream& stream, View target, View mask, double sigma, BlurBorder border, MutView y) {
  blur_out_separable_cuda(stream.cuda(), target, mask, sigma, border, y,
                          stream.workspace(blur_out_workspace(target)));
}

}  // namespace diptych
