// Any bytes as DeepFaceLab's model folder: files one after the other, each behind the u16 of its
// length. It is refused, or its options and weights can be read.
// SPDX-License-Identifier: MIT
#include "kernels/common/check.h"
#include "models/saehd/dfl_weights.h"
#include "tensor/pickle/pickle_numbers.h"
#include "tests/fuzz/scratch_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace diptych;
  static const ScratchFolder folder;
  std::span<const uint8_t> rest(data, size);
  for (const char* part : {"encoder.npy", "inter.npy", "decoder_src.npy", "data.dat"}) {
    const size_t head = std::min<size_t>(2, rest.size());
    size_t length = 0;
    for (size_t i = 0; i < head; ++i) length |= size_t{rest[i]} << (8 * i);
    rest = rest.subspan(head);
    length = std::min(length, rest.size());
    folder.write(std::string("a_SAEHD_") + part, rest.first(length));
    rest = rest.subspan(length);
  }
  for (const char* archi : {"", "df-ud"}) {
    try {
      open_dfl_model(folder.path(), "", archi).network.validate();
    } catch (const Error&) {  // networks that are too small to train
    }
  }
  try {
    const PickleDocument weights = read_dfl_weight_file(folder.path() / "a_SAEHD_encoder.npy");
    for (const PickleEntry& entry : weights.root().entries())
      if (entry.value.kind() == PickleKind::kArray) floats_of(entry.value.array());
  } catch (const InputError&) {
  }
  return 0;
}
