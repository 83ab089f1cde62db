// train --from: another project's weights as a start.
// SPDX-License-Identifier: MIT
#include "apps/training/train_from.h"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/test_project.h"
#include "apps/training/receipt.h"
#include "apps/training/train_session.h"
#include "faces/image/test_folder.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

class TrainFrom : public ::testing::Test {
 protected:
  TrainFrom() : old_project(make_project(folder / "old")), project(make_project(folder / "new")) {
    train(old_project, old_project.settings(), 2);
    larger = project.settings();
    larger.assign("resolution=80", "test");
    larger.assign("d_dims=20", "test");
  }

  static TrainResult train(const Project& p, const Settings& settings, int64_t iterations) {
    TrainRequest request;
    request.settings = settings;
    request.iterations = iterations;
    return TrainSession(p, request).run();
  }

  std::string error_of(const fs::path& other, bool force = false) const {
    try {
      start_from(project, larger, "main", other, force);
    } catch (const InputError& e) {
      return e.what();
    }
    return "";
  }

  TestFolder folder;
  Project old_project, project;
  Settings larger;
};

TEST_F(TrainFrom, AnotherProjectIsTheStartAndStaysAsItWas) {
  const std::string before = text_of(old_project.checkpoint());
  const SurgeryReport report = start_from(project, larger, "main", old_project.dir(), false);
  EXPECT_EQ(text_of(old_project.checkpoint()), before);
  EXPECT_EQ(report.iteration, 2);
  const std::string table = surgery_table(report);
  EXPECT_NE(table.find("grid 4x4 -> 5x5"), std::string::npos) << table;
  EXPECT_NE(table.find("wider"), std::string::npos) << table;
  const Safetensors start = Safetensors::open(project.checkpoint().string());
  EXPECT_EQ(start.metadata().at("iteration"), "0");
  EXPECT_NE(start.metadata().at("from").find(old_project.checkpoint().string()), std::string::npos);

  const std::string metrics = text_of(project.run("main") / "metrics.jsonl");
  const auto event = nlohmann::json::parse(metrics);
  EXPECT_EQ(event.at("event"), "surgery");
  int64_t weights = 0;
  for (const auto& group : event.at("layers")) weights += group.at("weights").get<int64_t>();
  int64_t in_file = 0;
  for (const auto& [name, entry] : start.entries())
    if (name.rfind("weight/", 0) == 0) in_file += entry.shape.numel();
  EXPECT_EQ(weights, in_file);
}

TEST_F(TrainFrom, TrainingGoesOnAndRemembersWhereItCameFrom) {
  start_from(project, larger, "main", old_project.checkpoint(), false);
  const std::string from = Safetensors::open(project.checkpoint().string()).metadata().at("from");
  const TrainResult result = train(project, larger, 1);
  EXPECT_EQ(result.first, 0);
  EXPECT_EQ(train(project, larger, 1).last, 2);
  EXPECT_EQ(Safetensors::open(project.checkpoint().string()).metadata().at("from"), from);
  const Receipt receipt = read_receipt(project.run("main") / "receipt.json");
  EXPECT_FALSE(receipt.replay);
  EXPECT_NE(receipt.why_no_replay.find("another model"), std::string::npos);
}

TEST_F(TrainFrom, AModelIsReplacedByForceAloneAndKept) {
  train(project, project.settings(), 1);
  const std::string before = text_of(project.checkpoint());
  const fs::path timeline = project.checkpoint().parent_path() / "timeline";
  ASSERT_TRUE(fs::exists(timeline));
  EXPECT_NE(error_of(old_project.dir()).find("has a model"), std::string::npos);
  EXPECT_EQ(text_of(project.checkpoint()), before);
  EXPECT_EQ(error_of(old_project.dir(), true), "");
  EXPECT_EQ(text_of(project.checkpoint().string() + ".prev"), before);
  EXPECT_FALSE(fs::exists(timeline));
  EXPECT_TRUE(fs::exists(timeline.string() + ".1"));
}

TEST_F(TrainFrom, WhatIsNoCheckpointIsRefusedAndChangesNothing) {
  EXPECT_NE(error_of(folder / "nowhere").find("no such project"), std::string::npos);
  const Project untrained = make_project(folder / "untrained");
  EXPECT_NE(error_of(untrained.dir()).find("no model yet"), std::string::npos);
  std::ofstream(folder / "text") << "not a checkpoint, but long enough to look at";
  EXPECT_NE(error_of(folder / "text"), "");
  // One bit of the weights.
  const fs::path damaged = folder / "damaged.safetensors";
  fs::copy_file(old_project.checkpoint(), damaged);
  std::fstream file(damaged, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1000, std::ios::end);
  const int byte = file.peek();
  file.seekp(-1000, std::ios::end);
  file.put(static_cast<char>(byte ^ 1));
  file.close();
  EXPECT_NE(error_of(damaged), "");
  EXPECT_NE(error_of(project.dir()).find("no model yet"), std::string::npos);
  EXPECT_FALSE(fs::exists(project.checkpoint()));
}

TEST_F(TrainFrom, AWrongProvocationIsRefusedBeforeAnythingIsReplaced) {
  const RunResult result = run_program(
      {"train", project.dir().string(), "--from", old_project.dir().string(), "--provoke", "fire"},
      folder.path());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("Use nan"), std::string::npos) << result.err;
  EXPECT_FALSE(fs::exists(project.checkpoint()));
}

TEST_F(TrainFrom, OtherSizesPointToIt) {
  try {
    train(old_project, larger, 1);
    ADD_FAILURE() << "was not refused";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("--from"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace diptych
