// Progress lines: widths, rates, durations.
// SPDX-License-Identifier: MIT
#include "apps/terminal/progress.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace diptych {
namespace {

ProgressState example() {
  return {"train", "it", 370, 1000, 2.1, 176, "src 0.81 dst 0.76"};
}

TEST(Progress, LineShowsShareCountsRateAndTimeLeft) {
  EXPECT_EQ(format_progress(example(), 100),
            "train  37% [===========>                  ] 370/1,000 it  2.10 it/s  5m 00s left  src "
            "0.81 dst "
            "0.76");
}

TEST(Progress, LineNeverExceedsTheWidth) {
  for (int width = 1; width < 140; ++width) {
    const std::string line = format_progress(example(), width);
    const auto characters = std::count_if(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    });
    EXPECT_LE(characters, width);
  }
}

TEST(Progress, UnknownTotalHasNoBar) {
  ProgressState state = example();
  state.total = 0;
  EXPECT_EQ(format_progress(state, 100), "train  370 it  2.10 it/s  src 0.81 dst 0.76");
}

TEST(Progress, SlowWorkCountsSecondsPerUnit) {
  ProgressState state = example();
  state.rate = 0.05;
  EXPECT_NE(format_progress(state, 120).find("20.0 s/it"), std::string::npos);
}

TEST(Progress, DurationsReadLikeClocks) {
  EXPECT_EQ(format_duration(3.2), "3s");
  EXPECT_EQ(format_duration(123), "2m 03s");
  EXPECT_EQ(format_duration(3723), "1h 02m 03s");
  EXPECT_EQ(format_duration(200000), "2d 07h");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(std::nan("")), "?");
}

TEST(Progress, CountsAreGrouped) {
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_count(-1000), "-1,000");
}

TEST(Progress, NumbersHaveThreeDigits) {
  EXPECT_EQ(format_number(0.012345), "0.0123");
  EXPECT_EQ(format_number(1.2345), "1.23");
  EXPECT_EQ(format_number(123.45), "123");
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(std::nan("")), "nan");
}

TEST(Progress, RateFollowsTheRecentPast) {
  RateMeter meter(10);
  meter.add(0, 0);
  for (int second = 1; second <= 100; ++second) meter.add(second, second);
  EXPECT_NEAR(meter.rate(), 1.0, 1e-9);
  for (int second = 101; second <= 200; ++second) meter.add(second, 100 + 5 * (second - 100));
  EXPECT_NEAR(meter.rate(), 5.0, 1e-3);
}

TEST(Progress, CuttingKeepsWholeCharacters) {
  EXPECT_EQ(fit_width("\u00e4\u00f6\u00fc", 2), "\u00e4\u2026");
  EXPECT_EQ(fit_width("abc", 3), "abc");
}

}  // namespace
}  // namespace diptych
