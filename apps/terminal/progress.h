// Progress: one line that tells how far long work is, how fast, and how long it will still take.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace diptych {

// "1h 02m 03s", "2m 03s", "3s"; "?" for a negative or absurd time.
std::string format_duration(double seconds);
// 1234567 -> "1,234,567".
std::string format_count(int64_t count);
// 1536 -> "1.5 KiB".
std::string format_bytes(double bytes);
// Three significant digits: "0.0123", "1.23", "123".
std::string format_number(double value);

// Cuts UTF-8 text to `width` characters, an ellipsis at the end when something was cut.
std::string fit_width(const std::string& text, int width);

// Steps per second, an exponential mean over about the last `memory` seconds; 0 before two points.
class RateMeter {
 public:
  explicit RateMeter(double memory = 10) : memory_(memory) {}

  void add(double seconds, int64_t done);

  double rate() const { return rate_; }

 private:
  double memory_;
  double rate_ = 0;
  double last_seconds_ = 0;
  int64_t last_done_ = 0;
  bool started_ = false;
};

struct ProgressState {
  std::string label;  // "train"
  std::string unit;   // "it"
  int64_t done = 0;
  int64_t total = 0;  // 0: unknown
  double rate = 0;    // units per second
  double elapsed = 0;
  std::string note;  // "src 0.81 dst 0.76"
};

// "train  37% [=====>       ] 370/1,000 it  2.10 it/s  5m 00s left  src 0.81": the bar takes what
// is left of `width`, the note is cut first.
std::string format_progress(const ProgressState& state, int width);

class Progress {
 public:
  // Draws on stderr: a line that is redrawn on a terminal, a line every `plain_seconds` elsewhere.
  Progress(std::string label, std::string unit, int64_t total, int64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void set_total(int64_t total) { state_.total = total; }

  void update(int64_t done, const std::string& note = {});
  // Prints a line of text above the bar.
  void message(const std::string& text);
  // Draws the last state and ends the line.
  void finish();

  double rate() const { return meter_.rate(); }

  double elapsed() const;

 private:
  void draw(bool force);

  ProgressState state_;
  RateMeter meter_;
  bool terminal_;
  bool drawn_ = false, finished_ = false;
  std::chrono::steady_clock::time_point start_;
  double last_draw_ = -1e9;
  int64_t drawn_done_ = 0;
};

// True when stderr is a terminal that understands carriage returns.
bool on_terminal();

}  // namespace diptych
