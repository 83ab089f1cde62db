// For tests: pickles put together opcode by opcode.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/pickle/pickle_reader.h"

namespace diptych {

inline std::vector<uint8_t> bytes_of_text(std::string_view text) {
  return {text.begin(), text.end()};
}

// The bytes behind a protocol 4 header.
inline PickleDocument read_opcodes(const std::string& opcodes, bool lenient = false) {
  PickleOptions options;
  options.name = "test.pickle";
  options.lenient = lenient;
  return read_pickle(bytes_of_text(std::string("\x80\x04", 2) + opcodes), options);
}

inline std::string little(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

// SHORT_BINUNICODE
inline std::string text(const std::string& value) {
  return "\x8c" + little(value.size(), 1) + value;
}

// The message of the error that reading throws; empty when it succeeds.
inline std::string error_of(const std::string& opcodes, bool lenient = false) {
  try {
    read_opcodes(opcodes, lenient);
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

}  // namespace diptych
