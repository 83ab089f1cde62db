// Checks of an op's tensors, with the messages they share.
// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include "kernels/common/check.h"
#include "kernels/common/view.h"

namespace diptych {

// One check for a tensor of a pass: its data, its shape and its dtype.
inline void check_tensor(
    const char* op, const char* name, const View& tensor, const Shape& shape, DType dtype) {
  DIPTYCH_CHECK(tensor.data != nullptr, op, ": ", name, " is missing; expected ", shape, " ",
                dtype);
  DIPTYCH_CHECK(tensor.shape == shape && tensor.dtype == dtype, op, ": ", name, " is ", tensor,
                ", expected ", shape, " ", dtype);
}

// A size of x or w, as the problem structs hold it.
inline int checked_size(const char* op, int64_t size, const Shape& x, const Shape& w) {
  DIPTYCH_CHECK(size <= std::numeric_limits<int>::max(), op, ": size ", size, " is too large; x ",
                x, ", w ", w);
  return static_cast<int>(size);
}

// Of the leaky ReLU after a convolution.
template <class Problem>
void check_slope(const char* op, const Problem& problem, float slope) {
  DIPTYCH_CHECK(slope > 0.0f && slope <= 1.0f, op, ": leaky_slope = ", slope,
                ", expected in (0,1]; ", problem);
}

}  // namespace diptych
