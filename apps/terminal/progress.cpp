// Formatting and drawing of progress lines.
// SPDX-License-Identifier: MIT
#include "apps/terminal/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr double kPlainSeconds = 10;
constexpr double kRedrawSeconds = 0.1;

std::string print(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

int terminal_width() {
  winsize size = {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
  return 80;
}

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

size_t width_of(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

}  // namespace

std::string format_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 3600.0 * 24 * 3650) return "?";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  char buffer[64];
  if (whole >= 86400) {
    std::snprintf(buffer, sizeof buffer, "%dd %02dh", static_cast<int>(whole / 86400),
                  static_cast<int>(whole / 3600 % 24));
  } else if (whole >= 3600) {
    std::snprintf(buffer, sizeof buffer, "%dh %02dm %02ds", static_cast<int>(whole / 3600),
                  static_cast<int>(whole / 60 % 60), static_cast<int>(whole % 60));
  } else if (whole >= 60) {
    std::snprintf(buffer, sizeof buffer, "%dm %02ds", static_cast<int>(whole / 60),
                  static_cast<int>(whole % 60));
  } else {
    std::snprintf(buffer, sizeof buffer, "%ds", static_cast<int>(whole));
  }
  return buffer;
}

std::string format_count(int64_t count) {
  std::string digits = std::to_string(count < 0 ? -count : count);
  for (auto i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<size_t>(i), ",");
  return (count < 0 ? "-" : "") + digits;
}

std::string format_bytes(double bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  while (bytes >= 1024 && unit < 4) {
    bytes /= 1024;
    ++unit;
  }
  return print(unit == 0 ? "%.0f " : "%.1f ", bytes) + units[unit];
}

std::string format_number(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (value == 0) return "0";
  const int exponent = static_cast<int>(std::floor(std::log10(std::abs(value))));
  if (exponent < -4 || exponent > 6) return print("%.2e", value);
  const int decimals = std::max(0, 2 - exponent);
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  return buffer;
}

std::string fit_width(const std::string& text, int width) {
  if (width <= 0) return {};
  if (width_of(text) <= static_cast<size_t>(width)) return text;
  size_t end = 0;
  for (int kept = 0; end < text.size(); ++end) {
    if (!continues(text[end]) && kept++ == width - 1) break;
  }
  return text.substr(0, end) + "\u2026";
}

void RateMeter::add(double seconds, int64_t done) {
  if (started_) {
    const double dt = seconds - last_seconds_;
    if (dt <= 0) return;
    const double now = static_cast<double>(done - last_done_) / dt;
    const double keep = rate_ > 0 ? std::exp(-dt / memory_) : 0.0;
    rate_ = keep * rate_ + (1 - keep) * now;
  }
  started_ = true;
  last_seconds_ = seconds;
  last_done_ = done;
}

std::string format_progress(const ProgressState& s, int width) {
  std::string left = s.label, right;
  if (s.total > 0) {
    const double share =
        std::clamp(static_cast<double>(s.done) / static_cast<double>(s.total), 0.0, 1.0);
    left += print(" %3.0f%%", std::floor(100 * share));
    right = str(format_count(s.done), '/', format_count(s.total), ' ', s.unit);
  } else {
    right = str(format_count(s.done), ' ', s.unit);
  }
  if (s.rate > 0) {
    right += s.rate >= 0.1 ? str("  ", format_number(s.rate), ' ', s.unit, "/s")
                           : str("  ", format_number(1 / s.rate), " s/", s.unit);
    if (s.total > s.done)
      right += "  " + format_duration(static_cast<double>(s.total - s.done) / s.rate) + " left";
  }
  if (s.total > 0 && s.done >= s.total) right += "  in " + format_duration(s.elapsed);
  if (!s.note.empty()) right += "  " + s.note;
  const int used = static_cast<int>(width_of(left) + width_of(right)) + 4;  // " [" and "] "
  const int bar = std::min(30, width - used);
  if (s.total <= 0 || bar < 5) return fit_width(left + "  " + right, width);
  const auto filled = static_cast<int>(
      std::min<int64_t>(bar, static_cast<int64_t>(bar) * std::min(s.done, s.total) / s.total));
  std::string body(static_cast<size_t>(filled), '=');
  if (filled < bar) body += '>';
  body.resize(static_cast<size_t>(bar), ' ');
  return left + " [" + body + "] " + right;
}

bool on_terminal() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) != 0 && term != nullptr && std::string_view(term) != "dumb";
}

Progress::Progress(std::string label, std::string unit, int64_t total, int64_t done)
    : terminal_(on_terminal()), start_(std::chrono::steady_clock::now()) {
  state_.label = std::move(label);
  state_.unit = std::move(unit);
  state_.total = total;
  state_.done = done;
  meter_.add(0, done);
}

Progress::~Progress() {
  if (drawn_ && !finished_ && terminal_) std::fputc('\n', stderr);
}

double Progress::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::update(int64_t done, const std::string& note) {
  state_.done = done;
  if (!note.empty()) state_.note = note;
  draw(false);
}

void Progress::draw(bool force) {
  const double now = elapsed();
  const double pause = terminal_ ? kRedrawSeconds : kPlainSeconds;
  if (!force && now - std::max(last_draw_, 0.0) < pause) return;
  meter_.add(now, state_.done);
  state_.rate = meter_.rate();
  state_.elapsed = now;
  last_draw_ = now;
  drawn_ = true;
  drawn_done_ = state_.done;
  if (terminal_) {
    std::fprintf(stderr, "\r%s\x1b[K", format_progress(state_, terminal_width() - 1).c_str());
  } else {
    std::fprintf(stderr, "%s\n", format_progress(state_, 200).c_str());
  }
  std::fflush(stderr);
}

void Progress::message(const std::string& text) {
  if (terminal_ && drawn_) std::fputs("\r\x1b[K", stderr);
  std::fprintf(stderr, "%s\n", text.c_str());
  if (terminal_ && drawn_) draw(true);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (!terminal_ && drawn_ && drawn_done_ == state_.done) return;
  draw(true);
  if (terminal_) std::fputc('\n', stderr);
}

}  // namespace diptych
