// rmsprop: checks.
// SPDX-License-Identifier: MIT
#include "kernels/rmsprop/rmsprop.h"

#include "kernels/common/optimizer_checks.h"
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
  check_optimizer_views("rmsprop_step", gradient, gradient_scale, weight, {{"v", v}}, copy);
  DIPTYCH_CHECK(step.rho >= 0 && step.rho < 1, "rmsprop_step: rho = ", step.rho,
                ", expected in [0,1)");
  check_keep_draws("rmsprop_step", step.keep_probability, step.first_element);
  if (stream.on_device()) {
    return rmsprop_device(stream, step,
                          {.gradient = gradient.as<float>(),
                           .gradient_scale = static_cast<const float*>(gradient_scale.data),
                           .state = step.state,
                           .weight = weight.as<float>(),
                           .v = v.as<float>(),
                           .copy = static_cast<bf16*>(copy.data),
                           .count = weight.shape.numel()});
  }
  const float scale = gradient_scale.defined() ? *gradient_scale.as<float>() : 1.0f;
  rmsprop_cpu(step, gradient, scale, weight, v, copy);
}

}  // namespace diptych
