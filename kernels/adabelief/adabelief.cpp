// adabelief: checks.
// SPDX-License-Identifier: MIT
#include "kernels/adabelief/adabelief.h"

#include "kernels/adabelief/adabelief_cuda.h"

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
  if (stream.on_device()) {
    return adabelief_device(stream, step,
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
  adabelief_cpu(step, gradient, scale, weight, m, v, copy);
}

}  // namespace diptych
