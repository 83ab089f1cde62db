// Projects, checkpoints and facesets that a newer program made: every command refuses them by name
// and leaves all files as they were.
// SPDX-License-Identifier: MIT
#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "apps/test_project.h"
#include "faces/image/test_folder.h"
#include "tensor/safetensors.h"
#include "tensor/tensor.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

class NewerVersion : public ::testing::Test {
 protected:
  // Bytes of every file that holds somebody's work.
  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> all;
    for (const fs::path& file : {project.toml(), project.faces(Side::kSrc),
                                 project.faces(Side::kDst), project.checkpoint()})
      all[file.string()] = text_of(file);
    return all;
  }

  void expect_refused(const fs::path& file, const std::vector<std::vector<std::string>>& commands) {
    const auto before = contents();
    for (const std::vector<std::string>& command : commands) {
      std::string line;
      for (const std::string& word : command) line += word + " ";
      SCOPED_TRACE(line);
      const RunResult result = run_program(command, folder.path());
      EXPECT_EQ(result.exit_code, 1) << result.err;
      EXPECT_NE(result.err.find(file.filename().string()), std::string::npos) << result.err;
      EXPECT_NE(result.err.find("Update diptych"), std::string::npos) << result.err;
      EXPECT_TRUE(contents() == before);
    }
  }

  std::string path(const std::string& name) const { return (folder / name).string(); }

  TestFolder folder;
  Project project = make_project(folder / "p", 2);
  const std::string p = project.dir().string();
};

TEST_F(NewerVersion, OfAProject) {
  std::string toml = text_of(project.toml());
  const size_t at = toml.find("format = 1");
  ASSERT_NE(at, std::string::npos);
  toml.replace(at, 10, "format = 2\ncloud = true");
  std::ofstream(project.toml()) << toml;
  expect_refused(project.toml(), {{"train", p, "--iters", "1"},
                                  {"merge", p},
                                  {"extract", p},
                                  {"info", p},
                                  {"faces", "list", p, "--side", "src"},
                                  {"timeline", "list", p},
                                  {"model", "export", p, "-o", path("m")}});
}

TEST_F(NewerVersion, OfACheckpoint) {
  ASSERT_EQ(run_program({"train", p, "--iters", "1"}, folder.path()).exit_code, 0);
  const std::string file = project.checkpoint().string();
  std::vector<Tensor> kept;
  std::vector<NamedView> tensors;
  Metadata metadata;
  {
    const Safetensors old = Safetensors::open(file);
    metadata = old.metadata();
    for (const auto& [name, entry] : old.entries()) {
      kept.push_back(Tensor::empty(entry.shape, entry.dtype, Place::kHost));
      old.read(name, kept.back());
      tensors.push_back({name, kept.back()});
    }
  }
  metadata["format_version"] = "2";
  metadata["setting.archi"] = "\"df-q\"";  // a letter of the future
  save_safetensors(file, tensors, metadata);
  expect_refused(file, {{"train", p, "--iters", "1"}, {"model", "export", p, "-o", path("m")}});
  EXPECT_FALSE(fs::exists(folder / "m"));
}

TEST_F(NewerVersion, OfAFaceset) {
  const fs::path file = project.faces(Side::kSrc);
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, "PRAGMA user_version = 99; CREATE TABLE future (x)", nullptr, nullptr,
                         nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  expect_refused(file, {{"train", p, "--iters", "1"},
                        {"faces", "list", file.string()},
                        {"faces", "trash", p, "--side", "src", "1"},
                        {"faces", "export", file.string(), "-o", path("out")},
                        {"info", file.string()}});
  EXPECT_FALSE(fs::exists(project.checkpoint()));
}

}  // namespace
}  // namespace diptych
