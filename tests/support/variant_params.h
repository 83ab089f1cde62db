// Tests over the variants of an op. A variant is any struct with `name`, `accepts(stream, args)`
// and `run(stream, args)`.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

inline Stream& test_stream() {
  static Stream cpu(Engine::kCpu, 2);
  return cpu;
}

// A variant with one dtype and, for gradients, one mode; each test runs every small case.
struct VariantParam {
  const char* variant;
  DType dtype;
  GradMode mode = GradMode::kOverwrite;
};

inline std::string name_of_param(const ::testing::TestParamInfo<VariantParam>& info) {
  const char* mode = info.param.mode == GradMode::kAccumulate ? "_accumulate" : "";
  return str(info.param.variant, "_", info.param.dtype, mode);
}

template <class Variants>
std::vector<VariantParam> variant_params(const Variants& variants, bool both_modes) {
  std::vector<VariantParam> list;
  for (const auto& variant : variants) {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      list.push_back({variant.name, dtype, GradMode::kOverwrite});
      if (both_modes) list.push_back({variant.name, dtype, GradMode::kAccumulate});
    }
  }
  return list;
}

// Runs the named variant; false when it does not accept the problem.
template <class Variants, class Args>
bool run_variant(const Variants& variants, std::string_view name, const Args& args) {
  for (const auto& variant : variants) {
    if (variant.name != name || !variant.accepts(test_stream(), args)) continue;
    variant.run(test_stream(), args);
    return true;
  }
  return false;
}

}  // namespace diptych
