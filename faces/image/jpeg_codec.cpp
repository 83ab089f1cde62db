// libjpeg behind exceptions.
// SPDX-License-Identifier: MIT
#include "faces/image/jpeg_codec.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <jerror.h>
#include <jpeglib.h>

#include "faces/image/containers.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr uint64_t kMaxPixels = uint64_t{1} << 28;  // a small file can claim 65535 x 65535

// libjpeg's error manager: keeps the first message and leaves by longjmp, because exceptions must
// not pass through C frames. No object with a destructor lives between setjmp and longjmp.
struct ErrorManager {
  jpeg_error_mgr base;  // first: libjpeg hands back a pointer to it
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX];
  bool damaged;
};

ErrorManager* manager_of(j_common_ptr codec) {
  return reinterpret_cast<ErrorManager*>(codec->err);
}

void on_error(j_common_ptr codec) {
  ErrorManager* manager = manager_of(codec);
  manager->base.format_message(codec, manager->message);
  std::longjmp(manager->escape, 1);
}

void on_message(j_common_ptr codec, int level) {
  ErrorManager* manager = manager_of(codec);
  if (level >= 0) return;  // trace
  switch (manager->base.msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
      if (!manager->damaged) manager->base.format_message(codec, manager->message);
      manager->damaged = true;
      break;
    default:  // padding between segments and the like: harmless, and common in camera files
      break;
  }
}

jpeg_error_mgr* install(ErrorManager* manager) {
  std::memset(manager, 0, sizeof(*manager));
  jpeg_std_error(&manager->base);
  manager->base.error_exit = on_error;
  manager->base.emit_message = on_message;
  manager->base.output_message = [](j_common_ptr) {};
  return &manager->base;
}

// 1 done, 0 other colour model or huge, -1 failed. `out` exists before the setjmp, so no jump skips
// its destructor.
int decompress(std::span<const uint8_t> bytes, bool grey, ErrorManager* manager, cv::Mat* out) {
  jpeg_decompress_struct codec;
  codec.err = install(manager);
  if (setjmp(manager->escape) != 0) {
    jpeg_destroy_decompress(&codec);
    return -1;
  }
  jpeg_create_decompress(&codec);
  jpeg_mem_src(&codec, bytes.data(), bytes.size());
  jpeg_read_header(&codec, TRUE);
  const J_COLOR_SPACE model = codec.jpeg_color_space;
  const bool huge = uint64_t{codec.image_width} * codec.image_height > kMaxPixels;
  if (huge || (model != JCS_GRAYSCALE && model != JCS_YCbCr && model != JCS_RGB) ||
      (model == JCS_RGB && grey)) {
    jpeg_destroy_decompress(&codec);
    return 0;
  }
  codec.out_color_space = grey ? JCS_GRAYSCALE : JCS_EXT_BGR;
  jpeg_start_decompress(&codec);
  out->create(static_cast<int>(codec.output_height), static_cast<int>(codec.output_width),
              grey ? CV_8UC1 : CV_8UC3);
  while (codec.output_scanline < codec.output_height) {
    JSAMPROW row = out->ptr(static_cast<int>(codec.output_scanline));
    jpeg_read_scanlines(&codec, &row, 1);
  }
  jpeg_finish_decompress(&codec);
  jpeg_destroy_decompress(&codec);
  return manager->damaged ? -1 : 1;
}

bool compress(const cv::Mat& picture,
              int quality,
              bool full_chroma,
              ErrorManager* manager,
              unsigned char** data,
              unsigned long* size) {
  jpeg_compress_struct codec;
  codec.err = install(manager);
  if (setjmp(manager->escape) != 0) {
    jpeg_destroy_compress(&codec);
    return false;
  }
  jpeg_create_compress(&codec);
  jpeg_mem_dest(&codec, data, size);
  codec.image_width = static_cast<JDIMENSION>(picture.cols);
  codec.image_height = static_cast<JDIMENSION>(picture.rows);
  codec.input_components = picture.channels();
  codec.in_color_space = picture.channels() == 1 ? JCS_GRAYSCALE : JCS_EXT_BGR;
  jpeg_set_defaults(&codec);
  jpeg_set_quality(&codec, quality, TRUE);
  codec.optimize_coding = TRUE;
  codec.comp_info[0].h_samp_factor = codec.comp_info[0].v_samp_factor =
      full_chroma || picture.channels() == 1 ? 1 : 2;
  jpeg_start_compress(&codec, TRUE);
  while (codec.next_scanline < codec.image_height) {
    auto row = const_cast<JSAMPROW>(picture.ptr(static_cast<int>(codec.next_scanline)));
    jpeg_write_scanlines(&codec, &row, 1);
  }
  jpeg_finish_compress(&codec);
  jpeg_destroy_compress(&codec);
  return true;
}

// TIFF integers of 2 or 4 bytes in the block's byte order; nothing outside the block.
std::optional<uint32_t> tiff_integer(std::span<const uint8_t> tiff, size_t at, size_t bytes) {
  if (at > tiff.size() || bytes > tiff.size() - at) return {};
  const bool big = tiff[0] == 'M';
  uint32_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | tiff[at + (big ? i : bytes - 1 - i)];
  return value;
}

}  // namespace

std::optional<cv::Mat> decompress_jpeg(std::span<const uint8_t> bytes,
                                       const std::string& name,
                                       bool grey) {
  ErrorManager manager;
  cv::Mat picture;
  const int result = decompress(bytes, grey, &manager, &picture);
  if (result < 0) {
    throw InputError(name, std::string("is damaged (") + manager.message + ")",
                     "Replace the file with a good copy");
  }
  return result > 0 ? std::optional(picture) : std::nullopt;
}

std::vector<uint8_t> compress_jpeg(const cv::Mat& picture, int quality, bool full_chroma) {
  ErrorManager manager;
  unsigned char* data = nullptr;
  unsigned long size = 0;
  const bool done = compress(picture, quality, full_chroma, &manager, &data, &size);
  std::vector<uint8_t> bytes;
  if (done) bytes.assign(data, data + size);
  std::free(data);
  DIPTYCH_CHECK(done, "encode_jpeg: ", manager.message, "; picture ", picture.cols, "x",
                picture.rows);
  return bytes;
}

int exif_orientation(std::span<const uint8_t> jpeg) {
  constexpr char kHeader[] = {'E', 'x', 'i', 'f', 0, 0};
  for (const JpegSegment& segment : parse_jpeg(jpeg).segments) {
    const auto payload = segment.payload(jpeg);
    if (segment.marker != 0xE1 || payload.size() < sizeof(kHeader) + 8 ||
        std::memcmp(payload.data(), kHeader, sizeof(kHeader)) != 0) {
      continue;
    }
    const auto tiff = payload.subspan(sizeof(kHeader));
    const auto directory = tiff_integer(tiff, 4, 4);
    const auto count = directory ? tiff_integer(tiff, *directory, 2) : std::nullopt;
    for (size_t i = 0; count && i < *count; ++i) {
      const size_t entry = *directory + 2 + 12 * i;
      const auto value = tiff_integer(tiff, entry + 8, 2);
      if (!value) break;
      if (tiff_integer(tiff, entry, 2) == 0x0112u && *value >= 1 && *value <= 8) {
        return static_cast<int>(*value);
      }
    }
  }
  return 1;
}

}  // namespace diptych
