// image_warp on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/steps.h"
#include "kernels/image_warp/image_warp_cuda.h"

namespace diptych {

namespace {

// Step 2 stores rows 16 bytes at a time.
bool aligned(const ImageWarpOptions&,
             const ImageWarpFaces&,
             const ImageWarpOrder&,
             ImageWarpState* const&,
             const ImageWarpOutput& out,
             void* const&) {
  return kAligned16(out.warped, out.target, out.mask, out.eyes_mouth);
}

void tiled(CudaStream stream,
           ImageWarpOptions options,
           ImageWarpFaces faces,
           ImageWarpOrder order,
           ImageWarpState* state,
           ImageWarpOutput output,
           void* workspace) {
  image_warp_tiled_cuda(stream, options, faces, order, state, output, workspace);
}

void naive(CudaStream stream,
           ImageWarpOptions options,
           ImageWarpFaces faces,
           ImageWarpOrder order,
           ImageWarpState* state,
           ImageWarpOutput output,
           void* workspace) {
  image_warp_naive_cuda(stream, options, faces, order, state, output, workspace);
}

}  // namespace

void image_warp_device(Stream& stream,
                       const ImageWarpOptions& options,
                       const ImageWarpFaces& faces,
                       const ImageWarpOrder& order,
                       ImageWarpState* state,
                       const ImageWarpOutput& output) {
  static constexpr DeviceStep<ImageWarpOptions, ImageWarpFaces, ImageWarpOrder, ImageWarpState*,
                              ImageWarpOutput, void*>
      steps[] = {{"tiled", aligned, tiled}, {"naive", kAnyProblem, naive}};
  const auto n = static_cast<int>(output.target.shape[0]);
  void* const workspace = stream.workspace(image_warp_tiled_workspace(options, n));  // the larger
  run_step("image_warp", steps, stream, options, faces, order, state, output, workspace);
}

}  // namespace diptych
