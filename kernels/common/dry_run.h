// Dry runs: on the calling thread, ops of the cpu engine check their arguments, choose variants and
// take memory as always, and compute nothing. What a step will need is known so before anything of
// it is done, also of a network that is too large for the machine: memory that nobody writes to
// costs nothing. Contents of all tensors are undefined.
// SPDX-License-Identifier: MIT
#pragma once

namespace diptych {

inline bool& dry_run_flag() {
  static thread_local bool on = false;
  return on;
}

inline bool dry_running() {
  return dry_run_flag();
}

// Dry while it lives.
class DryRun {
 public:
  DryRun() : previous_(dry_run_flag()) { dry_run_flag() = true; }

  ~DryRun() { dry_run_flag() = previous_; }

  DryRun(const DryRun&) = delete;
  DryRun& operator=(const DryRun&) = delete;

 private:
  bool previous_;
};

}  // namespace diptych
