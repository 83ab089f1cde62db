// conv2d on engine cudnn, on a GPU: every pass of every small case against the double reference.
// cuDNN sums in an order of its own and may use Winograd's transforms, so the whole tensor's error
// is bounded, not each element's.
// SPDX-License-Identifier: MIT
#include <cmath>

#include <gtest/gtest.h>

#include "kernels/conv2d/conv2d_ref.h"
#include "tests/sim/device_array.h"
#include "tests/support/cases.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

using ref::Values;

class Tensor {
 public:
  Tensor(const Shape& shape, DType dtype, uint64_t seed = 0)
      : shape_(shape), dtype_(dtype), data_(static_cast<size_t>(shape.numel()) * size_of(dtype)) {
    if (!seed) return;
    TestBuffer host(shape, dtype);
    values_ = host.set(random_reals(shape.numel(), seed));
    simt::device_write(data_.get(), host.data(), data_.size());
  }

  const Values& values() const { return values_; }

  Values back() const {
    TestBuffer host(shape_, dtype_);
    simt::device_read(host.data(), data_.get(), data_.size());
    Values list(static_cast<size_t>(shape_.numel()));
    for (size_t i = 0; i < list.size(); ++i) list[i] = host.get(i);
    return list;
  }

  GradView view(GradMode mode = GradMode::kOverwrite) const {
    return {{data_.get(), shape_, dtype_}, mode};
  }

 private:
  Shape shape_;
  DType dtype_;
  DeviceArray<unsigned char> data_;
  Values values_;
};

// |actual - expected| / |sums of absolute terms|; NaN stays NaN.
double distance(const Values& actual, const RefTensor& expected) {
  double off = 0, size = 1e-30;
  for (size_t i = 0; i < actual.size(); ++i) {
    off += (actual[i] - expected.value[i]) * (actual[i] - expected.value[i]);
    size += expected.magnitude[i] * expected.magnitude[i];
  }
  return std::sqrt(off / size);
}

void add_to(RefTensor& tensor, const Values& start) {
  for (size_t i = 0; i < start.size(); ++i) ref::add_term(tensor, i, start[i]);
}

class Conv2dCudnnEngine : public ::testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    try {
      stream_ = std::make_unique<Stream>(Engine::kCudnn);
    } catch (const Error& e) {
      GTEST_SKIP() << e.what();
    }
  }

  double bound() const { return GetParam() == DType::kF32 ? 1e-5 : 1e-2; }

  std::unique_ptr<Stream> stream_;
};

TEST_P(Conv2dCudnnEngine, ForwardAgreesWithTheReference) {
  const DType dtype = GetParam();
  for (const auto& [t, epilogue] : conv2d_small_cases()) {
    for (const DType y_dtype : {dtype, DType::kF32}) {
      const Tensor x(t.x_shape(), dtype, 1), w(t.w_shape(), dtype, 2), b({t.k}, DType::kF32, 3);
      const Tensor residual(t.a_shape(), dtype, 4), y(epilogue.y_shape(t), y_dtype);
      conv2d_forward(*stream_, t, epilogue, x.view(), w.view(), b.view(), residual.view(),
                     y.view());
      const RefTensor expected =
          ref::conv2d_forward(t, epilogue, x.values(), w.values(), b.values(), residual.values());
      EXPECT_LT(distance(y.back(), expected), bound()) << t;
    }
  }
}

TEST_P(Conv2dCudnnEngine, AddsToAResidualInPlace) {
  const Conv2dProblem t = square_conv(2, 8, 16, 16, 3, 1);
  const Conv2dEpilogue epilogue = {.residual = true};
  const Tensor x(t.x_shape(), GetParam(), 1), w(t.w_shape(), GetParam(), 2);
  const Tensor y(t.a_shape(), GetParam(), 4);
  conv2d_forward(*stream_, t, epilogue, x.view(), w.view(), {}, y.view(), y.view());
  const RefTensor expected =
      ref::conv2d_forward(t, epilogue, x.values(), w.values(), {}, y.values());
  EXPECT_LT(distance(y.back(), expected), bound());
}

TEST_P(Conv2dCudnnEngine, BackwardDataAgreesWithTheReference) {
  const DType dtype = GetParam();
  for (const auto& [t, epilogue] : conv2d_small_cases()) {
    for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
      const bool adds = mode == GradMode::kAccumulate;
      const Tensor da(t.a_shape(), dtype, 1), w(t.w_shape(), dtype, 2);
      const Tensor dx(t.x_shape(), dtype, adds ? 3 : 0);
      conv2d_backward_data(*stream_, t, da.view(), w.view(), dx.view(mode));
      RefTensor expected = ref::conv2d_backward_data(t, da.values(), w.values());
      if (adds) add_to(expected, dx.values());
      EXPECT_LT(distance(dx.back(), expected), bound()) << t;
    }
  }
}

TEST_P(Conv2dCudnnEngine, BackwardWeightAgreesWithTheReference) {
  const DType dtype = GetParam();
  for (const auto& [t, epilogue] : conv2d_small_cases()) {
    for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
      const bool adds = mode == GradMode::kAccumulate;
      const Tensor x(t.x_shape(), dtype, 1), da(t.a_shape(), dtype, 2);
      const Tensor dw(t.w_shape(), DType::kF32, adds ? 3 : 0);
      conv2d_backward_weight(*stream_, t, x.view(), da.view(), dw.view(mode));
      RefTensor expected = ref::conv2d_backward_weight(t, x.values(), da.values());
      if (adds) add_to(expected, dw.values());
      EXPECT_LT(distance(dw.back(), expected), bound()) << t;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(DTypes,
                         Conv2dCudnnEngine,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace diptych
