// Walks the marker segments of a JPEG and the chunks of a PNG.
// SPDX-License-Identifier: MIT
#include "faces/image/containers.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr std::array<uint8_t, 8> kPngSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr uint8_t kSoi = 0xD8, kEoi = 0xD9, kSos = 0xDA, kTem = 0x01;

bool is_restart(uint8_t marker) {
  return marker >= 0xD0 && marker <= 0xD7;
}

// Position of the 0xFF of the next marker in entropy-coded data; the file size when there is none.
size_t skip_coded_data(std::span<const uint8_t> file, size_t at) {
  while (at + 1 < file.size()) {
    const void* found = std::memchr(file.data() + at, 0xFF, file.size() - 1 - at);
    if (!found) break;
    at = static_cast<size_t>(static_cast<const uint8_t*>(found) - file.data());
    const uint8_t next = file[at + 1];
    if (next != 0 && next != 0xFF && !is_restart(next)) return at;
    ++at;
  }
  return file.size();
}

uint32_t crc32(std::span<const uint8_t> bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
      t[i] = c;
    }
    return t;
  }();
  uint32_t c = 0xFFFFFFFFu;
  for (const uint8_t byte : bytes) c = table[(c ^ byte) & 0xFF] ^ (c >> 8);
  return ~c;
}

uint32_t big_endian32(std::span<const uint8_t> file, size_t at) {
  return static_cast<uint32_t>(file[at]) << 24 | static_cast<uint32_t>(file[at + 1]) << 16 |
         static_cast<uint32_t>(file[at + 2]) << 8 | static_cast<uint32_t>(file[at + 3]);
}

void put_big_endian32(std::vector<uint8_t>& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

}  // namespace

ImageFormat image_format(std::span<const uint8_t> file) {
  if (file.size() >= 3 && file[0] == 0xFF && file[1] == kSoi && file[2] == 0xFF) {
    return ImageFormat::kJpeg;
  }
  if (file.size() >= kPngSignature.size() &&
      std::equal(kPngSignature.begin(), kPngSignature.end(), file.begin())) {
    return ImageFormat::kPng;
  }
  return ImageFormat::kOther;
}

JpegLayout parse_jpeg(std::span<const uint8_t> file) {
  JpegLayout layout;
  if (image_format(file) != ImageFormat::kJpeg) {
    layout.fault = "is not a JPEG";
    return layout;
  }
  layout.segments.push_back({kSoi, 0, 2});
  bool scanned = false;
  for (size_t at = 2;;) {
    while (at + 1 < file.size() && file[at] == 0xFF && file[at + 1] == 0xFF) ++at;  // fill bytes
    if (at + 2 > file.size()) break;
    if (file[at] != 0xFF || file[at + 1] == 0) {
      layout.fault = str("is damaged: no JPEG marker at byte ", at);
      return layout;
    }
    const uint8_t marker = file[at + 1];
    if (marker == kEoi) {
      layout.segments.push_back({marker, at, 2});
      if (!scanned) layout.fault = "is damaged: a JPEG without picture data";
      return layout;
    }
    if (marker == kTem || marker == kSoi || is_restart(marker)) {
      layout.segments.push_back({marker, at, 2});
      at += 2;
      continue;
    }
    if (at + 4 > file.size()) break;
    const size_t size = 2 + (static_cast<size_t>(file[at + 2]) << 8 | file[at + 3]);
    if (size < 4) {
      layout.fault = str("is damaged: JPEG segment of length ", size - 2, " at byte ", at);
      return layout;
    }
    if (at + size > file.size()) break;
    layout.segments.push_back({marker, at, size});
    at += size;
    if (marker == kSos) {
      scanned = true;
      at = skip_coded_data(file, at);
    }
  }
  layout.fault = str("is cut off: the JPEG does not end within its ", file.size(), " bytes");
  return layout;
}

PngLayout parse_png(std::span<const uint8_t> file) {
  PngLayout layout;
  if (image_format(file) != ImageFormat::kPng) {
    layout.fault = "is not a PNG";
    return layout;
  }
  for (size_t at = kPngSignature.size(); at + 12 <= file.size();) {
    const size_t length = big_endian32(file, at);
    if (length > file.size() - at - 12) break;
    const std::string type(file.begin() + static_cast<ptrdiff_t>(at) + 4,
                           file.begin() + static_cast<ptrdiff_t>(at) + 8);
    if (crc32(file.subspan(at + 4, length + 4)) != big_endian32(file, at + 8 + length)) {
      layout.fault = str("is damaged: wrong checksum in the PNG chunk at byte ", at);
      return layout;
    }
    if (layout.chunks.empty() && type != "IHDR") {
      layout.fault = "is damaged: the PNG does not start with its header chunk";
      return layout;
    }
    layout.chunks.push_back({type, at, length + 12});
    at += length + 12;
    if (type == "IEND") return layout;
  }
  layout.fault = str("is cut off: the PNG does not end within its ", file.size(), " bytes");
  return layout;
}

std::vector<uint8_t> make_png_chunk(const std::string& type, std::span<const uint8_t> payload) {
  DIPTYCH_CHECK(type.size() == 4 && payload.size() < 0x7FFFFFFF, "make_png_chunk: type ", type,
                ", ", payload.size(), " bytes");
  std::vector<uint8_t> chunk;
  chunk.reserve(payload.size() + 12);
  put_big_endian32(chunk, static_cast<uint32_t>(payload.size()));
  chunk.insert(chunk.end(), type.begin(), type.end());
  chunk.insert(chunk.end(), payload.begin(), payload.end());
  put_big_endian32(chunk, crc32(std::span(chunk).subspan(4)));
  return chunk;
}

}  // namespace diptych
