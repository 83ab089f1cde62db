// Log lines with a level. A test fails on any line at warning level unless it expects it.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

namespace diptych {

enum class LogLevel { kDebug, kInfo, kWarning };

using LogSink = std::function<void(LogLevel, const std::string&)>;

void log(LogLevel level, const std::string& message);
// Replaces the sink (default: warnings and information to stderr) and returns the previous one. Not
// thread safe: set it before threads start.
LogSink set_log_sink(LogSink sink);

}  // namespace diptych
