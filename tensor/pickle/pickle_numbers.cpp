// Conversion of pickled numbers.
// SPDX-License-Identifier: MIT
#include "tensor/pickle/pickle_numbers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/common/check.h"

namespace diptych {

namespace {

uint64_t bits_at(const PickleDType& dtype, const uint8_t* element) {
  uint64_t bits = 0;
  for (int i = 0; i < dtype.size; ++i) {
    const int at = dtype.swapped ? i : dtype.size - 1 - i;
    bits = bits << 8 | element[at];
  }
  return bits;
}

// IEEE 754 binary16.
double half_to_double(uint64_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const auto fraction = static_cast<double>(bits & 1023);
  if (exponent == 31) return fraction == 0 ? sign * HUGE_VAL : std::nan("");
  return exponent == 0 ? sign * std::ldexp(fraction, -24)
                       : sign * std::ldexp(1024 + fraction, exponent - 25);
}

// Index in the file of element `i` in C order.
class FortranOrder {
 public:
  explicit FortranOrder(const std::vector<int64_t>& shape) : shape_(shape) {}

  int64_t operator()(int64_t i) const {
    int64_t place = 0, stride = 1, rest = i, behind = 1;
    for (const int64_t side : shape_) behind *= side;
    for (const int64_t side : shape_) {
      behind /= side;
      place += rest / behind * stride;
      rest %= behind;
      stride *= side;
    }
    return place;
  }

 private:
  const std::vector<int64_t>& shape_;
};

template <class T, class Convert>
std::vector<T> convert(const PickleArray& array, const Convert& element) {
  const int64_t n = array.count();
  std::vector<T> out(static_cast<size_t>(n));
  const uint8_t* data = array.bytes.data();
  const bool turn = array.fortran && array.shape.size() > 1;
  const FortranOrder order(array.shape);
  for (int64_t i = 0; i < n; ++i)
    out[static_cast<size_t>(i)] = element(data + (turn ? order(i) : i) * array.dtype.size);
  return out;
}

void gather(const PickleValue& value, size_t depth, int64_t max_count, PickleNumbers& out) {
  const bool list = value.kind() == PickleKind::kList || value.kind() == PickleKind::kTuple;
  if (!list) {
    DIPTYCH_CHECK(depth == out.shape.size(), "lists of different depth");
    DIPTYCH_CHECK(static_cast<int64_t>(out.values.size()) < max_count, "more than ", max_count,
                  " numbers");
    out.values.push_back(value.number());
    return;
  }
  DIPTYCH_CHECK(depth < out.shape.size(), "lists of different depth");
  const auto items = value.items();
  DIPTYCH_CHECK(static_cast<int64_t>(items.size()) == out.shape[depth], "lists of ", items.size(),
                " and of ", out.shape[depth], " numbers");
  for (const PickleValue& item : items) gather(item, depth + 1, max_count, out);
}

}  // namespace

double number_at(const PickleDType& dtype, const uint8_t* element) {
  if (dtype.kind != 'f') {
    const int64_t value = integer_at(dtype, element);
    return dtype.kind == 'u' ? static_cast<double>(static_cast<uint64_t>(value))
                             : static_cast<double>(value);
  }
  const uint64_t bits = bits_at(dtype, element);
  if (dtype.size == 8) return std::bit_cast<double>(bits);
  if (dtype.size == 4) return std::bit_cast<float>(static_cast<uint32_t>(bits));
  return half_to_double(bits);
}

int64_t integer_at(const PickleDType& dtype, const uint8_t* element) {
  const uint64_t bits = bits_at(dtype, element);
  const int unused = 64 - 8 * dtype.size;
  return dtype.kind == 'i' ? static_cast<int64_t>(bits << unused) >> unused
                           : static_cast<int64_t>(bits);
}

std::vector<float> floats_of(const PickleArray& array) {
  const bool plain = array.dtype.kind == 'f' && array.dtype.size == 4 && !array.dtype.swapped &&
                     (!array.fortran || array.shape.size() < 2);
  if (plain && std::endian::native == std::endian::little) {
    std::vector<float> out(static_cast<size_t>(array.count()));
    if (!out.empty()) std::memcpy(out.data(), array.bytes.data(), array.bytes.size());
    return out;
  }
  return convert<float>(array, [&](const uint8_t* element) {
    return static_cast<float>(number_at(array.dtype, element));
  });
}

PickleNumbers numbers_of(const PickleValue& value, int64_t max_count) {
  PickleNumbers out;
  if (value.kind() == PickleKind::kArray) {
    const PickleArray& array = value.array();
    DIPTYCH_CHECK(array.count() <= max_count, array.count(), " numbers, more than ", max_count);
    out.shape = array.shape;
    out.values = convert<double>(
        array, [&](const uint8_t* element) { return number_at(array.dtype, element); });
    return out;
  }
  const PickleValue* first = &value;  // the first branch tells the shape
  while (first->kind() == PickleKind::kList || first->kind() == PickleKind::kTuple) {
    const auto items = first->items();
    out.shape.push_back(static_cast<int64_t>(items.size()));
    if (items.empty()) return out;
    first = &items[0];
  }
  // NumPy mixes too: a list of arrays is an array of one rank more.
  if (first->kind() == PickleKind::kArray && out.shape.size() == 1) {
    for (const PickleValue& item : value.items()) {
      const PickleNumbers row = numbers_of(item, max_count);
      DIPTYCH_CHECK(
          out.values.empty() || row.shape == std::vector(out.shape.begin() + 1, out.shape.end()),
          "arrays of different shapes in a list");
      if (out.values.empty()) out.shape.insert(out.shape.end(), row.shape.begin(), row.shape.end());
      out.values.insert(out.values.end(), row.values.begin(), row.values.end());
      DIPTYCH_CHECK(static_cast<int64_t>(out.values.size()) <= max_count, "more than ", max_count,
                    " numbers");
    }
    return out;
  }
  gather(value, 0, max_count, out);
  return out;
}

std::vector<uint8_t> bytes_of(const PickleValue& value) {
  if (value.kind() == PickleKind::kBytes) {
    const auto bytes = value.bytes();
    return {bytes.begin(), bytes.end()};
  }
  const PickleArray& array = value.array();
  DIPTYCH_CHECK(array.dtype.size == 1 && array.dtype.kind != 'b', "expected an array of bytes");
  return {array.bytes.begin(), array.bytes.end()};
}

}  // namespace diptych
