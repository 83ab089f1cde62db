// XMP packets inside JPEG and PNG.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string_view>

#include "faces/image/containers.h"
#include "faces/provenance/xmp_packet.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr std::string_view kJpegHeader{"http://ns.adobe.com/xap/1.0/\0", 29};
constexpr std::string_view kExif{"Exif\0", 5};
constexpr std::string_view kPngKeyword{"XML:com.adobe.xmp\0", 18};
constexpr uint8_t kApp0 = 0xE0, kApp1 = 0xE1;
constexpr size_t kMaxSegment = 65533;  // payload of a JPEG segment

bool starts_with(std::span<const uint8_t> bytes, std::string_view text) {
  return bytes.size() >= text.size() &&
         std::equal(text.begin(), text.end(), bytes.begin(),
                    [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

bool is_xmp(const JpegSegment& segment, std::span<const uint8_t> file) {
  return segment.marker == kApp1 && starts_with(segment.payload(file), kJpegHeader);
}

bool is_xmp(const PngChunk& chunk, std::span<const uint8_t> file) {
  return chunk.type == "iTXt" && starts_with(chunk.payload(file), kPngKeyword);
}

std::string text_after(std::span<const uint8_t> bytes, size_t skip) {
  return {bytes.begin() + static_cast<ptrdiff_t>(skip), bytes.end()};
}

// iTXt after the keyword: compressed flag, method, language\0, translated keyword\0, text.
std::optional<std::string> png_text(std::span<const uint8_t> payload) {
  size_t at = kPngKeyword.size();
  if (at + 2 > payload.size() || payload[at] != 0) return {};  // compressed: not allowed for XMP
  at += 2;
  for (int field = 0; field < 2; ++field) {
    while (at < payload.size() && payload[at] != 0) ++at;
    if (at++ >= payload.size()) return {};
  }
  return text_after(payload, at);
}

JpegLayout sound_jpeg(std::span<const uint8_t> image, const std::string& name) {
  JpegLayout layout = parse_jpeg(image);
  if (!layout.fault.empty()) throw InputError(name, layout.fault, "Write the picture again");
  return layout;
}

PngLayout sound_png(std::span<const uint8_t> image, const std::string& name) {
  PngLayout layout = parse_png(image);
  if (!layout.fault.empty()) throw InputError(name, layout.fault, "Write the picture again");
  return layout;
}

void append(std::vector<uint8_t>& out, std::span<const uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// The new segment goes behind JFIF and Exif, which have to come first; the old one goes.
std::vector<uint8_t> put_in_jpeg(std::span<const uint8_t> image,
                                 const std::string& name,
                                 const std::string& packet) {
  const JpegLayout layout = sound_jpeg(image, name);
  const size_t payload = kJpegHeader.size() + packet.size();
  if (payload > kMaxSegment) {
    throw InputError(name, "its XMP metadata is too large for a JPEG", "Remove some of it");
  }
  std::vector<uint8_t> out;
  size_t copied = 0;
  bool placed = false;
  for (const JpegSegment& segment : layout.segments) {
    const bool first = segment.offset == 0 || segment.marker == kApp0 ||
                       (segment.marker == kApp1 && starts_with(segment.payload(image), kExif));
    if (!placed && !first) {
      append(out, image.subspan(copied, segment.offset - copied));
      copied = segment.offset;
      const size_t length = payload + 2;
      append(out, std::vector<uint8_t>{0xFF, kApp1, static_cast<uint8_t>(length >> 8),
                                       static_cast<uint8_t>(length)});
      out.insert(out.end(), kJpegHeader.begin(), kJpegHeader.end());
      out.insert(out.end(), packet.begin(), packet.end());
      placed = true;
    }
    if (is_xmp(segment, image)) {
      append(out, image.subspan(copied, segment.offset - copied));
      copied = segment.offset + segment.size;
    }
  }
  append(out, image.subspan(copied));
  return out;
}

// The new chunk goes right behind the header chunk; the old one goes.
std::vector<uint8_t> put_in_png(std::span<const uint8_t> image,
                                const std::string& name,
                                const std::string& packet) {
  const PngLayout layout = sound_png(image, name);
  std::vector<uint8_t> payload(kPngKeyword.begin(), kPngKeyword.end());
  payload.insert(payload.end(), 4, 0);  // not compressed, method 0, no language, no translation
  payload.insert(payload.end(), packet.begin(), packet.end());
  std::vector<uint8_t> out;
  append(out, image.first(layout.chunks.front().offset));
  for (const PngChunk& chunk : layout.chunks) {
    if (!is_xmp(chunk, image)) append(out, image.subspan(chunk.offset, chunk.size));
    if (chunk.type == "IHDR") append(out, make_png_chunk("iTXt", payload));
  }
  append(out, image.subspan(layout.chunks.back().offset + layout.chunks.back().size));
  return out;
}

}  // namespace

std::optional<std::string> find_image_packet(std::span<const uint8_t> image,
                                             const std::string& name) {
  if (image_format(image) == ImageFormat::kJpeg) {
    for (const JpegSegment& segment : sound_jpeg(image, name).segments) {
      if (is_xmp(segment, image)) return text_after(segment.payload(image), kJpegHeader.size());
    }
  } else {
    for (const PngChunk& chunk : sound_png(image, name).chunks) {
      if (is_xmp(chunk, image)) return png_text(chunk.payload(image));
    }
  }
  return {};
}

std::vector<uint8_t> put_image_packet(std::span<const uint8_t> image,
                                      const std::string& name,
                                      const std::string& packet) {
  return image_format(image) == ImageFormat::kJpeg ? put_in_jpeg(image, name, packet)
                                                   : put_in_png(image, name, packet);
}

}  // namespace diptych
