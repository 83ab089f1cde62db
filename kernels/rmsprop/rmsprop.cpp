// rmsprop: checks.
// SPDX-License-Identifier: MIT
#include "kernels/rmsprop/rmsprop.h"

#include "kernels/rmsprop/rmsprop_cuda.h"

namespace diptych {

void rmsprop_cpu(const RmsPropStep& step,  // rmsprop_cpu.cpp
                 View gradient,
                 float scale,
                 MutView weight,
                 MutView v,
                 MutView copy);

void rmsprop_device(Stream& stream,  // rmsprop_device.cpp
                    const RmsPropStep& step,
                    const RmsPropArrays& arrays);

void rmsprop_step(Stream& stream,
                  const RmsPropStep& step,
                  View gradient,
                  View gradient_scale,
                  MutView weight,
                  MutView v,
                  MutView copy) {
  const Shape& shape = weight.shape;
  DIPTYCH_CHECK(
      gradient.shape == shape && v.shape == shape && (!copy.defined() || copy.shape == shape),
      "rmsprop_step: shapes differ; gradient ", gradient, ", weight ", weight, ", v ", v, ", copy ",
      copy);
  DIPTYCH_CHECK(gradient.dtype == DType::kF32 && weight.dtype == DType::kF32 &&
                    v.dtype == DType::kF32 && (!copy.defined() || copy.dtype == DType::kBF16),
                "rmsprop_step: expected f32 and a bf16 copy; gradient ", gradient, ", weight ",
                weight, ", v ", v, ", copy ", copy);
  DIPTYCH_CHECK(!gradient_scale.defined() ||
                    (gradient_scale.shape.numel() == 1 && gradient_scale.dtype == DType::kF32),
                "rmsprop_step: gradient_scale is ", gradient_scale, ", expected (1) f32");
  DIPTYCH_CHECK(step.rho >= 0 && step.rho < 1, "rmsprop_step: rho = ", step.rho,
                ", expected in [0,1)");
  DIPTYCH_CHECK(step.keep_probability > 0 && step.keep_probability <= 1,
                "rmsprop_step: keep_probability = ", step.keep_probability, ", expected in (0,1]");
  DIPTYCH_CHECK(step.first_element >= 0, "rmsprop_step: first_element = ", step.first_element);
  if (stream.on_device()) {
    return rmsprop_device(stream, step,
                          {.gradient = gradient.as<float>(),
                           .gradient_scale = static_cast<const float*>(gradient_scale.data),
                           .state = step.state,
                           .weight = weight.as<float>(),
                           .v = v.as<float>(),
                           .copy = static_cast<bf16*>(copy.data),
                           .count = shape.numel()});
  }
  const float scale = gradient_scale.defined() ? *gradient_scale.as<float>() : 1.0f;
  rmsprop_cpu(step, gradient, scale, weight, v, copy);
}

}  // namespace diptych
