// Glorot uniform.
// SPDX-License-Identifier: MIT
#include "nn/init.h"

#include <cmath>

#include "kernels/common/dry_run.h"
#include "kernels/common/rng.h"

namespace diptych::nn {

namespace {

constexpr uint32_t kInitStream = 0x494E4954;  // "INIT"

// fan_in + fan_out: inputs and outputs, at every tap.
float limit_of(const Shape& shape) {
  if (shape.rank() == 1) return 0.0f;
  const int64_t taps = shape.numel() / (shape[0] * shape.last());
  return std::sqrt(6.0f / static_cast<float>(taps * (shape[0] + shape.last())));
}

void draw(Rng rng, float limit, const Tensor& values) {
  float* const w = values.as<float>();
  for (int64_t j = 0; j < values.numel(); ++j) w[j] = limit * (2.0f * rng.uniform() - 1.0f);
}

}  // namespace

void initialise(const ParameterList& list, uint64_t seed) {
  for (size_t i = 0; i < list.size(); ++i) {
    const Parameter& p = *list[i].parameter;
    const Tensor values = Tensor::empty(p.shape, DType::kF32, Place::kHost);
    if (!dry_running()) draw(Rng(seed, kInitStream, i), limit_of(p.shape), values);
    p.set_values(values);
  }
}

}  // namespace diptych::nn
