// What the steps of image_warp share on a GPU: their arguments, and the last pass over the eyes.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/common/simt/simt.h"
#include "kernels/image_warp/image_warp_cuda.h"
#include "kernels/image_warp/warp_pixel.h"
#include "kernels/image_warp/warp_sample.h"

namespace diptych {

// The outputs of a batch, and the state to move on.
struct WarpOutputs {
  float *warped, *target;  // (N,R,R,3)
  float *mask, *eyes;      // (N,R,R); eyes may be null
  ImageWarpState* state;
  int w, count;  // R, N
};

inline WarpOutputs warp_outputs(const ImageWarpOutput& out, ImageWarpState* state) {
  const Shape& shape = out.target.shape;
  return {out.warped.as<float>(),
          out.target.as<float>(),
          out.mask.as<float>(),
          out.eyes_mouth.defined() ? out.eyes_mouth.as<float>() : nullptr,
          state,
          static_cast<int>(shape[1]),
          static_cast<int>(shape[0])};
}

// The next call makes the next samples. One thread of a kernel that does not read the state.
__device__ __forceinline__ void move_on(const WarpOutputs& out) {
  out.state->next_sample += static_cast<uint64_t>(out.count);
}

// The largest eyes value of a sample, over all its blocks. Values are not negative, so their bits
// order as they do, and a maximum does not depend on the order it is taken in.
__device__ __forceinline__ void raise_maximum(float* maximum, float value) {
  atomicMax(reinterpret_cast<unsigned*>(maximum), __float_as_uint(value));
}

}  // namespace diptych
