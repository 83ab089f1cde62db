// Signal handlers of StopFlag: only async-signal-safe calls in here.
// SPDX-License-Identifier: MIT
#include "apps/terminal/stop_flag.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>

#include <unistd.h>

#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr size_t kTextBytes = 512;

struct Messages {
  char first[kTextBytes];
  char second[kTextBytes];
};

// Two buffers: the handler reads the one that `current` names while the other is written.
Messages messages[2];
std::atomic<int> current{0};
std::atomic<int> signals{0};
std::atomic<bool> stop{false};
std::atomic<bool> installed{false};
struct sigaction old_interrupt, old_terminate;

static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void say(const char* text) {
  const ssize_t ignored = ::write(STDERR_FILENO, text, std::strlen(text));
  (void)ignored;
}

void on_signal(int) {
  const Messages& texts = messages[current.load()];
  stop = true;
  if (signals.fetch_add(1) == 0) {
    say(texts.first);
  } else {
    say(texts.second);
    ::_exit(130);
  }
}

void store(char (&buffer)[kTextBytes], const std::string& text) {
  const std::string line = "\n" + text.substr(0, kTextBytes - 12) + "\n";
  std::memcpy(buffer, line.c_str(), line.size() + 1);
}

}  // namespace

StopFlag::StopFlag() {
  DIPTYCH_CHECK(!installed.exchange(true), "StopFlag: another one is active");
  signals = 0;
  stop = false;
  set_messages("stopping; press Ctrl-C again to quit at once", "quit at once");
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &old_interrupt);
  sigaction(SIGTERM, &action, &old_terminate);
}

StopFlag::~StopFlag() {
  sigaction(SIGINT, &old_interrupt, nullptr);
  sigaction(SIGTERM, &old_terminate, nullptr);
  installed = false;
}

bool StopFlag::requested() const {
  return stop.load();
}

const std::atomic<bool>& StopFlag::flag() const {
  return stop;
}

void StopFlag::set_messages(const std::string& first, const std::string& second) {
  const int next = 1 - current.load();
  store(messages[next].first, first);
  store(messages[next].second, second);
  current = next;
}

}  // namespace diptych
