// style_stats on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/steps.h"
#include "kernels/style_stats/style_stats_cuda.h"

namespace diptych {

namespace {

// The workspace is taken before a step is chosen: every step is called alike.
void naive(CudaStream stream, View x, MutView stats, void*) {
  style_stats_naive_cuda(stream, x, stats);
}

bool two_pass_accepts(const View& x, const MutView&, void* const&) {
  return style_stats_two_pass_accepts(x);
}

}  // namespace

void style_stats_device(Stream& stream, View x, MutView stats) {
  static constexpr DeviceStep<View, MutView, void*> steps[] = {
      {"two_pass", two_pass_accepts, style_stats_two_pass_cuda}, {"naive", kAnyProblem, naive}};
  run_step("style_stats_forward", steps, stream, x, stats,
           stream.workspace(style_stats_workspace(x)));
}

void style_stats_backward_device(Stream& stream, View x, View stats, View dstats, GradView dx) {
  style_stats_backward_naive_cuda(stream.cuda(), x, stats, dstats, dx);
}

}  // namespace diptych
