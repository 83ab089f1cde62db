// Access to the values of a pickle.
// SPDX-License-Identifier: MIT
#include "tensor/pickle/pickle_value.h"

#include <algorithm>

#include "kernels/common/check.h"

namespace diptych {

std::string_view name_of(PickleKind kind) {
  static constexpr std::string_view kNames[] = {
      "None",    "a bool", "an int",   "a float", "a string",          "bytes",  "a list",
      "a tuple", "a dict", "an array", "an enum", "an unknown object", "a name", "a dtype"};
  return kNames[static_cast<size_t>(kind)];
}

void PickleValue::expect(bool is, const char* wanted) const {
  DIPTYCH_CHECK(is, "expected ", wanted, ", found ", name_of(kind()));
}

PickleValue PickleValue::of_bool(bool value) {
  PickleValue v;
  v.kind_ = PickleKind::kBool;
  v.boolean_ = value;
  return v;
}

PickleValue PickleValue::of_int(int64_t value) {
  PickleValue v;
  v.kind_ = PickleKind::kInt;
  v.integer_ = value;
  return v;
}

PickleValue PickleValue::of_float(double value) {
  PickleValue v;
  v.kind_ = PickleKind::kFloat;
  v.number_ = value;
  return v;
}

PickleValue PickleValue::of_string(std::string_view text) {
  PickleValue v;
  v.kind_ = PickleKind::kString;
  v.data_ = text.data();
  v.size_ = text.size() & ((uint64_t{1} << 56) - 1);
  return v;
}

PickleValue PickleValue::of_bytes(std::span<const uint8_t> bytes) {
  PickleValue v;
  v.kind_ = PickleKind::kBytes;
  v.data_ = bytes.data();
  v.size_ = bytes.size() & ((uint64_t{1} << 56) - 1);
  return v;
}

PickleValue PickleValue::of_node(PickleKind kind, void* node) {
  PickleValue v;
  v.kind_ = kind;
  v.node_ = node;
  return v;
}

bool PickleValue::boolean() const {
  expect(kind_ == PickleKind::kBool || kind_ == PickleKind::kInt, "a bool");
  return kind_ == PickleKind::kBool ? boolean_ : integer_ != 0;
}

int64_t PickleValue::integer() const {
  expect(kind_ == PickleKind::kBool || kind_ == PickleKind::kInt, "an int");
  return kind_ == PickleKind::kBool ? int64_t{boolean_} : integer_;
}

double PickleValue::number() const {
  if (kind_ == PickleKind::kFloat) return number_;
  expect(kind_ == PickleKind::kBool || kind_ == PickleKind::kInt, "a number");
  return static_cast<double>(integer());
}

std::string_view PickleValue::string() const {
  expect(kind_ == PickleKind::kString, "a string");
  return {static_cast<const char*>(data_), static_cast<size_t>(size_)};
}

std::span<const uint8_t> PickleValue::bytes() const {
  expect(kind_ == PickleKind::kBytes, "bytes");
  return {static_cast<const uint8_t*>(data_), static_cast<size_t>(size_)};
}

std::span<const PickleValue> PickleValue::items() const {
  expect(kind_ == PickleKind::kList || kind_ == PickleKind::kTuple, "a list");
  return static_cast<const PickleSequence*>(node_)->items;
}

std::span<const PickleEntry> PickleValue::entries() const {
  expect(kind_ == PickleKind::kDict, "a dict");
  return static_cast<const PickleDict*>(node_)->entries;
}

const PickleValue* PickleValue::find(std::string_view key) const {
  const std::span<const PickleEntry> all = entries();
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const PickleEntry& e) {
    return e.key.kind() == PickleKind::kString && e.key.string() == key;
  });
  return found == all.rend() ? nullptr : &found->value;
}

const PickleArray& PickleValue::array() const {
  expect(kind_ == PickleKind::kArray, "an array");
  return *static_cast<const PickleArray*>(node_);
}

const PickleEnum& PickleValue::enumeration() const {
  expect(kind_ == PickleKind::kEnum, "an enum");
  return *static_cast<const PickleEnum*>(node_);
}

int64_t PickleArray::count() const {
  int64_t n = 1;
  for (const int64_t side : shape) n *= side;
  return n;
}

}  // namespace diptych
