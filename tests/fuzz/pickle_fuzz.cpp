// Any bytes as a pickle: it is refused, or it is a tree that can be walked, converted, written and
// read again to the same.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <cstring>
#include <optional>

#include "kernels/common/check.h"
#include "tensor/pickle/pickle_numbers.h"
#include "tensor/pickle/pickle_reader.h"
#include "tensor/pickle/pickle_writer.h"

namespace {

using namespace diptych;

std::optional<PickleDocument> read(const uint8_t* data, size_t size, bool lenient) {
  PickleOptions options;
  options.name = "fuzz";
  options.lenient = lenient;
  options.max_values = 1 << 20;
  options.max_weight = 1 << 16;
  try {
    return read_pickle({data, data + size}, options);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

void convert(const PickleValue& value) {
  try {
    numbers_of(value, 1 << 16);
  } catch (const Error&) {
  }
  if (value.kind() == PickleKind::kArray && value.array().count() < 1 << 16)
    floats_of(value.array());
  if (value.kind() == PickleKind::kDict) {
    for (const PickleEntry& entry : value.entries()) convert(entry.value);
    value.find("landmarks");
  }
}

std::vector<uint8_t> written(const PickleValue& value) {
  PickleWriter writer(4);
  try {
    writer.value(value);
  } catch (const Error&) {  // unknown objects, columns first
    return {};
  }
  return writer.take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  read(data, size, true);
  const std::optional<PickleDocument> document = read(data, size, false);
  if (!document) return 0;
  convert(document->root());
  const std::vector<uint8_t> first = written(document->root());
  if (first.empty()) return 0;
  const std::optional<PickleDocument> again = read(first.data(), first.size(), false);
  if (!again || written(again->root()) != first) std::abort();
  return 0;
}
