// Coding a JPEG's coefficients anew, through libjpeg.
// SPDX-License-Identifier: MIT
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <jpeglib.h>

#include "faces/dfl/jpeg_metadata.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr uint64_t kMaxPixels = uint64_t{1} << 26;  // 8192 x 8192

struct ErrorManager {
  jpeg_error_mgr base;  // first: libjpeg hands back a pointer to it
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX];
};

void on_error(j_common_ptr codec) {
  auto* manager = reinterpret_cast<ErrorManager*>(codec->err);
  manager->base.format_message(codec, manager->message);
  std::longjmp(manager->escape, 1);
}

// Warnings mean that coefficients were guessed: no copy is made of those.
void on_message(j_common_ptr codec, int level) {
  if (level < 0) on_error(codec);
}

void copy_coefficients(jpeg_decompress_struct* in,
                       jpeg_compress_struct* out,
                       ErrorManager* manager,
                       std::span<const uint8_t> jpeg,
                       unsigned char** data,
                       unsigned long* size) {
  jpeg_mem_src(in, jpeg.data(), jpeg.size());
  jpeg_save_markers(in, JPEG_COM, 0xFFFF);
  for (int i = 1; i < 16; ++i) {
    if (i != 14) jpeg_save_markers(in, JPEG_APP0 + i, 0xFFFF);  // 14: the library writes its own
  }
  jpeg_read_header(in, TRUE);
  if (uint64_t{in->image_width} * in->image_height > kMaxPixels) {
    std::strcpy(manager->message, "too large");
    std::longjmp(manager->escape, 1);
  }
  jvirt_barray_ptr* coefficients = jpeg_read_coefficients(in);
  jpeg_mem_dest(out, data, size);
  jpeg_copy_critical_parameters(in, out);
  out->optimize_coding = TRUE;
  out->restart_interval = 0;
  out->restart_in_rows = 0;
  out->arith_code = FALSE;
  if (in->progressive_mode) jpeg_simple_progression(out);
  jpeg_write_coefficients(out, coefficients);
  for (jpeg_saved_marker_ptr m = in->marker_list; m != nullptr; m = m->next)
    jpeg_write_marker(out, m->marker, m->data, m->data_length);
  jpeg_finish_compress(out);
  jpeg_finish_decompress(in);
}

// No object with a destructor lives between setjmp and longjmp.
bool recode(std::span<const uint8_t> jpeg,
            ErrorManager* manager,
            unsigned char** data,
            unsigned long* size) {
  jpeg_decompress_struct in;
  jpeg_compress_struct out;
  std::memset(manager, 0, sizeof *manager);
  jpeg_std_error(&manager->base);
  manager->base.error_exit = on_error;
  manager->base.emit_message = on_message;
  manager->base.output_message = [](j_common_ptr) {};
  in.err = out.err = &manager->base;
  jpeg_create_decompress(&in);
  jpeg_create_compress(&out);
  const bool failed = setjmp(manager->escape) != 0;
  if (!failed) copy_coefficients(&in, &out, manager, jpeg, data, size);
  jpeg_destroy_compress(&out);
  jpeg_destroy_decompress(&in);
  return !failed;
}

}  // namespace

std::vector<uint8_t> recode_jpeg(std::span<const uint8_t> jpeg, const std::string& name) {
  ErrorManager manager;
  unsigned char* data = nullptr;
  unsigned long size = 0;
  const bool done = recode(jpeg, &manager, &data, &size);
  std::vector<uint8_t> bytes;
  if (done) bytes.assign(data, data + size);
  // After an error while writing, the library may have freed or moved the buffer: leave it.
  if (done) std::free(data);
  if (!done) {
    throw InputError(name, str("is damaged (", manager.message, ")"),
                     "Replace it with a good copy");
  }
  return bytes;
}

}  // namespace diptych
