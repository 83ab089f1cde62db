// Tests of concat.
// SPDX-License-Identifier: MIT
#include "kernels/concat/concat.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "kernels/concat/concat_ref.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

class ConcatDtype : public ::testing::TestWithParam<DType> {};

struct Channels {
  int64_t n, h, w, ca, cb;
};

const std::vector<Channels> kChannels = {
    {1, 1, 1, 1, 1}, {1, 3, 5, 1, 3}, {3, 5, 7, 8, 5}, {2, 1, 1, 1500, 1100}, {2, 40, 40, 16, 16}};

std::vector<double> plus(std::vector<double> a, const std::vector<double>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

TEST_P(ConcatDtype, ChannelsForwardPutsAFirst) {
  Stream stream;
  for (const Channels& c : kChannels) {
    TestBuffer a({c.n, c.h, c.w, c.ca}, GetParam()), b({c.n, c.h, c.w, c.cb}, GetParam());
    TestBuffer y({c.n, c.h, c.w, c.ca + c.cb}, GetParam());
    const auto av = a.set(random_reals(a.shape().numel(), 1));
    const auto bv = b.set(random_reals(b.shape().numel(), 2));
    concat_channels_forward(stream, a.view(), b.view(), y.mut());
    const auto ref = concat_ref(av, c.ca, bv, c.cb, c.n * c.h * c.w);
    EXPECT_TRUE(within(y, {ref, ref}, {.exact = true})) << y.shape();
  }
}

TEST_P(ConcatDtype, ChannelsBackwardSplits) {
  Stream stream;
  for (const Channels& c : kChannels) {
    TestBuffer da({c.n, c.h, c.w, c.ca}, GetParam()), db({c.n, c.h, c.w, c.cb}, GetParam());
    TestBuffer dy({c.n, c.h, c.w, c.ca + c.cb}, GetParam());
    const auto a = random_integers(da.shape().numel(), 60, 1);
    const auto b = random_integers(db.shape().numel(), 60, 2);
    dy.set(concat_ref(a, c.ca, b, c.cb, c.n * c.h * c.w));
    concat_channels_backward(stream, dy.view(), da.grad(), db.grad());
    EXPECT_TRUE(within(da, {a, a}, {.exact = true})) << dy.shape();
    EXPECT_TRUE(within(db, {b, b}, {.exact = true})) << dy.shape();
    concat_channels_backward(stream, dy.view(), da.grad(GradMode::kAccumulate),
                             db.grad(GradMode::kAccumulate));
    EXPECT_TRUE(within(da, {plus(a, a), a}, {.exact = true})) << dy.shape();
    EXPECT_TRUE(within(db, {plus(b, b), b}, {.exact = true})) << dy.shape();
  }
}

TEST_P(ConcatDtype, BackwardSkipsAGradientThatIsNotDefined) {
  Stream stream;
  TestBuffer dy({2, 3, 3, 5}, GetParam()), da({2, 3, 3, 2}, GetParam()),
      db({2, 3, 3, 3}, GetParam());
  const auto a = random_integers(36, 9, 1), b = random_integers(54, 9, 2);
  dy.set(concat_ref(a, 2, b, 3, 18));
  concat_channels_backward(stream, dy.view(), {}, db.grad());
  EXPECT_TRUE(within(db, {b, b}, {.exact = true}));
  EXPECT_TRUE(std::isnan(da.get(0)));
  concat_channels_backward(stream, dy.view(), da.grad(), {});
  EXPECT_TRUE(within(da, {a, a}, {.exact = true}));
}

TEST_P(ConcatDtype, BatchForwardAndBackward) {
  Stream stream;
  const Shape sa{1, 5, 7, 3}, sb{3, 5, 7, 3}, sy{4, 5, 7, 3};
  TestBuffer a(sa, GetParam()), b(sb, GetParam()), y(sy, GetParam());
  TestBuffer da(sa, GetParam()), db(sb, GetParam());
  const auto av = a.set(random_integers(sa.numel(), 60, 1));
  const auto bv = b.set(random_integers(sb.numel(), 60, 2));
  concat_batch_forward(stream, a.view(), b.view(), y.mut());
  const auto ref = concat_ref(av, sa.numel(), bv, sb.numel(), 1);
  EXPECT_TRUE(within(y, {ref, ref}, {.exact = true}));
  concat_batch_backward(stream, y.view(), da.grad(), db.grad());
  EXPECT_TRUE(within(da, {av, av}, {.exact = true}));
  EXPECT_TRUE(within(db, {bv, bv}, {.exact = true}));
  concat_batch_backward(stream, y.view(), {}, db.grad(GradMode::kAccumulate));
  EXPECT_TRUE(within(db, {plus(bv, bv), bv}, {.exact = true}));
}

TEST_P(ConcatDtype, SliceBatchForwardTakesSamples) {
  Stream stream;
  TestBuffer x({5, 3, 7}, GetParam()), y({2, 3, 7}, GetParam());
  const auto xv = x.set(random_reals(105, 1));
  slice_batch_forward(stream, x.view(), 2, y.mut());
  const std::vector<double> ref(xv.begin() + 42, xv.begin() + 84);
  EXPECT_TRUE(within(y, {ref, ref}, {.exact = true}));
}

TEST_P(ConcatDtype, SliceBatchBackwardZeroesTheRestOnlyWhenItOverwrites) {
  Stream stream;
  TestBuffer dx({5, 3, 7}, GetParam()), dy({2, 3, 7}, GetParam());
  const auto dyv = dy.set(random_integers(42, 60, 1));
  std::vector<double> ref(105, 0.0);
  for (size_t i = 0; i < 42; ++i) ref[42 + i] = dyv[i];
  slice_batch_backward(stream, dy.view(), 2, dx.grad());
  EXPECT_TRUE(within(dx, {ref, ref}, {.exact = true}));
  const auto before = dx.set(random_integers(105, 60, 2));
  slice_batch_backward(stream, dy.view(), 2, dx.grad(GradMode::kAccumulate));
  EXPECT_TRUE(within(dx, {plus(before, ref), ref}, {.exact = true}));
}

INSTANTIATE_TEST_SUITE_P(Concat,
                         ConcatDtype,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& param) { return std::string(name_of(param.param)); });

TEST(Concat, ChannelsBackwardIsTheAdjoint) {
  Stream stream;
  TestBuffer a({2, 3, 2}, DType::kF32), b({2, 3, 3}, DType::kF32), y({2, 3, 5}, DType::kF32);
  TestBuffer da({2, 3, 2}, DType::kF32), db({2, 3, 3}, DType::kF32), dy({2, 3, 5}, DType::kF32);
  const auto av = a.set(random_integers(12, 20, 1)), bv = b.set(random_integers(18, 20, 2));
  const auto dyv = dy.set(random_integers(30, 20, 3));
  concat_channels_forward(stream, a.view(), b.view(), y.mut());
  concat_channels_backward(stream, dy.view(), da.grad(), db.grad());
  double left = 0, right = 0;
  for (size_t i = 0; i < 30; ++i) left += y.get(i) * dyv[i];
  for (size_t i = 0; i < 12; ++i) right += av[i] * da.get(i);
  for (size_t i = 0; i < 18; ++i) right += bv[i] * db.get(i);
  EXPECT_EQ(left, right);
}

TEST(Concat, RejectsWhatDoesNotFit) {
  Stream stream;
  TestBuffer a({2, 3, 2}, DType::kF32), b({2, 3, 3}, DType::kF32), y({2, 3, 5}, DType::kF32);
  TestBuffer half({2, 3, 3}, DType::kBF16), small({2, 3, 4}, DType::kF32);
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message([&] { concat_channels_forward(stream, a.view(), b.view(), small.mut()); }),
            "concat_channels_forward: shapes do not join; (2,3,2) f32 and (2,3,3) f32 against "
            "(2,3,4) f32");
  EXPECT_EQ(message([&] { concat_channels_forward(stream, a.view(), half.view(), y.mut()); }),
            "concat_channels_forward: dtypes differ; (2,3,2) f32 and (2,3,3) bf16 against (2,3,5) "
            "f32");
  EXPECT_EQ(message([&] { concat_batch_forward(stream, a.view(), b.view(), y.mut()); }),
            "concat_batch_forward: shapes do not join; (2,3,2) f32 and (2,3,3) f32 against "
            "(2,3,5) f32");
  EXPECT_NE(message([&] { concat_channels_backward(stream, a.view(), y.grad(), {}); }), "accepted");
  EXPECT_NE(message([&] { concat_channels_backward(stream, y.view(), a.grad(), half.grad()); }),
            "accepted");
  EXPECT_EQ(message([&] { slice_batch_forward(stream, a.view(), 1, a.mut()); }),
            "slice_batch_forward: samples 1 to 3 of (2,3,2) f32");
  EXPECT_EQ(message([&] { slice_batch_forward(stream, a.view(), -1, a.mut()); }),
            "slice_batch_forward: samples -1 to 1 of (2,3,2) f32");
  EXPECT_EQ(message([&] { slice_batch_backward(stream, b.view(), 0, a.grad()); }),
            "slice_batch_backward: slice (2,3,3) f32 is not a part of (2,3,2) f32");
}

}  // namespace
}  // namespace diptych
