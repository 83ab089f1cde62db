// Facesets that are missing, foreign, damaged, write-protected or whose writer was killed.
// SPDX-License-Identifier: MIT
#include <csignal>
#include <fstream>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faces/faceset/faceset.h"
#include "faces/faceset/test_face.h"
#include "faces/image/test_folder.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

class FacesetDamage : public ::testing::Test {
 protected:
  std::string path() const { return (folder_ / "a.faces").string(); }

  void fill(int count, int size = 32) {
    Faceset faces = Faceset::create(path());
    for (int i = 0; i < count; ++i) faces.put_frame(test_frame(i), {test_face(i, size)});
  }

  void sql(const char* text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  std::string bytes() const {
    std::ifstream in(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  void write(const std::string& content) {
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << content;
  }

  // The message of the InputError that opening throws, empty when it opens.
  std::string open_error(bool read_only = false) {
    try {
      Faceset::open(path(), read_only);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }

  TestFolder folder_;
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(FacesetDamage, MissingFile) {
  EXPECT_TRUE(holds(open_error(), "no such file")) << open_error();
  EXPECT_EQ(folder_.entries(), 0);
}

TEST_F(FacesetDamage, AFolder) {
  fs::create_directory(path());
  EXPECT_TRUE(holds(open_error(), "it is a folder")) << open_error();
}

TEST_F(FacesetDamage, ForeignFilesStayAsTheyAre) {
  for (const std::string& content :
       {std::string(), std::string("hello"), std::string(100000, 'x')}) {
    write(content);
    EXPECT_TRUE(holds(open_error(), "not a faceset")) << open_error();
    EXPECT_EQ(bytes(), content);
  }
}

TEST_F(FacesetDamage, AnotherProgramsDatabase) {
  sql("CREATE TABLE t (x); PRAGMA user_version = 1");
  EXPECT_TRUE(holds(open_error(), "not a faceset")) << open_error();
}

TEST_F(FacesetDamage, ANewerVersionStaysAsItIs) {
  fill(1);
  sql("PRAGMA user_version = 2");
  const std::string before = bytes();
  EXPECT_TRUE(holds(open_error(), "format version 2")) << open_error();
  EXPECT_TRUE(holds(open_error(), "Update diptych"));
  EXPECT_EQ(bytes(), before);
}

TEST_F(FacesetDamage, MissingTables) {
  fill(1);
  sql("DROP TABLE pictures");
  EXPECT_TRUE(holds(open_error(), "tables are missing")) << open_error();
}

TEST_F(FacesetDamage, CreateNeverReplaces) {
  fill(2);
  const std::string before = bytes();
  EXPECT_THROW(Faceset::create(path()), InputError);
  EXPECT_EQ(bytes(), before);
}

TEST_F(FacesetDamage, CreateInAMissingFolder) {
  EXPECT_THROW(Faceset::create((folder_ / "none/a.faces").string()), InputError);
}

TEST_F(FacesetDamage, ACutFileIsAnErrorOrAProblem) {
  fill(20);
  const std::string whole = bytes();
  for (size_t kept = 100; kept < whole.size(); kept += whole.size() / 7) {
    write(whole.substr(0, kept));
    try {
      EXPECT_FALSE(Faceset::open(path(), true).check().empty()) << kept;
    } catch (const InputError&) {
    }
  }
}

TEST_F(FacesetDamage, OverwrittenPagesNeverCrash) {
  fill(20);
  const std::string whole = bytes();
  for (size_t page = 1; page < whole.size() / 4096; ++page) {
    std::string damaged = whole;
    damaged.replace(page * 4096, 4096, std::string(4096, '\x5a'));
    write(damaged);
    try {
      const Faceset faces = Faceset::open(path(), true);
      faces.check();
      faces.load_all(true);
    } catch (const InputError&) {
    }
  }
}

TEST_F(FacesetDamage, ADamagedPictureIsNamed) {
  fill(3);
  sql("UPDATE pictures SET image = x'00112233' WHERE face_id = 2");
  const std::vector<std::string> problems = Faceset::open(path()).check();
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_TRUE(holds(problems[0], "face 2")) << problems[0];
}

TEST_F(FacesetDamage, ShortLandmarksAreNamed) {
  fill(3);
  sql("UPDATE faces SET landmarks = x'0011' WHERE id = 2");
  const Faceset faces = Faceset::open(path());
  EXPECT_EQ(faces.load(1).id, 1);
  try {
    faces.load(2);
    FAIL() << "loaded";
  } catch (const InputError& error) {
    EXPECT_TRUE(holds(error.what(), "face 2 is damaged")) << error.what();
  }
}

TEST_F(FacesetDamage, ALostFaceIsAProblem) {
  fill(3);
  sql("DELETE FROM faces WHERE id = 2");
  EXPECT_FALSE(Faceset::open(path()).check().empty());
}

TEST_F(FacesetDamage, ReadOnlyOpenDoesNotWrite) {
  fill(2);
  Faceset faces = Faceset::open(path(), true);
  try {
    faces.set_state({1}, FaceState::kTrash);
    FAIL() << "wrote";
  } catch (const InputError& error) {
    EXPECT_TRUE(holds(error.what(), "write-protected")) << error.what();
  }
  EXPECT_EQ(faces.count(), 2);
}

TEST_F(FacesetDamage, AFullDiskLosesNothingStored) {
  fill(2);
  Faceset faces = Faceset::open(path());
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = old;
  small.rlim_cur = fs::file_size(path()) + 8192;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(faces.put_frame(test_frame(2), {test_face(2, 256)}), InputError);
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_EQ(faces.count(), 2);
  EXPECT_FALSE(faces.has_frame(2));
  faces.put_frame(test_frame(2), {test_face(2, 256)});
  EXPECT_TRUE(faces.check().empty());
}

// A child stores frames until it is killed; the parent strikes after a number of reports.
TEST_F(FacesetDamage, AKilledWriterLeavesWholeFrames) {
  for (int round = 0; round < 12; ++round) {
    const std::string file = (folder_ / str("kill", round, ".faces")).string();
    int reports[2];
    ASSERT_EQ(pipe(reports), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(reports[0]);
      Faceset faces = Faceset::create(file);
      for (int i = 0;; ++i) {
        faces.put_frame(test_frame(i), {test_face(i, 96), test_face(i + 1, 96)});
        if (::write(reports[1], "x", 1) != 1) _exit(0);
      }
    }
    close(reports[1]);
    char byte = 0;
    int64_t reported = 0;
    while (reported <= round && read(reports[0], &byte, 1) == 1) ++reported;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(reports[0]);
    Faceset faces = Faceset::open(file);
    EXPECT_EQ(faces.check(), std::vector<std::string>{}) << round;
    const auto frames = static_cast<int64_t>(faces.frames().size());
    EXPECT_GE(frames, reported) << round;
    EXPECT_EQ(faces.count(), 2 * frames) << round;
    faces.put_frame(test_frame(999), {});
  }
}

// A child has half of its changes in the file when it is killed. The file alone is then broken; its
// journal has what was there.
TEST_F(FacesetDamage, ACopyTakesBackWhatAKilledWriterLeft) {
  fill(6, 128);
  const std::vector<uint8_t> image = Faceset::open(path(), true).load(1).image;
  int reports[2];
  ASSERT_EQ(pipe(reports), 0);
  const pid_t child = fork();
  if (child == 0) {
    sqlite3* db = nullptr;
    sqlite3_open(path().c_str(), &db);
    sqlite3_exec(db,
                 "PRAGMA cache_size = 2; BEGIN;"
                 "UPDATE pictures SET image = zeroblob(length(image))",
                 nullptr, nullptr, nullptr);
    if (::write(reports[1], "x", 1) == 1) pause();
    _exit(0);
  }
  close(reports[1]);
  char byte = 0;
  ASSERT_EQ(read(reports[0], &byte, 1), 1);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(reports[0]);
  ASSERT_TRUE(fs::exists(path() + "-journal"));
  const std::string copy = (folder_ / "copy.faces").string();
  Faceset::open(path()).copy_to(copy);
  const Faceset faces = Faceset::open(copy, true);
  EXPECT_EQ(faces.check(), std::vector<std::string>{});
  EXPECT_EQ(faces.load(1).image, image);
  EXPECT_EQ(faces.count(), 6);
}

TEST_F(FacesetDamage, ACopyReplacesNothing) {
  fill(2);
  const std::string copy = (folder_ / "copy.faces").string();
  const Faceset faces = Faceset::open(path());
  faces.copy_to(copy);
  EXPECT_THROW(faces.copy_to(copy), Error);
  EXPECT_EQ(Faceset::open(copy).count(), 2);
}

}  // namespace
}  // namespace diptych
