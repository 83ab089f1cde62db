// Training in trouble: it recovers alone, and stops with a diagnosis when it cannot.
// SPDX-License-Identifier: MIT
#include <cmath>

#include <gtest/gtest.h>

#include "apps/test_project.h"
#include "apps/training/provoke.h"
#include "apps/training/train_session.h"
#include "faces/image/test_folder.h"
#include "tensor/safetensors.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

class Rescue : public ::testing::Test {
 protected:
  TrainResult train(int64_t iterations,
                    const std::function<void(SaehdTrainer&, int64_t)>& disturb = {}) {
    TrainRequest request;
    request.settings = settings;
    request.iterations = iterations;
    request.disturb = disturb;
    return TrainSession(project, request).run();
  }

  static auto once_at(int64_t when, const std::string& kind) {
    return [=](SaehdTrainer& trainer, int64_t attempt) {
      if (attempt == when) provoke(trainer, kind);
    };
  }

  bool metrics_say(const std::string& words) {
    return text_of(project.run("main") / "metrics.jsonl").find(words) != std::string::npos;
  }

  TestFolder folder;
  Project project = make_project(folder / "p");
  Settings settings = project.settings();
};

TEST_F(Rescue, RecoversFromNanWeights) {
  train(2);
  const TrainResult result = train(4, once_at(2, "nan"));
  EXPECT_EQ(result.last, 6);
  EXPECT_TRUE(std::isfinite(result.src) && std::isfinite(result.dst));
  EXPECT_TRUE(metrics_say("\"event\":\"lower_rate\""));
  EXPECT_TRUE(metrics_say("\"event\":\"roll_back\",\"iter\":2"));
  EXPECT_EQ(Safetensors::open(project.checkpoint().string()).metadata().at("sentinel_rate_scale"),
            "0.5");
}

TEST_F(Rescue, RecoversFromACollapse) {
  train(2);
  const TrainResult result = train(3, once_at(1, "collapse"));
  EXPECT_EQ(result.last, 5);
  EXPECT_TRUE(metrics_say("of its output is saturated"));
  EXPECT_TRUE(metrics_say("\"event\":\"roll_back\",\"iter\":2"));
  EXPECT_LT(result.src, 5);
}

TEST_F(Rescue, RecoversWithoutACheckpointByStartingAfresh) {
  const TrainResult result = train(2, once_at(1, "nan"));
  EXPECT_EQ(result.last, 2);
  EXPECT_TRUE(metrics_say("\"to\":\"a fresh network\""));
}

TEST_F(Rescue, StopsWithADiagnosisThatNamesFaces) {
  train(1);
  const std::string before = text_of(project.checkpoint());
  try {
    train(3, [](SaehdTrainer& trainer, int64_t) { provoke(trainer, "nan"); });
    FAIL() << "no error";
  } catch (const InputError& e) {
    const std::string message = e.what();
    EXPECT_NE(message.find("does not recover"), std::string::npos) << message;
    EXPECT_NE(message.find("src face "), std::string::npos) << message;
    EXPECT_NE(message.find("dst face "), std::string::npos) << message;
  }
  EXPECT_EQ(text_of(project.checkpoint()), before);
  EXPECT_TRUE(metrics_say("\"event\":\"stop\""));
}

TEST_F(Rescue, ANetworkInTroubleDoesNotReplaceTheCheckpoint) {
  train(1);
  const std::string before = text_of(project.checkpoint());
  TrainRequest request;
  request.settings = settings;
  int asked = 0;
  request.stop = [&] { return ++asked == 2; };
  request.disturb = [](SaehdTrainer& trainer, int64_t) { provoke(trainer, "nan"); };
  TrainSession(project, request).run();
  EXPECT_EQ(text_of(project.checkpoint()), before);
}

// A picture that cannot be written ends training with a save, but not with one of a network in
// trouble.
TEST_F(Rescue, AnErrorInTroubleDoesNotReplaceTheCheckpoint) {
  train(1);
  const std::string before = text_of(project.checkpoint());
  fs::remove(project.out("preview.png"));
  fs::create_directories(project.out("preview.png") / "in the way");
  settings.assign("preview_every=1", "test");
  EXPECT_THROW(train(3, once_at(0, "collapse")), InputError);
  EXPECT_TRUE(metrics_say("\"event\":\"trouble\",\"iter\":2"));
  EXPECT_TRUE(text_of(project.checkpoint()) == before);
  EXPECT_THROW(train(3), InputError);  // well, it is saved first
  EXPECT_FALSE(text_of(project.checkpoint()) == before);
}

TEST_F(Rescue, OffEndsAtTheFirstLossThatIsNotFinite) {
  settings.assign("sentinel=off", "test");
  EXPECT_THROW(train(2, once_at(0, "nan")), InputError);
  EXPECT_TRUE(metrics_say("\"event\":\"not_finite\""));
}

TEST_F(Rescue, WatchingDoesNotChangeTheNumbers) {
  const Project other = make_project(folder / "other");
  TrainRequest request;
  request.settings = settings;
  request.settings.assign("sentinel=off", "test");
  request.iterations = 3;
  TrainSession(other, request).run();
  train(3);
  const auto weights = [](const Project& p) {
    const Safetensors file = Safetensors::open(p.checkpoint().string());
    return file.metadata().at("checksum");
  };
  EXPECT_EQ(weights(project), weights(other));
}

TEST_F(Rescue, TheProgramTellsWhatItDid) {
  const RunResult result = run_program(
      {"train", project.dir().string(), "--iters", "30", "--provoke", "collapse"}, folder.path());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("provoked: collapse"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("lowered the rate"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("went back from iteration"), std::string::npos) << result.err;
}

TEST_F(Rescue, AnUnknownProvocationIsRefused) {
  const RunResult result =
      run_program({"train", project.dir().string(), "--provoke", "fire"}, folder.path());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("Use nan"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace diptych
