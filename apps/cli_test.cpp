// The real program: exit codes and messages for bad input, stopping, and being killed.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "apps/pictures/contact_sheet.h"
#include "apps/test_project.h"
#include "apps/training/metrics.h"
#include "faces/detect/dlib_detect.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"
#include "tensor/safetensors.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const std::vector<uint8_t>& data) {
  return {data.begin(), data.end()};
}

class Cli : public ::testing::Test {
 protected:
  RunResult run(const std::vector<std::string>& arguments) const {
    return run_program(arguments, folder.path());
  }

  // The program must end with exit code 1 and one line "error: ..." that holds the texts.
  void expect_user_error(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& texts,
                         int exit_code = 1) const {
    const RunResult result = run(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_NE(result.err.find("error: "), std::string::npos) << result.err;
    for (const std::string& text : texts)
      EXPECT_NE(result.err.find(text), std::string::npos) << text << " in: " << result.err;
  }

  std::string path(const std::string& name) const { return (folder / name).string(); }

  std::vector<std::string> init_with(const std::string& src) const {
    return {"init",          path("p"), "--src",         src,   "--dst", src,
            "--consent-src", "self",    "--consent-dst", "self"};
  }

  TestFolder folder;
};

TEST_F(Cli, VersionAndHelpSucceed) {
  EXPECT_EQ(run({"--version"}).exit_code, 0);
  EXPECT_EQ(run({"--version"}).out.rfind("diptych ", 0), 0u);
  const RunResult help = run({"train", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.out.find("--batch-size"), std::string::npos);
  EXPECT_EQ(help.out.find("save-every-iters"), std::string::npos);
}

TEST_F(Cli, EverySubcommandHasHelp) {
  for (const char* name :
       {"doctor", "init", "extract", "faces", "train", "merge", "model", "verify", "info"})
    EXPECT_EQ(run({name, "--help"}).exit_code, 0) << name;
}

TEST_F(Cli, UnknownSubcommandSuggestsOne) {
  expect_user_error({"trian", "x"}, {"Did you mean train?"});
}

TEST_F(Cli, UnknownFlagSuggestsOne) {
  expect_user_error({"train", path("p"), "--batch_size", "4"}, {"Did you mean --batch-size?"});
}

TEST_F(Cli, MissingSourceIsNamed) {
  expect_user_error(init_with(path("nothing.mp4")), {path("nothing.mp4")});
  EXPECT_FALSE(fs::exists(folder / "p"));
}

TEST_F(Cli, EmptySourceIsNamed) {
  std::ofstream(folder / "empty.mp4").flush();
  expect_user_error(init_with(path("empty.mp4")), {path("empty.mp4"), "empty"});
  EXPECT_FALSE(fs::exists(folder / "p"));
}

TEST_F(Cli, SoundOnlySourceIsNamed) {
  // One second of silence, 8 kHz, 8 bit.
  std::string wav = "RIFF....WAVEfmt ................data....";
  const auto put = [&](size_t at, uint32_t value) { std::memcpy(wav.data() + at, &value, 4); };
  put(4, 36 + 8000);
  put(16, 16);
  put(20, 1 | 1 << 16);
  put(24, 8000);
  put(28, 8000);
  put(32, 1 | 8 << 16);
  put(40, 8000);
  std::ofstream(folder / "sound.wav", std::ios::binary) << wav << std::string(8000, '\x80');
  expect_user_error(init_with(path("sound.wav")), {path("sound.wav")});
}

TEST_F(Cli, FacesBeforeTheCutOfAVideoAreKept) {
  if (!fs::exists(default_landmark_model())) GTEST_SKIP() << "no landmark model";
  const std::string whole = text_of(fs::path(DIPTYCH_SOURCE_DIR) / "examples" / "synthetic_a.mp4");
  ASSERT_GT(whole.size(), 200000u);
  std::ofstream(folder / "cut.mp4", std::ios::binary) << whole.substr(0, 100000);
  ASSERT_EQ(run(init_with(path("cut.mp4"))).exit_code, 0);
  expect_user_error({"extract", path("p"), "--side", "src", "--every", "12"},
                    {"src.mp4", "is cut off near frame", "are stored", "Copy the video again"});
  EXPECT_GT(Faceset::open(path("p/src.faces")).count(), 0);
}

TEST_F(Cli, BarePicturesOfFacesAreImported) {
  const fs::path photo = test_data() / "photos" / "01_astronaut_frontal.jpg";
  if (!fs::exists(photo) || !fs::exists(default_landmark_model()))
    GTEST_SKIP() << "test material not found: " << photo << " or " << default_landmark_model();
  fs::create_directory(folder / "photos");
  fs::copy_file(photo, folder / "photos" / "1.jpg");
  ASSERT_EQ(run(init_with(path("photos"))).exit_code, 0);
  ASSERT_EQ(run({"extract", path("p"), "--side", "src"}).exit_code, 0);
  const Faceset cut = Faceset::open(path("p/src.faces"));
  fs::create_directory(folder / "faces");
  std::ofstream(folder / "faces" / "1.jpg", std::ios::binary)
      << bytes_of(cut.load(cut.ids()[0]).image);
  const RunResult result =
      run({"faces", "import", path("new.faces"), path("faces"), "--format", "pictures"});
  EXPECT_EQ(result.exit_code, 0) << result.err << result.out;
  const Faceset imported = Faceset::open(path("new.faces"));
  ASSERT_EQ(imported.count(), 1);
  EXPECT_EQ(imported.load(imported.ids()[0]).image, cut.load(cut.ids()[0]).image);
}

TEST_F(Cli, PicturesThatAreNoFacesAreNamed) {
  if (!fs::exists(default_landmark_model())) GTEST_SKIP() << "no landmark model";
  fs::create_directory(folder / "pictures");
  write_image(folder / "pictures" / "grey.png", cv::Mat(64, 80, CV_8UC3, cv::Scalar(9, 9, 9)));
  const RunResult result =
      run({"faces", "import", path("new.faces"), path("pictures"), "--format", "pictures"});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_NE(result.out.find("grey.png: the picture is not square"), std::string::npos)
      << result.out;
  EXPECT_FALSE(fs::exists(folder / "new.faces"));
}

TEST_F(Cli, BarePicturesCannotBeDst) {
  make_project(folder / "p");
  fs::create_directory(folder / "pictures");
  expect_user_error(
      {"faces", "import", path("p"), "--side", "dst", path("pictures"), "--format", "pictures"},
      {"belong to no frame", "diptych extract"});
}

TEST_F(Cli, ConsentIsRequiredWithoutATerminal) {
  expect_user_error({"init", path("p"), "--src", "a", "--dst", "b"},
                    {"--consent-src: is missing", "synthetic"});
}

TEST_F(Cli, UnknownSettingSuggestsOne) {
  make_project(folder / "p");
  expect_user_error({"train", path("p"), "--set", "resolutoin=64"}, {"Did you mean resolution?"});
  expect_user_error({"train", path("p"), "--resolution", "100"},
                    {"--resolution", "a multiple of 16", "nearest is 96"});
}

TEST_F(Cli, DamagedTomlIsNamed) {
  make_project(folder / "p");
  std::ofstream(folder / "p" / "project.toml", std::ios::app) << "[[[";
  expect_user_error({"train", path("p")}, {"project.toml", "is not valid TOML"});
}

TEST_F(Cli, DamagedFacesetIsNamed) {
  make_project(folder / "p");
  std::ofstream(folder / "p" / "src.faces", std::ios::binary) << "SQLite format 3 but no more";
  expect_user_error({"train", path("p")}, {"src.faces"});
  expect_user_error({"verify", path("p/src.faces")}, {"src.faces"}, 2);
}

TEST_F(Cli, DamagedCheckpointIsNamed) {
  make_project(folder / "p");
  std::ofstream(folder / "p" / "model" / "saehd.safetensors", std::ios::binary) << "garbage";
  expect_user_error({"train", path("p")}, {"saehd.safetensors"});
  expect_user_error({"verify", path("p/model/saehd.safetensors")}, {"saehd.safetensors"}, 2);
}

TEST_F(Cli, TrainingWithoutFacesTellsToExtract) {
  make_project(folder / "p");
  fs::remove(folder / "p" / "dst.faces");
  expect_user_error({"train", path("p")}, {"dst.faces", "diptych extract"});
}

TEST_F(Cli, MergingWithoutAModelTellsToTrain) {
  make_project(folder / "p");
  expect_user_error({"merge", path("p"), "-o", path("x.mp4")}, {"diptych train"});
}

TEST_F(Cli, MergeDoesNotOverwriteWithoutForce) {
  make_project(folder / "p");
  std::ofstream(folder / "x.mp4") << "precious";
  expect_user_error({"merge", path("p"), "-o", path("x.mp4")}, {"exists already", "--force"});
  EXPECT_EQ(text_of(folder / "x.mp4"), "precious");
}

TEST_F(Cli, OutputsOfUnknownKindAreRefusedFirst) {
  make_project(folder / "p");
  expect_user_error({"merge", path("p"), "-o", path("x.avi")}, {path("x.avi") + ": ", ".mp4"});
}

TEST_F(Cli, DamagedFaceIsNamedWithItsFaceset) {
  make_project(folder / "p");
  {
    Faceset faces = Faceset::open(path("p/src.faces"));
    FrameFaces broken;
    broken.frame.frame_index = 1000;
    broken.faces.push_back(faces.load(faces.ids()[2]));
    broken.faces[0].frame_index = 1000;
    broken.faces[0].image.resize(broken.faces[0].image.size() / 2);
    faces.put_frames({broken});
  }
  expect_user_error({"train", path("p"), "--iters", "1"},
                    {path("p/src.faces") + ": face 7", "is damaged", "diptych faces trash"});
}

TEST_F(Cli, FacesGoToTheTrashAndBack) {
  make_project(folder / "p");
  const RunResult trash = run({"faces", "trash", path("p"), "--side", "src", "1-2", "4"});
  EXPECT_EQ(trash.exit_code, 0) << trash.err;
  EXPECT_NE(trash.out.find("put into the trash 3 faces: 1, 2, 4"), std::string::npos) << trash.out;
  EXPECT_NE(run({"faces", "list", path("p/src.faces")}).out.find("3 active, 3 in the trash"),
            std::string::npos);
  EXPECT_EQ(run({"faces", "restore", path("p"), "--side", "src", "1-4"}).exit_code, 0);
  EXPECT_NE(run({"faces", "list", path("p/src.faces")}).out.find("6 active, 0 in the trash"),
            std::string::npos);
}

TEST_F(Cli, ExportedFacesAreImportedAlike) {
  make_faceset(folder / "a.faces", 3, 0);
  ASSERT_EQ(run({"faces", "export", path("a.faces"), "-o", path("out")}).exit_code, 0);
  ASSERT_EQ(run({"faces", "import", path("b.faces"), "--from", path("out")}).exit_code, 0);
  const Faceset a = Faceset::open(path("a.faces")), b = Faceset::open(path("b.faces"));
  ASSERT_EQ(b.count(), 3);
  const Face x = a.load(a.ids()[1]), y = b.load(b.ids()[1]);
  EXPECT_EQ(x.image, y.image);
  EXPECT_EQ(x.landmarks, y.landmarks);
  EXPECT_EQ(x.source_landmarks, y.source_landmarks);
  EXPECT_EQ(x.matrix, y.matrix);
  EXPECT_EQ(x.pose.yaw, y.pose.yaw);
}

TEST_F(Cli, ImportOfADamagedListChangesNothing) {
  make_faceset(folder / "a.faces", 2, 0);
  ASSERT_EQ(run({"faces", "export", path("a.faces"), "-o", path("out")}).exit_code, 0);
  std::string text = text_of(folder / "out" / "faces.json");
  const size_t at = text.rfind("\"picture\": \"");
  text.replace(at, 12, "\"picture\": \"../");
  std::ofstream(folder / "out" / "faces.json") << text;
  expect_user_error({"faces", "import", path("b.faces"), "--from", path("out")},
                    {"face 2 of the list", "nothing was imported"});
  EXPECT_FALSE(fs::exists(folder / "b.faces"));
}

TEST_F(Cli, ImportOfAListWithWrongTypesIsRefused) {
  fs::create_directories(folder / "out");
  const std::string frame = "{\"frame\":1,\"seconds\":0,\"height\":2,\"note\":\"\",\"width\":";
  const std::string head = "{\"format\":\"diptych-faces\",\"version\":1,\"faces\":[],\"frames\":[";
  const std::pair<std::string, std::string> lists[] = {
      {"{\"format\":1}", "is not a list of faces"},
      {"[1]", "is not a list of faces"},
      {"{\"format\":\"diptych-faces\",\"version\":\"1\"}", "another version than 1"},
      {"{\"format\":\"diptych-faces\",\"version\":2}", "Update diptych"},
      {head + frame + "1e300}]}", "frame 1 of the list: expected a whole number"},
      {head + frame + "-3}]}", "is no width or height"},
      {head + frame + "18446744073709551615}]}", "is too large"}};
  for (const auto& [text, cause] : lists) {
    std::ofstream(folder / "out" / "faces.json") << text;
    expect_user_error({"faces", "import", path("b.faces"), "--from", path("out")},
                      {"faces.json", cause});
    EXPECT_FALSE(fs::exists(folder / "b.faces"));
  }
}

TEST_F(Cli, InfoDescribesFilesAsJson) {
  make_project(folder / "p");
  ASSERT_EQ(run({"train", path("p"), "--iters", "1"}).exit_code, 0);
  const RunResult info = run({"info", path("p/model/saehd.safetensors"), "--json"});
  EXPECT_EQ(info.exit_code, 0) << info.err;
  EXPECT_NE(info.out.find("\"checksum\": \"good\""), std::string::npos) << info.out;
  EXPECT_NE(info.out.find("\"archi\": \"df\""), std::string::npos) << info.out;
  EXPECT_EQ(run({"info", path("p")}).exit_code, 0);
  EXPECT_EQ(run({"info", path("p/src.faces")}).exit_code, 0);
  EXPECT_EQ(run({"verify", path("p")}).exit_code, 0);
  EXPECT_EQ(run({"verify", path("p/out/preview.png")}).exit_code, 0);
}

TEST_F(Cli, UnlabelledPictureHasExitCodeOne) {
  make_project(folder / "p");
  ASSERT_EQ(run({"faces", "sheet", path("p"), "--side", "src", "-o", path("sheet.png")}).exit_code,
            0);
  EXPECT_EQ(run({"verify", path("sheet.png")}).exit_code, 1);
  EXPECT_EQ(run({"verify", path("nothing.png")}).exit_code, 2);
}

TEST_F(Cli, SheetsComeInTheOrderAskedFor) {
  const Project project = make_project(folder / "p");
  ASSERT_EQ(
      run({"faces", "sheet", path("p"), "--side", "src", "--sort", "yaw", "-o", path("sheet.png")})
          .exit_code,
      0);
  const Faceset faceset = Faceset::open(project.faces(Side::kSrc).string(), true);
  std::vector<Face> faces = faceset.load_all(false);
  std::stable_sort(faces.begin(), faces.end(),
                   [](const Face& x, const Face& y) { return x.pose.yaw < y.pose.yaw; });
  std::vector<int64_t> ids;
  for (const Face& face : faces) ids.push_back(face.id);
  ASSERT_NE(ids, faceset.ids());
  const cv::Mat actual = read_image(folder / "sheet.png");
  EXPECT_EQ(cv::norm(contact_sheet(faceset, ids, {}), actual, cv::NORM_INF), 0);
}

// Waits until the checkpoint exists; the program is given up after a minute.
void wait_for_checkpoint(const Project& project) {
  const auto start = std::chrono::steady_clock::now();
  while (!fs::exists(project.checkpoint()) &&
         std::chrono::steady_clock::now() - start < std::chrono::minutes(1))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

TEST_F(Cli, CtrlCSavesAndSucceeds) {
  const Project project = make_project(folder / "p");
  RunningProgram program({"train", path("p"), "--save-every-iters", "1"}, folder.path());
  wait_for_checkpoint(project);
  program.signal(SIGINT);
  const RunResult result = program.wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("stopped at iteration"), std::string::npos) << result.out;
  const auto losses = read_losses(project.run("main") / "metrics.jsonl");
  const Safetensors file = Safetensors::open(project.checkpoint().string());
  ASSERT_FALSE(losses.empty());
  EXPECT_EQ(file.metadata().at("iteration"), std::to_string(losses.back().iteration));
}

TEST_F(Cli, TerminationSavesAndSucceeds) {
  const Project project = make_project(folder / "p");
  RunningProgram program({"train", path("p"), "--save-every-iters", "1"}, folder.path());
  wait_for_checkpoint(project);
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait().exit_code, 0);
}

}  // namespace
}  // namespace diptych
