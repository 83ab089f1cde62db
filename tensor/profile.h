// Time per layer and pass. Off by default and then free of clock reads; bench/step_bench turns it
// on.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace diptych {

struct ProfileEntry {
  double forward_ms = 0, backward_ms = 0;
  int64_t calls = 0;
};

void set_profiling(bool on);
// Milliseconds since the last reset by "scope/op", for example "decoder_src/res0/conv1/conv2d".
std::map<std::string, ProfileEntry> profile_entries();
void reset_profile();

// Names the layer that the ops inside belong to; scopes nest.
class ProfileScope {
 public:
  explicit ProfileScope(const char* name);
  ~ProfileScope();
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

 private:
  size_t previous_length_;
};

// The current path of scopes, "" outside of any or when profiling is off.
std::string profile_scope();

// Adds its lifetime to an entry.
class OpTimer {
 public:
  enum class Pass { kForward, kBackward };

  explicit OpTimer(const char* op) : OpTimer(op, profile_scope(), Pass::kForward) {}

  OpTimer(const char* op, const std::string& scope, Pass pass);
  ~OpTimer();
  OpTimer(const OpTimer&) = delete;
  OpTimer& operator=(const OpTimer&) = delete;

 private:
  ProfileEntry* entry_ = nullptr;
  Pass pass_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace diptych
