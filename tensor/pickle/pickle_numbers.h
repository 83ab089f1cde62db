// Numbers out of pickled arrays and lists, in C order whatever the file's order was.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "tensor/pickle/pickle_value.h"

namespace diptych {

// One element: f2 f4 f8 and integers as double; integers exactly (u8 above 2^63 wraps).
double number_at(const PickleDType& dtype, const uint8_t* element);
int64_t integer_at(const PickleDType& dtype, const uint8_t* element);

std::vector<float> floats_of(const PickleArray& array);

struct PickleNumbers {
  std::vector<int64_t> shape;
  std::vector<double> values;
};

// A number, an array, or lists of equally long lists of numbers, at most `max_count` of them.
// Throws Error otherwise.
PickleNumbers numbers_of(const PickleValue& value, int64_t max_count);

// Raw bytes from bytes or from an array of u1.
std::vector<uint8_t> bytes_of(const PickleValue& value);

}  // namespace diptych
