// Tests of the sampler: order of batches, threads, resume, colour transfer, errors, the sheet.
// SPDX-License-Identifier: MIT
#include "faces/sample/sampler.h"

#include <atomic>
#include <cmath>
#include <memory>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <opencv2/core.hpp>

#include "faces/colour/colour_transfer.h"
#include "faces/sample/batch_queue.h"
#include "faces/sample/sample_sheet.h"
#include "faces/sample/test_faces.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

SampleOptions options_of(int resolution = 32) {
  return {.resolution = resolution,
          .face_type = FaceType::kWhole,
          .random_flip = true,
          .hsv_power = 0.1f};
}

std::unique_ptr<Sampler> sampler(const SampleOptions& options,
                                 int threads,
                                 uint64_t next_sample = 0,
                                 int batch_size = 3,
                                 uint64_t seed = 9,
                                 int side = 0) {
  std::vector<Face> reference;
  if (options.ct_mode != "none") reference = test_faces(3, 64);
  return std::make_unique<Sampler>(test_faces(5), reference, options, batch_size, seed, side,
                                   next_sample, threads);
}

void expect_same(const SampleBatch& a, const SampleBatch& b) {
  EXPECT_EQ(a.first_sample, b.first_sample);
  EXPECT_EQ(a.face_ids, b.face_ids);
  EXPECT_EQ(a.warped, b.warped);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.mask, b.mask);
  EXPECT_EQ(a.eyes_mouth, b.eyes_mouth);
}

TEST(Sampler, ThreadsDoNotChangeTheBits) {
  const auto alone = sampler(options_of(), 0), one = sampler(options_of(), 1),
             four = sampler(options_of(), 4);
  for (int b = 0; b < 12; ++b) {
    const SampleBatch expected = alone->next();
    expect_same(expected, one->next());
    expect_same(expected, four->next());
  }
}

TEST(Sampler, ResumesWhereItStopped) {
  const auto first = sampler(options_of(), 2);
  for (int b = 0; b < 4; ++b) first->next();
  const auto second = sampler(options_of(), 2, first->next_sample());
  for (int b = 0; b < 4; ++b) expect_same(first->next(), second->next());
}

TEST(Sampler, ASampleDoesNotDependOnTheBatchSize) {
  const SampleBatch large = sampler(options_of(), 0, 0, 4)->next();
  const auto single = sampler(options_of(), 0, 0, 1);
  for (size_t i = 0; i < 4; ++i) {
    const SampleBatch one = single->next();
    const std::vector<float> part(
        large.warped.begin() + static_cast<int64_t>(i * 32 * 32 * 3),
        large.warped.begin() + static_cast<int64_t>((i + 1) * 32 * 32 * 3));
    EXPECT_EQ(one.warped, part);
  }
}

TEST(Sampler, CountsSamples) {
  const auto s = sampler(options_of(), 2, 30);
  EXPECT_EQ(s->next().first_sample, 30u);
  EXPECT_EQ(s->next().first_sample, 33u);
  EXPECT_EQ(s->next_sample(), 36u);
}

TEST(Sampler, ShowsEveryFaceOnceAnEpoch) {
  const SampleBatch batch = sampler(options_of(), 0, 0, 5)->next();
  EXPECT_EQ(std::set<int64_t>(batch.face_ids.begin(), batch.face_ids.end()),
            (std::set<int64_t>{100, 101, 102, 103, 104}));
}

TEST(Sampler, RepeatedFacesComeSoOftenARound) {
  const auto s = sampler(options_of(), 2, 0, 4);
  s->next();
  s->set_repeats({1, 4, 1, 1, 1});  // rounds of 8 samples; one begins at sample 8
  EXPECT_EQ(s->next_sample(), 4u);
  s->next();
  std::multiset<int64_t> round;
  for (int b = 0; b < 2; ++b)
    for (const int64_t id : s->next().face_ids) round.insert(id);
  EXPECT_EQ(round, (std::multiset<int64_t>{100, 101, 101, 101, 101, 102, 103, 104}));
}

TEST(Sampler, ResumesWithRepeats) {
  const auto first = sampler(options_of(), 2);
  first->next();
  first->set_repeats({3, 1, 1, 2, 1});
  first->next();
  const auto second = sampler(options_of(), 0, first->next_sample());
  second->set_repeats({3, 1, 1, 2, 1});
  for (int b = 0; b < 6; ++b) expect_same(first->next(), second->next());
}

TEST(Sampler, RepeatsOfOneChangeNothing) {
  const auto plain = sampler(options_of(), 0), repeated = sampler(options_of(), 0);
  repeated->set_repeats({1, 1, 1, 1, 1});
  for (int b = 0; b < 4; ++b) expect_same(plain->next(), repeated->next());
}

TEST(Sampler, RepeatsLeaveTheYawBinsEquallyLikely) {
  SampleOptions options = options_of();
  options.uniform_yaw = true;
  std::vector<Face> faces = test_faces(4);
  const double yaws[] = {-0.5, 0.5, 0.5, 0.5};
  for (size_t i = 0; i < faces.size(); ++i) faces[i].pose.yaw = yaws[i];
  Sampler s(faces, {}, options, 10, 9, 0, 0, 0);
  s.set_repeats({1, 3, 1, 1});
  std::multiset<int64_t> seen;
  for (const int64_t id : s.next().face_ids) seen.insert(id);
  EXPECT_EQ(seen.count(100), 5u);
  EXPECT_EQ(seen.count(101), 3u);
  EXPECT_EQ(seen.count(102), 1u);
  EXPECT_EQ(seen.count(103), 1u);
}

TEST(Sampler, WrongRepeatsAreRefused) {
  const auto s = sampler(options_of(), 0);
  EXPECT_THROW(s->set_repeats({1, 1}), Error);
}

TEST(Sampler, SidesAndSeedsDraw) {
  const SampleBatch a = sampler(options_of(), 0)->next();
  EXPECT_NE(a.mask, sampler(options_of(), 0, 0, 3, 9, 1)->next().mask);
  EXPECT_NE(a.mask, sampler(options_of(), 0, 0, 3, 10, 0)->next().mask);
}

TEST(Sampler, EyesAndMouthOnlyWhenAsked) {
  SampleOptions options = options_of();
  options.eyes_mouth = false;
  EXPECT_TRUE(sampler(options, 0)->next().eyes_mouth.empty());
}

void expect_in_unit_range(const std::vector<float>& values, size_t count) {
  EXPECT_EQ(values.size(), count);
  for (const float v : values) {
    if (!(v >= 0 && v <= 1)) {
      ADD_FAILURE() << "value " << v;
      return;
    }
  }
}

// Every mode of colour transfer, by default and as the original works; R = 32 also takes the
// original's detour over 64 pixels.
class SamplerModes : public ::testing::TestWithParam<std::tuple<std::string, bool>> {};

TEST_P(SamplerModes, ValuesLieInTheUnitRange) {
  SampleOptions options = options_of();
  options.ct_mode = std::get<0>(GetParam());
  options.parity_dfl = std::get<1>(GetParam());
  const auto s = sampler(options, 2);
  for (int b = 0; b < 3; ++b) {
    const SampleBatch batch = s->next();
    expect_in_unit_range(batch.warped, 3 * 32 * 32 * 3);
    expect_in_unit_range(batch.target, 3 * 32 * 32 * 3);
    expect_in_unit_range(batch.mask, 3 * 32 * 32);
    expect_in_unit_range(batch.eyes_mouth, 3 * 32 * 32);
  }
}

TEST_P(SamplerModes, ColourTransferChangesTheTargetAndNotTheMask) {
  SampleOptions options = options_of();
  options.parity_dfl = std::get<1>(GetParam());
  const SampleBatch plain = sampler(options, 0)->next();
  options.ct_mode = std::get<0>(GetParam());
  const SampleBatch changed = sampler(options, 0)->next();
  EXPECT_EQ(plain.mask, changed.mask);
  EXPECT_EQ(plain.target == changed.target, options.ct_mode == "none");
}

INSTANTIATE_TEST_SUITE_P(
    Sampler,
    SamplerModes,
    ::testing::Combine(::testing::Values("none", "rct", "lct", "mkl", "idt", "sot"),
                       ::testing::Bool()),
    [](const auto& p) {
      return std::get<0>(p.param) + (std::get<1>(p.param) ? "_parity" : "_default");
    });

template <class Make>
std::string message_of(const Make& make) {
  try {
    make();
  } catch (const InputError& e) {
    return e.what();
  }
  return "no InputError";
}

TEST(SamplerErrors, AnEmptyFacesetNamesItsSide) {
  const std::string message = message_of([] { Sampler({}, {}, options_of(), 2, 1, 1, 0, 1); });
  EXPECT_NE(message.find("dst faceset"), std::string::npos) << message;
}

TEST(SamplerErrors, ColourTransferNeedsTheOtherSide) {
  SampleOptions options = options_of();
  options.ct_mode = "rct";
  const std::string message =
      message_of([&] { Sampler(test_faces(2), {}, options, 2, 1, 0, 0, 1); });
  EXPECT_NE(message.find("dst faceset"), std::string::npos) << message;
}

TEST(SamplerErrors, ADamagedPictureNamesTheFace) {
  std::vector<Face> faces = test_faces(4);
  faces[2].image.resize(100);
  const std::string message = message_of([&] { Sampler(faces, {}, options_of(), 2, 1, 0, 0, 1); });
  EXPECT_NE(message.find("face 102 (frame_102.png)"), std::string::npos) << message;
}

TEST(SamplerErrors, AnUnknownModeListsTheKnownOnes) {
  SampleOptions options = options_of();
  options.ct_mode = "rtc";
  EXPECT_THROW(Sampler(test_faces(2), test_faces(2), options, 2, 1, 0, 0, 1), Error);
}

SampleBatch numbered(uint64_t b) {
  SampleBatch batch;
  batch.first_sample = b;
  return batch;
}

TEST(BatchQueue, GivesBatchesInOrder) {
  BatchQueue queue(4, numbered);
  for (uint64_t b = 0; b < 200; ++b) EXPECT_EQ(queue.next().first_sample, b);
}

TEST(BatchQueue, AnErrorOfAWorkerComesWhenItsBatchIsDue) {
  for (const int threads : {0, 3}) {
    BatchQueue queue(threads, [](uint64_t b) {
      if (b == 2) throw Error("broken face");
      return numbered(b);
    });
    EXPECT_EQ(queue.next().first_sample, 0u);
    EXPECT_EQ(queue.next().first_sample, 1u);
    EXPECT_THROW(queue.next(), Error);
    EXPECT_THROW(queue.next(), Error);
  }
}

TEST(BatchQueue, DoesNotRunAwayFromItsUser) {
  std::atomic<BatchQueue*> self{nullptr};
  std::atomic<int> too_far{0};
  BatchQueue queue(2, [&](uint64_t b) {
    if (self && b >= self.load()->given() + 4) ++too_far;
    return numbered(b);
  });
  self = &queue;
  for (int b = 0; b < 100; ++b) queue.next();
  EXPECT_EQ(too_far, 0);
}

TEST(SampleSheet, HoldsARowPerSample) {
  const SampleBatch batch = sampler(options_of(), 0)->next();
  const cv::Mat sheet = sample_sheet(batch);
  EXPECT_EQ(sheet.size(), cv::Size(4 * 32, 3 * 32));
  EXPECT_EQ(sheet.type(), CV_8UC3);
}

TEST(SampleSheet, ShowsTheMaskInTheThirdColumn) {
  SampleBatch batch = sampler(options_of(), 0)->next();
  std::fill(batch.mask.begin(), batch.mask.end(), 1.0f);
  EXPECT_EQ(sample_sheet(batch).at<cv::Vec3b>(40, 2 * 32 + 5), cv::Vec3b(255, 255, 255));
}

}  // namespace
}  // namespace diptych
