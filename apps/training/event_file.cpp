// Writing TensorBoard's records and the few protocol buffer fields they need.
// SPDX-License-Identifier: MIT
#include "apps/training/event_file.h"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "apps/training/metrics.h"
#include "faces/image/file_io.h"

namespace diptych {

namespace {

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = c & 1 ? (c >> 1) ^ 0x82F63B78u : c >> 1;
    table[i] = c;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kTable = make_table();

template <class T>
void put_fixed(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_tag(std::string& out, uint32_t field, WireType type) {
  put_varint(out, field << 3 | type);
}

void put_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  put_tag(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_number(std::string& out, uint32_t field, int64_t value) {
  put_tag(out, field, kVarint);
  put_varint(out, static_cast<uint64_t>(value));
}

// Event: 1 wall_time, 2 step, 3 file_version, 5 summary.
std::string event_of(double time, int64_t step) {
  std::string event;
  put_tag(event, 1, kFixed64);
  put_fixed(event, std::bit_cast<uint64_t>(time));
  if (step != 0) put_number(event, 2, step);
  return event;
}

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

uint32_t crc32c(std::span<const uint8_t> bytes) {
  uint32_t c = ~0u;
  for (const uint8_t b : bytes) c = kTable[(c ^ b) & 0xff] ^ (c >> 8);
  return ~c;
}

uint32_t masked_crc32c(std::span<const uint8_t> bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xa282ead8u;
}

std::string event_record(const std::string& event) {
  std::string record;
  put_fixed(record, static_cast<uint64_t>(event.size()));
  put_fixed(record, masked_crc32c(bytes_of(record)));
  record += event;
  put_fixed(record, masked_crc32c(bytes_of(event)));
  return record;
}

std::string version_event(double time) {
  std::string event = event_of(time, 0);
  put_bytes(event, 3, "brain.Event:2");
  return event;
}

// Summary: 1 value; Value: 1 tag, 2 simple_value, 4 image.
std::string scalars_event(double time,
                          int64_t step,
                          const std::vector<std::pair<std::string, double>>& values) {
  std::string summary;
  for (const auto& [tag, number] : values) {
    std::string value;
    put_bytes(value, 1, tag);
    put_tag(value, 2, kFixed32);
    put_fixed(value, std::bit_cast<uint32_t>(static_cast<float>(number)));
    put_bytes(summary, 1, value);
  }
  std::string event = event_of(time, step);
  put_bytes(event, 5, summary);
  return event;
}

// Image: 1 height, 2 width, 3 colorspace, 4 encoded_image_string.
std::string image_event(double time,
                        int64_t step,
                        const std::string& tag,
                        cv::Size size,
                        std::span<const uint8_t> png) {
  std::string image, value, summary, event = event_of(time, step);
  put_number(image, 1, size.height);
  put_number(image, 2, size.width);
  put_number(image, 3, 3);  // RGB
  put_bytes(image, 4, {reinterpret_cast<const char*>(png.data()), png.size()});
  put_bytes(value, 1, tag);
  put_bytes(value, 4, image);
  put_bytes(summary, 1, value);
  put_bytes(event, 5, summary);
  return event;
}

EventFile::EventFile(const std::filesystem::path& folder)
    : file_(folder /
            ("events.out.tfevents." + std::to_string(static_cast<long long>(now_seconds())) +
             ".diptych." + std::to_string(::getpid()))) {}

EventFile::~EventFile() {
  if (fd_ >= 0) ::close(fd_);
}

void EventFile::append(const std::string& event) {
  std::string bytes;
  if (fd_ < 0) {
    fd_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd_ < 0) throw file_error(file_, "cannot be opened", errno);
    if (::lseek(fd_, 0, SEEK_END) == 0) bytes = event_record(version_event(now_seconds()));
  }
  bytes += event_record(event);
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t wrote = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) throw file_error(file_, "cannot be written", wrote < 0 ? errno : ENOSPC);
    done += static_cast<size_t>(wrote);
  }
}

void EventFile::scalars(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  append(scalars_event(now_seconds(), step, values));
}

void EventFile::image(int64_t step,
                      const std::string& tag,
                      cv::Size size,
                      std::span<const uint8_t> png) {
  append(image_event(now_seconds(), step, tag, size, png));
}

}  // namespace diptych
