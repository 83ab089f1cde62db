// adabelief: checks.
// SPDX-License-Identifier: MIT
#include "kernels/adabelief/adabelief.h"

namespace diptych {

void adabelief_cpu(const AdaBeliefStep& step,
                   View gradient,
                   View gradient_scale,
                   MutView weight,
                   MutView m,
                   MutView v,
                   MutView copy);

void adabelief_step([[maybe_unused]] Stream& stream,
                    const AdaBeliefStep& step,
                    View gradient,
                    View gradient_scale,
                    MutView weight,
                    MutView m,
                    MutView v,
                    MutView copy) {
  const auto flat = [&](const View& x, DType dtype) {
    return x.shape == gradient.shape && x.dtype == dtype;
  };
  DIPTYCH_CHECK(gradient.shape.rank() == 1 && flat(gradient, DType::kF32) &&
                    flat(weight, DType::kF32) && flat(m, DType::kF32) && flat(v, DType::kF32),
                "adabelief_step: gradient ", gradient, ", weight ", weight, ", m ", m, ", v ", v,
                "; expected one shape (count), f32");
  DIPTYCH_CHECK(!copy.defined() || flat(copy, DType::kBF16), "adabelief_step: copy ", copy,
                ", expected ", gradient.shape, " bf16");
  DIPTYCH_CHECK(!gradient_scale.defined() ||
                    (gradient_scale.shape == Shape{1} && gradient_scale.dtype == DType::kF32),
                "adabelief_step: gradient_scale ", gradient_scale, ", expected (1) f32");
  DIPTYCH_CHECK(step.learning_rate >= 0 && step.beta1 >= 0 && step.beta1 < 1 && step.beta2 >= 0 &&
                    step.beta2 < 1 && step.epsilon > 0 && step.keep_probability > 0 &&
                    step.keep_probability <= 1,
                "adabelief_step: learning_rate ", step.learning_rate, ", beta1 ", step.beta1,
                ", beta2 ", step.beta2, ", epsilon ", step.epsilon, ", keep_probability ",
                step.keep_probability,
                "; expected rates >= 0, betas in [0,1), epsilon above 0, probability in (0,1]");
  adabelief_cpu(step, gradient, gradient_scale, weight, m, v, copy);
}

}  // namespace diptych
