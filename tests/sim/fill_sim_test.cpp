// The kernel of fill: every element, and nothing else.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernels/fill/fill_cuda.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

class FillSim : public ::testing::TestWithParam<DType> {};

TEST_P(FillSim, EveryElementHasTheValueRounded) {
  for (const int64_t count : {1, 255, 256, 257, 1027}) {
    DeviceBuffer y({count}, GetParam());
    fill_naive_cuda(nullptr, 0.3f, y.mut());
    const double stored = GetParam() == DType::kF32
                              ? double{0.3f}
                              : static_cast<double>(static_cast<float>(bf16(0.3f)));
    for (size_t i = 0; i < static_cast<size_t>(count); ++i)
      ASSERT_EQ(y.fetch().get(i), stored) << i << " of " << count;
  }
}

INSTANTIATE_TEST_SUITE_P(All, FillSim, ::testing::Values(DType::kF32, DType::kBF16), name_of_dtype);

}  // namespace
}  // namespace diptych
