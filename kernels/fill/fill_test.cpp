// Tests of fill.
// SPDX-License-Identifier: MIT
#include "kernels/fill/fill.h"

#include <gtest/gtest.h>

#include "tests/support/compare.h"

namespace diptych {
namespace {

TEST(Fill, EveryElementHasTheValue) {
  Stream stream;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const int64_t count : {1, 7, 70001}) {
      TestBuffer y({count}, dtype);
      fill(stream, -2.5f, y.mut());
      for (size_t i = 0; i < static_cast<size_t>(count); ++i) ASSERT_EQ(y.get(i), -2.5) << i;
    }
  }
}

}  // namespace
}  // namespace diptych
