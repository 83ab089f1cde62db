// JPEG and PNG through stb_image.
// SPDX-License-Identifier: MIT
#include <memory>
#include <numeric>

#include "faces/image/containers.h"
#include "faces/image/image.h"
#include "kernels/common/check.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 16384
#define STBI_FAILURE_USERMSG
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace diptych {

namespace {

// stb_image 2.27 trusts the code counts of a Huffman table (T.81 B.2.4.2) and writes past its
// arrays when they add up to more than 256, so they are checked before it sees them.
bool huffman_tables_fit(std::span<const uint8_t> jpeg) {
  constexpr uint8_t kDht = 0xC4;
  for (const JpegSegment& segment : parse_jpeg(jpeg).segments) {
    if (segment.marker != kDht) continue;
    auto payload = segment.payload(jpeg);
    while (!payload.empty()) {
      if (payload.size() < 17) return false;
      const size_t codes = std::accumulate(payload.begin() + 1, payload.begin() + 17, size_t{0});
      if (codes > 256 || payload.size() < 17 + codes) return false;
      payload = payload.subspan(17 + codes);
    }
  }
  return true;
}

}  // namespace

Rgb8Image decode_rgb8_stb(std::span<const uint8_t> bytes, const std::string& name) {
  const ImageFormat format = image_format(bytes);
  const std::string fault = format == ImageFormat::kJpeg  ? parse_jpeg(bytes).fault
                            : format == ImageFormat::kPng ? parse_png(bytes).fault
                                                          : "is neither JPEG nor PNG";
  if (!fault.empty()) throw InputError(name, fault, "Extract the face again");
  if (format == ImageFormat::kJpeg && !huffman_tables_fit(bytes)) {
    throw InputError(name, "is damaged: impossible Huffman table", "Extract the face again");
  }
  Rgb8Image image;
  int channels = 0;
  const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
      stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &image.width,
                            &image.height, &channels, 3),
      &stbi_image_free);
  if (pixels == nullptr) {
    throw InputError(name, std::string("is damaged (") + stbi_failure_reason() + ")",
                     "Extract the face again");
  }
  const size_t size = static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3;
  image.pixels.assign(pixels.get(), pixels.get() + size);
  return image;
}

}  // namespace diptych
