// The kernels of image_warp: their draws against the host's, their batches against the double
// reference and each other.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "kernels/image_warp/image_warp_cuda.h"
#include "kernels/image_warp/image_warp_test_bounds.h"
#include "tests/sim/device_buffer.h"

namespace diptych {
namespace {

constexpr int kBatch = 2;

struct Step {
  const char* name;
  size_t (*workspace)(const ImageWarpOptions&, int);
  decltype(&image_warp_naive_cuda) run;
};

constexpr Step kSteps[] = {{"naive", image_warp_naive_workspace, image_warp_naive_cuda},
                           {"tiled", image_warp_tiled_workspace, image_warp_tiled_cuda}};

// Faces, order and state where kernels see them. What an option does not need stays null, so that a
// kernel which reads it fails.
struct Device {
  const NoiseFaces& host;
  DeviceArray<FaceTexel> pictures;
  DeviceArray<LabTexel> lab;
  DeviceArray<uint8_t> eyes;
  DeviceArray<ColourStatistics> own, references;
  DeviceArray<int32_t> face, reference;
  DeviceArray<ImageWarpState> state;

  explicit Device(const NoiseFaces& faces, uint64_t first = 0)
      : host(faces),
        pictures(faces.pictures),
        lab(faces.lab),
        eyes(faces.eyes),
        own(faces.own),
        references(faces.references),
        face(faces.face),
        reference(faces.reference),
        state(1, ImageWarpState{first}) {}

  ImageWarpFaces faces(ColourTransfer transfer) const {
    ImageWarpFaces f{.count = host.count, .eyes_mouth = eyes.get()};
    (transfer == ColourTransfer::kRct) ? void(f.lab = lab.get())
                                       : void(f.pictures = pictures.get());
    if (transfer == ColourTransfer::kNone) return f;
    f.statistics = own.get();
    f.reference_count = 3;
    f.references = references.get();
    return f;
  }

  ImageWarpOrder order(ColourTransfer transfer) const {
    return {static_cast<int>(face.size()), face.get(),
            transfer == ColourTransfer::kNone ? nullptr : reference.get()};
  }
};

struct Batch {
  DeviceBuffer warped, target, mask, eyes;
  DeviceArray<unsigned char> workspace;  // begins with the samples
  std::vector<ImageWarpSample> samples;

  Batch(const Step& step, const ImageWarpOptions& o, int n = kBatch)
      : warped(shape(o, n, 3), DType::kF32),
        target(shape(o, n, 3), DType::kF32),
        mask(shape(o, n, 1), DType::kF32),
        eyes(shape(o, n, 1), DType::kF32),
        workspace(step.workspace(o, n)),
        samples(static_cast<size_t>(n)) {}

  static Shape shape(const ImageWarpOptions& o, int n, int channels) {
    return {n, o.resolution, o.resolution, channels};
  }

  void run(const Step& step, const ImageWarpOptions& o, const Device& d, bool with_eyes = true) {
    const ImageWarpOutput out{warped.mut(), target.mut(), mask.mut(),
                              with_eyes ? eyes.mut() : MutView{}};
    step.run(nullptr, o, d.faces(o.transfer), d.order(o.transfer), d.state.get(), out,
             workspace.get());
    simt::device_read(samples.data(), workspace.get(), samples.size() * sizeof(ImageWarpSample));
  }

  static const float* of(DeviceBuffer& b, int n) {
    return b.fetch().view().as<float>() + n * b.shape().numel() / b.shape()[0];
  }
};

// The same bits on the emulator, which runs the host's logarithm and cosine; on a GPU a few of the
// normals differ by roundings (warp_random.h).
TEST(ImageWarpSim, DrawsAreTheHosts) {
  constexpr int kMany = 13;
  const float roundings = device_engine() == Engine::kSim ? 0.0f : 6 * 0x1p-24f;
  const auto near = [=](float a, float b) { return std::abs(a - b) <= roundings * std::abs(b); };
  for (const WarpCase& c : warp_cases())
    for (const Step& step : kSteps) {
      ImageWarpOptions o = c.options;
      NoiseFaces faces(o.resolution, 2, o.transfer);
      const uint64_t first = (uint64_t{3} << 32) + 1;
      const Device device(faces, first);
      Batch batch(step, o, kMany);
      batch.run(step, o, device);
      for (int n = 0; n < kMany; ++n) {
        const ImageWarpSample& got = batch.samples[static_cast<size_t>(n)];
        const auto expected =
            draw_image_warp(o, faces.view(), faces.order(), first + static_cast<uint64_t>(n));
        ASSERT_EQ(got.nodes, expected.nodes) << c.name << ' ' << step.name;
        ASSERT_EQ(got.last, expected.last) << c.name;
        ASSERT_EQ(got.face, expected.face) << c.name;
        ASSERT_EQ(got.reference, expected.reference) << c.name;
        ASSERT_EQ(got.shift.hue, expected.shift.hue) << c.name;
        ASSERT_EQ(got.shift.saturation, expected.shift.saturation) << c.name;
        ASSERT_EQ(got.shift.value, expected.shift.value) << c.name;
        for (int i = 0; i < 6; ++i)
          ASSERT_TRUE(near(got.inverse[i], expected.inverse[i])) << c.name;
        for (int i = 0; i < got.nodes * got.nodes; ++i) {
          ASSERT_TRUE(near(got.dx[i], expected.dx[i])) << c.name << ' ' << step.name << " at " << i;
          ASSERT_TRUE(near(got.dy[i], expected.dy[i])) << c.name << ' ' << step.name << " at " << i;
        }
        const int used = o.transfer == ColourTransfer::kNone  ? 0
                         : o.transfer == ColourTransfer::kRct ? 6
                                                              : 12;
        for (int i = 0; i < used; ++i)
          ASSERT_NEAR(got.colour[i], expected.colour[i],
                      2 * 0x1p-24 * (1 + std::abs(expected.colour[i])))
              << c.name;
      }
    }
}

TEST(ImageWarpSim, IsWithinTheBoundOfTheReference) {
  for (const WarpCase& c : warp_cases())
    for (const Step& step : kSteps) {
      const ImageWarpOptions& o = c.options;
      const NoiseFaces faces(o.resolution, 2, o.transfer);
      const Device device(faces, 5);
      Batch batch(step, o);
      batch.run(step, o, device);
      for (int n = 0; n < kBatch; ++n) {
        const ImageWarpSample& s = batch.samples[static_cast<size_t>(n)];
        const RefSample ref =
            image_warp_ref(faces, o, RefDraws(o, 5 + static_cast<uint64_t>(n)), s.face, s.colour);
        const double still = cubic_bound(o.resolution, transfer_bound(o.transfer));
        const double moved = cubic_bound(o.resolution, jitter_bound(o, ref.turning));
        const double linear = linear_bound(o.resolution);
        EXPECT_TRUE(close("target", Batch::of(batch.target, n), ref.target, still))
            << c.name << ' ' << step.name;
        EXPECT_TRUE(close("warped", Batch::of(batch.warped, n), ref.warped, moved))
            << c.name << ' ' << step.name;
        EXPECT_TRUE(close("mask", Batch::of(batch.mask, n), ref.mask, linear))
            << c.name << ' ' << step.name;
        EXPECT_TRUE(close("eyes", Batch::of(batch.eyes, n), ref.eyes, 8 * linear))
            << c.name << ' ' << step.name;
      }
    }
}

TEST(ImageWarpSim, WithoutMotionGivesThePicturesBits) {
  ImageWarpOptions o{.resolution = 36, .random_warp = false};
  o.range = {.rotation_degrees = 0, .scale_low = 0, .scale_high = 0, .shift = 0};
  const NoiseFaces faces(o.resolution, 1);
  for (const Step& step : kSteps) {
    const Device device(faces);
    Batch batch(step, o, 1);
    batch.run(step, o, device);
    for (size_t i = 0; i < faces.pictures.size(); ++i) {
      const FaceTexel& t = faces.pictures[i];
      ASSERT_EQ(batch.target.fetch().get(3 * i), static_cast<float>(t.b) * (1.0f / 255));
      ASSERT_EQ(batch.warped.fetch().get(3 * i + 2), static_cast<float>(t.r) * (1.0f / 255));
      ASSERT_EQ(batch.mask.fetch().get(i), static_cast<float>(t.mask) * (1.0f / 255));
    }
  }
}

// The state moves on in device memory alone: what a captured graph replays.
TEST(ImageWarpSim, EachCallMakesTheNextSamples) {
  const ImageWarpOptions o = warp_cases()[2].options;
  const NoiseFaces faces(o.resolution, 2);
  for (const Step& step : kSteps) {
    const Device device(faces, 10), later(faces, 12);
    Batch batch(step, o), expected(step, o);
    batch.run(step, o, device);
    batch.run(step, o, device);
    expected.run(step, o, later);
    EXPECT_EQ(device.state.values()[0].next_sample, 14u) << step.name;
    const size_t count = static_cast<size_t>(kBatch * o.resolution * o.resolution * 3);
    EXPECT_EQ(std::memcmp(Batch::of(batch.warped, 0), Batch::of(expected.warped, 0),
                          count * sizeof(float)),
              0)
        << step.name;
  }
}

TEST(ImageWarpSim, EyesAreLeftAloneWhenNotAsked) {
  const ImageWarpOptions o = warp_cases()[0].options;
  const NoiseFaces faces(o.resolution, 2);
  for (const Step& step : kSteps) {
    const Device device(faces);
    Batch batch(step, o);
    batch.run(step, o, device, false);
    EXPECT_TRUE(std::isnan(batch.eyes.fetch().get(0))) << step.name;
    EXPECT_FALSE(std::isnan(batch.mask.fetch().get(0))) << step.name;
  }
}

TEST(ImageWarpSim, AFaceWithoutEyesStaysBlack) {
  const ImageWarpOptions o = warp_cases()[0].options;
  NoiseFaces faces(o.resolution, 2);
  std::fill(faces.eyes.begin(), faces.eyes.end(), uint8_t{0});
  for (const Step& step : kSteps) {
    const Device device(faces);
    Batch batch(step, o);
    batch.run(step, o, device);
    for (size_t i = 0; i < 256; ++i) ASSERT_EQ(batch.eyes.fetch().get(i), 0) << step.name;
  }
}

}  // namespace
}  // namespace diptych
