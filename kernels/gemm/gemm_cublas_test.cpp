// Dense layers on engine cudnn, on a GPU: every pass against the double reference, odd sizes too.
// SPDX-License-Identifier: MIT
#include <cmath>

#include <gtest/gtest.h>

#include "kernels/gemm/gemm.h"
#include "tests/sim/device_array.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

using Values = std::vector<double>;

constexpr DenseProblem kCases[] = {{1, 1, 1},      {2, 7, 5},    {8, 64, 32},
                                   {16, 512, 256}, {5, 129, 66}, {32, 256, 1000}};

class DenseCublas : public ::testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    try {
      stream_ = std::make_unique<Stream>(Engine::kCudnn);
    } catch (const Error& e) {
      GTEST_SKIP() << e.what();
    }
  }

  struct Matrix {
    Matrix(int64_t rows, int64_t columns, DType type, uint64_t seed)
        : shape({rows, columns}),
          dtype(type),
          data(static_cast<size_t>(rows * columns) * size_of(type)) {
      TestBuffer host(shape, dtype);
      values = host.set(random_reals(shape.numel(), seed));
      simt::device_write(data.get(), host.data(), data.size());
    }

    GradView view(GradMode mode = GradMode::kOverwrite) const {
      return {{data.get(), shape, dtype}, mode};
    }

    double get(int64_t row, int64_t column) const {
      return values[static_cast<size_t>(row * shape[1] + column)];
    }

    Shape shape;
    DType dtype;
    DeviceArray<unsigned char> data;
    Values values;
  };

  // A sum and the sum of its absolute terms.
  struct Sum {
    double value = 0, magnitude = 0;

    void add(double term) {
      value += term;
      magnitude += std::abs(term);
    }
  };

  // The error of what lies in `actual` against expected(row, column), relative to the sums of
  // absolute terms.
  template <class Expected>
  void check(const Matrix& actual, const DenseProblem& problem, const Expected& expected) {
    TestBuffer host(actual.shape, actual.dtype);
    simt::device_read(host.data(), actual.data.get(), actual.data.size());
    double off = 0, size = 1e-30;
    for (int64_t r = 0; r < actual.shape[0]; ++r)
      for (int64_t c = 0; c < actual.shape[1]; ++c) {
        const Sum e = expected(r, c);
        const double d = host.get(static_cast<size_t>(r * actual.shape[1] + c)) - e.value;
        off += d * d;
        size += e.magnitude * e.magnitude;
      }
    EXPECT_LT(std::sqrt(off / size), GetParam() == DType::kF32 ? 1e-5 : 1e-2) << problem;
  }

  std::unique_ptr<Stream> stream_;
};

TEST_P(DenseCublas, ForwardAgreesWithTheReference) {
  for (const DenseProblem& p : kCases)
    for (const DType y_dtype : {GetParam(), DType::kF32})
      for (const bool biased : {false, true}) {
        const Matrix x(p.m, p.in, GetParam(), 1), w(p.out, p.in, GetParam(), 2);
        const Matrix b(1, p.out, DType::kF32, 3), y(p.m, p.out, y_dtype, 4);
        const View bias = {b.data.get(), {p.out}, DType::kF32};
        dense_forward(*stream_, x.view(), w.view(), biased ? bias : View{}, y.view());
        check(y, p, [&](int64_t m, int64_t o) {
          Sum sum;
          if (biased) sum.add(b.get(0, o));
          for (int64_t i = 0; i < p.in; ++i) sum.add(x.get(m, i) * w.get(o, i));
          return sum;
        });
      }
}

TEST_P(DenseCublas, BackwardDataAgreesWithTheReference) {
  for (const DenseProblem& p : kCases)
    for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
      const Matrix dy(p.m, p.out, GetParam(), 1), w(p.out, p.in, GetParam(), 2);
      const Matrix dx(p.m, p.in, GetParam(), 3);
      dense_backward_data(*stream_, dy.view(), w.view(), dx.view(mode));
      check(dx, p, [&](int64_t m, int64_t i) {
        Sum sum;
        if (mode == GradMode::kAccumulate) sum.add(dx.get(m, i));
        for (int64_t o = 0; o < p.out; ++o) sum.add(dy.get(m, o) * w.get(o, i));
        return sum;
      });
    }
}

TEST_P(DenseCublas, BackwardWeightAgreesWithTheReference) {
  for (const DenseProblem& p : kCases)
    for (const GradMode mode : {GradMode::kOverwrite, GradMode::kAccumulate}) {
      const Matrix x(p.m, p.in, GetParam(), 1), dy(p.m, p.out, GetParam(), 2);
      const Matrix dw(p.out, p.in, DType::kF32, 3);
      dense_backward_weight(*stream_, x.view(), dy.view(), dw.view(mode));
      check(dw, p, [&](int64_t o, int64_t i) {
        Sum sum;
        if (mode == GradMode::kAccumulate) sum.add(dw.get(o, i));
        for (int64_t m = 0; m < p.m; ++m) sum.add(dy.get(m, o) * x.get(m, i));
        return sum;
      });
    }
}

INSTANTIATE_TEST_SUITE_P(DTypes,
                         DenseCublas,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace diptych
