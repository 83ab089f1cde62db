// image_warp on the CPU: draws against the plain generator, batches against the double reference.
// SPDX-License-Identifier: MIT
#include "kernels/image_warp/image_warp.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "kernels/image_warp/image_warp_test_bounds.h"
#include "kernels/image_warp/warp_colour.h"
#include "kernels/image_warp/warp_position.h"
#include "kernels/image_warp/warp_random.h"
#include "tests/support/compare.h"

namespace diptych {
namespace {

constexpr int kBatch = 2;

struct Batch {
  TestBuffer warped, target, mask, eyes;

  explicit Batch(int64_t w, int64_t n = kBatch)
      : warped({n, w, w, 3}, DType::kF32),
        target({n, w, w, 3}, DType::kF32),
        mask({n, w, w, 1}, DType::kF32),
        eyes({n, w, w, 1}, DType::kF32) {}

  ImageWarpOutput output() { return {warped.mut(), target.mut(), mask.mut(), eyes.mut()}; }

  const float* sample(TestBuffer& b, int n) {
    return b.view().as<float>() + n * b.shape().numel() / b.shape()[0];
  }
};

Batch run(const NoiseFaces& faces, const ImageWarpOptions& o, uint64_t first = 0) {
  Batch batch(o.resolution);
  Stream stream;
  ImageWarpState state{first};
  image_warp(stream, o, faces.view(), faces.order(), &state, batch.output());
  return batch;
}

TEST(WarpRandom, IsTheGeneratorOfTheProject) {
  Rng expected(0x123456789abcdefull, sample_stream(1, SamplePurpose::kJitter), 0xfedcba987ull);
  warp::Random random(0x123456789abcdefull, 1, SamplePurpose::kJitter, 0xfedcba987ull);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(random.next_u32(), expected.next_u32());
    ASSERT_EQ(random.uniform(), expected.uniform());
    ASSERT_EQ(random.normal(), expected.normal());
    ASSERT_EQ(random.below(10), static_cast<int>(expected.below(10)));
  }
}

// What a GPU does instead of logf and cosf: double, rounded. The nearest of all 2^24 arguments is
// 1.7e-8 of an f32 step away from where rounding turns, nine steps of double; so any double
// logarithm and cosine that is less wrong than that gives these bits. A sample of them, in extended
// precision.
TEST(WarpRandom, DoubleRoundsAsTheTrueLogarithmAndCosine) {
  for (uint32_t k = 1; k < 1u << 24; k += 61) {
    const float u = 1.0f - static_cast<float>(k) * 0x1p-24f;
    const float turn = 6.28318530717958648f * (static_cast<float>(k) * 0x1p-24f);
    ASSERT_EQ(static_cast<float>(std::log(static_cast<double>(u))),
              static_cast<float>(std::log(static_cast<long double>(u))));
    ASSERT_EQ(static_cast<float>(std::cos(static_cast<double>(turn))),
              static_cast<float>(std::cos(static_cast<long double>(turn))));
  }
}

TEST(ImageWarpDraws, AreThoseOfTheSpecification) {
  for (const WarpCase& c : warp_cases()) {
    const NoiseFaces faces(c.options.resolution, 2, c.options.transfer);
    for (uint64_t k = 0; k < 50; ++k) {
      const uint64_t number = (uint64_t{1} << 40) + k;
      const auto got = draw_image_warp(c.options, faces.view(), faces.order(), number);
      const RefDraws expected(c.options, number);
      ASSERT_EQ(got.nodes, expected.n) << c.name;
      ASSERT_EQ(got.last >= 0, expected.geometry.flip) << c.name;
      ASSERT_EQ(got.shift.hue, expected.shift.hue) << c.name;
      ASSERT_EQ(got.shift.saturation, expected.shift.saturation) << c.name;
      ASSERT_EQ(got.shift.value, expected.shift.value) << c.name;
      ASSERT_TRUE(std::equal(expected.dx.begin(), expected.dx.end(), got.dx)) << c.name;
      ASSERT_TRUE(std::equal(expected.dy.begin(), expected.dy.end(), got.dy)) << c.name;
      ASSERT_EQ(got.face, faces.face[number % 7]) << c.name;
    }
  }
}

// Of the samples that the comparisons of pixels look at, here and in tests/sim.
TEST(ImageWarpDraws, SomeAreMirroredAndSomeNot) {
  int mirrored = 0, straight = 0;
  for (const WarpCase& c : warp_cases())
    for (uint64_t k = 5; k < 5 + kBatch; ++k)
      (RefDraws(c.options, k).geometry.flip ? mirrored : straight)++;
  EXPECT_GE(mirrored, 4);
  EXPECT_GE(straight, 4);
}

TEST(ImageWarpDraws, PositionsAreWithinTheirRoundings) {
  for (const WarpCase& c : warp_cases()) {
    const int w = c.options.resolution;
    const NoiseFaces faces(w, 2, c.options.transfer);
    for (uint64_t k = 0; k < 5; ++k) {
      const auto s = draw_image_warp(c.options, faces.view(), faces.order(), k);
      const RefDraws draws(c.options, k);
      for (int y = 0; y < w; ++y)
        for (int x = 0; x < w; ++x) {
          warp::Position p = warp::affine_position(s.inverse, s.last, x, y);
          if (s.nodes) p = warp::warped_position(s.dx, s.dy, s.nodes, s.nodes_a_pixel, p);
          const RefPosition expected = image_warp_position_ref(draws.geometry, w, draws.dx.data(),
                                                               draws.dy.data(), draws.n, x, y);
          ASSERT_NEAR(p.x, expected.x, position_error(w)) << c.name;
          ASSERT_NEAR(p.y, expected.y, position_error(w)) << c.name;
        }
    }
  }
}

TEST(CubicWeights, AreThoseOfTheKernelAtEveryStep) {
  for (int k = 0; k <= warp::kSteps; ++k) {
    const double f = k / 1024.0;
    const auto weights = warp::cubic_weights(static_cast<float>(f));
    for (int i = 0; i < 4; ++i) ASSERT_NEAR(weights.w[i], cubic_ref(i - 1 - f), 4 * 0x1p-24) << k;
  }
}

TEST(ImageWarp, IsWithinTheBoundOfTheReference) {
  for (const WarpCase& c : warp_cases()) {
    const ImageWarpOptions& o = c.options;
    const NoiseFaces faces(o.resolution, 2, o.transfer);
    Batch batch = run(faces, o, 5);
    for (int n = 0; n < kBatch; ++n) {
      const uint64_t k = 5 + static_cast<uint64_t>(n);
      const auto sample = draw_image_warp(o, faces.view(), faces.order(), k);
      const RefSample ref = image_warp_ref(faces, o, RefDraws(o, k), sample.face, sample.colour);
      const double still = cubic_bound(o.resolution, transfer_bound(o.transfer));
      const double moved = cubic_bound(o.resolution, jitter_bound(o, ref.turning));
      const double linear = linear_bound(o.resolution);
      EXPECT_TRUE(close("target", batch.sample(batch.target, n), ref.target, still)) << c.name;
      EXPECT_TRUE(close("warped", batch.sample(batch.warped, n), ref.warped, moved)) << c.name;
      EXPECT_TRUE(close("mask", batch.sample(batch.mask, n), ref.mask, linear)) << c.name;
      // divided by a maximum of at least 1/4
      EXPECT_TRUE(close("eyes", batch.sample(batch.eyes, n), ref.eyes, 8 * linear)) << c.name;
    }
    EXPECT_TRUE(batch.warped.guards_intact() && batch.target.guards_intact());
  }
}

ImageWarpOptions motionless(int w) {
  ImageWarpOptions o{.resolution = w, .random_warp = false};
  o.range = {.rotation_degrees = 0, .scale_low = 0, .scale_high = 0, .shift = 0};
  return o;
}

TEST(ImageWarp, WithoutMotionGivesThePicturesBits) {
  const NoiseFaces faces(20, 1);
  Batch batch = run(faces, motionless(20));
  for (size_t i = 0; i < faces.pictures.size(); ++i) {
    ASSERT_EQ(batch.target.get(3 * i + 1), static_cast<float>(faces.pictures[i].g) * (1.0f / 255));
    ASSERT_EQ(batch.mask.get(i), static_cast<float>(faces.pictures[i].mask) * (1.0f / 255));
  }
}

TEST(ImageWarp, EyesReachOne) {
  const NoiseFaces faces(20, 1);
  Batch batch = run(faces, motionless(20));
  const auto* eyes = batch.sample(batch.eyes, 0);
  EXPECT_EQ(*std::max_element(eyes, eyes + 400), 1.0f);
}

TEST(ImageWarp, AFaceWithoutEyesStaysBlack) {
  NoiseFaces faces(16, 1);
  std::fill(faces.eyes.begin(), faces.eyes.end(), uint8_t{0});
  Batch batch = run(faces, motionless(16));
  for (size_t i = 0; i < 256; ++i) ASSERT_EQ(batch.eyes.get(i), 0);
}

TEST(ImageWarp, EachCallMakesTheNextSamples) {
  const WarpCase c = warp_cases()[2];
  const NoiseFaces faces(c.options.resolution, 2);
  Stream stream;
  ImageWarpState state{0};
  Batch first(c.options.resolution), second(c.options.resolution);
  image_warp(stream, c.options, faces.view(), faces.order(), &state, first.output());
  image_warp(stream, c.options, faces.view(), faces.order(), &state, second.output());
  EXPECT_EQ(state.next_sample, 4u);
  Batch again = run(faces, c.options, 2);
  const size_t bytes = static_cast<size_t>(again.warped.shape().numel()) * sizeof(float);
  EXPECT_EQ(std::memcmp(again.warped.data(), second.warped.data(), bytes), 0);
  EXPECT_NE(std::memcmp(first.warped.data(), second.warped.data(), bytes), 0);
}

TEST(ImageWarp, ThreadsDoNotChangeTheBits) {
  const WarpCase c = warp_cases()[3];
  const NoiseFaces faces(c.options.resolution, 2);
  Batch one(c.options.resolution), three(c.options.resolution);
  for (auto* batch : {&one, &three}) {
    Stream stream(Engine::kCpu, batch == &one ? 1 : 3);
    ImageWarpState state{0};
    image_warp(stream, c.options, faces.view(), faces.order(), &state, batch->output());
  }
  const size_t bytes = static_cast<size_t>(one.warped.shape().numel()) * sizeof(float);
  EXPECT_EQ(std::memcmp(one.warped.data(), three.warped.data(), bytes), 0);
}

// Greys have no hue to turn, and full turns change nothing.
TEST(Jitter, AFullTurnOfTheHueIsNone) {
  for (int i = 0; i < 1000; ++i) {
    Rng rng(3, 0, static_cast<uint64_t>(i));
    const warp::Texel t{rng.uniform(), rng.uniform(), rng.uniform(), 7};
    const warp::Texel turned = warp::jitter({.hue = 360}, t);
    ASSERT_NEAR(turned.b, t.b, 40 * 0x1p-24);
    ASSERT_NEAR(turned.g, t.g, 40 * 0x1p-24);
    ASSERT_NEAR(turned.r, t.r, 40 * 0x1p-24);
    ASSERT_EQ(turned.mask, 7);
  }
}

struct Refusal {
  const char* message;
  void (*spoil)(ImageWarpOptions&, ImageWarpFaces&, ImageWarpOrder&, ImageWarpOutput&);
};

const Refusal kRefusals[] = {
    {"resolution 8", [](auto& o, auto&, auto&, auto&) { o.resolution = 8; }},
    {"scale range", [](auto& o, auto&, auto&, auto&) { o.range.scale_low = 1; }},
    {"rotation", [](auto& o, auto&, auto&, auto&) { o.range.rotation_degrees = NAN; }},
    {"hsv_power", [](auto& o, auto&, auto&, auto&) { o.hsv_power = -1; }},
    {"side 2", [](auto& o, auto&, auto&, auto&) { o.side = 2; }},
    {"0 faces", [](auto&, auto& f, auto&, auto&) { f.count = 0; }},
    {"no pictures", [](auto&, auto& f, auto&, auto&) { f.pictures = nullptr; }},
    {"no order", [](auto&, auto&, auto& order, auto&) { order.face = nullptr; }},
    {"an order of 1", [](auto&, auto&, auto& order, auto&) { order.period = 1; }},
    {"without statistics",
     [](auto& o, auto& f, auto&, auto&) {
       o.transfer = ColourTransfer::kLct;
       f.references = nullptr;
     }},
    {"Lab",
     [](auto& o, auto& f, auto&, auto&) {
       o.transfer = ColourTransfer::kRct;
       f.lab = nullptr;
     }},
    {"the face", [](auto&, auto& f, auto&, auto&) { f.count = 1; }},
    {"faces without", [](auto&, auto& f, auto&, auto&) { f.eyes_mouth = nullptr; }},
    {"warped is",
     [](auto&, auto&, auto&, auto& out) {
       out.warped.shape = {2, 16, 16, 4};
     }},
    {"mask is", [](auto&, auto&, auto&, auto& out) { out.mask.dtype = DType::kBF16; }},
};

TEST(ImageWarp, RefusesWhatDoesNotFit) {
  for (const Refusal& refusal : kRefusals) {
    const NoiseFaces faces(16, 5);
    Batch batch(16);
    ImageWarpOptions options{.resolution = 16};
    ImageWarpFaces view = faces.view();
    ImageWarpOrder order = faces.order();
    ImageWarpOutput output = batch.output();
    refusal.spoil(options, view, order, output);
    Stream stream;
    ImageWarpState state{0};
    try {
      image_warp(stream, options, view, order, &state, output);
      ADD_FAILURE() << "no error: " << refusal.message;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(refusal.message), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace diptych
