// diptych plan: foretold against measured, what is said when something is missing or too large.
// SPDX-License-Identifier: MIT
#include "apps/training/train_plan.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/test_project.h"
#include "apps/training/train_session.h"
#include "faces/image/test_folder.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

std::set<std::string> files_of(const fs::path& folder) {
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    files.insert(entry.path().string() + (entry.is_regular_file() ? text_of(entry.path()) : ""));
  return files;
}

class Plan : public ::testing::Test {
 protected:
  Plan() : project(make_project(folder / "p")) {}

  TrainPlan plan(const std::vector<std::string>& pairs = {},
                 double memory = 0,
                 double disk = 0,
                 bool measure = false) const {
    PlanRequest request;
    request.settings = project.settings();
    for (const std::string& pair : pairs) request.settings.assign(pair, "test");
    request.memory_bytes = memory;
    request.disk_bytes = disk;
    request.measure = measure;
    return plan_training(project, request);
  }

  TestFolder folder;
  Project project;
};

// The tolerance that docs/user/plan.md states.
TEST_F(Plan, ForetoldAndMeasuredPeaksAgreeAndNothingIsWritten) {
  const std::set<std::string> before = files_of(project.dir());
  for (const std::vector<std::string>& pairs :
       {std::vector<std::string>{}, {"dtype=bf16", "adabelief=off"}, {"gan_power=0.1"}}) {
    const TrainPlan p = plan(pairs, 0, 0, true);
    ASSERT_TRUE(p.measured);
    const auto foretold = static_cast<double>(p.memory.peak),
               real = static_cast<double>(p.measured->memory.peak);
    EXPECT_NEAR(foretold, real, 0.001 * real);
    EXPECT_GT(p.measured->median_ms, 0);
    EXPECT_LE(p.measured->least_ms, p.measured->median_ms);
    EXPECT_GT(p.hours(), 0);
    EXPECT_TRUE(p.fits());
    EXPECT_TRUE(p.suggestions.empty());
  }
  EXPECT_EQ(files_of(project.dir()), before);
}

TEST_F(Plan, WithoutFacesItForetellsAndSaysWhatIsMissing) {
  const TrainPlan whole = plan();
  fs::remove(project.faces(Side::kDst));
  const TrainPlan p = plan({}, 0, 0, true);
  EXPECT_FALSE(p.measured);
  ASSERT_EQ(p.missing.size(), 1u);
  EXPECT_NE(p.missing[0].find("dst.faces"), std::string::npos);
  EXPECT_EQ(p.memory.peak, whole.memory.peak);
  EXPECT_EQ(p.parameters(), whole.parameters());
  EXPECT_NE(plan_text(p).find("diptych extract"), std::string::npos);
}

TEST_F(Plan, TooLittleMemoryGivesRankedSuggestions) {
  const std::vector<std::string> large = {"batch_size=64"};
  const double limit = 1.2 * plan({"batch_size=8"}).memory_total();
  const TrainPlan p = plan(large, limit, 0, true);
  EXPECT_FALSE(p.fits());
  EXPECT_FALSE(p.measured);
  ASSERT_FALSE(p.suggestions.empty());
  EXPECT_TRUE(p.suggestions.front().fits);
  bool too_large = false;
  for (const Suggestion& s : p.suggestions) {
    EXPECT_FALSE(s.disk);
    EXPECT_EQ(s.fits, s.total <= limit) << s.change;
    EXPECT_FALSE(s.fits && too_large) << "what fits comes first";
    too_large |= !s.fits;
  }
  const auto smaller = std::find_if(p.suggestions.begin(), p.suggestions.end(), [](const auto& s) {
    return s.fits && s.change.rfind("batch_size", 0) == 0;
  });
  ASSERT_NE(smaller, p.suggestions.end());
  EXPECT_LT(smaller->total, p.memory_total());
}

// Where memory is promised that is not there, the plan says that it does not fit.
TEST_F(Plan, ATensorLargerThanTheMachineIsAnErrorOfTheSettings) {
  const std::vector<std::string> pairs = {"resolution=640", "ae_dims=1024",    "e_dims=256",
                                          "d_dims=256",     "d_mask_dims=256", "batch_size=512"};
  try {
    EXPECT_FALSE(plan(pairs).fits());
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("larger than this machine"), std::string::npos)
        << e.what();
    EXPECT_NE(std::string(e.what()).find("Lower batch_size"), std::string::npos) << e.what();
  }
}

// It fits where it is meant for, but no iteration can be tried here.
TEST_F(Plan, ForALargerMachineItForetellsAndDoesNotMeasure) {
  std::vector<std::string> pairs = {"resolution=640", "e_dims=64", "d_dims=64", "batch_size=1"};
  for (int batch = 2; batch <= 512 && plan(pairs).fits(); batch *= 2)
    pairs.back() = str("batch_size=", batch);
  if (plan(pairs).fits()) GTEST_SKIP() << "this machine holds the largest network";
  const TrainPlan p = plan(pairs, 1e15, 1e15, true);
  EXPECT_TRUE(p.fits());
  EXPECT_FALSE(p.measured);
  ASSERT_EQ(p.missing.size(), 1u);
  EXPECT_NE(p.missing[0].find("does not fit into this machine"), std::string::npos);
}

TEST_F(Plan, TooLittleDiskGivesSuggestions) {
  const TrainPlan roomy = plan({"timeline_gb=0"}, 0, 1e15);
  EXPECT_GT(roomy.disk.kept, 2);
  // Space for the checkpoint, the one before and one being written.
  const TrainPlan p = plan({"timeline_gb=0"}, 0, 3 * roomy.disk.checkpoint);
  EXPECT_FALSE(p.disk.fits());
  ASSERT_FALSE(p.suggestions.empty());
  EXPECT_TRUE(p.suggestions.front().disk);
  EXPECT_TRUE(p.suggestions.front().fits);
  EXPECT_EQ(p.suggestions.front().change, "timeline_hours = 0");
}

TEST_F(Plan, TheCheckpointIsAsLargeAsForetold) {
  const TrainPlan p = plan();
  TrainRequest request;
  request.settings = project.settings();
  request.iterations = 1;
  TrainSession(project, request).run();
  const auto real = static_cast<double>(fs::file_size(project.checkpoint()));
  EXPECT_NEAR(p.disk.checkpoint, real, 0.02 * real + 65536);  // names and shapes besides
}

TEST_F(Plan, TheTargetCountsFromTheCheckpoint) {
  TrainRequest request;
  request.settings = project.settings();
  request.iterations = 2;
  TrainSession(project, request).run();
  const TrainPlan p = plan({"target_iter=1002"}, 0, 0, true);
  EXPECT_EQ(p.iterations_left(), 1000);
  EXPECT_NEAR(p.hours(), p.measured->median_ms / 3600, 1e-9);
}

TEST_F(Plan, TextAndJsonSayTheSame) {
  const RunResult text = run_program({"plan", project.dir().string()}, folder.path());
  EXPECT_EQ(text.exit_code, 0) << text.err;
  for (const char* word : {"GFLOP an iteration", "activations", "foretold", "measured", "apart",
                           "a checkpoint", "an iteration", "fits into memory and disk"})
    EXPECT_NE(text.out.find(word), std::string::npos) << word << " in:\n" << text.out;
  const RunResult json = run_program({"plan", project.dir().string(), "--json"}, folder.path());
  const auto j = nlohmann::json::parse(json.out);
  EXPECT_EQ(j.at("parameters"), plan().parameters());
  EXPECT_LT(j.at("memory").at("apart_percent").get<double>(), 0.1);
  EXPECT_TRUE(j.at("disk").at("fits"));
  const RunResult bad =
      run_program({"plan", project.dir().string(), "--resolution", "70"}, folder.path());
  EXPECT_EQ(bad.exit_code, 1);
}

}  // namespace
}  // namespace diptych
