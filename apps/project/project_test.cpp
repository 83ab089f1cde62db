// Project folders: creation, refusal, damaged project.toml, confinement.
// SPDX-License-Identifier: MIT
#include "apps/project/project.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "faces/image/test_folder.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

class ProjectTest : public ::testing::Test {
 protected:
  ProjectTest() {
    std::ofstream(folder / "A.mp4") << "abc";
    std::ofstream(folder / "B.MKV") << "";
    plan.dir = folder / "p";
    measure_source(folder / "A.mp4", plan.sources[0]);
    measure_source(folder / "B.MKV", plan.sources[1]);
    plan.sources[0].consent = "synthetic";
    plan.sources[1].consent = "self";
  }

  std::string toml() const {
    std::ifstream in(folder / "p" / "project.toml");
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  // Replaces `from` in project.toml and returns the error of opening the project.
  std::string error_after(const std::string& from, const std::string& to) const {
    std::string text = toml();
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    if (at != std::string::npos) text.replace(at, from.size(), to);
    std::ofstream(folder / "p" / "project.toml") << text;
    try {
      Project::open(folder / "p");
    } catch (const InputError& e) {
      return e.what();
    }
    return "";
  }

  TestFolder folder;
  ProjectPlan plan;
};

TEST_F(ProjectTest, CreatedProjectOpensWithWhatWasPlanned) {
  plan.settings.assign("resolution=96", "--set");
  Project::create(plan);
  const Project project = Project::open(folder / "p");
  EXPECT_EQ(project.settings().integer("train.resolution"), 96);
  EXPECT_EQ(project.record(Side::kSrc).consent, "synthetic");
  EXPECT_EQ(project.record(Side::kSrc).size, 3u);
  EXPECT_EQ(project.record(Side::kSrc).xxh64, "44bc2cf5ad770999");  // XXH64 of "abc"
  EXPECT_EQ(project.record(Side::kDst).file, "dst.mkv");
  EXPECT_EQ(project.record(Side::kDst).recorded.size(), 10u);
  EXPECT_TRUE(fs::is_symlink(folder / "p" / "src.mp4"));
  EXPECT_TRUE(fs::is_directory(folder / "p" / "model"));
}

TEST_F(ProjectTest, CopyMakesAFileOfItsOwn) {
  plan.copy = true;
  Project::create(plan);
  EXPECT_FALSE(fs::is_symlink(folder / "p" / "src.mp4"));
  EXPECT_EQ(fs::file_size(folder / "p" / "src.mp4"), 3u);
}

TEST_F(ProjectTest, FolderThatIsNotEmptyIsRefusedAndUntouched) {
  fs::create_directory(folder / "p");
  std::ofstream(folder / "p" / "precious") << "x";
  EXPECT_THROW(Project::create(plan), InputError);
  EXPECT_TRUE(fs::exists(folder / "p" / "precious"));
  EXPECT_FALSE(fs::exists(folder / "p" / "project.toml"));
  EXPECT_EQ(folder.entries(), 3);
}

TEST_F(ProjectTest, EmptyFolderIsUsed) {
  fs::create_directory(folder / "p");
  EXPECT_NO_THROW(Project::create(plan));
}

TEST_F(ProjectTest, FailureLeavesNothingBehind) {
  plan.copy = true;
  plan.sources[1].origin = (folder / "gone.mp4").string();
  EXPECT_THROW(Project::create(plan), InputError);
  EXPECT_EQ(folder.entries(), 2);
}

TEST_F(ProjectTest, ProjectIsNotMadeTwice) {
  Project::create(plan);
  try {
    Project::create(plan);
    FAIL() << "no error";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("is a project already"), std::string::npos);
  }
}

TEST_F(ProjectTest, ConsentMustBeOneOfTheKinds) {
  plan.sources[1].consent = "sure";
  try {
    Project::create(plan);
    FAIL() << "no error";
  } catch (const InputError& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("--consent-dst: consent 'sure' is not known"), std::string::npos) << text;
    EXPECT_NE(text.find("licensed"), std::string::npos);
  }
  plan.sources[1].consent = "";
  EXPECT_THROW(Project::create(plan), InputError);
}

TEST_F(ProjectTest, ConsentRemovedFromTheFileIsAnError) {
  Project::create(plan);
  EXPECT_NE(error_after("consent = \"self\"", "consent = \"\"").find("is missing"),
            std::string::npos);
}

TEST_F(ProjectTest, UnknownKeyNamesLineAndNearestKey) {
  Project::create(plan);
  const std::string error = error_after("batch_size = 8", "batch_sise = 8");
  EXPECT_NE(error.find("line "), std::string::npos) << error;
  EXPECT_NE(error.find("Did you mean train.batch_size?"), std::string::npos) << error;
}

TEST_F(ProjectTest, ValueOutOfRangeIsAnError) {
  Project::create(plan);
  EXPECT_NE(error_after("batch_size = 8", "batch_size = 0").find("nearest is 1"),
            std::string::npos);
}

TEST_F(ProjectTest, ValueOfAnotherTypeIsAnError) {
  Project::create(plan);
  EXPECT_NE(error_after("batch_size = 8", "batch_size = \"8\"").find("is not legal"),
            std::string::npos);
}

TEST_F(ProjectTest, BrokenTomlNamesTheLine) {
  Project::create(plan);
  const std::string error = error_after("[train]", "[train");
  EXPECT_NE(error.find("is not valid TOML"), std::string::npos) << error;
  EXPECT_NE(error.find("line "), std::string::npos) << error;
}

TEST_F(ProjectTest, FileNamesMayNotLeaveTheProject) {
  Project::create(plan);
  for (const char* name : {"../A.mp4", "/etc/passwd", "..", ""}) {
    Project::open(folder / "p");
    const std::string good = toml();
    EXPECT_NE(error_after("file = \"src.mp4\"", str("file = \"", name, "\""))
                  .find("is not the name of a file in the project"),
              std::string::npos)
        << name;
    std::ofstream(folder / "p" / "project.toml") << good;
  }
}

TEST_F(ProjectTest, FoldersThatLeadOutAreRefused) {
  const Project project = Project::create(plan);
  fs::remove(folder / "p" / "out");
  fs::create_directory(folder / "elsewhere");
  fs::create_directory_symlink(folder / "elsewhere", folder / "p" / "out");
  EXPECT_THROW(project.make_folders("main"), InputError);
  EXPECT_THROW(project.make_folders("../main"), InputError);
}

TEST_F(ProjectTest, SourceThatIsGoneIsNamed) {
  const Project project = Project::create(plan);
  fs::remove(folder / "A.mp4");
  try {
    project.source(Side::kSrc);
    FAIL() << "no error";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("which is gone"), std::string::npos) << e.what();
  }
}

TEST_F(ProjectTest, NewerFormatAsksForAnUpdate) {
  Project::create(plan);
  EXPECT_NE(error_after("format = 1", "format = 2").find("Update diptych"), std::string::npos);
}

TEST_F(ProjectTest, NewerFormatWithKeysOfItsOwnAsksForAnUpdateToo) {
  Project::create(plan);
  const std::string before = toml();
  const std::string error = error_after("format = 1", "format = 2\ncloud = true");
  EXPECT_NE(error.find("has format 2, this program reads format 1"), std::string::npos) << error;
  EXPECT_NE(error.find("Update diptych"), std::string::npos) << error;
  EXPECT_EQ(toml().size(), before.size() + std::string("\ncloud = true").size());
}

TEST_F(ProjectTest, MissingProjectTellsHowToMakeOne) {
  try {
    Project::open(folder / "nothing");
    FAIL() << "no error";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("diptych init"), std::string::npos);
  }
}

TEST_F(ProjectTest, FolderChecksumDependsOnNamesAndBytes) {
  fs::create_directory(folder / "pictures");
  std::ofstream(folder / "pictures" / "1.png") << "a";
  SourceRecord first, second;
  measure_source(folder / "pictures", first);
  EXPECT_TRUE(first.folder);
  fs::rename(folder / "pictures" / "1.png", folder / "pictures" / "2.png");
  measure_source(folder / "pictures", second);
  EXPECT_NE(first.xxh64, second.xxh64);
  EXPECT_EQ(first.size, second.size);
}

}  // namespace
}  // namespace diptych
