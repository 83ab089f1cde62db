// dssim on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/steps.h"
#include "kernels/dssim/dssim_cuda.h"

namespace diptych {

void dssim_device(Stream& stream,
                  const DssimProblem& problem,
                  View target,
                  View prediction,
                  MutView loss,
                  MutView saved) {
  static constexpr DeviceStep<const DssimProblem&, const DssimForward&> steps[] = {
      {"tiled", kAnyProblem, dssim_forward_tiled_cuda},
      {"naive", kAnyProblem, dssim_forward_naive_cuda}};
  const DssimForward forward = {target, prediction, loss, saved,
                                stream.workspace(dssim_workspace(problem))};
  run_step("dssim_forward", steps, stream, problem, forward);
}

void dssim_backward_device(Stream& stream,
                           const DssimProblem& problem,
                           View target,
                           View prediction,
                           View saved,
                           View dloss,
                           GradView dprediction) {
  static constexpr DeviceStep<const DssimProblem&, const DssimBackward&> steps[] = {
      {"tiled", kAnyProblem, dssim_backward_tiled_cuda},
      {"naive", kAnyProblem, dssim_backward_naive_cuda}};
  const DssimBackward backward = {target, prediction, saved, dloss, dprediction};
  run_step("dssim_backward", steps, stream, problem, backward);
}

}  // namespace diptych
