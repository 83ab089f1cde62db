// Writing pickles that every Python from 3.4 on reads (spec formats.md 2.7): protocol 3 or 4
// without memo and frames, arrays the way NumPy 1 and 2 both load them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tensor/pickle/pickle_value.h"

namespace diptych {

// Values are written in the order of the calls; between begin and end of a dict keys and values
// take turns. take() ends the pickle. Misuse throws Error.
class PickleWriter {
 public:
  explicit PickleWriter(int protocol = 3);

  PickleWriter& none();
  PickleWriter& boolean(bool value);
  PickleWriter& integer(int64_t value);
  PickleWriter& real(double value);
  PickleWriter& string(std::string_view utf8);
  PickleWriter& bytes(std::span<const uint8_t> value);
  PickleWriter& begin_list();
  PickleWriter& end_list();
  PickleWriter& begin_tuple();
  PickleWriter& end_tuple();
  PickleWriter& begin_dict();
  PickleWriter& end_dict();

  // dtype: "f4", "f8", "i4", "i8", "u1", ...; little-endian elements in C order.
  PickleWriter& array(std::string_view dtype,
                      std::span<const int64_t> shape,
                      std::span<const uint8_t> elements);
  PickleWriter& array(std::span<const int64_t> shape, std::span<const float> values);
  PickleWriter& array(std::span<const int64_t> shape, std::span<const double> values);
  // numpy.int64(value)
  PickleWriter& numpy_integer(int64_t value);
  // The member of module.type with this number: a call of the class, as Python writes it.
  PickleWriter& enumeration(std::string_view module, std::string_view type, int64_t value);
  // A value that was read. Throws Error for one that holds an unknown object.
  PickleWriter& value(const PickleValue& value);

  size_t size() const { return out_.size(); }

  void reserve(size_t bytes) { out_.reserve(bytes); }

  std::vector<uint8_t> take();

 private:
  void byte(uint8_t value) { out_.push_back(value); }

  void little(uint64_t value, int bytes);
  void raw(std::span<const uint8_t> bytes);
  void global(std::string_view module, std::string_view name);
  void dtype(std::string_view code);
  void stored_array(const PickleArray& a);
  void begin_object();
  void end_object();
  void close(char what, uint8_t opcode);
  void end_value();

  std::vector<uint8_t> out_;
  std::vector<char> open_;      // 'l' list, 't' tuple, 'd' dict, 'o' a call and its state
  std::vector<int64_t> count_;  // values in each open container
  bool done_ = false;
};

}  // namespace diptych
