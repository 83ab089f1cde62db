// adabelief: checks.
// SPDX-License-Identifier: MIT
#include "kernels/adabelief/adabelief.h"

namespace diptych {

void adabelief_cpu(const AdaBeliefStep& step,  // adabelief_cpu.cpp
                   View gradient,
                   float scale,
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
  const Shape& shape = weight.shape;
  DIPTYCH_CHECK(gradient.shape == shape && m.shape == shape && v.shape == shape &&
                    (!copy.defined() || copy.shape == shape),
                "adabelief_step: shapes differ; gradient ", gradient, ", weight ", weight, ", m ",
                m, ", v ", v, ", copy ", copy);
  DIPTYCH_CHECK(gradient.dtype == DType::kF32 && weight.dtype == DType::kF32 &&
                    m.dtype == DType::kF32 && v.dtype == DType::kF32 &&
                    (!copy.defined() || copy.dtype == DType::kBF16),
                "adabelief_step: expected f32 and a bf16 copy; gradient ", gradient, ", weight ",
                weight, ", m ", m, ", v ", v, ", copy ", copy);
  DIPTYCH_CHECK(!gradient_scale.defined() ||
                    (gradient_scale.shape.numel() == 1 && gradient_scale.dtype == DType::kF32),
                "adabelief_step: gradient_scale is ", gradient_scale, ", expected (1) f32");
  DIPTYCH_CHECK(step.beta1 >= 0 && step.beta1 < 1 && step.beta2 >= 0 && step.beta2 < 1,
                "adabelief_step: beta1 = ", step.beta1, ", beta2 = ", step.beta2,
                ", expected in [0,1)");
  DIPTYCH_CHECK(step.keep_probability > 0 && step.keep_probability <= 1,
                "adabelief_step: keep_probability = ", step.keep_probability,
                ", expected in (0,1]");
  DIPTYCH_CHECK(step.first_element >= 0, "adabelief_step: first_element = ", step.first_element);
  const float scale = gradient_scale.defined() ? *gradient_scale.as<float>() : 1.0f;
  adabelief_cpu(step, gradient, scale, weight, m, v, copy);
}

}  // namespace diptych
