// The real program on a disk that runs full: it ends with a message, what was there stays whole,
// and it goes on when there is room.
// SPDX-License-Identifier: MIT
#include <fstream>

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "apps/project/open_faceset.h"
#include "apps/test_project.h"
#include "apps/training/timeline.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"
#include "tensor/safetensors.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

// A small disk of its own, gone with the test.
class SmallDisk {
 public:
  SmallDisk(const fs::path& at, const char* size) : at_(at) {
    fs::create_directories(at);
    mounted_ = ::mount("tmpfs", at.c_str(), "tmpfs", 0, size) == 0;
  }

  ~SmallDisk() {
    if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
  }

  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }

  // Takes all the room but `left` bytes.
  void fill(uintmax_t left = 0) const {
    std::ofstream out(at_ / "filler", std::ios::binary);
    const std::string page(4096, 'x');
    while (fs::space(at_).available > left &&
           out.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) {
    }
  }

  void make_room() const { fs::remove(at_ / "filler"); }

 private:
  fs::path at_;
  bool mounted_ = false;
};

class DiskFull : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!disk.mounted())
      GTEST_SKIP() << "only root may mount a small disk (tmpfs): nothing was tested";
  }

  RunResult run(const std::vector<std::string>& words) const {
    return run_program(words, folder.path());
  }

  void expect_full(const std::vector<std::string>& words) const {
    const RunResult full = run(words);
    EXPECT_EQ(full.exit_code, 1) << full.out;
    const bool said = full.err.find("No space left on device") != std::string::npos ||
                      full.err.find("disk is full") != std::string::npos;
    EXPECT_TRUE(said) << full.err;
  }

  void expect_done(const std::vector<std::string>& words) const {
    const RunResult done = run(words);
    EXPECT_EQ(done.exit_code, 0) << done.err;
  }

  // Names on the disk that end so, in all its folders.
  std::vector<std::string> names(const std::string& part) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder / "disk")) {
      const std::string name = entry.path().filename().string();
      if (name.find(part) != std::string::npos) found.push_back(entry.path().string());
    }
    return found;
  }

  std::string path(const std::string& name) const { return (folder / name).string(); }

  TestFolder folder;
  SmallDisk disk{folder / "disk", "size=96m"};
};

int64_t iteration_of(const fs::path& checkpoint) {
  return std::stoll(Safetensors::open(checkpoint.string()).metadata().at("iteration"));
}

std::vector<std::string> training(const Project& project) {
  return {"train", project.dir().string(), "--batch-size", "1", "--iters", "1", "--threads", "1"};
}

TEST_F(DiskFull, TrainingEndsWithAWholeCheckpointAndGoesOnWhenThereIsRoom) {
  const Project project = make_project(folder / "disk" / "p", 2);
  expect_done(training(project));
  const int64_t before = iteration_of(project.checkpoint());
  disk.fill();
  expect_full(training(project));
  EXPECT_EQ(iteration_of(project.checkpoint()), before);
  for (const TimelineEntry& e : Timeline(project).entries())
    EXPECT_EQ(iteration_of(e.model), before);
  disk.make_room();
  expect_done(training(project));
  EXPECT_EQ(iteration_of(project.checkpoint()), before + 1);
}

// Room for the metrics, not for a checkpoint: the save fails, not the step.
TEST_F(DiskFull, ASaveThatDoesNotFitLeavesTheOldOne) {
  const Project project = make_project(folder / "disk" / "p", 2);
  expect_done(training(project));
  const std::string before = text_of(project.checkpoint());
  disk.fill(256 << 10);
  expect_full(training(project));
  EXPECT_TRUE(text_of(project.checkpoint()) == before);
  EXPECT_TRUE(names(".tmp").empty());
}

TEST_F(DiskFull, ImportingFacesLeavesAWholeFaceset) {
  make_faceset(folder / "many.faces", 20, 0);
  expect_done({"faces", "export", path("many.faces"), "-o", path("pictures")});
  const fs::path target = folder / "disk" / "t.faces";
  make_faceset(target, 2, 5000);
  disk.fill(16 << 10);
  const std::vector<std::string> import = {"faces", "import", target.string(), "--from",
                                           path("pictures")};
  expect_full(import);
  {
    const Faceset faces = open_faceset_to_read(target);
    EXPECT_TRUE(faces.check().empty());
    EXPECT_GE(faces.count(), 2);
  }
  disk.make_room();
  expect_done(import);
  EXPECT_EQ(open_faceset_to_read(target).count(), 20);  // frames 0 and 1 were there
}

TEST_F(DiskFull, ExportingFacesAndModelsLeavesNothingHalf) {
  const Project project = make_project(folder / "p", 8);
  expect_done(training(project));
  disk.fill(20 << 10);
  expect_full({"faces", "export", project.faces(Side::kSrc).string(), "-o", path("disk/faces")});
  EXPECT_FALSE(fs::exists(folder / "disk/faces/faces.json"));
  expect_full({"model", "export", project.dir().string(), "-o", path("disk/m")});
  EXPECT_TRUE(names("SAEHD").empty());
  disk.make_room();
  expect_done({"model", "export", project.dir().string(), "-o", path("disk/m")});
}

TEST_F(DiskFull, AModelForDeepFaceLiveDoesNotReplaceTheOldOneHalf) {
  const Project project = make_project(folder / "p", 2);
  expect_done(training(project));
  std::ofstream(folder / "disk/a.dfm") << "mine";
  disk.fill(20 << 10);
  expect_full({"export", project.dir().string(), "-o", path("disk/a.dfm"), "--force"});
  EXPECT_EQ(text_of(folder / "disk/a.dfm"), "mine");
  EXPECT_TRUE(names(".part").empty());
}

TEST_F(DiskFull, ImportingAModelLeavesTheProjectAsItWas) {
  const Project source = make_project(folder / "p", 2);
  expect_done(training(source));
  expect_done({"model", "export", source.dir().string(), "-o", path("m")});
  const Project project = make_project(folder / "disk" / "q", 2);
  const std::string toml = text_of(project.toml());
  disk.fill(64 << 10);
  expect_full({"model", "import", project.dir().string(), path("m")});
  EXPECT_FALSE(fs::exists(project.checkpoint()));
  EXPECT_EQ(text_of(project.toml()), toml);
  disk.make_room();
  expect_done({"model", "import", project.dir().string(), path("m")});
}

TEST_F(DiskFull, ABranchOfTheTimelineIsThereWholeOrNotAtAll) {
  const Project project = make_project(folder / "p", 2);
  expect_done(training(project));
  disk.fill(256 << 10);
  const std::vector<std::string> branch = {"timeline", "branch", project.dir().string(), "1",
                                           path("disk/b")};
  expect_full(branch);
  EXPECT_TRUE(names("b").empty()) << names("b")[0];
  disk.make_room();
  expect_done(branch);
  expect_done({"train", path("disk/b"), "--iters", "1", "--batch-size", "1"});
}

TEST_F(DiskFull, ReportingOnFacesLeavesTheOldReport) {
  const Project project = make_project(folder / "disk" / "p", 8);
  const std::vector<std::string> report = {"faces", "report", project.dir().string()};
  expect_done(report);
  const std::string picture = text_of(project.out("faces_report.png")),
                    numbers = text_of(project.out("faces_report.json"));
  disk.fill();
  expect_full(report);
  EXPECT_TRUE(text_of(project.out("faces_report.png")) == picture);
  EXPECT_EQ(text_of(project.out("faces_report.json")), numbers);
  disk.make_room();
  expect_done(report);
}

// dst is a folder of pictures, so that there is something to merge into.
TEST_F(DiskFull, MergingLeavesNoVideoAndNoOldOneIsLost) {
  const fs::path pictures = folder / "dst";
  fs::create_directories(pictures);
  for (int i = 0; i < 6; ++i)
    write_image(pictures / str("0000", i, ".png"),
                cv::Mat(300, 320, CV_8UC3, cv::Scalar(20 * i, 90, 120)));
  std::ofstream(folder / "src.mp4") << "not a video";
  ProjectPlan plan;
  plan.dir = folder / "p";
  plan.settings = tiny_settings();
  measure_source(folder / "src.mp4", plan.sources[0]);
  measure_source(pictures, plan.sources[1]);
  for (SourceRecord& record : plan.sources) record.consent = "synthetic";
  const Project project = Project::create(plan);
  for (const Side side : kSides) make_faceset(project.faces(side), 6, 0);
  expect_done(training(project));
  const std::string video = path("disk/out.mp4"), p = project.dir().string();
  expect_done({"merge", p, "-o", video});
  const std::string before = text_of(video);
  disk.fill(8 << 10);
  expect_full({"merge", p, "-o", video, "--force"});
  EXPECT_TRUE(text_of(video) == before);
  expect_full({"merge", p, "-o", path("disk/pictures")});
  EXPECT_TRUE(names(".part").empty());
  disk.make_room();
  expect_done({"merge", p, "-o", video, "--force"});
}

}  // namespace
}  // namespace diptych
