// adam: checks.
// SPDX-License-Identifier: MIT
#include "kernels/adam/adam.h"

#include "kernels/adam/adam_cuda.h"
#include "kernels/common/optimizer_checks.h"

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
  check_optimizer_views("adam_step", gradient, gradient_scale, weight, {{"m", m}, {"v", v}}, copy);
  DIPTYCH_CHECK(step.beta1 >= 0 && step.beta1 < 1 && step.beta2 >= 0 && step.beta2 < 1,
                "adam_step: beta1 = ", step.beta1, ", beta2 = ", step.beta2, ", expected in [0,1)");
  check_keep_draws("adam_step", step.keep_probability, step.first_element);
  if (stream.on_device()) {
    return adam_device(stream, step,
                       {.gradient = gradient.as<float>(),
                        .gradient_scale = static_cast<const float*>(gradient_scale.data),
                        .state = step.state,
                        .weight = weight.as<float>(),
                        .m = m.as<float>(),
                        .v = v.as<float>(),
                        .copy = static_cast<bf16*>(copy.data),
                        .count = weight.shape.numel()});
  }
  const float scale = gradient_scale.defined() ? *gradient_scale.as<float>() : 1.0f;
  adam_cpu(step, gradient, scale, weight, m, v, copy);
}

}  // namespace diptych
