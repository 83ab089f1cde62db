// Writing and reading metrics.jsonl.
// SPDX-License-Identifier: MIT
#include "apps/training/metrics.h"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "faces/image/file_io.h"

namespace diptych {

namespace {

std::string number(double value, int digits) {
  if (!std::isfinite(value)) return "null";
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.*g", digits, value);
  return buffer;
}

template <class T, class Print>
std::string list(const std::vector<T>& values, const Print& print) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) text += (i ? "," : "") + print(values[i]);
  return text + "]";
}

// Reads `key` and the number after it at the front of `rest`; null is a NaN.
template <class T>
bool take(std::string_view& rest, std::string_view key, T& value) {
  if (rest.substr(0, key.size()) != key) return false;
  rest.remove_prefix(key.size());
  if (rest.substr(0, 4) == "null") {
    value = static_cast<T>(NAN);
    rest.remove_prefix(4);
    return true;
  }
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc()) return false;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  return true;
}

// ,"health":{"gradient":{"encoder":1.5},"variance":[src,dst],"saturated":[src,dst]}
std::string health_text(const StepHealth& h) {
  if (h.blocks.empty()) return "";
  std::string gradient;
  for (const BlockHealth& b : h.blocks)
    gradient += (gradient.empty() ? "\"" : ",\"") + b.name + "\":" + number(b.gradient_norm, 4);
  const auto pair = [](double src, double dst) {
    return "[" + number(src, 4) + "," + number(dst, 4) + "]";
  };
  return ",\"health\":{\"gradient\":{" + gradient +
         "},\"variance\":" + pair(h.src.variance, h.dst.variance) +
         ",\"saturated\":" + pair(h.src.saturated, h.dst.saturated) + "}";
}

std::string adversarial_text(const StepRecord& r) {
  std::string text;
  for (const auto& [name, value] : r.adversarial)
    text += (text.empty() ? ",\"adversarial\":{\"" : ",\"") + name + "\":" + number(value, 6);
  return text.empty() ? text : text + "}";
}

}  // namespace

std::string metrics_line(const StepRecord& r) {
  const auto loss = [](float value) { return number(value, 6); };
  const auto id = [](int64_t value) { return std::to_string(value); };
  return "{\"iter\":" + std::to_string(r.iteration) + ",\"src\":" + number(r.src, 6) +
         ",\"dst\":" + number(r.dst, 6) + ",\"time\":" + number(r.time, 14) +
         ",\"src_loss\":" + list(r.src_loss, loss) + ",\"src_faces\":" + list(r.src_faces, id) +
         ",\"dst_loss\":" + list(r.dst_loss, loss) + ",\"dst_faces\":" + list(r.dst_faces, id) +
         adversarial_text(r) + ",\"lr\":" + number(r.learning_rate, 6) + health_text(r.health) +
         ",\"ms\":{\"wait\":" + number(r.wait_ms, 5) + ",\"step\":" + number(r.step_ms, 5) +
         ",\"total\":" + number(r.total_ms, 5) + "}}";
}

MetricsWriter::MetricsWriter(const std::filesystem::path& file) : file_(file) {
  fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0) throw file_error(file, "cannot be opened", errno);
  const off_t size = ::lseek(fd_, 0, SEEK_END);
  char last = '\n';
  if (size > 0 && ::pread(fd_, &last, 1, size - 1) == 1 && last != '\n') append("");
}

MetricsWriter::~MetricsWriter() {
  ::close(fd_);
}

void MetricsWriter::append(std::string line) {
  line += '\n';
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t wrote = ::write(fd_, line.data() + done, line.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) throw file_error(file_, "cannot be written", wrote < 0 ? errno : ENOSPC);
    done += static_cast<size_t>(wrote);
  }
}

void MetricsWriter::write(const StepRecord& record) {
  append(metrics_line(record));
}

void MetricsWriter::event(const std::string& name,
                          int64_t iteration,
                          const std::vector<std::pair<std::string, std::string>>& values) {
  std::string line = "{\"event\":\"" + name + "\",\"iter\":" + std::to_string(iteration) +
                     ",\"time\":" + number(now_seconds(), 14);
  for (const auto& [key, value] : values) line += ",\"" + key + "\":" + value;
  append(line + "}");
}

void add_loss_point(std::vector<LossPoint>& history, const LossPoint& point) {
  while (!history.empty() && history.back().iteration >= point.iteration) history.pop_back();
  history.push_back(point);
}

std::vector<LossPoint> read_losses(const std::filesystem::path& file) {
  std::vector<LossPoint> history;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::string_view rest = line;
    LossPoint point{};
    if (rest.empty() || rest.back() != '}') continue;
    if (take(rest, "{\"iter\":", point.iteration) && take(rest, ",\"src\":", point.src) &&
        take(rest, ",\"dst\":", point.dst)) {
      add_loss_point(history, point);
    }
  }
  return history;
}

std::vector<HoldoutPoint> read_holdout(const std::filesystem::path& file) {
  std::vector<HoldoutPoint> history;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::string_view key = ",\"scores\":";
    std::string_view rest = line;
    HoldoutPoint point;
    if (!take(rest, "{\"event\":\"holdout\",\"iter\":", point.iteration)) continue;
    const size_t at = rest.find(key);
    if (at == std::string_view::npos || rest.back() != '}') continue;
    rest = rest.substr(at + key.size(), rest.size() - at - key.size() - 1);
    try {
      point.scores = holdout_from_json(std::string(rest));
    } catch (const Error&) {
      continue;  // torn by a crash
    }
    while (!history.empty() && history.back().iteration >= point.iteration) history.pop_back();
    history.push_back(point);
  }
  return history;
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace diptych
