// reduce on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/steps.h"
#include "kernels/reduce/reduce_cuda.h"

namespace diptych {

namespace {

void two_pass(CudaStream stream, const RowsProblem& problem, View x, GradView y, void* workspace) {
  reduce_rows_two_pass_cuda(stream, problem, x, y, workspace);
}

void naive(CudaStream stream, const RowsProblem& problem, View x, GradView y, void*) {
  reduce_rows_naive_cuda(stream, problem, x, y);
}

}  // namespace

void reduce_rows_device(Stream& stream, const RowsProblem& problem, View x, GradView y) {
  static constexpr DeviceStep<const RowsProblem&, View, GradView, void*> steps[] = {
      {"two_pass", kAnyProblem, two_pass}, {"naive", kAnyProblem, naive}};
  run_step("reduce_rows", steps, stream, problem, x, y,
           stream.workspace(reduce_rows_workspace(problem)));
}

void spread_rows_device(Stream& stream, View dy, double divisor, GradView dx) {
  spread_rows_naive_cuda(stream.cuda(), dy, divisor, dx);
}

void clip_scale_device(Stream& stream, View sum_of_squares, float limit, MutView y) {
  clip_scale_cuda(stream.cuda(), sum_of_squares, limit, y);
}

}  // namespace diptych
