// concat on a GPU: one launcher, from which every form follows. Views hold device pointers and have
// passed the checks of concat.cpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/common/cuda/cuda_stream.h"
#include "kernels/common/view.h"

namespace diptych {

// A run of `count` columns out of `rows` rows, `pitch` elements apart, from element `first` on.
struct ConcatColumns {
  int64_t pitch, first;
};

// to[r, k] = from[r, k], or += when it accumulates: columns k < count of r < rows. concat_channels
// is one call per input, concat_batch and slice_batch the same with one row.
void copy_columns_naive_cuda(CudaStream stream,
                             View from,
                             ConcatColumns of_from,
                             GradView to,
                             ConcatColumns of_to,
                             int64_t rows,
                             int64_t count);

// Zeros in elements first .. first + count - 1: what slice_batch_backward leaves outside.
void fill_zero_cuda(CudaStream stream, MutView y, int64_t first, int64_t count);

}  // namespace diptych
