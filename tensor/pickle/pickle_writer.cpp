// Writing pickles.
// SPDX-License-Identifier: MIT
#include "tensor/pickle/pickle_writer.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <string>
#include <utility>

#include "kernels/common/check.h"
#include "tensor/pickle/pickle_opcodes.h"

namespace diptych {

using namespace pickle_op;  // NOLINT: the opcodes' names are the vocabulary of this file

PickleWriter::PickleWriter(int protocol) {
  DIPTYCH_CHECK(protocol == 3 || protocol == 4, "PickleWriter: protocol ", protocol,
                ", expected 3 or 4");
  byte(kProto);
  byte(static_cast<uint8_t>(protocol));
}

void PickleWriter::little(uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) byte(static_cast<uint8_t>(value >> (8 * i)));
}

void PickleWriter::raw(std::span<const uint8_t> bytes) {
  out_.insert(out_.end(), bytes.begin(), bytes.end());
}

void PickleWriter::end_value() {
  DIPTYCH_CHECK(!done_ || !open_.empty(), "PickleWriter: a second value at the top");
  if (open_.empty()) {
    done_ = true;
  } else {
    ++count_.back();
  }
}

PickleWriter& PickleWriter::none() {
  byte(kNone);
  end_value();
  return *this;
}

PickleWriter& PickleWriter::boolean(bool value) {
  byte(value ? kNewTrue : kNewFalse);
  end_value();
  return *this;
}

PickleWriter& PickleWriter::integer(int64_t value) {
  if (value >= 0 && value < 256) {
    byte(kBinInt1);
    little(static_cast<uint64_t>(value), 1);
  } else if (value >= std::numeric_limits<int32_t>::min() &&
             value <= std::numeric_limits<int32_t>::max()) {
    byte(kBinInt);
    little(static_cast<uint64_t>(value), 4);
  } else {
    byte(kLong1);
    byte(8);
    little(static_cast<uint64_t>(value), 8);
  }
  end_value();
  return *this;
}

PickleWriter& PickleWriter::real(double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  byte(kBinFloat);
  for (int shift = 56; shift >= 0; shift -= 8) byte(static_cast<uint8_t>(bits >> shift));
  end_value();
  return *this;
}

PickleWriter& PickleWriter::string(std::string_view utf8) {
  DIPTYCH_CHECK(utf8.size() <= std::numeric_limits<uint32_t>::max(), "PickleWriter: a string of ",
                utf8.size(), " bytes");
  byte(kBinUnicode);
  little(utf8.size(), 4);
  raw({reinterpret_cast<const uint8_t*>(utf8.data()), utf8.size()});
  end_value();
  return *this;
}

PickleWriter& PickleWriter::bytes(std::span<const uint8_t> value) {
  if (value.size() < 256) {
    byte(kShortBinBytes);
    little(value.size(), 1);
  } else if (value.size() <= std::numeric_limits<uint32_t>::max()) {
    byte(kBinBytes);
    little(value.size(), 4);
  } else {  // protocol 4 only; protocol 3 is for small files
    DIPTYCH_CHECK(out_[1] >= 4, "PickleWriter: ", value.size(), " bytes need protocol 4");
    byte(kBinBytes8);
    little(value.size(), 8);
  }
  raw(value);
  end_value();
  return *this;
}

PickleWriter& PickleWriter::begin_list() {
  byte(kEmptyList);
  byte(kMark);
  open_.push_back('l');
  count_.push_back(0);
  return *this;
}

PickleWriter& PickleWriter::begin_tuple() {
  byte(kMark);
  open_.push_back('t');
  count_.push_back(0);
  return *this;
}

PickleWriter& PickleWriter::begin_dict() {
  byte(kEmptyDict);
  byte(kMark);
  open_.push_back('d');
  count_.push_back(0);
  return *this;
}

void PickleWriter::close(char what, uint8_t opcode) {
  DIPTYCH_CHECK(!open_.empty() && open_.back() == what, "PickleWriter: end of a '", what,
                "' that is not open");
  DIPTYCH_CHECK(what != 'd' || count_.back() % 2 == 0, "PickleWriter: a key without a value");
  open_.pop_back();
  count_.pop_back();
  byte(opcode);
  end_value();
}

PickleWriter& PickleWriter::end_list() {
  close('l', kAppends);
  return *this;
}

PickleWriter& PickleWriter::end_tuple() {
  close('t', kTuple);
  return *this;
}

PickleWriter& PickleWriter::end_dict() {
  close('d', kSetItems);
  return *this;
}

void PickleWriter::global(std::string_view module, std::string_view name) {
  byte(kGlobal);
  for (const std::string_view text : {module, name}) {
    raw({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    byte('\n');
  }
  end_value();
}

// A call's result, and what BUILD puts into it, count as one value of the container around them.
void PickleWriter::begin_object() {
  open_.push_back('o');
  count_.push_back(0);
}

void PickleWriter::end_object() {
  DIPTYCH_CHECK(!open_.empty() && open_.back() == 'o', "PickleWriter: end of an object");
  open_.pop_back();
  count_.pop_back();
  end_value();
}

// numpy.dtype(code, False, True) with the state that says "as usual". One-byte elements have no
// byte order.
void PickleWriter::dtype(std::string_view code) {
  begin_object();
  global("numpy", "dtype");
  begin_tuple().string(code).boolean(false).boolean(true).end_tuple();
  byte(kReduce);
  begin_tuple().integer(3).string(code.ends_with('1') ? "|" : "<").none().none().none();
  integer(-1).integer(-1).integer(0).end_tuple();
  byte(kBuild);
  end_object();
}

PickleWriter& PickleWriter::array(std::string_view code,
                                  std::span<const int64_t> shape,
                                  std::span<const uint8_t> elements) {
  int64_t count = 1;
  for (const int64_t side : shape) count *= side;
  const int64_t item = code.size() == 2 ? code[1] - '0' : 0;
  DIPTYCH_CHECK(count * item == static_cast<int64_t>(elements.size()), "PickleWriter: ", count,
                " elements of ", code, " in ", elements.size(), " bytes");
  begin_object();
  global("numpy.core.multiarray", "_reconstruct");
  begin_tuple();
  global("numpy", "ndarray");
  const uint8_t byte_code = 'b';
  begin_tuple().integer(0).end_tuple().bytes({&byte_code, 1}).end_tuple();
  byte(kReduce);
  begin_tuple().integer(1).begin_tuple();
  for (const int64_t side : shape) integer(side);
  end_tuple();
  dtype(code);
  boolean(false).bytes(elements).end_tuple();
  byte(kBuild);
  end_object();
  return *this;
}

PickleWriter& PickleWriter::array(std::span<const int64_t> shape, std::span<const float> values) {
  return array("f4", shape, {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()});
}

PickleWriter& PickleWriter::array(std::span<const int64_t> shape, std::span<const double> values) {
  return array("f8", shape, {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()});
}

PickleWriter& PickleWriter::numpy_integer(int64_t value) {
  begin_object();
  global("numpy.core.multiarray", "scalar");
  begin_tuple();
  dtype("i8");
  bytes({reinterpret_cast<const uint8_t*>(&value), sizeof value}).end_tuple();
  byte(kReduce);
  end_object();
  return *this;
}

PickleWriter& PickleWriter::enumeration(std::string_view module,
                                        std::string_view type,
                                        int64_t value) {
  begin_object();
  global(module, type);
  begin_tuple().integer(value).end_tuple();
  byte(kReduce);
  end_object();
  return *this;
}

void PickleWriter::stored_array(const PickleArray& a) {
  std::vector<uint8_t> elements(a.bytes.begin(), a.bytes.end());
  const auto size = static_cast<size_t>(a.dtype.size);
  for (size_t i = 0; a.dtype.swapped && i + size <= elements.size(); i += size)
    std::reverse(elements.begin() + static_cast<ptrdiff_t>(i),
                 elements.begin() + static_cast<ptrdiff_t>(i + size));
  DIPTYCH_CHECK(!a.fortran || a.shape.size() < 2,
                "PickleWriter: an array with its columns first cannot be written back");
  array(std::string{a.dtype.kind, static_cast<char>('0' + a.dtype.size)}, a.shape, elements);
}

PickleWriter& PickleWriter::value(const PickleValue& v) {
  switch (v.kind()) {
    case PickleKind::kNone:
      return none();
    case PickleKind::kBool:
      return boolean(v.boolean());
    case PickleKind::kInt:
      return integer(v.integer());
    case PickleKind::kFloat:
      return real(v.number());
    case PickleKind::kString:
      return string(v.string());
    case PickleKind::kBytes:
      return bytes(v.bytes());
    case PickleKind::kList:
      begin_list();
      for (const PickleValue& item : v.items()) value(item);
      return end_list();
    case PickleKind::kTuple:
      begin_tuple();
      for (const PickleValue& item : v.items()) value(item);
      return end_tuple();
    case PickleKind::kDict:
      begin_dict();
      for (const PickleEntry& entry : v.entries()) value(entry.key).value(entry.value);
      return end_dict();
    case PickleKind::kArray:
      stored_array(v.array());
      return *this;
    default:
      throw Error(str("PickleWriter: ", name_of(v.kind()), " cannot be written"));
  }
}

std::vector<uint8_t> PickleWriter::take() {
  DIPTYCH_CHECK(done_ && open_.empty(), "PickleWriter: the value is not complete");
  byte(kStop);
  return std::move(out_);
}

}  // namespace diptych
