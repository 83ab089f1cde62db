// conv2d's forward epilogue as a pass of its own: every dtype and width, against the reference's
// store.
// SPDX-License-Identifier: MIT
#include <cstring>

#include <gtest/gtest.h>

#include "kernels/conv2d/conv2d_forward_epilogue.h"
#include "kernels/conv2d/conv2d_ref.h"
#include "tests/sim/device_array.h"
#include "tests/support/cases.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

using ref::Values;

struct DTypes {
  DType dtype, a_dtype, y_dtype;
};

class Conv2dSimForwardEpilogue : public ::testing::TestWithParam<DTypes> {};

size_t bytes_of(const Shape& shape, DType dtype) {
  return static_cast<size_t>(shape.numel()) * size_of(dtype);
}

// Values where kernels can reach them; `stored` gets them as rounded.
DeviceArray<unsigned char> on_device(const Shape& shape,
                                     DType dtype,
                                     uint64_t seed,
                                     Values& stored) {
  TestBuffer host(shape, dtype);
  stored = host.set(random_reals(shape.numel(), seed));
  const auto* bytes = static_cast<const unsigned char*>(host.data());
  return DeviceArray<unsigned char>(
      std::vector<unsigned char>(bytes, bytes + bytes_of(shape, dtype)));
}

TEST_P(Conv2dSimForwardEpilogue, StoresWhatTheReferenceStores) {
  const auto [dtype, a_dtype, y_dtype] = GetParam();
  for (const Conv2dCase& test_case : conv2d_small_cases()) {
    const auto& [t, epilogue] = test_case;
    if (t.a_shape().numel() > 4096) continue;
    Values a_values, b_values, residual_values;
    const auto a = on_device(t.a_shape(), a_dtype, 1, a_values);
    const auto b = on_device({t.k}, DType::kF32, 2, b_values);
    const auto residual = on_device(t.a_shape(), dtype, 3, residual_values);
    const Shape y_shape = epilogue.y_shape(t);
    const DeviceArray<unsigned char> y(bytes_of(y_shape, y_dtype));
    RefTensor expected = ref::zeros(t.a_shape().numel());
    for (size_t i = 0; i < a_values.size(); ++i) {
      const double bias = epilogue.bias ? b_values[i % static_cast<size_t>(t.k)] : 0.0;
      const double other = epilogue.residual ? residual_values[i] : 0.0;
      const double sum = a_values[i] + bias + other;
      const size_t at = ref::conv2d_store_at(t, epilogue.depth_to_space, i);
      expected.value[at] = sum >= 0 ? sum : static_cast<double>(epilogue.leaky_slope) * sum;
      expected.magnitude[at] = std::abs(a_values[i]) + std::abs(bias) + std::abs(other);
    }
    conv2d_forward_epilogue_cuda({.problem = t,
                                  .epilogue = epilogue,
                                  .dtype = dtype,
                                  .a_dtype = a_dtype,
                                  .y_dtype = y_dtype,
                                  .a = a.get(),
                                  .b = reinterpret_cast<const float*>(b.get()),
                                  .residual = residual.get(),
                                  .y = y.get()},
                                 nullptr);
    TestBuffer back(y_shape, y_dtype);
    const std::vector<unsigned char> bytes = y.values();
    std::memcpy(back.data(), bytes.data(), bytes.size());
    EXPECT_TRUE(within(back, expected, {.c = 4})) << t;
  }
}

INSTANTIATE_TEST_SUITE_P(DTypes,
                         Conv2dSimForwardEpilogue,
                         ::testing::Values(DTypes{DType::kF32, DType::kF32, DType::kF32},
                                           DTypes{DType::kBF16, DType::kBF16, DType::kBF16},
                                           DTypes{DType::kBF16, DType::kBF16, DType::kF32},
                                           DTypes{DType::kBF16, DType::kF32, DType::kF32},
                                           DTypes{DType::kBF16, DType::kF32, DType::kBF16}),
                         [](const auto& test) {
                           return str(name_of(test.param.dtype), "_a_", name_of(test.param.a_dtype),
                                      "_y_", name_of(test.param.y_dtype));
                         });

TEST(Conv2dSimForwardEpilogueInPlace, ReadsTheResidualBeforeItWritesThere) {
  const Conv2dProblem t = square_conv(1, 4, 3, 24, 3, 1);
  const Conv2dEpilogue epilogue = {.residual = true, .leaky_slope = 0.5f};
  const size_t count = static_cast<size_t>(t.a_shape().numel());
  const auto a = normal_values<float>(count, 1), residual = normal_values<float>(count, 2);
  const DeviceArray<float> d_a(a), d_y(residual);
  conv2d_forward_epilogue_cuda({.problem = t,
                                .epilogue = epilogue,
                                .dtype = DType::kF32,
                                .a_dtype = DType::kF32,
                                .y_dtype = DType::kF32,
                                .a = d_a.get(),
                                .residual = d_y.get(),
                                .y = d_y.get()},
                               nullptr);
  const std::vector<float> y = d_y.values();
  for (size_t i = 0; i < count; ++i) {
    const float sum = a[i] + residual[i];
    ASSERT_EQ(y[i], sum >= 0 ? sum : 0.5f * sum) << i;
  }
}

}  // namespace
}  // namespace diptych
