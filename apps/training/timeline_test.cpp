// The timeline: what the schedule keeps, and that keeping, thinning, restoring and branching are
// whole.
// SPDX-License-Identifier: MIT
#include "apps/training/timeline.h"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

#include "apps/project/project_lock.h"
#include "apps/test_project.h"
#include "apps/training/train_session.h"
#include "faces/image/test_folder.h"
#include "tensor/safetensors.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

constexpr ThinningSchedule kHour{.keep_seconds = 3600, .per_doubling = 4};

// A save every quarter of an hour, thinned after each, as training does.
std::vector<ThinningPoint> after_hours(int hours, const ThinningSchedule& schedule) {
  std::vector<ThinningPoint> kept;
  for (int quarter = 1; quarter <= 4 * hours; ++quarter) {
    kept.push_back({quarter * 900.0, 100});
    const std::vector<size_t> gone = choose_to_thin(kept, quarter * 900.0, schedule);
    for (auto it = gone.rbegin(); it != gone.rend(); ++it)
      kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(*it));
  }
  return kept;
}

TEST(Thinning, KeepsAllOfTheLastHour) {
  const std::vector<ThinningPoint> kept = after_hours(20, kHour);
  for (int back = 0; back <= 4; ++back) {
    const double time = 20 * 3600.0 - back * 900;
    EXPECT_TRUE(std::any_of(kept.begin(), kept.end(), [&](const auto& p) {
      return p.trained_seconds == time;
    })) << back;
  }
}

TEST(Thinning, KeepsTheFirstAndTheNewest) {
  const std::vector<ThinningPoint> kept = after_hours(100, kHour);
  EXPECT_EQ(kept.front().trained_seconds, 900);
  EXPECT_EQ(kept.back().trained_seconds, 360000);
}

TEST(Thinning, GrowsWithTheLogarithmOfTime) {
  const size_t one_day = after_hours(24, kHour).size(), four_days = after_hours(96, kHour).size();
  EXPECT_GT(one_day, 8u);
  EXPECT_LT(one_day, 40u);
  EXPECT_LE(four_days, one_day + 2 * 6);
}

TEST(Thinning, EveryAgeHasANeighbourWithinItsDoubling) {
  const std::vector<ThinningPoint> kept = after_hours(96, kHour);
  const double now = 96 * 3600.0;
  for (double age = 3600; age < now / 2; age *= 1.3) {
    EXPECT_TRUE(std::any_of(kept.begin(), kept.end(), [&](const auto& p) {
      const double a = now - p.trained_seconds;
      return a > age / 1.5 && a < age * 1.5;
    })) << age;
  }
}

TEST(Thinning, StaysWithinTheBytes) {
  ThinningSchedule tight = kHour;
  tight.most_bytes = 800;
  const std::vector<ThinningPoint> kept = after_hours(48, tight);
  EXPECT_LE(kept.size(), 8u);
  EXPECT_GE(kept.size(), 7u);
  EXPECT_EQ(kept.front().trained_seconds, 900);
}

TEST(Thinning, NothingAndOneStay) {
  EXPECT_TRUE(choose_to_thin({}, 0, kHour).empty());
  const ThinningPoint old[] = {{0, 1}};
  EXPECT_TRUE(choose_to_thin(old, 1e9, kHour).empty());
}

class TimelineTest : public ::testing::Test {
 protected:
  Project trained(int iterations) {
    Project project = make_project(folder / "p");
    TrainRequest request;
    request.settings = project.settings();
    request.settings.assign("save_every_iters=1", "test");
    request.iterations = iterations;
    TrainSession(project, request).run();
    return project;
  }

  std::string iteration_of(const fs::path& checkpoint) {
    return Safetensors::open(checkpoint.string()).metadata().at("iteration");
  }

  RunResult run(const std::vector<std::string>& words) { return run_program(words, folder.path()); }

  TestFolder folder;
};

TEST_F(TimelineTest, EverySaveIsKeptWithStripAndNote) {
  const Project project = trained(3);
  const std::vector<TimelineEntry> entries = Timeline(project).entries();
  ASSERT_EQ(entries.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(entries[i].iteration, static_cast<int64_t>(i + 1));
    EXPECT_EQ(iteration_of(entries[i].model), std::to_string(i + 1));
    EXPECT_TRUE(fs::exists(entries[i].strip));
    EXPECT_GT(entries[i].src_loss, 0);
    EXPECT_GT(entries[i].trained_seconds, 0);
  }
  EXPECT_TRUE(Timeline(project).leftovers().empty());
}

TEST_F(TimelineTest, RestoreKeepsWhatItReplaces) {
  const Project project = trained(3);
  const Timeline timeline(project);
  timeline.remove(timeline.at(3));
  const RunResult result = run({"timeline", "restore", project.dir().string(), "2"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(iteration_of(project.checkpoint()), "2");
  EXPECT_EQ(iteration_of(project.checkpoint().string() + ".prev"), "3");
  EXPECT_EQ(iteration_of(timeline.at(3).model), "3");
  EXPECT_NE(text_of(project.run("main") / "metrics.jsonl").find("\"event\":\"restore\",\"iter\":2"),
            std::string::npos);
}

TEST_F(TimelineTest, RestoreOfADamagedStateChangesNothing) {
  const Project project = trained(2);
  const fs::path model = Timeline(project).at(1).model;
  fs::resize_file(model, fs::file_size(model) - 7);
  const RunResult result = run({"timeline", "restore", project.dir().string(), "1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(iteration_of(project.checkpoint()), "2");
}

TEST_F(TimelineTest, AnUnknownIterationNamesTheOnesThereAre) {
  const Project project = trained(2);
  const RunResult result = run({"timeline", "restore", project.dir().string(), "7"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("There are: 1, 2"), std::string::npos) << result.err;
}

TEST_F(TimelineTest, BranchIsAProjectThatTrainsOn) {
  const Project project = trained(2);
  const fs::path other = folder / "other";
  const RunResult result = run({"timeline", "branch", project.dir().string(), "1", other.string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(iteration_of(project.checkpoint()), "2");
  const RunResult more = run({"train", other.string(), "--iters", "1"});
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_EQ(iteration_of(other / "model" / "saehd.safetensors"), "2");
  EXPECT_EQ(iteration_of(Timeline(project).at(1).model), "1");
}

TEST_F(TimelineTest, ThinningIsListedBeforeItHappens) {
  const Project project = make_project(folder / "p");
  TrainRequest request;
  request.settings = project.settings();
  for (const char* pair : {"save_every_iters=1", "timeline_gb=0.000001"})
    request.settings.assign(pair, "test");
  request.iterations = 4;
  TrainSession(project, request).run();
  EXPECT_EQ(Timeline(project).entries().size(), 2u);  // the first and the newest
  const std::string metrics = text_of(project.run("main") / "metrics.jsonl");
  EXPECT_NE(metrics.find("\"iterations\":[2]"), std::string::npos);
  EXPECT_NE(metrics.find("\"iterations\":[3]"), std::string::npos);
}

TEST_F(TimelineTest, OffKeepsNothing) {
  const Project project = make_project(folder / "p");
  TrainRequest request;
  request.settings = project.settings();
  request.settings.assign("timeline_hours=0", "test");
  request.iterations = 1;
  TrainSession(project, request).run();
  EXPECT_TRUE(Timeline(project).entries().empty());
}

TEST_F(TimelineTest, ASecondProgramIsRefused) {
  const Project project = trained(1);
  const ProjectLock lock(project);
  const RunResult result = run({"timeline", "restore", project.dir().string(), "1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("is being trained or restored"), std::string::npos) << result.err;
}

TEST_F(TimelineTest, ListShowsEveryStateAndDrawsTheSheet) {
  const Project project = trained(2);
  const fs::path sheet = folder / "sheet.png";
  const RunResult result =
      run({"timeline", "list", project.dir().string(), "--sheet", sheet.string()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("2 kept in"), std::string::npos) << result.out;
  EXPECT_TRUE(fs::exists(sheet));
}

}  // namespace
}  // namespace diptych
