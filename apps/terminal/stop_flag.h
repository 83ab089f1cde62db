// StopFlag: the first Ctrl-C or SIGTERM asks long work to finish its step and save; the second ends
// the process at once.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <string>

namespace diptych {

// While it lives, SIGINT and SIGTERM are ours; the destructor gives the old handlers back. One at a
// time in a process.
class StopFlag {
 public:
  StopFlag();
  ~StopFlag();
  StopFlag(const StopFlag&) = delete;
  StopFlag& operator=(const StopFlag&) = delete;

  bool requested() const;
  // For libraries that watch a flag.
  const std::atomic<bool>& flag() const;

  // Texts printed by the handlers: what the first signal sets going, and what the second one loses.
  // May be called at any time from one thread; texts longer than 500 bytes are cut.
  void set_messages(const std::string& first, const std::string& second);
};

}  // namespace diptych
