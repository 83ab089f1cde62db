// Killing the real program at random moments: what it leaves is whole.
// DIPTYCH_KILLS sets the number of kills of each kind (12 without it).
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "apps/project/open_faceset.h"
#include "apps/test_project.h"
#include "apps/training/metrics.h"
#include "apps/training/receipt.h"
#include "apps/training/timeline.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"
#include "kernels/common/rng.h"
#include "tensor/safetensors.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

int kills() {
  const char* text = std::getenv("DIPTYCH_KILLS");
  return text == nullptr ? 12 : std::max(1, std::atoi(text));
}

std::vector<std::string> training(const Project& project) {
  return {
      "train", project.dir().string(), "--save-every-iters", "1", "--batch-size", "1", "--threads",
      "1"};
}

int64_t iteration_of(const fs::path& checkpoint) {
  return std::stoll(Safetensors::open(checkpoint.string()).metadata().at("iteration"));
}

// Runs the program and kills it when `file` appears, or at once, and a random time later. False
// when it had ended by then.
bool kill_in(const std::vector<std::string>& words,
             const fs::path& scratch,
             const fs::path& file,
             uint64_t milliseconds) {
  RunningProgram program(words, scratch);
  while (!file.empty() && !program.ended() && !fs::exists(file))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  if (program.ended()) {
    EXPECT_EQ(program.wait().exit_code, 0) << program.wait().err;
    return false;
  }
  program.signal(SIGKILL);
  const int exit_code = program.wait().exit_code;
  if (exit_code == 0) return false;  // it ended while the signal was on its way
  EXPECT_EQ(exit_code, 128 + SIGKILL);
  return true;
}

// Everything a kill may leave opens: checkpoint, kept states with their strips, metrics, receipt,
// faces.
void expect_whole(const Project& project) {
  EXPECT_NO_THROW(Safetensors::open(project.checkpoint().string()));
  for (const TimelineEntry& e : Timeline(project).entries()) {
    EXPECT_EQ(iteration_of(e.model), e.iteration);
    EXPECT_NO_THROW(read_image(e.strip)) << e.strip;
    EXPECT_GT(e.trained_seconds, 0) << e.note;
  }
  const fs::path run = project.run("main");
  EXPECT_FALSE(read_losses(run / "metrics.jsonl").empty());
  if (fs::exists(run / "receipt.json")) {
    EXPECT_NO_THROW(read_receipt(run / "receipt.json"));
  }
  for (const Side side : kSides)
    EXPECT_TRUE(open_faceset_to_read(project.faces(side)).check().empty());
}

// Every other kill while a save is under way, the others at random moments of start and work. The
// timeline has room for two states, so that each save thins it.
TEST(Kill, TrainingLeavesEverythingWhole) {
  const TestFolder folder;
  const Project project = make_project(folder / "p", 2);
  const fs::path aside = project.checkpoint().string() + ".tmp";
  Rng rng(11, 0, 0);
  int64_t last = 0;
  for (int kill = 0; kill < kills(); ++kill) {
    fs::remove(aside);  // left by the last kill
    const bool in_save = kill % 2 == 0;
    const fs::path wait_for = kill == 0 ? project.checkpoint() : in_save ? aside : fs::path();
    std::vector<std::string> words = training(project);
    words.insert(words.end(), {"--timeline-gb", "0.000001"});
    ASSERT_TRUE(kill_in(words, folder.path(), wait_for,
                        static_cast<uint64_t>(rng.below(in_save ? 400 : 900))));
    expect_whole(project);
    const int64_t iteration = iteration_of(project.checkpoint());
    ASSERT_GE(iteration, last);
    last = iteration;
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(last, 1);  // saves went through between the kills
  const RunResult rest = run_program(
      {"train", project.dir().string(), "--iters", "1", "--batch-size", "1"}, folder.path());
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_TRUE(Timeline(project).leftovers().empty());
}

TEST(Kill, RestoringLeavesOneStateOrTheOther) {
  const TestFolder folder;
  const Project project = make_project(folder / "p", 2);
  std::vector<std::string> words = training(project);
  words.insert(words.end(), {"--iters", "3"});
  ASSERT_EQ(run_program(words, folder.path()).exit_code, 0);
  Rng rng(12, 0, 0);
  int killed = 0;
  for (int kill = 0; kill < kills(); ++kill) {
    const std::string to = std::to_string(1 + kill % 3);
    killed += kill_in({"timeline", "restore", project.dir().string(), to}, folder.path(), {},
                      static_cast<uint64_t>(rng.below(60)));
    expect_whole(project);
    const int64_t now = iteration_of(project.checkpoint());
    EXPECT_TRUE(now >= 1 && now <= 3) << now;
    EXPECT_EQ(Timeline(project).entries().size(), 3u);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(killed, 0);
}

void kill_imports(const std::vector<std::string>& format, uint64_t seed) {
  const TestFolder folder;
  make_faceset(folder / "many.faces", 60, 0);
  const std::string from = (folder / "pictures").string();
  std::vector<std::string> words = {"faces", "export", (folder / "many.faces").string(), "-o",
                                    from};
  words.insert(words.end(), format.begin(), format.end());
  ASSERT_EQ(run_program(words, folder.path()).exit_code, 0);
  Rng rng(seed, 0, 0);
  int killed = 0;
  for (int kill = 0; kill < kills(); ++kill) {
    const fs::path target = folder / str("t", kill, ".faces");
    make_faceset(target, 2, 5000);
    words = {"faces", "import", target.string(), "--from", from};
    words.insert(words.end(), format.begin(), format.end());
    killed += kill_in(words, folder.path(), {}, static_cast<uint64_t>(rng.below(250)));
    const Faceset faces = open_faceset_to_read(target);
    EXPECT_TRUE(faces.check().empty());
    EXPECT_GE(faces.count(), 2);
    if (::testing::Test::HasFailure()) return;
    fs::remove(target);
  }
  EXPECT_GT(killed, 0);
}

TEST(Kill, ImportingFacesLeavesAWholeFaceset) {
  kill_imports({}, 13);
}

TEST(Kill, ImportingDeepFaceLabsFacesLeavesAWholeFaceset) {
  kill_imports({"--format", "dfl"}, 17);
}

// The report before it, or a new one: picture and numbers are whole.
TEST(Kill, ReportingOnFacesLeavesTheOldReportOrANewOne) {
  const TestFolder folder;
  const Project project = make_project(folder / "p", 60);
  const std::vector<std::string> report = {"faces", "report", project.dir().string()};
  ASSERT_EQ(run_program(report, folder.path()).exit_code, 0);
  const cv::Size size = read_image(project.out("faces_report.png")).size();
  Rng rng(16, 0, 0);
  int killed = 0;
  for (int kill = 0; kill < kills(); ++kill) {
    killed += kill_in(report, folder.path(), {}, static_cast<uint64_t>(rng.below(250)));
    EXPECT_EQ(read_image(project.out("faces_report.png")).size(), size);
    EXPECT_TRUE(nlohmann::json::accept(text_of(project.out("faces_report.json"))));
    for (const Side side : kSides)
      EXPECT_TRUE(open_faceset_to_read(project.faces(side)).check().empty());
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(killed, 0);
}

// Weights, settings and history change together, or not at all: train goes on from either.
TEST(Kill, ImportingAModelLeavesTheOldOneOrTheNew) {
  const TestFolder folder;
  const Project source = make_project(folder / "s", 2), project = make_project(folder / "p", 2);
  std::vector<std::string> words = training(source);
  words.insert(words.end(), {"--iters", "2"});
  ASSERT_EQ(run_program(words, folder.path()).exit_code, 0);
  words = training(project);
  words.insert(words.end(), {"--iters", "1"});
  ASSERT_EQ(run_program(words, folder.path()).exit_code, 0);
  const std::string model = (folder / "m").string();
  ASSERT_EQ(
      run_program({"model", "export", source.dir().string(), "-o", model}, folder.path()).exit_code,
      0);
  Rng rng(14, 0, 0);
  for (int kill = 0; kill < kills(); ++kill) {
    kill_in({"model", "import", project.dir().string(), model, "--force"}, folder.path(), {},
            static_cast<uint64_t>(rng.below(200)));
    const int64_t now = iteration_of(project.checkpoint());
    EXPECT_TRUE(now == 1 || now == 2) << now;
    EXPECT_NO_THROW(Project::open(project.dir()));
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_EQ(run_program(words, folder.path()).exit_code, 0);
}

TEST(Kill, ABranchIsThereWholeOrNotAtAll) {
  const TestFolder folder;
  const Project project = make_project(folder / "p", 30);
  std::vector<std::string> words = training(project);
  words.insert(words.end(), {"--iters", "1"});
  ASSERT_EQ(run_program(words, folder.path()).exit_code, 0);
  const fs::path other = folder / "other";
  const std::vector<std::string> branch = {"timeline", "branch", project.dir().string(), "1",
                                           other.string()};
  Rng rng(15, 0, 0);
  for (int kill = 0; kill < kills(); ++kill) {
    kill_in(branch, folder.path(), {}, static_cast<uint64_t>(rng.below(60)));
    if (fs::exists(other)) {
      const Project made = Project::open(other);
      EXPECT_EQ(iteration_of(made.checkpoint()), 1);
      for (const Side side : kSides)
        EXPECT_TRUE(open_faceset_to_read(made.faces(side)).check().empty());
      fs::remove_all(other);
    }
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_EQ(run_program(branch, folder.path()).exit_code, 0);
  EXPECT_FALSE(fs::exists(other.string() + ".branching"));
}

}  // namespace
}  // namespace diptych
