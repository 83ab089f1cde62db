// How closely the device's samples are the CPU sampler's: draws bit for bit, pixels of noise within
// the roundings of either side.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>

#include "faces/sample/device_sampler.h"
#include "faces/sample/make_sample.h"
#include "faces/sample/test_faces.h"
#include "kernels/common/device.h"
#include "tensor/step_graph.h"
#include "tensor/tensor.h"

namespace diptych {
namespace {

constexpr int kBatch = 3;
constexpr uint64_t kSeed = 77, kFirst = (uint64_t{1} << 35) + 5;

// Noise, so that a step of a fraction of a pixel shows (1e-3, a hundred times the bound). Channels
// lie a quarter apart: where they meet, a rounding decides what hue a colour has.
Face noisy_face(int64_t id, int size) {
  cv::Mat picture(size, size, CV_8UC3);
  Rng rng(static_cast<uint64_t>(id), 0, 0);
  const auto around = [&](int level) {
    return static_cast<uint8_t>(level + static_cast<int>(rng.below(41)) - 20);
  };
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x)
      picture.at<cv::Vec3b>(y, x) = {around(40), around(130), around(220)};
  return face_of(picture, id);
}

std::vector<Face> noisy_faces(int64_t first, int count, int resolution) {
  std::vector<Face> faces;
  for (int i = 0; i < count; ++i) faces.push_back(noisy_face(first + i, std::max(32, resolution)));
  return faces;
}

struct Case {
  const char* name;
  SampleOptions options;
  double bound;  // of pictures
};

// Either side's cubic interpolation has 32 roundings of terms that sum to at most 1.375^2 = 1.9.
constexpr double kCubic = 1.9, kWarp = kCubic * 2 * 32 * 0x1p-24;
// Of a colour. Jitter: 40 roundings on either side. lct: 16 of terms that sum to at most 4. rct: 32
// on either side, times 12.92 for the gamma curve in the dark; and OpenCV's spline of that curve is
// off by 8.1e-5 around its corner.
constexpr double kJitter = 2 * 40 * 0x1p-24, kLct = 2 * 16 * 4 * 0x1p-24,
                 kRct = 2 * 12.92 * 32 * 0x1p-24 + 8.1e-5;
// Jitter after a transfer stretches its error by 2 + 3 / range, range at least a quarter.
constexpr double kStretch = 2 + 3 / 0.25;

std::vector<Case> cases() {
  const auto make = [](int resolution, const char* ct, float hsv) {
    return SampleOptions{.resolution = resolution,
                         .face_type = FaceType::kWhole,
                         .random_flip = true,
                         .hsv_power = hsv,
                         .ct_mode = ct};
  };
  Case still{"still", make(33, "none", 0), kWarp};
  still.options.random_warp = false;
  Case wild{"wild", make(48, "none", 0), kWarp};
  wild.options.rotation_degrees = 180;
  wild.options.scale_low = -1;
  wild.options.shift = 0.4f;
  return {{"plain", make(48, "none", 0), kWarp},
          {"many_nodes", make(23, "none", 0), kWarp},
          {"jitter", make(32, "none", 0.2f), kWarp + kCubic * kJitter},
          {"lct", make(32, "lct", 0), kWarp + kCubic * kLct},
          {"rct", make(32, "rct", 0), kWarp + kCubic * kRct},
          {"lct_jitter", make(32, "lct", 0.1f), kWarp + kCubic * (kStretch * kLct + kJitter)},
          {"rct_jitter", make(32, "rct", 0.1f), kWarp + kCubic * (kStretch * kRct + kJitter)},
          still,
          wild};
}

struct Batch {
  Tensor warped, target, mask, eyes;

  explicit Batch(int64_t r)
      : warped(Tensor::empty({kBatch, r, r, 3})),
        target(Tensor::empty({kBatch, r, r, 3})),
        mask(Tensor::empty({kBatch, r, r, 1})),
        eyes(Tensor::empty({kBatch, r, r, 1})) {}

  ImageWarpOutput views() const { return {warped, target, mask, eyes}; }
};

::testing::AssertionResult close(const char* name,
                                 const Tensor& tensor,
                                 const std::vector<float>& expected,
                                 double bound) {
  const std::vector<float> got = tensor.to_host();
  if (got.size() != expected.size()) return ::testing::AssertionFailure() << name << ": size";
  for (size_t i = 0; i < got.size(); ++i)
    if (!(std::abs(double{got[i]} - double{expected[i]}) <= bound))
      return ::testing::AssertionFailure()
             << name << " value " << i << " is " << got[i] << ", Sampler has " << expected[i]
             << ", bound " << bound;
  return ::testing::AssertionSuccess();
}

class DeviceAgreement : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!device::trouble().empty()) GTEST_SKIP() << device::trouble();
  }

  const Case& c = GetParam();
  const SampleOptions& options = c.options;
  std::vector<Face> faces = noisy_faces(1, 5, options.resolution);
  std::vector<Face> references = noisy_faces(50, 4, options.resolution);

  void expect_batch(const Batch& batch, const SampleBatch& expected) {
    EXPECT_TRUE(close("target", batch.target, expected.target, c.bound));
    EXPECT_TRUE(close("warped", batch.warped, expected.warped, c.bound));
    EXPECT_TRUE(close("mask", batch.mask, expected.mask, 8 * 0x1p-24));
    EXPECT_TRUE(close("eyes", batch.eyes, expected.eyes_mouth, 32 * 0x1p-24));
  }
};

INSTANTIATE_TEST_SUITE_P(,
                         DeviceAgreement,
                         ::testing::ValuesIn(cases()),
                         [](const ::testing::TestParamInfo<Case>& one) {
                           return std::string(one.param.name);
                         });

// The host's draws; that the kernels draw the same is image_warp_sim_test.
TEST_P(DeviceAgreement, DrawsAreTheSamplersBitForBit) {
  const ImageWarpOptions o{.resolution = options.resolution,
                           .seed = kSeed,
                           .side = 1,
                           .range = {.rotation_degrees = options.rotation_degrees,
                                     .scale_low = options.scale_low,
                                     .scale_high = options.scale_high,
                                     .shift = options.shift,
                                     .flip = options.random_flip},
                           .random_warp = options.random_warp,
                           .hsv_power = options.hsv_power};
  const int32_t order = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    const uint64_t k = kFirst + i * 977;
    const auto got = draw_image_warp(o, {.count = 1}, {.period = 1, .face = &order}, k);
    const SampleDraws expected = draw_sample(options, kSeed, 1, k);
    ASSERT_EQ(got.last >= 0, expected.geometry.flip) << k;
    float inverse[6];
    warp::inverse_affine_of(expected.geometry, options.resolution, inverse);
    ASSERT_EQ(std::memcmp(got.inverse, inverse, sizeof inverse), 0) << k;
    ASSERT_EQ(got.nodes, expected.warp ? expected.warp->n : 0) << k;
    if (expected.warp) {
      const size_t bytes = expected.warp->dx.size() * sizeof(float);
      ASSERT_EQ(std::memcmp(got.dx, expected.warp->dx.data(), bytes), 0) << k;
      ASSERT_EQ(std::memcmp(got.dy, expected.warp->dy.data(), bytes), 0) << k;
    }
    const ColourShift shift = expected.shift.value_or(ColourShift{});
    ASSERT_EQ(std::memcmp(&got.shift, &shift, sizeof shift), 0) << k;
  }
}

TEST_P(DeviceAgreement, PixelsAreWithinTheRoundings) {
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  Sampler sampler(faces, references, options, kBatch, kSeed, 1, kFirst, 0);
  DeviceSampler device(faces, references, options, kBatch, kSeed, 1, kFirst);
  const Batch batch(options.resolution);
  for (int b = 0; b < 4; ++b) {
    const SampleBatch expected = sampler.next();
    device.advance();
    device.run(batch.views());
    expect_batch(batch, expected);
  }
}

// The counter lies in device memory: what a recorded step relies on.
TEST_P(DeviceAgreement, AReplayMakesTheNextSamples) {
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  Sampler sampler(faces, references, options, kBatch, kSeed, 1, kFirst, 0);
  DeviceSampler device(faces, references, options, kBatch, kSeed, 1, kFirst);
  const Batch batch(options.resolution);
  device.advance();
  device.run(batch.views());  // at once, which takes the workspace; the rest from the graph
  sampler.next();
  StepGraph graph([&] { device.run(batch.views()); });
  for (int b = 0; b < 3; ++b) {
    device.advance();
    graph.run();
    expect_batch(batch, sampler.next());
  }
}

}  // namespace
}  // namespace diptych
