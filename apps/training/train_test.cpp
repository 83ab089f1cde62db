// The training loop on a tiny network: exact resume, refusals, what it leaves on the disk.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "apps/test_project.h"
#include "apps/training/train_session.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"
#include "kernels/common/log.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

// Progress and announcements stay out of the test log.
class TrainTest : public ::testing::Test {
 protected:
  TrainResult train(const Project& project, int64_t iterations, const Settings& settings) const {
    TrainRequest request;
    request.settings = settings;
    request.iterations = iterations;
    return TrainSession(project, request).run();
  }

  TrainResult train(const Project& project, int64_t iterations) const {
    return train(project, iterations, project.settings());
  }

  std::string error_of(const Project& project, const std::string& pair) const {
    Settings settings = project.settings();
    settings.assign(pair, "--set");
    try {
      train(project, 1, settings);
    } catch (const InputError& e) {
      return e.what();
    }
    return "";
  }

  TestFolder folder;
};

TEST_F(TrainTest, TwoRunsGiveTheBitsOfOne) {
  const Project one = make_project(folder / "one"), two = make_project(folder / "two");
  train(one, 3);
  train(two, 1);
  const TrainResult rest = train(two, 2);
  EXPECT_EQ(rest.first, 1);
  EXPECT_EQ(rest.last, 3);
  EXPECT_EQ(text_of(one.checkpoint()), text_of(two.checkpoint()));
}

// The weights' names and shapes, and that a sum of them is a number, by the stock package.
TEST_F(TrainTest, PythonReadsTheCheckpoint) {
  const std::optional<std::string> python = python_with("numpy, safetensors");
  if (!python) GTEST_SKIP() << "no Python with safetensors: set DIPTYCH_TEST_PYTHON to one";
  const Project project = make_project(folder / "p");
  train(project, 1);
  const fs::path script = folder / "read.py";
  std::ofstream(script) << "import sys, numpy\n"
                           "from safetensors import safe_open\n"
                           "with safe_open(sys.argv[1], 'numpy') as f:\n"
                           "    assert f.metadata()['iteration'] == '1', f.metadata()\n"
                           "    w = [f.get_tensor(k) for k in f.keys() if 'encoder' in k]\n"
                           "    assert w and all(numpy.isfinite(x).all() for x in w)\n"
                           "    assert any(x.ndim == 4 and x.any() for x in w)\n";
  EXPECT_EQ(
      std::system((*python + " " + script.string() + " " + project.checkpoint().string() + " 2>&1")
                      .c_str()),
      0);
}

TEST_F(TrainTest, AnotherSeedGivesOtherWeights) {
  const Project one = make_project(folder / "one"), two = make_project(folder / "two");
  Settings other = two.settings();
  other.assign("seed=2", "test");
  train(one, 1);
  train(two, 1, other);
  EXPECT_NE(text_of(one.checkpoint()), text_of(two.checkpoint()));
}

TEST_F(TrainTest, LeavesModelMetricsSettingsAndPictures) {
  const Project project = make_project(folder / "p");
  const TrainResult result = train(project, 3);
  EXPECT_EQ(result.last, 3);
  EXPECT_TRUE(std::isfinite(result.src) && std::isfinite(result.dst));
  EXPECT_TRUE(Safetensors::open(project.checkpoint().string()).has_checksum());
  EXPECT_EQ(read_losses(project.run("main") / "metrics.jsonl").size(), 3u);
  EXPECT_NE(text_of(project.run("main") / "settings.toml").find("resolution = 64"),
            std::string::npos);
  EXPECT_EQ(read_image(project.out("preview.png")).cols, 5 * 98);
  EXPECT_EQ(read_image(project.out("preview_masked.png")).cols, 5 * 98);
  EXPECT_FALSE(read_image(project.out("loss.png")).empty());
}

TEST_F(TrainTest, TargetIterationEndsTheRun) {
  const Project project = make_project(folder / "p");
  Settings settings = project.settings();
  settings.assign("target_iter=2", "test");
  EXPECT_EQ(train(project, 0, settings).last, 2);
  EXPECT_EQ(train(project, 5, settings).last, 2);
}

TEST_F(TrainTest, StopFinishesTheIterationAndSaves) {
  const Project project = make_project(folder / "p");
  TrainRequest request;
  request.settings = project.settings();
  int64_t seen = 0;
  request.at_risk = [&](int64_t iteration, int64_t) { seen = iteration; };
  request.stop = [&] { return seen >= 2; };
  const TrainResult result = TrainSession(project, request).run();
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.last, 2);
  EXPECT_EQ(Safetensors::open(project.checkpoint().string()).metadata().at("iteration"), "2");
}

TEST_F(TrainTest, NetworkSettingsOfACheckpointAreFixed) {
  const Project project = make_project(folder / "p");
  train(project, 1);
  const std::string before = text_of(project.checkpoint());
  EXPECT_NE(error_of(project, "e_dims=18").find("e_dims = 16, the settings say 18"),
            std::string::npos);
  EXPECT_NE(error_of(project, "archi=liae").find("is part of the network"), std::string::npos);
  EXPECT_NE(error_of(project, "face_type=f").find("face_type"), std::string::npos);
  EXPECT_EQ(text_of(project.checkpoint()), before);
}

TEST_F(TrainTest, OtherSettingsMayChange) {
  const Project project = make_project(folder / "p");
  train(project, 1);
  Settings settings = project.settings();
  settings.assign("batch_size=3", "test");
  settings.assign("random_warp=off", "test");
  settings.assign("adabelief=off", "test");
  EXPECT_EQ(train(project, 1, settings).last, 2);
}

TEST_F(TrainTest, DamagedCheckpointIsRefusedAndKept) {
  const Project project = make_project(folder / "p");
  train(project, 1);
  std::string bytes = text_of(project.checkpoint());
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(project.checkpoint(), std::ios::binary) << bytes;
  EXPECT_THROW(train(project, 1), InputError);
  EXPECT_EQ(text_of(project.checkpoint()), bytes);
}

TEST_F(TrainTest, FacesetOfASmallerTypeIsNamed) {
  const Project project = make_project(folder / "p");
  EXPECT_NE(error_of(project, "face_type=head").find("holds whole_face pictures"),
            std::string::npos);
}

TEST_F(TrainTest, EmptyTrashedFacesetIsNamed) {
  const Project project = make_project(folder / "p");
  {
    Faceset faces = Faceset::open(project.faces(Side::kDst).string());
    faces.set_state(faces.ids(), FaceState::kTrash);
  }
  EXPECT_NE(error_of(project, "seed=1").find("holds no active face"), std::string::npos);
}

TEST_F(TrainTest, MissingCheckpointBesideItsPredecessorIsNotStartedAnew) {
  const Project project = make_project(folder / "p");
  train(project, 1);
  fs::rename(project.checkpoint(), project.checkpoint().string() + ".prev");
  EXPECT_NE(error_of(project, "seed=1").find("Rename"), std::string::npos);
}

TEST_F(TrainTest, LossThatIsNotFiniteNamesTheFaces) {
  const Project project = make_project(folder / "p");
  TrainRequest request;
  request.settings = project.settings();
  request.settings.assign("sentinel=off", "test");
  request.iterations = 1;
  TrainSession session(project, request);
  float* weights = session.trainer().arena().weights().as<float>();
  for (int64_t i = 0; i < session.trainer().arena().size(); ++i) weights[i] = NAN;
  try {
    session.run();
    FAIL() << "no error";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("src face "), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("dst face "), std::string::npos) << e.what();
  }
  EXPECT_FALSE(fs::exists(project.checkpoint()));
}

TEST(LossTally, MeansReachTheFaceset) {
  const TestFolder folder;
  make_faceset(folder / "a.faces", 2, 0);
  LossTally tally;
  tally.add({1, 2, 1}, {0.5f, 2.0f, 1.5f});
  EXPECT_EQ(tally.entries().at(1).count, 2);
  EXPECT_EQ(tally.entries().at(1).sum, 2.0);
  tally.store(folder / "a.faces");
  EXPECT_TRUE(tally.entries().empty());
}

TEST_F(TrainTest, EveryOptionOfTheOriginalReachesTheTrainer) {
  Settings s = tiny_settings();
  for (const char* pair :
       {"blur_out_mask=on", "eyes_mouth_prio=on", "gan_power=0.1", "gan_patch_size=7", "gan_dims=8",
        "true_face_power=0.01", "face_style_power=1", "bg_style_power=2", "parity=dfl",
        "lr_dropout=on", "clipgrad=on", "adabelief=off", "random_warp=off"})
    s.assign(pair, "test");
  const SaehdTrainOptions o = train_options(s);
  EXPECT_TRUE(o.loss.blur_out_mask && o.loss.eyes_mouth_prio && o.optimizer.lr_dropout);
  EXPECT_EQ(o.adversarial.gan_power, 0.1f);
  EXPECT_EQ(o.adversarial.gan_patch_size, 7);
  EXPECT_EQ(o.adversarial.gan_dims, 8);
  EXPECT_EQ(o.adversarial.true_face_power, 0.01f);
  EXPECT_EQ(o.style.face, 1);
  EXPECT_EQ(o.style.background, 2);
  EXPECT_EQ(o.optimizer.clip_norm, 1);
  EXPECT_EQ(o.optimizer.kind, OptimizerKind::kRmsProp);
  EXPECT_FALSE(o.random_warp);
  EXPECT_EQ(o.parity, SaehdParity::dfl());
  EXPECT_EQ(train_options(tiny_settings()).parity, SaehdParity());
}

TEST_F(TrainTest, AdversarialLossesAreInTheMetrics) {
  const Project project = make_project(folder / "p");
  Settings settings = project.settings();
  settings.assign("gan_power=0.1", "test");
  train(project, 1, settings);
  const std::string metrics = text_of(project.run("main") / "metrics.jsonl");
  EXPECT_NE(metrics.find("\"adversarial\":{\"gan\":"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("\"gan_discriminator\":"), std::string::npos) << metrics;
}

TEST_F(TrainTest, WhatCannotWorkNamesTheNearestThatDoes) {
  const Project project = make_project(folder / "p");
  const auto refused = [&](std::initializer_list<const char*> pairs) {
    Settings settings = project.settings();
    try {
      for (const char* pair : pairs) settings.assign(pair, "--set");
      settings.validate("--set");
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  // Seven halvings of 80 leave no whole picture (spec networks.md 5.1).
  EXPECT_NE(refused({"resolution=80", "gan_power=0.1", "gan_patch_size=256"})
                .find("the nearest that fits is gan_patch_size = "),
            std::string::npos);
  EXPECT_NE(refused({"gan_power=0.1", "gan_patch_size=2"}).find("nearest 3"), std::string::npos);
  EXPECT_NE(refused({"gan_power=6"}).find("nearest is 5"), std::string::npos);
  EXPECT_NE(refused({"gan_dims=600"}).find("nearest is 512"), std::string::npos);
  EXPECT_NE(refused({"true_face_power=0.1", "archi=liae"}).find("df only"), std::string::npos);
  EXPECT_NE(refused({"face_style_power=101"}).find("nearest is 100"), std::string::npos);
  EXPECT_NE(refused({"random_hsv_power=0.5"}).find("nearest is 0.3"), std::string::npos);
  EXPECT_NE(refused({"e_dims=17"}).find("nearest is 1"), std::string::npos);
  EXPECT_NE(refused({"resolution=80", "archi=df-t"}).find("multiple of 32"), std::string::npos);
  EXPECT_EQ(refused({"gan_power=5", "true_face_power=1", "bg_style_power=100"}), "");
}

TEST_F(TrainTest, PretrainingReadsAFacesetOfItsOwnAndEndsWithFreshInters) {
  const Project project = make_project(folder / "p");
  EXPECT_NE(error_of(project, "pretrain=on").find("pretrain.faces"), std::string::npos);
  make_faceset(project.dir() / "pretrain.faces", 6, 500);
  Settings settings = project.settings();
  settings.assign("pretrain=on", "test");
  const SampleOptions samples = sample_options(settings, Side::kSrc);
  EXPECT_TRUE(samples.random_flip && samples.uniform_yaw && !samples.random_warp);
  train(project, 2, settings);
  // Losses of those faces are none of the project's.
  EXPECT_TRUE(Faceset::open(project.faces(Side::kSrc).string()).losses().empty());
  ASSERT_EQ(Timeline(project).entries().size(), 1u);
  const TrainResult after = train(project, 1);
  EXPECT_EQ(after.first, 0);
  EXPECT_EQ(after.last, 1);
  // States of pretraining are no way back for what came after it; they are kept beside.
  const std::vector<TimelineEntry> entries = Timeline(project).entries();
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].iteration, 1);
  EXPECT_TRUE(fs::exists(project.checkpoint().parent_path() / "timeline.1"));
}

}  // namespace
}  // namespace diptych
