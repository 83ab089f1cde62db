// The outer structure of JPEG and PNG files: what pieces they hold, and whether they are whole.
// Sources: ITU-T T.81 annex B (JPEG markers), W3C PNG second edition, sections 5 and 11.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace diptych {

enum class ImageFormat { kJpeg, kPng, kOther };

ImageFormat image_format(std::span<const uint8_t> file);  // by signature

// A marker segment from its 0xFF to its last byte; for SOS without the coded data that follows.
struct JpegSegment {
  uint8_t marker = 0;
  size_t offset = 0;
  size_t size = 0;  // 2 for markers without a length

  std::span<const uint8_t> payload(std::span<const uint8_t> file) const {
    return size < 4 ? std::span<const uint8_t>{} : file.subspan(offset + 4, size - 4);
  }
};

struct JpegLayout {
  std::vector<JpegSegment> segments;  // SOI first, EOI last when the file is whole
  std::string fault;                  // empty when the structure is sound
};

JpegLayout parse_jpeg(std::span<const uint8_t> file);

// A chunk from its length field to its checksum.
struct PngChunk {
  std::string type;  // 4 letters
  size_t offset = 0;
  size_t size = 0;  // length + 12

  std::span<const uint8_t> payload(std::span<const uint8_t> file) const {
    return file.subspan(offset + 8, size - 12);
  }
};

struct PngLayout {
  std::vector<PngChunk> chunks;  // IHDR first, IEND last when the file is whole
  std::string fault;             // empty when structure and checksums are sound
};

PngLayout parse_png(std::span<const uint8_t> file);
std::vector<uint8_t> make_png_chunk(const std::string& type, std::span<const uint8_t> payload);

}  // namespace diptych
