// The device's sampler beside the CPU's: the same faces, in the same order, with the same pixels.
// SPDX-License-Identifier: MIT
#include "faces/sample/device_sampler.h"

#include <cmath>

#include <gtest/gtest.h>

#include "faces/sample/test_faces.h"
#include "kernels/common/device.h"
#include "tensor/tensor.h"

namespace diptych {
namespace {

constexpr int kSide = 64, kBatch = 3;

struct Outputs {
  Tensor warped = Tensor::empty({kBatch, kSide, kSide, 3});
  Tensor target = Tensor::empty({kBatch, kSide, kSide, 3});
  Tensor mask = Tensor::empty({kBatch, kSide, kSide, 1});
  Tensor eyes = Tensor::empty({kBatch, kSide, kSide, 1});

  ImageWarpOutput views() const { return {warped, target, mask, eyes}; }
};

double largest_difference(const Tensor& tensor, const std::vector<float>& expected) {
  const std::vector<float> actual = tensor.to_host();
  EXPECT_EQ(actual.size(), expected.size());
  double largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double d = std::abs(static_cast<double>(actual[i]) - static_cast<double>(expected[i]));
    largest = d <= largest ? largest : d;  // a NaN sticks
  }
  return largest;
}

class DeviceSamplerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!device::trouble().empty()) GTEST_SKIP() << device::trouble();
  }

  // colour: what the transfer's own arithmetic may add to the interpolation's rounding.
  void expect_the_same(SampleOptions options, double colour, uint64_t next = 0) {
    options.resolution = kSide;
    options.face_type = FaceType::kWhole;
    options.random_flip = true;
    const std::vector<Face> faces = test_faces(5), references = test_faces(4, 96);
    Sampler cpu(faces, references, options, kBatch, 7, 0, next, 0);
    Stream stream(device_engine());
    const StreamGuard guard(stream);
    DeviceSampler device(faces, references, options, kBatch, 7, 0, next);
    const Outputs out;
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(device.next_sample(), cpu.next_sample());
      const SampleBatch expected = cpu.next();
      EXPECT_EQ(device.advance(), expected.face_ids);
      device.run(out.views());
      // Sixteen products of weights of f32 and values up to 1.
      const double bound = 16 * 0x1p-24 * 4 + colour;
      EXPECT_LE(largest_difference(out.target, expected.target), bound);
      EXPECT_LE(largest_difference(out.warped, expected.warped), bound);
      EXPECT_LE(largest_difference(out.mask, expected.mask), bound);
      EXPECT_LE(largest_difference(out.eyes, expected.eyes_mouth), bound);
    }
  }
};

TEST_F(DeviceSamplerTest, PlainSamples) {
  expect_the_same({}, 0);
}

TEST_F(DeviceSamplerTest, ResumedInTheMiddle) {
  expect_the_same({}, 0, 100001);
}

// HSV there and back: a few roundings, divided by the spread of a pixel's channels.
TEST_F(DeviceSamplerTest, ColourJitter) {
  SampleOptions options;
  options.hsv_power = 0.1f;
  expect_the_same(options, 1e-4);
}

TEST_F(DeviceSamplerTest, LinearColourTransfer) {
  SampleOptions options;
  options.ct_mode = "lct";
  expect_the_same(options, 1e-4);
}

// OpenCV's f32 Lab goes through tables: image_warp.h.
TEST_F(DeviceSamplerTest, ReinhardColourTransfer) {
  SampleOptions options;
  options.ct_mode = "rct";
  expect_the_same(options, 2e-3);
}

TEST_F(DeviceSamplerTest, TheOrderNeverRunsOutAndTakesRepeats) {
  SampleOptions options;
  options.resolution = 16;
  options.face_type = FaceType::kWhole;
  const std::vector<Face> faces = test_faces(5, 32);
  Sampler cpu(faces, {}, options, 1, 3, 1, 77, 0);
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  DeviceSampler device(faces, {}, options, 1, 3, 1, 77);
  const Tensor warped = Tensor::empty({1, 16, 16, 3}), target = Tensor::empty({1, 16, 16, 3}),
               mask = Tensor::empty({1, 16, 16, 1});
  for (int i = 0; i < 600; ++i) {
    if (i == 300) {
      cpu.set_repeats({1, 5, 1, 2, 1});
      device.set_repeats({1, 5, 1, 2, 1});
    }
    const SampleBatch expected = cpu.next();
    ASSERT_EQ(device.advance(), expected.face_ids) << i;
    device.run({warped, target, mask, {}});
    ASSERT_LE(largest_difference(mask, expected.mask), 1e-5) << i;
  }
}

TEST_F(DeviceSamplerTest, RefusesWhatOnlyTheCpuCanDo) {
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  SampleOptions options;
  options.ct_mode = "sot";
  EXPECT_FALSE(DeviceSampler::supports(options));
  EXPECT_THROW(DeviceSampler(test_faces(1), test_faces(1), options, 1, 0, 0, 0), Error);
}

}  // namespace
}  // namespace diptych
