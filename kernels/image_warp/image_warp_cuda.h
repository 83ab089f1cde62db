// image_warp on a GPU: launchers of its steps. Every pointer is device memory, and the arguments
// have passed check_image_warp(). Nothing is allocated, read back or waited for: a step may be
// captured as a graph and replayed. Pointers are 16-byte aligned, as allocated. workspace:
// image_warp_*_workspace bytes; it begins with the ImageWarpSample of each of the N samples.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/image_warp/image_warp.h"

namespace diptych {

// Step 1: a thread per sample draws, a thread per pixel does everything else.
size_t image_warp_naive_workspace(const ImageWarpOptions& options, int n);
void image_warp_naive_cuda(CudaStream stream,
                           const ImageWarpOptions& options,
                           const ImageWarpFaces& faces,
                           const ImageWarpOrder& order,
                           ImageWarpState* state,
                           const ImageWarpOutput& output,
                           void* workspace);

// Step 2: a block per sample draws; colours change once per source pixel; tiles with the grid in
// shared memory read mask and target together and store whole rows.
size_t image_warp_tiled_workspace(const ImageWarpOptions& options, int n);
void image_warp_tiled_cuda(CudaStream stream,
                           const ImageWarpOptions& options,
                           const ImageWarpFaces& faces,
                           const ImageWarpOrder& order,
                           ImageWarpState* state,
                           const ImageWarpOutput& output,
                           void* workspace);

}  // namespace diptych
