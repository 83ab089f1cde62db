// adabelief: checks.
// SPDX-License-Identifier: MIT
#include "kernels/adabelief/adabelief.h"

#include "kernels/adabelief/adabelief_cuda.h"
#include "kernels/common/optimizer_checks.h"

namespace diptych {

void adabelief_cpu(const AdaBeliefStep& step,  // adabelief_cpu.cpp
                   View gradient,
                   float scale,
                   MutView weight,
                   MutView m,
                   MutView v,
                   MutView copy);

void adabelief_device(Stream& stream,  // adabelief_device.cpp
                      const AdaBeliefStep& step,
                      const AdaBeliefArrays& arrays);

void adabelief_step(Stream& stream,
                    const AdaBeliefStep& step,
                    View gradient,
                    View gradient_scale,
                    MutView weight,
                    MutView m,
                    MutView v,
                    MutView copy) {
  check_optimizer_views("adabelief_step", gradient, gradient_scale, weight, {{"m", m}, {"v", v}},
                        copy);
  DIPTYCH_CHECK(step.beta1 >= 0 && step.beta1 < 1 && step.beta2 >= 0 && step.beta2 < 1,
                "adabelief_step: beta1 = ", step.beta1, ", beta2 = ", step.beta2,
                ", expected in [0,1)");
  check_keep_draws("adabelief_step", step.keep_probability, step.first_element);
  if (stream.on_device()) {
    return adabelief_device(stream, step,
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
  adabelief_cpu(step, gradient, scale, weight, m, v, copy);
}

}  // namespace diptych
