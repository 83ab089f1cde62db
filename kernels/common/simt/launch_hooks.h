// What happens around every grid: the emulator's device memory is opened and closed.
// SPDX-License-Identifier: MIT
#pragma once

namespace diptych::simt {

struct LaunchHooks {
  void (*before)() = nullptr;
  void (*after)() = nullptr;
};

LaunchHooks& launch_hooks();

}  // namespace diptych::simt
