// One element of a pixel error on the device, shared by the steps.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/pixel_loss/pixel_loss_cuda.h"

namespace diptych {

struct PixelArrays {
  const float *target, *prediction, *mask;  // mask: null for 1
  int64_t length;                           // elements of a sample
  int channels;                             // that share a mask value
};

inline PixelArrays pixel_arrays(View target, View prediction, View mask) {
  const int64_t samples = prediction.shape[0];
  return {static_cast<const float*>(target.data), static_cast<const float*>(prediction.data),
          static_cast<const float*>(mask.data), prediction.shape.numel() / samples,
          static_cast<int>(prediction.shape.last())};
}

__device__ __forceinline__ float mask_at(const PixelArrays& a, int64_t i) {
  return a.mask ? a.mask[i / a.channels] : 1.0f;
}

// m (t - p) of element i
__device__ __forceinline__ float pixel_difference(const PixelArrays& a, int64_t i) {
  return mask_at(a, i) * (a.target[i] - a.prediction[i]);
}

template <PixelErrorPower P>
__device__ __forceinline__ double pixel_error(const PixelArrays& a, int64_t i) {
  const double d = pixel_difference(a, i);
  return P == PixelErrorPower::kSquared ? d * d : (d < 0 ? -d : d);
}

template <class F>
void dispatch_power(PixelErrorPower power, F&& f) {
  if (power == PixelErrorPower::kSquared)
    f.template operator()<PixelErrorPower::kSquared>();
  else
    f.template operator()<PixelErrorPower::kAbsolute>();
}

}  // namespace diptych
