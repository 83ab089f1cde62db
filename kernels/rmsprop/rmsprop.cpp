// rmsprop: checks.
// SPDX-License-Identifier: MIT
#include "kernels/rmsprop/rmsprop.h"

namespace diptych {

void rmsprop_cpu(const RmsPropStep& step,
                 View gradient,
                 View gradient_scale,
                 MutView weight,
                 MutView v,
                 MutView copy);

void rmsprop_step([[maybe_unused]] Stream& stream,
                  const RmsPropStep& step,
                  View gradient,
                  View gradient_scale,
                  MutView weight,
                  MutView v,
                  MutView copy) {
  const auto flat = [&](const View& x, DType dtype) {
    return x.shape == gradient.shape && x.dtype == dtype;
  };
  DIPTYCH_CHECK(gradient.shape.rank() == 1 && flat(gradient, DType::kF32) &&
                    flat(weight, DType::kF32) && flat(v, DType::kF32),
                "rmsprop_step: gradient ", gradient, ", weight ", weight, ", v ", v,
                "; expected one shape (count), f32");
  DIPTYCH_CHECK(!copy.defined() || flat(copy, DType::kBF16), "rmsprop_step: copy ", copy,
                ", expected ", gradient.shape, " bf16");
  DIPTYCH_CHECK(!gradient_scale.defined() ||
                    (gradient_scale.shape == Shape{1} && gradient_scale.dtype == DType::kF32),
                "rmsprop_step: gradient_scale ", gradient_scale, ", expected (1) f32");
  DIPTYCH_CHECK(step.learning_rate >= 0 && step.rho >= 0 && step.rho < 1 && step.epsilon > 0 &&
                    step.keep_probability > 0 && step.keep_probability <= 1,
                "rmsprop_step: learning_rate ", step.learning_rate, ", rho ", step.rho,
                ", epsilon ", step.epsilon, ", keep_probability ", step.keep_probability,
                "; expected a rate >= 0, rho in [0,1), epsilon above 0, probability in (0,1]");
  rmsprop_cpu(step, gradient, gradient_scale, weight, v, copy);
}

}  // namespace diptych
