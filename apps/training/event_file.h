// TensorBoard event files: records of (length, masked CRC-32C of it, an Event protocol buffer,
// masked CRC-32C of it), appended.
// https://www.tensorflow.org/tensorboard reads them from the folder they lie in.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <opencv2/core.hpp>

namespace diptych {

// CRC-32C (Castagnoli), and the mask that the record format puts on it.
uint32_t crc32c(std::span<const uint8_t> bytes);
uint32_t masked_crc32c(std::span<const uint8_t> bytes);

// A record with its lengths and checksums.
std::string event_record(const std::string& event);

// Event protocol buffers; time in seconds since 1970. PNG bytes for a picture.
std::string version_event(double time);
std::string scalars_event(double time,
                          int64_t step,
                          const std::vector<std::pair<std::string, double>>& values);
std::string image_event(
    double time, int64_t step, const std::string& tag, cv::Size size, std::span<const uint8_t> png);

class EventFile {
 public:
  // A new file events.out.tfevents.SECONDS.diptych.PID in the folder, made at the first write.
  // Throws InputError, as do the writers when the disk is full.
  explicit EventFile(const std::filesystem::path& folder);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  void scalars(int64_t step, const std::vector<std::pair<std::string, double>>& values);
  void image(int64_t step, const std::string& tag, cv::Size size, std::span<const uint8_t> png);

 private:
  void append(const std::string& event);

  std::filesystem::path file_;
  int fd_ = -1;
};

}  // namespace diptych
