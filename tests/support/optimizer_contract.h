// What every optimizer kernel promises, tested once. An optimizer's test describes its kernel as Op
// and instantiates the suite. Op has Step, the op's struct of rates; kRoundings of an f32
// evaluation; run(), the kernel; expected(), one weight in double; bad_rate(), a step with a rate
// out of range, and kBadRate, what its error says. An optimizer without a mean leaves m as it is.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/cast/cast_ref.h"
#include "kernels/common/stream.h"
#include "tests/support/optimizer_arena.h"
#include "tests/support/throws.h"

namespace diptych {

template <class Op>
class OptimizerContract : public ::testing::Test {
 protected:
  static void run(Stream& stream,
                  OptimizerArena& a,
                  const typename Op::Step& step,
                  View scale = {}) {
    Op::run(stream, step, a.g.view(), scale, a.w.mut(), a.m.mut(), a.v.mut(), a.copy.mut());
  }
};

TYPED_TEST_SUITE_P(OptimizerContract);

TYPED_TEST_P(OptimizerContract, StepIsWithinItsBound) {
  Stream stream;
  for (const uint32_t step : {0u, 1u, 9u, 5000u}) {
    for (const int64_t count : {1, 15, 1023, 1025, 30001}) {
      SCOPED_TRACE(str(count, " elements, step ", step));
      OptimizerArena a(count);
      const typename TypeParam::Step options{.learning_rate = 0.01f, .step = step};
      this->run(stream, a, options);
      expect_step<TypeParam>(a, options, 1.0);
    }
  }
}

TYPED_TEST_P(OptimizerContract, GradientScaleMultipliesTheGradient) {
  Stream stream;
  OptimizerArena a(1025);
  TestBuffer scale({1}, DType::kF32);
  scale.set({0.25});
  this->run(stream, a, {.learning_rate = 0.01f}, scale.view());
  expect_step<TypeParam>(a, {.learning_rate = 0.01f}, 0.25);
}

TYPED_TEST_P(OptimizerContract, CopyIsTheNewWeightRounded) {
  Stream stream;
  OptimizerArena a(2051);
  this->run(stream, a, {.learning_rate = 0.01f});
  for (size_t i = 0; i < 2051; ++i) ASSERT_EQ(a.copy.get(i), cast_ref_bf16(a.w.get(i))) << i;
  EXPECT_TRUE(a.copy.guards_intact());
}

TYPED_TEST_P(OptimizerContract, DropoutMasksTheWeightChangeOnly) {
  Stream stream;
  for (const int64_t first : {int64_t{0}, int64_t{5}, int64_t{1003}, int64_t{1} << 36}) {
    SCOPED_TRACE(first);
    OptimizerArena a(3001);
    const typename TypeParam::Step options{.learning_rate = 0.01f,
                                           .keep_probability = 0.3f,
                                           .seed = 0x123456789abcdef0,
                                           .stream = 3,
                                           .step = 17,
                                           .first_element = first};
    this->run(stream, a, options);
    expect_step<TypeParam>(a, options, 1.0);
  }
}

TYPED_TEST_P(OptimizerContract, SameBitsWhateverTheThreadCount) {
  const typename TypeParam::Step options{.keep_probability = 0.3f, .seed = 5};
  OptimizerArena a(200001), b(200001);
  Stream one(Engine::kCpu, 1), three(Engine::kCpu, 3);
  this->run(one, a, options);
  this->run(three, b, options);
  for (size_t i = 0; i < 200001; ++i) ASSERT_EQ(a.w.get(i), b.w.get(i)) << i;
}

TYPED_TEST_P(OptimizerContract, NanShowsInItsElementOnly) {
  Stream stream;
  OptimizerArena a(33);
  a.g_values[7] = std::numeric_limits<double>::quiet_NaN();
  a.g.set(a.g_values);
  this->run(stream, a, {});
  for (size_t i = 0; i < 33; ++i) {
    EXPECT_EQ(std::isnan(a.w.get(i)), i == 7);
    EXPECT_EQ(std::isnan(a.copy.get(i)), i == 7);
  }
}

TYPED_TEST_P(OptimizerContract, RejectsWhatDoesNotFit) {
  Stream stream;
  OptimizerArena a(8), b(9);
  TestBuffer half({8}, DType::kBF16), two({2}, DType::kF32);
  const auto refuses = [&](const typename TypeParam::Step& step, View g, View scale, MutView copy,
                           const char* why) {
    const auto run = [&] {
      TypeParam::run(stream, step, g, scale, a.w.mut(), a.m.mut(), a.v.mut(), copy);
    };
    EXPECT_TRUE(throws(run, why));
  };
  const View g = a.g.view();
  refuses({}, b.g.view(), {}, {}, "shapes differ; gradient (9) f32, weight (8) f32");
  refuses({}, half.view(), {}, {}, "expected f32 and a bf16 copy");
  refuses({}, g, {}, a.w.mut(), "expected f32 and a bf16 copy");
  refuses({}, g, two.view(), {}, "gradient_scale is (2) f32");
  refuses(TypeParam::bad_rate(), g, {}, {}, TypeParam::kBadRate);
  refuses({.keep_probability = 0}, g, {}, {}, "keep_probability = 0");
  refuses({.keep_probability = 2}, g, {}, {}, "keep_probability = 2");
  refuses({.first_element = -1}, g, {}, {}, "first_element = -1");
}

REGISTER_TYPED_TEST_SUITE_P(OptimizerContract,
                            StepIsWithinItsBound,
                            GradientScaleMultipliesTheGradient,
                            CopyIsTheNewWeightRounded,
                            DropoutMasksTheWeightChangeOnly,
                            SameBitsWhateverTheThreadCount,
                            NanShowsInItsElementOnly,
                            RejectsWhatDoesNotFit);

}  // namespace diptych
