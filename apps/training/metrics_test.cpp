// metrics.jsonl: line format, torn lines, rewound runs.
// SPDX-License-Identifier: MIT
#include "apps/training/metrics.h"

#include <cmath>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "faces/image/test_folder.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

StepRecord example() {
  StepRecord r;
  r.iteration = 7;
  r.time = 1700000000.25;
  r.src = 0.75;
  r.dst = 0.5;
  r.src_loss = {0.5f, 1.0f};
  r.dst_loss = {0.25f, 0.75f};
  r.src_faces = {3, 9};
  r.dst_faces = {1, 12345678901};
  r.learning_rate = 5e-5;
  r.wait_ms = 1.5;
  r.step_ms = 250;
  r.total_ms = 252;
  return r;
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Metrics, LineIsJsonWithLossesFacesAndTimes) {
  const auto json = nlohmann::json::parse(metrics_line(example()));
  EXPECT_EQ(json["iter"], 7);
  EXPECT_EQ(json["src"], 0.75);
  EXPECT_EQ(json["time"], 1700000000.25);
  EXPECT_EQ(json["src_loss"], nlohmann::json({0.5, 1.0}));
  EXPECT_EQ(json["dst_faces"], nlohmann::json({1, 12345678901}));
  EXPECT_EQ(json["ms"]["step"], 250);
  EXPECT_EQ(json["lr"], 5e-5);
}

TEST(Metrics, NotANumberBecomesNull) {
  StepRecord r = example();
  r.src_loss[1] = NAN;
  r.src = INFINITY;
  const auto json = nlohmann::json::parse(metrics_line(r));
  EXPECT_TRUE(json["src"].is_null());
  EXPECT_TRUE(json["src_loss"][1].is_null());
}

TEST(Metrics, WrittenLossesAreReadBack) {
  const TestFolder folder;
  {
    MetricsWriter writer(folder / "m.jsonl");
    writer.event("start", 0, {{"batch_size", "2"}});
    for (int i = 1; i <= 3; ++i) {
      StepRecord r = example();
      r.iteration = i;
      writer.write(r);
    }
  }
  const auto history = read_losses(folder / "m.jsonl");
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history[2].iteration, 3);
  EXPECT_EQ(history[2].src, 0.75f);
  EXPECT_EQ(history[2].dst, 0.5f);
}

TEST(Metrics, TornLineIsClosedAndSkipped) {
  const TestFolder folder;
  std::ofstream(folder / "m.jsonl") << metrics_line(example()) << "\n{\"iter\":8,\"src\":0.7";
  {
    MetricsWriter writer(folder / "m.jsonl");
    StepRecord r = example();
    r.iteration = 9;
    writer.write(r);
  }
  EXPECT_NE(text_of(folder / "m.jsonl").find("0.7\n{\"iter\":9"), std::string::npos);
  const auto history = read_losses(folder / "m.jsonl");
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[1].iteration, 9);
}

TEST(Metrics, RunThatWentBackReplacesItsOldFuture) {
  std::vector<LossPoint> history;
  for (int i = 1; i <= 5; ++i) add_loss_point(history, {i, 1.0f, 1.0f});
  add_loss_point(history, {3, 2.0f, 2.0f});
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history.back().src, 2.0f);
}

TEST(Metrics, FullDiskNamesTheFile) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  MetricsWriter writer("/dev/full");
  try {
    writer.write(example());
    FAIL() << "no error";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("/dev/full: cannot be written"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("Free some space"), std::string::npos);
  }
}

}  // namespace
}  // namespace diptych
