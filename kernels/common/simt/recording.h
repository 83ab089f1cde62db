// Launches written down instead of run: what a captured CUDA graph is on the emulator.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <vector>

namespace diptych::simt {

using LaunchList = std::vector<std::function<void()>>;

// Launches of this thread go to the list, in order, with copies of their arguments, and run when
// the list's functions are called. Null: they run at once again.
void record_to(LaunchList* list);
bool recording();

// Runs now, or is written down.
void run_or_record(std::function<void()> work);

// Called before and after every grid that runs, on the launching thread.
void around_launches(void (*before)(), void (*after)());

}  // namespace diptych::simt
