// Breaking weights on purpose.
// SPDX-License-Identifier: MIT
#include "apps/training/provoke.h"

#include <limits>

#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr float kFarOut = 50;  // sigmoid(50) is 1 in f32

bool is_picture_bias(const std::string& name) {
  return name.find("/out_conv") != std::string::npos &&
         name.find("/out_convm") == std::string::npos && name.ends_with("/bias");
}

}  // namespace

void check_provoke(const std::string& kind) {
  if (kind == "nan" || kind == "collapse") return;
  throw InputError("--provoke", "'" + kind + "' is not known",
                   "Use nan (a weight becomes NaN) or collapse (the pictures saturate)");
}

void provoke(SaehdTrainer& trainer, const std::string& kind) {
  check_provoke(kind);
  ParamArena& arena = trainer.arena();
  const auto set = [&](size_t parameter, int64_t count, float value) {
    arena.weights()
        .part(arena.range(parameter).begin, {count})
        .copy_from(Tensor::full({count}, value));
  };
  if (kind == "nan") {
    set(0, 1, std::numeric_limits<float>::quiet_NaN());
  } else {
    for (size_t i = 0; i < arena.list().size(); ++i) {
      const NamedParameter& p = arena.list()[i];
      if (is_picture_bias(p.name)) set(i, p.parameter->master.numel(), kFarOut);
    }
  }
  arena.refresh_copies();
  current_stream().weights_changed();
}

}  // namespace diptych
