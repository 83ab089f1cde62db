// Glorot uniform.
// SPDX-License-Identifier: MIT
#include "nn/init.h"

#include <cmath>

#include "kernels/common/dry_run.h"
#include "kernels/common/rng.h"

namespace diptych::nn {

namespace {

constexpr uint32_t kInitStream = 0x494E4954;  // "INIT"

}  // namespace

void initialise(const ParameterList& list, uint64_t seed) {
  for (size_t i = 0; i < list.size(); ++i) {
    const Parameter& p = *list[i].parameter;
    const Tensor values = Tensor::empty(p.master.shape(), DType::kF32, Place::kHost);
    if (dry_running()) continue;
    float* w = values.as<float>();
    const float limit =
        p.fan_in == 0 ? 0.0f : std::sqrt(6.0f / static_cast<float>(p.fan_in + p.fan_out));
    Rng rng(seed, kInitStream, i);
    for (int64_t j = 0; j < p.master.numel(); ++j) w[j] = limit * (2.0f * rng.uniform() - 1.0f);
    p.master.copy_from(values);
  }
}

}  // namespace diptych::nn
