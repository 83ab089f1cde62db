// The default log sink.
// SPDX-License-Identifier: MIT
#include "kernels/common/log.h"

#include <cstdio>
#include <utility>

namespace diptych {

namespace {

LogSink& sink() {
  static LogSink current = [](LogLevel level, const std::string& message) {
    if (level == LogLevel::kDebug) return;
    std::fprintf(stderr, "%s%s\n", level == LogLevel::kWarning ? "warning: " : "", message.c_str());
  };
  return current;
}

}  // namespace

void log(LogLevel level, const std::string& message) {
  if (sink()) sink()(level, message);
}

LogSink set_log_sink(LogSink next) {
  return std::exchange(sink(), std::move(next));
}

}  // namespace diptych
