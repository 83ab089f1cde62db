// Profile entries of the training thread.
// SPDX-License-Identifier: MIT
#include "tensor/profile.h"

#include "kernels/common/device.h"
#include "tensor/tensor.h"

namespace diptych {

namespace {

struct Profile {
  bool on = false;
  std::string scope;
  std::map<std::string, ProfileEntry> entries;
};

Profile& profile() {
  thread_local Profile instance;
  return instance;
}

}  // namespace

void set_profiling(bool on) {
  profile().on = on;
}

std::map<std::string, ProfileEntry> profile_entries() {
  return profile().entries;
}

void reset_profile() {
  profile().entries.clear();
}

ProfileScope::ProfileScope(const char* name) : previous_length_(profile().scope.size()) {
  if (!profile().on) return;
  if (!profile().scope.empty()) profile().scope += '/';
  profile().scope += name;
}

ProfileScope::~ProfileScope() {
  profile().scope.resize(previous_length_);
}

std::string profile_scope() {
  return profile().on ? profile().scope : std::string();
}

OpTimer::OpTimer(const char* op, const std::string& scope, Pass pass) : pass_(pass) {
  if (!profile().on) return;
  entry_ = &profile().entries[scope.empty() ? op : scope + '/' + op];
  start_ = std::chrono::steady_clock::now();
}

OpTimer::~OpTimer() {
  if (!entry_) return;
  if (current_stream().on_device())
    device::wait(current_stream().cuda());  // the op, not its launch
  const std::chrono::duration<double, std::milli> elapsed =
      std::chrono::steady_clock::now() - start_;
  if (pass_ == Pass::kForward) {
    entry_->forward_ms += elapsed.count();
    ++entry_->calls;
  } else {
    entry_->backward_ms += elapsed.count();
  }
}

}  // namespace diptych
