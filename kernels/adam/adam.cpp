// adam: checks.
// SPDX-License-Identifier: MIT
#include "kernels/adam/adam.h"

#include "kernels/adam/adam_cuda.h"

namespace diptych {

void adam_cpu(const AdamStep& step,  // adam_cpu.cpp
              View gradient,
              float scale,
              MutView weight,
              MutView m,
              MutView v,
              MutView copy);

void adam_device(Stream& stream,  // adam_device.cpp
                 const AdamStep& step,
                 const AdamArrays& arrays);

void adam_step(Stream& stream,
               const AdamStep& step,
               View gradient,
               View gradient_scale,
               MutView weight,
               MutView m,
               MutView v,
               MutView copy) {
  const Shape& shape = weight.shape;
  DIPTYCH_CHECK(gradient.shape == shape && m.shape == shape && v.shape == shape &&
                    (!copy.defined() || copy.shape == shape),
                "adam_step: shapes differ; gradient ", gradient, ", weight ", weight, ", m ", m,
                ", v ", v, ", copy ", copy);
  DIPTYCH_CHECK(gradient.dtype == DType::kF32 && weight.dtype == DType::kF32 &&
                    m.dtype == DType::kF32 && v.dtype == DType::kF32 &&
                    (!copy.defined() || copy.dtype == DType::kBF16),
                "adam_step: expected f32 and a bf16 copy; gradient ", gradient, ", weight ", weight,
                ", m ", m, ", v ", v, ", copy ", copy);
  DIPTYCH_CHECK(!gradient_scale.defined() ||
                    (gradient_scale.shape.numel() == 1 && gradient_scale.dtype == DType::kF32),
                "adam_step: gradient_scale is ", gradient_scale, ", expected (1) f32");
  DIPTYCH_CHECK(step.beta1 >= 0 && step.beta1 < 1 && step.beta2 >= 0 && step.beta2 < 1,
                "adam_step: beta1 = ", step.beta1, ", beta2 = ", step.beta2, ", expected in [0,1)");
  DIPTYCH_CHECK(step.keep_probability > 0 && step.keep_probability <= 1,
                "adam_step: keep_probability = ", step.keep_probability, ", expected in (0,1]");
  DIPTYCH_CHECK(step.first_element >= 0, "adam_step: first_element = ", step.first_element);
  if (stream.on_device()) {
    return adam_device(stream, step,
                       {.gradient = gradient.as<float>(),
                        .gradient_scale = static_cast<const float*>(gradient_scale.data),
                        .state = step.state,
                        .weight = weight.as<float>(),
                        .m = m.as<float>(),
                        .v = v.as<float>(),
                        .copy = static_cast<bf16*>(copy.data),
                        .count = shape.numel()});
  }
  const float scale = gradient_scale.defined() ? *gradient_scale.as<float>() : 1.0f;
  adam_cpu(step, gradient, scale, weight, m, v, copy);
}

}  // namespace diptych
