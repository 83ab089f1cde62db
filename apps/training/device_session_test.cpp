// A training session whose steps are collected after the next has begun: the device engine of this
// build, with its sampler.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "apps/test_project.h"
#include "apps/training/provoke.h"
#include "apps/training/train_session.h"
#include "faces/image/test_folder.h"
#include "kernels/common/device.h"

namespace diptych {
namespace {

class DeviceSession : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!device::trouble().empty()) GTEST_SKIP() << device::trouble();
    request.settings = project.settings();
    set({"batch_size=1", "preview_every=1000", "timeline_hours=0"});
  }

  void set(std::initializer_list<std::string> pairs) {
    for (const std::string& pair : pairs) request.settings.assign(pair, "test");
  }

  void train(Engine engine, int64_t iterations) {
    set({"engine=" + std::string(name_of(engine))});
    request.iterations = iterations;
    TrainSession(project, request).run();
  }

  bool metrics_say(const std::string& words) const {
    return text_of(project.run("main") / "metrics.jsonl").find(words) != std::string::npos;
  }

  TestFolder folder;
  Project project = make_project(folder / "p");
  TrainRequest request;
};

// The save after the second step waits for the third, which is the one that a review follows.
TEST_F(DeviceSession, AReviewIsNotMissedWhenASaveReachesIt) {
  set({"oversample_worst=6", "save_every_iters=2"});
  request.review_every = 3;
  train(device_engine(), 3);
  EXPECT_TRUE(metrics_say("\"event\":\"oversampling\",\"iter\":3"));
}

// The score after the second step waits for the third; the save that was due at the second follows.
TEST_F(DeviceSession, ASaveIsNotMissedWhenAScoreGoesBeyondIt) {
  set({"holdout_every=6", "holdout_steps=2", "save_every_iters=2"});
  train(device_engine(), 4);
  EXPECT_TRUE(metrics_say("\"event\":\"saved\",\"iter\":3"));
}

TEST_F(DeviceSession, ARateRisesWithAStepUnderWay) {
  request.disturb = [](SaehdTrainer& trainer, int64_t attempt) {
    if (attempt == 1) provoke(trainer, "nan");
  };
  train(Engine::kCpu, 2);  // leaves half the rate behind
  request.disturb = {};
  request.recovery = 2;
  train(device_engine(), 3);
  EXPECT_TRUE(metrics_say("\"event\":\"raise_rate\",\"iter\":"));
  EXPECT_EQ(
      Safetensors::open(project.checkpoint().string()).metadata().count("sentinel_rate_scale"), 0u);
}

}  // namespace
}  // namespace diptych
