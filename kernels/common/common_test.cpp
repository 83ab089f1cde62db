// Tests of kernels/common: dtype, shape, random numbers, variant choice.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/common/dtype.h"
#include "kernels/common/parallel.h"
#include "kernels/common/rng.h"
#include "kernels/common/shape.h"
#include "kernels/common/stream.h"
#include "kernels/common/variants.h"

namespace diptych {
namespace {

TEST(DType, Bf16RoundsToNearestEven) {
  EXPECT_EQ(static_cast<float>(bf16(1.0f)), 1.0f);
  EXPECT_EQ(static_cast<float>(bf16(1.0f + 0x1p-8f)), 1.0f);              // tie goes to even
  EXPECT_EQ(static_cast<float>(bf16(1.0f + 0x1.8p-7f)), 1.0f + 0x1p-6f);  // tie goes to even
  EXPECT_EQ(static_cast<float>(bf16(1.0f + 0x1.2p-8f)), 1.0f + 0x1p-7f);
}

TEST(DType, Bf16KeepsNanAndInfinity) {
  EXPECT_TRUE(std::isnan(static_cast<float>(bf16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::isinf(static_cast<float>(bf16(std::numeric_limits<float>::infinity()))));
}

TEST(Shape, CountsElementsAndRows) {
  const Shape shape{2, 3, 5, 7};
  EXPECT_EQ(shape.numel(), 210);
  EXPECT_EQ(shape.rows(), 30);
  EXPECT_EQ(shape.last(), 7);
  EXPECT_THROW(shape[4], Error);
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
}

// Known answers of the Random123 distribution for philox4x32-10.
TEST(Rng, PhiloxMatchesKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, DrawsDependOnlyOnSeedStreamAndIndex) {
  Rng a(7, 1, 42), b(7, 1, 42), other_index(7, 1, 43), other_stream(7, 2, 42);
  const uint32_t first = a.next_u32();
  EXPECT_EQ(first, b.next_u32());
  EXPECT_NE(first, other_index.next_u32());
  EXPECT_NE(first, other_stream.next_u32());
}

TEST(Rng, NormalHasUnitMoments) {
  Rng rng(1, 0, 0);
  double sum = 0, square = 0;
  constexpr int kDraws = 200000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.normal();
    sum += x;
    square += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.01);  // 4.5 standard errors
  EXPECT_NEAR(square / kDraws, 1.0, 0.02);
}

struct FakeVariant {
  const char* name;
  bool (*accepts)(const int&);
};

constexpr FakeVariant kFakes[] = {{"even", [](const int& x) { return x % 2 == 0; }},
                                  {"any", [](const int&) { return true; }}};

TEST(Variants, FirstThatAcceptsWins) {
  EXPECT_STREQ(pick("fake_op", std::span<const FakeVariant>(kFakes), 2).name, "even");
  EXPECT_STREQ(pick("fake_op", std::span<const FakeVariant>(kFakes), 3).name, "any");
}

TEST(Variants, ForcingOneThatRefusesThrowsAndUnknownNamesListTheKnown) {
  const ForceVariant force("fake_op", "even");
  EXPECT_THROW(pick("fake_op", std::span<const FakeVariant>(kFakes), 3), Error);
  const ForceVariant unknown("fake_op", "odd");
  try {
    pick("fake_op", std::span<const FakeVariant>(kFakes), 3);
    FAIL() << "an unknown variant was accepted";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("even, any"), std::string::npos);
  }
}

TEST(Variants, OfAForcedListTheFirstThatAcceptsRunsAndEveryNameMustExist) {
  const ForceVariant force("fake_op", "even,any");
  EXPECT_STREQ(pick("fake_op", std::span<const FakeVariant>(kFakes), 2).name, "even");
  EXPECT_STREQ(pick("fake_op", std::span<const FakeVariant>(kFakes), 3).name, "any");
  const ForceVariant misspelt("fake_op", "even,ayn");
  EXPECT_THROW(pick("fake_op", std::span<const FakeVariant>(kFakes), 2), Error);
}

TEST(Parallel, RangesCoverEveryIndexOnce) {
  std::vector<int> hits(1001);
  parallel_for(1001, 10, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
  });
  for (int hit : hits) EXPECT_EQ(hit, 1);
}

TEST(Stream, WorkspaceGrowsAndIsAligned) {
  Stream stream;
  void* small = stream.workspace(100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(small) % 64, 0u);
  EXPECT_EQ(stream.workspace(50), small);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(stream.workspace(1 << 20)) % 64, 0u);
}

}  // namespace
}  // namespace diptych
