// Choosing among the steps of an op on the device: best first, the first that accepts runs, unless
// one is forced (kernels/common/variants.h).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/stream.h"
#include "kernels/common/variants.h"
#include "kernels/common/view.h"

namespace diptych {

template <class... Args>
struct DeviceStep {
  const char* name;
  bool (*accepts)(const Args&...);
  void (*run)(CudaStream stream, Args...);
};

// Accepts everything: the last step of an op.
constexpr auto kAnyProblem = [](const auto&...) { return true; };

// Whether the views' data can be read 16 bytes at a time.
constexpr auto kAligned16 = [](const auto&... args) {
  const auto fits = [](const auto& arg) {
    if constexpr (requires { arg.data; })
      return reinterpret_cast<uintptr_t>(arg.data) % 16 == 0;
    else
      return true;
  };
  return (fits(args) && ...);
};

template <class... Args, size_t N>
void run_step(const char* pass,
              const DeviceStep<Args...> (&steps)[N],
              Stream& stream,
              const std::type_identity_t<Args>&... args) {
  pick(pass, std::span<const DeviceStep<Args...>>(steps), args...).run(stream.cuda(), args...);
}

}  // namespace diptych
