// concat on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/steps.h"
#include "kernels/concat/concat_cuda.h"

namespace diptych {

void copy_columns_device(Stream& stream,
                         View from,
                         ConcatColumns of_from,
                         GradView to,
                         ConcatColumns of_to,
                         int64_t rows,
                         int64_t count) {
  static constexpr DeviceStep<View, ConcatColumns, GradView, ConcatColumns, int64_t, int64_t>
      steps[] = {{"naive", kAnyProblem, copy_columns_naive_cuda}};
  run_step("copy_columns", steps, stream, from, of_from, to, of_to, rows, count);
}

void fill_zero_device(Stream& stream, MutView y, int64_t first, int64_t count) {
  fill_zero_cuda(stream.cuda(), y, first, count);
}

}  // namespace diptych
