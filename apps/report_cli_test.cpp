// The real program: faces report and faces worst, with good and bad facesets.
// SPDX-License-Identifier: MIT
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include "apps/test_project.h"
#include "apps/training/loss_ranking.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void run_sql(const fs::path& file, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql;
  sqlite3_close(db);
}

class ReportCli : public ::testing::Test {
 protected:
  RunResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "faces");
    return run_program(arguments, folder.path());
  }

  std::string path(const std::string& name) const { return (folder / name).string(); }

  // A report that must succeed, as JSON.
  json report() const {
    const RunResult result = run({"report", path("p")});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_FALSE(read_image(folder / "p" / "out" / "faces_report.png").empty());
    return json::parse(text_of(folder / "p" / "out" / "faces_report.json"));
  }

  void expect_user_error(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& texts) const {
    const RunResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 1) << result.out << result.err;
    EXPECT_NE(result.err.find("error: "), std::string::npos) << result.err;
    for (const std::string& text : texts)
      EXPECT_NE(result.err.find(text), std::string::npos) << text << " in: " << result.err;
  }

  static bool has(const RunResult& result, const std::string& text) {
    return result.out.find(text) != std::string::npos;
  }

  // Losses 1, 2, 3, ... of ids 1, 2, 3, ..., each seen 20 times; the last one only twice.
  static void add_losses(const Project& project, int faces) {
    Faceset set = Faceset::open(project.faces(Side::kDst).string());
    for (int id = 1; id <= faces; ++id) set.add_loss(id, id == faces ? 2 : 20, id);
  }

  TestFolder folder;
};

TEST_F(ReportCli, WritesPictureNumbersAndVerdict) {
  make_project(folder / "p");
  const RunResult result = run({"report", path("p")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(has(result, "src has 6 faces"));
  EXPECT_TRUE(has(result, "hurt the result")) << result.out;
  EXPECT_TRUE(has(result, "faces_report.png"));
  const json j = report();
  EXPECT_EQ(j["src"]["usable"], 6);
  EXPECT_EQ(j["dst"]["usable"], 6);
  EXPECT_EQ(j["resolution"], 64);
}

TEST_F(ReportCli, OneSideIsEnough) {
  make_project(folder / "p");
  fs::remove(folder / "p" / "src.faces");
  const json j = report();
  EXPECT_TRUE(j["src"].is_null());
  EXPECT_EQ(j["dst"]["usable"], 6);
  EXPECT_NE(j["verdict"].get<std::string>().find("Not ready"), std::string::npos);
  fs::remove(folder / "p" / "dst.faces");
  expect_user_error({"report", path("p")}, {"there is no faceset yet", "diptych extract"});
}

TEST_F(ReportCli, AFacesetWithoutAProjectNeedsAPlaceForTheReport) {
  make_faceset(folder / "a.faces", 3, 0);
  expect_user_error({"report", path("a.faces")}, {"a.faces", "-o REPORT.png"});
  EXPECT_EQ(run({"report", path("a.faces"), "-o", path("r.png")}).exit_code, 0);
  EXPECT_EQ(json::parse(text_of(folder / "r.json"))["src"]["usable"], 3);
  expect_user_error({"report", path("a.faces"), "-o", path("r.txt")}, {"r.txt", ".png"});
  expect_user_error({"report", path("a.faces"), "-o", path("nowhere/r.png")}, {"nowhere"});
}

TEST_F(ReportCli, ASideThatIsNotAskedForIsNotMissed) {
  make_project(folder / "p");
  const RunResult result = run({"report", path("p"), "--side", "src"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(has(result, "src has 6 faces")) << result.out;
  EXPECT_FALSE(has(result, "dst")) << result.out;
}

TEST_F(ReportCli, APictureThatCannotBeWrittenIsRefusedAtOnce) {
  make_project(folder / "p");
  expect_user_error({"report", path("p"), "-o", path("r.webp")}, {"r.webp", ".png"});
  expect_user_error({"worst", path("p"), "--side", "src", "--sheet", path("w.tif")},
                    {"w.tif", ".png"});
}

TEST_F(ReportCli, EmptyAndTrashedFacesets) {
  const Project project = make_project(folder / "p");
  fs::remove(project.faces(Side::kSrc));
  make_faceset(project.faces(Side::kSrc), 0, 0);
  Faceset dst = Faceset::open(project.faces(Side::kDst).string());
  dst.set_state(dst.ids(), FaceState::kTrash);
  const json j = report();
  EXPECT_EQ(j["src"]["usable"], 0);
  EXPECT_EQ(j["dst"]["trash"], 6);
  EXPECT_TRUE(j["poses"].is_null());
}

TEST_F(ReportCli, DamagedFacesAreListedAndTheOthersReported) {
  const Project project = make_project(folder / "p");
  run_sql(project.faces(Side::kSrc), "UPDATE pictures SET image = x'ffd8ff' WHERE face_id = 2");
  run_sql(project.faces(Side::kSrc), "UPDATE faces SET landmarks = x'00' WHERE id = 3");
  run_sql(project.faces(Side::kSrc), "UPDATE faces SET landmarks = zeroblob(1088) WHERE id = 4");
  run_sql(project.faces(Side::kSrc), "DELETE FROM pictures WHERE face_id = 5");
  run_sql(project.faces(Side::kSrc),
          "UPDATE faces SET pitch = NULL, yaw = NULL, roll = NULL "
          "WHERE id = 6");
  const json j = report();
  EXPECT_EQ(j["src"]["usable"], 2);
  EXPECT_EQ(j["src"]["unusable"], 4);
  EXPECT_EQ(j["src"]["trouble"].size(), 4u);
  EXPECT_EQ(j["src"]["frames_with_several_faces"], 0);
  EXPECT_EQ(j["src"]["without_pose"], 1);
  EXPECT_EQ(run({"sheet", path("p"), "--side", "src", "-o", path("s.png")}).exit_code, 0);
}

TEST_F(ReportCli, AFacesetOfANewerVersionIsRefusedAndKept) {
  const Project project = make_project(folder / "p");
  run_sql(project.faces(Side::kDst), "PRAGMA user_version = 99");
  const std::string before = text_of(project.faces(Side::kDst));
  expect_user_error({"report", path("p")}, {"dst.faces", "format version 99", "Update diptych"});
  expect_user_error({"worst", path("p"), "--side", "dst"}, {"dst.faces", "format version 99"});
  EXPECT_EQ(text_of(project.faces(Side::kDst)), before);
  EXPECT_FALSE(fs::exists(project.out("faces_report.png")));
}

TEST_F(ReportCli, ADamagedFacesetLeavesTheOldReport) {
  const Project project = make_project(folder / "p");
  report();
  const std::string before = text_of(project.out("faces_report.json"));
  std::ofstream(project.faces(Side::kDst), std::ios::binary) << "SQLite format 3 but no more";
  expect_user_error({"report", path("p")}, {"dst.faces"});
  EXPECT_EQ(text_of(project.out("faces_report.json")), before);
}

TEST_F(ReportCli, AnOutFolderThatIsAFileIsNamed) {
  const Project project = make_project(folder / "p");
  fs::remove_all(folder / "p" / "out");
  std::ofstream(folder / "p" / "out") << "precious";
  expect_user_error({"report", path("p")}, {"out"});
  EXPECT_EQ(text_of(folder / "p" / "out"), "precious");
}

TEST_F(ReportCli, WorstListsTheRankedFacesWorstFirst) {
  const Project project = make_project(folder / "p");
  add_losses(project, 6);
  const RunResult result = run({"worst", path("p"), "--side", "dst", "-n", "2", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json j = json::parse(result.out);
  EXPECT_EQ(j["ranked"], 5);
  EXPECT_EQ(j["too_few"], 1);
  EXPECT_EQ(j["median_loss"], 3);
  ASSERT_EQ(j["worst"].size(), 2u);
  EXPECT_EQ(j["worst"][0]["id"], 5);
  EXPECT_EQ(j["worst"][1]["id"], 4);
  EXPECT_NEAR(j["worst"][0]["times_median"].get<double>(), 5.0 / 3, 1e-12);
  const RunResult all =
      run({"worst", path("p"), "--side", "dst", "--min-seen", "1", "--sheet", path("worst.png")});
  EXPECT_TRUE(has(all, "6 of 6 faces are ranked")) << all.out;
  EXPECT_FALSE(read_image(folder / "worst.png").empty());
}

TEST_F(ReportCli, WorstWithoutStatisticsTellsToTrain) {
  const Project project = make_project(folder / "p");
  expect_user_error({"worst", path("p"), "--side", "dst"}, {"dst.faces", "diptych train"});
  Faceset::open(project.faces(Side::kDst).string()).add_loss(1, 2, 1.0);
  expect_user_error({"worst", path("p"), "--side", "dst"}, {"16 times", "--min-seen"});
  expect_user_error({"worst", path("p"), "--side", "dst", "--sheet", path("x.txt")}, {"x.txt"});
}

TEST_F(ReportCli, TheWorstGoToTheTrashInOneEdit) {
  const Project project = make_project(folder / "p");
  add_losses(project, 6);
  const RunResult result = run({"trash", path("p"), "--side", "dst", "--worst", "2"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(has(result, "put into the trash 2 faces: 4, 5")) << result.out;
  EXPECT_TRUE(has(result, "face 5: loss 5.00, seen 20 times")) << result.out;
  const Faceset dst = Faceset::open(project.faces(Side::kDst).string());
  EXPECT_EQ(dst.count(), 4);
  EXPECT_TRUE(has(run({"undo", path("p"), "--side", "dst"}), "restored 4, 5"));
  EXPECT_EQ(dst.count(), 6);
}

TEST_F(ReportCli, TrashByALimitOfTheLoss) {
  const Project project = make_project(folder / "p");
  add_losses(project, 6);
  EXPECT_TRUE(
      has(run({"trash", path("p"), "--side", "dst", "--loss-above", "9"}), "nothing to do"));
  const RunResult result = run({"trash", path("p"), "--side", "dst", "--loss-above", "2.5"});
  EXPECT_TRUE(has(result, "put into the trash 3 faces: 3-5")) << result.out;
  expect_user_error({"trash", path("p"), "--side", "dst", "1", "--worst", "1"}, {"ids"});
  expect_user_error({"trash", path("p"), "--side", "dst"}, {"which faces"});
}

TEST_F(ReportCli, FacesInTheTrashAreNotRanked) {
  const Project project = make_project(folder / "p");
  add_losses(project, 6);
  Faceset dst = Faceset::open(project.faces(Side::kDst).string());
  dst.set_state({5}, FaceState::kTrash);
  const LossRanking ranking = rank_losses(dst, 16);
  EXPECT_EQ(ranking.faces.front().id, 4);
  EXPECT_EQ(ranking.active, 5);
  EXPECT_EQ(worst_of(ranking, 9, 2.0).size(), 2u);
}

}  // namespace
}  // namespace diptych
