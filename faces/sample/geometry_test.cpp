// Tests of the draws, the affine map, the grid warp, the jitter and the order of samples.
// SPDX-License-Identifier: MIT
#include "faces/sample/geometry.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>

#include "faces/sample/colour_jitter.h"
#include "faces/sample/sample_order.h"
#include "faces/sample/warp_grid.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

// The MT19937 streams of legacy NumPy: 53-bit doubles, polar normals, masked integers.
class LegacyNumPy final : public RandomSource {
 public:
  explicit LegacyNumPy(uint32_t seed) : bits_(seed) {}

  using RandomSource::uniform;

  double uniform() override {
    const uint32_t high = bits_() >> 5, low = bits_() >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }

  double normal() override {
    if (kept_) {
      kept_ = false;
      return spare_;
    }
    double x, y, square;
    do {
      x = 2 * uniform() - 1;
      y = 2 * uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square == 0);
    const double f = std::sqrt(-2 * std::log(square) / square);
    spare_ = f * x;
    kept_ = true;
    return f * y;
  }

  int below(int n) override {
    uint32_t mask = static_cast<uint32_t>(n - 1);
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    uint32_t value;
    do {
      value = bits_() & mask;
    } while (value >= static_cast<uint32_t>(n));
    return static_cast<int>(value);
  }

 private:
  std::mt19937 bits_;
  double spare_ = 0;
  bool kept_ = false;
};

// samples.md 11.
struct Vector {
  uint32_t seed;
  int w;
  double rotation, scale, shift_x, shift_y;
  bool flip;
  int cell;
  double affine[6];
  float x_10_20, y_10_20, x_64_64, x_100_30, y_100_30;
};

const Vector kVectors[] = {{1234,
                            128,
                            -6.169611,
                            1.044026,
                            -0.006227,
                            0.028536,
                            true,
                            16,
                            {1.037979, -0.112204, 3.953275, 0.112204, 1.037979, -5.959116},
                            20.91982f,
                            10.63474f,
                            61.64088f,
                            31.93096f,
                            102.47832f},
                           {7,
                            224,
                            -8.473834,
                            1.088282,
                            -0.006159,
                            0.022347,
                            false,
                            112,
                            {1.076401, -0.160367, 8.024516, 0.160367, 1.076401, -21.512373},
                            20.70968f,
                            10.70968f,
                            68.55260f,
                            33.48594f,
                            103.48593f}};

class AgainstTheVectors : public ::testing::TestWithParam<Vector> {};

TEST_P(AgainstTheVectors, GeometryIsThatOfTheOriginal) {
  const Vector& v = GetParam();
  LegacyNumPy random(v.seed);
  const Geometry g = draw_geometry(random, {.flip = true});
  EXPECT_NEAR(g.rotation_degrees, v.rotation, 1e-6);
  EXPECT_NEAR(g.scale, v.scale, 1e-6);
  EXPECT_NEAR(g.shift_x, v.shift_x, 1e-6);
  EXPECT_NEAR(g.shift_y, v.shift_y, 1e-6);
  EXPECT_EQ(g.flip, v.flip);
}

TEST_P(AgainstTheVectors, AffineMatrixIsThatOfTheOriginal) {
  const Vector& v = GetParam();
  LegacyNumPy random(v.seed);
  const cv::Matx23d m = affine_matrix(draw_geometry(random, {.flip = true}), v.w, true);
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(m.val[i], v.affine[i], 2e-6) << i;
}

TEST_P(AgainstTheVectors, WarpMapsAreThoseOfTheOriginal) {
  const Vector& v = GetParam();
  LegacyNumPy random(v.seed);
  const WarpGrid grid = draw_warp_grid(random, v.w, true);
  EXPECT_EQ(grid.cell, v.cell);
  const WarpMaps maps = warp_maps_parity(grid);
  EXPECT_NEAR(maps.x.at<float>(10, 20), v.x_10_20, 5e-5);
  EXPECT_NEAR(maps.y.at<float>(10, 20), v.y_10_20, 5e-5);
  EXPECT_NEAR(maps.x.at<float>(64, 64), v.x_64_64, 5e-5);
  EXPECT_NEAR(maps.x.at<float>(100, 30), v.x_100_30, 5e-5);
  EXPECT_NEAR(maps.y.at<float>(100, 30), v.y_100_30, 5e-5);
}

INSTANTIATE_TEST_SUITE_P(Sample,
                         AgainstTheVectors,
                         ::testing::ValuesIn(kVectors),
                         [](const auto& v) { return "seed" + std::to_string(v.param.seed); });

WarpGrid still_grid(int w, int cell) {
  const int n = w / cell + 1;
  const auto count = static_cast<size_t>(n * n);
  return {w, cell, n, std::vector<float>(count, 0), std::vector<float>(count, 0)};
}

TEST(WarpGrid, WithoutNoiseTheOriginalsMapsAreHalfAPixelOff) {
  for (const int w : {96, 112, 128, 144, 224, 320}) {
    for (const int part : {2, 4, 8}) {
      const WarpMaps maps = warp_maps_parity(still_grid(w, w / part));
      for (const int i : {0, 1, w / 2, w - 1}) {
        EXPECT_NEAR(maps.x.at<float>(3, i), i + 0.5f, 1e-4) << w << " " << part;
        EXPECT_NEAR(maps.y.at<float>(i, 3), i + 0.5f, 1e-4) << w << " " << part;
      }
    }
  }
}

TEST(WarpGrid, AConstantPictureDarkensAtTheOriginalsBorder) {
  const WarpMaps maps = warp_maps_parity(still_grid(128, 16));
  const cv::Mat ones(128, 128, CV_32FC1, cv::Scalar(1));
  cv::Mat warped;
  cv::remap(ones, warped, maps.x, maps.y, cv::INTER_CUBIC, cv::BORDER_CONSTANT);
  EXPECT_NEAR(warped.at<float>(64, 127), 0.5, 1e-3);
  EXPECT_NEAR(warped.at<float>(64, 126), 1.094, 1e-3);
  EXPECT_NEAR(warped.at<float>(64, 0), 1.094, 1e-3);
}

TEST(WarpGrid, WithoutNoiseThePositionIsThePixel) {
  for (const int w : {16, 50, 128}) {
    const WarpGrid grid = still_grid(w, w / 8);
    for (const float p : {0.0f, 3.25f, w - 1.0f}) {
      EXPECT_EQ(warp_position(grid, p, 2), cv::Point2f(p, 2));
    }
  }
}

TEST(WarpGrid, OuterNodesStay) {
  LegacyNumPy random(5);
  const WarpGrid grid = draw_warp_grid(random, 128);
  for (int i = 0; i < grid.n; ++i) {
    const auto last = static_cast<size_t>(grid.n - 1), k = static_cast<size_t>(i);
    const auto n = static_cast<size_t>(grid.n);
    for (const size_t node : {k, last * n + k, k * n, k * n + last}) {
      EXPECT_EQ(grid.dx[node], 0);
      EXPECT_EQ(grid.dy[node], 0);
    }
  }
}

// Deviation and correlation of the inner nodes' displacements in cells, over many grids.
struct NodeStatistics {
  double deviation_x = 0, deviation_y = 0, largest = 0, transposed = 0;
};

NodeStatistics node_statistics(bool parity_dfl) {
  double xx = 0, yy = 0, xy = 0;
  int count = 0;
  NodeStatistics s;
  for (uint64_t sample = 0; sample < 2000; ++sample) {
    SampleRandom random(3, 0, SamplePurpose::kWarp, sample);
    const WarpGrid grid = draw_warp_grid(random, 128, parity_dfl);
    for (int i = 1; i < grid.n - 1; ++i) {
      for (int j = 1; j < grid.n - 1; ++j, ++count) {
        const double dx = grid.dx[static_cast<size_t>(i * grid.n + j)] / grid.cell;
        const double dy = grid.dy[static_cast<size_t>(j * grid.n + i)] / grid.cell;
        xx += dx * dx, yy += dy * dy, xy += dx * dy;
        s.largest = std::max(s.largest, std::abs(dx));
      }
    }
  }
  s.deviation_x = std::sqrt(xx / count);
  s.deviation_y = std::sqrt(yy / count);
  s.transposed = xy / std::sqrt(xx * yy);
  return s;
}

TEST(WarpGrid, StrengthIsThatOfTheOriginal) {
  const NodeStatistics ours = node_statistics(false), original = node_statistics(true);
  EXPECT_NEAR(ours.deviation_x, 0.130, 0.002);
  EXPECT_NEAR(ours.deviation_y, 0.130, 0.002);
  EXPECT_NEAR(original.deviation_x, 0.130, 0.002);
}

TEST(WarpGrid, AxesAreIndependentByDefault) {
  EXPECT_NEAR(node_statistics(false).transposed, 0, 0.03);
}

TEST(WarpGrid, AxesAreTransposesInTheOriginal) {
  EXPECT_NEAR(node_statistics(true).transposed, 1, 1e-6);
}

TEST(WarpGrid, NodesNeverCross) {
  EXPECT_LT(node_statistics(false).largest, 0.34);
}

TEST(WarpGrid, TooSmallAPictureIsRefused) {
  LegacyNumPy random(1);
  EXPECT_THROW(draw_warp_grid(random, 8), Error);
}

TEST(Geometry, IdentityLeavesEveryPixel) {
  const cv::Matx23d m = affine_matrix({}, 128);
  EXPECT_EQ(m, cv::Matx23d(1, 0, 0, 0, 1, 0));
}

TEST(Geometry, TurnsAboutTheMiddleOfThePicture) {
  const cv::Matx23d m = affine_matrix({.rotation_degrees = 37, .scale = 1.1}, 128);
  const cv::Vec2d centre = m * cv::Vec3d(63.5, 63.5, 1);
  EXPECT_NEAR(centre[0], 63.5, 1e-12);
  EXPECT_NEAR(centre[1], 63.5, 1e-12);
}

TEST(Geometry, FlipsFourInTen) {
  int flips = 0;
  for (uint64_t sample = 0; sample < 10000; ++sample) {
    SampleRandom random(11, 1, SamplePurpose::kGeometry, sample);
    flips += draw_geometry(random, {.flip = true}).flip;
  }
  EXPECT_NEAR(flips / 10000.0, 0.4, 0.02);
}

TEST(ColourJitter, NoShiftLeavesThePicture) {
  cv::Mat picture(8, 8, CV_32FC3, cv::Scalar(0.2, 0.5, 0.7));
  const cv::Mat before = picture.clone();
  shift_colours(picture, {});
  EXPECT_LE(cv::norm(picture, before, cv::NORM_INF), 1e-5);
}

TEST(ColourJitter, HueTurnsRedToGreen) {
  cv::Mat picture(2, 2, CV_32FC3, cv::Scalar(0, 0, 1));
  shift_colours(picture, {.hue = 120});
  EXPECT_LE(cv::norm(picture, cv::Mat(2, 2, CV_32FC3, cv::Scalar(0, 1, 0)), cv::NORM_INF), 1e-5);
}

TEST(ColourJitter, NegativeHueWrapsAround) {
  cv::Mat picture(2, 2, CV_32FC3, cv::Scalar(0, 0, 1));
  shift_colours(picture, {.hue = -120});
  EXPECT_LE(cv::norm(picture, cv::Mat(2, 2, CV_32FC3, cv::Scalar(1, 0, 0)), cv::NORM_INF), 1e-5);
}

TEST(ColourJitter, TheOriginalMovesTheHueByWholeDegrees) {
  for (uint64_t sample = 0; sample < 50; ++sample) {
    SampleRandom random(1, 0, SamplePurpose::kJitter, sample);
    const float hue = draw_colour_shift(random, 0.05, true).hue;
    EXPECT_EQ(hue, std::round(hue));
    EXPECT_LE(std::abs(hue), 9);
  }
}

TEST(ColourJitter, SmallPowerMovesTheHueLittle) {
  for (uint64_t sample = 0; sample < 50; ++sample) {
    SampleRandom random(1, 0, SamplePurpose::kJitter, sample);
    EXPECT_LE(std::abs(draw_colour_shift(random, 0.001).hue), 0.18f);
  }
}

TEST(SampleOrder, EveryEpochIsAPermutation) {
  const SampleOrder order(7, 42, 0);
  for (uint64_t epoch = 0; epoch < 20; ++epoch) {
    std::set<int> seen;
    for (uint64_t k = 0; k < 7; ++k) seen.insert(order.at(epoch * 7 + k));
    EXPECT_EQ(seen.size(), 7u) << "epoch " << epoch;
  }
}

TEST(SampleOrder, EpochsDiffer) {
  const SampleOrder order(50, 42, 0);
  int same = 0;
  for (uint64_t k = 0; k < 50; ++k) same += order.at(k) == order.at(50 + k);
  EXPECT_LT(same, 10);
}

TEST(SampleOrder, SidesDiffer) {
  const SampleOrder src(50, 42, 0), dst(50, 42, 1);
  int same = 0;
  for (uint64_t k = 0; k < 50; ++k) same += src.at(k) == dst.at(k);
  EXPECT_LT(same, 10);
}

TEST(SampleOrder, ASampleDoesNotDependOnWhatWasAskedBefore) {
  const SampleOrder forward(13, 42, 0), backward(13, 42, 0);
  std::vector<int> a, b;
  for (uint64_t k = 0; k < 300; ++k) a.push_back(forward.at(k));
  for (uint64_t k = 300; k-- > 0;) b.push_back(backward.at(k));
  std::reverse(b.begin(), b.end());
  EXPECT_EQ(a, b);
}

TEST(SampleOrder, YawBinsFollowTheSpec) {
  EXPECT_EQ(yaw_bin(1.3), 0);  // s below -1.2
  EXPECT_EQ(yaw_bin(1.2), 0);
  EXPECT_EQ(yaw_bin(-1.2), 127);
  EXPECT_EQ(yaw_bin(-3.0), 127);
  EXPECT_EQ(yaw_bin(0.0), 63);  // edges 63 and 64 lie around 0
  EXPECT_EQ(yaw_bin(1.2 - 2.4 / 127 - 1e-9), 1);
}

TEST(SampleOrder, UniformYawGivesEveryBinTheSameShare) {
  std::vector<double> yaw(90, 0.0);  // 90 frontal faces, one left, two right
  yaw.push_back(0.9);
  yaw.insert(yaw.end(), 2, -0.7);
  const SampleOrder order(yaw, 8, 0);
  int frontal = 0, left = 0, right = 0;
  for (uint64_t k = 0; k < 300; ++k) {
    const int face = order.at(k);
    ++(face < 90 ? frontal : face == 90 ? left : right);
  }
  EXPECT_EQ(frontal, 100);
  EXPECT_EQ(left, 100);
  EXPECT_EQ(right, 100);
}

TEST(SampleOrder, UniformYawRepeatsNoFaceOfABinBeforeAllWereSeen) {
  const SampleOrder order(std::vector<double>{0.5, 0.5, 0.5, -0.5}, 8, 0);
  std::set<int> seen;
  for (uint64_t k = 0; k < 6; ++k) seen.insert(order.at(k));  // three visits to each of two bins
  EXPECT_EQ(seen.size(), 4u);
}

}  // namespace
}  // namespace diptych
