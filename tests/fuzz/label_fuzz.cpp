// Any bytes as a picture or an MP4 that may carry a label: it is refused, or a label that is put in
// reads back.
// SPDX-License-Identifier: MIT
#include "faces/image/containers.h"
#include "faces/provenance/label.h"
#include "faces/provenance/xmp_packet.h"
#include "kernels/common/check.h"
#include "tests/fuzz/scratch_folder.h"

namespace {

using namespace diptych;

void label_picture(std::span<const uint8_t> bytes) {
  const std::vector<uint8_t> labelled = label_image(bytes, "fuzz", synthetic_label());
  if (read_image_label(labelled, "fuzz") != synthetic_label()) std::abort();
}

void label_mp4(std::span<const uint8_t> bytes) {
  static const ScratchFolder folder;
  const std::filesystem::path file = folder.write("v.mp4", bytes);
  if (const auto packet = find_mp4_packet(file, "fuzz")) label_of_packet(*packet, "fuzz");
  if (bytes.empty()) return;
  put_mp4_packet(file, "fuzz", "new");
  if (find_mp4_packet(file, "fuzz") != "new") std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  try {
    if (image_format(bytes) != ImageFormat::kOther) read_image_label(bytes, "fuzz");
  } catch (const InputError&) {
  }
  try {
    if (image_format(bytes) != ImageFormat::kOther) {
      label_picture(bytes);
    } else {
      label_mp4(bytes);
    }
  } catch (const InputError&) {
  }
  return 0;
}
