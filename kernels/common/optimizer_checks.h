// The checks that all optimizer steps share.
// SPDX-License-Identifier: MIT
#pragma once

#include <initializer_list>
#include <string>

#include "kernels/common/check.h"
#include "kernels/common/view.h"

namespace diptych {

struct OptimizerMoment {
  const char* name;
  MutView view;
};

// gradient, weight and the moments are f32 of one shape, copy is {} or bf16 of that shape,
// gradient_scale is {} or (1) f32. Throws Error naming the op and all views.
inline void check_optimizer_views(const char* op,
                                  View gradient,
                                  View gradient_scale,
                                  MutView weight,
                                  std::initializer_list<OptimizerMoment> moments,
                                  MutView copy) {
  const auto fits = [&](const View& v) { return v.shape == weight.shape; };
  const auto is_f32 = [](const View& v) { return v.dtype == DType::kF32; };
  bool shapes = fits(gradient) && (!copy.defined() || fits(copy));
  bool dtypes =
      is_f32(gradient) && is_f32(weight) && (!copy.defined() || copy.dtype == DType::kBF16);
  for (const OptimizerMoment& moment : moments) {
    shapes = shapes && fits(moment.view);
    dtypes = dtypes && is_f32(moment.view);
  }
  const auto all = [&] {
    std::string text = str("gradient ", gradient, ", weight ", weight);
    for (const OptimizerMoment& moment : moments) text += str(", ", moment.name, ' ', moment.view);
    return text + str(", copy ", copy);
  };
  DIPTYCH_CHECK(shapes, op, ": shapes differ; ", all());
  DIPTYCH_CHECK(dtypes, op, ": expected f32 and a bf16 copy; ", all());
  DIPTYCH_CHECK(
      !gradient_scale.defined() || (gradient_scale.shape.numel() == 1 && is_f32(gradient_scale)),
      op, ": gradient_scale is ", gradient_scale, ", expected (1) f32");
}

// The step's place in its draws of learning-rate dropout.
inline void check_keep_draws(const char* op, float keep_probability, int64_t first_element) {
  DIPTYCH_CHECK(keep_probability > 0 && keep_probability <= 1, op,
                ": keep_probability = ", keep_probability, ", expected in (0,1]");
  DIPTYCH_CHECK(first_element >= 0, op, ": first_element = ", first_element);
}

}  // namespace diptych
