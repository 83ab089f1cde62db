// The real program with DeepFaceLab's formats: faces and models out and back in, and what is
// refused.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "apps/test_cli.h"
#include "apps/training/metrics.h"
#include "apps/training/receipt.h"
#include "faces/dfl/jpeg_metadata.h"
#include "faces/image/file_io.h"
#include "models/saehd/trainer.h"
#include "tensor/safetensors.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

class DflCli : public CliTest {
 protected:
  // A project with a model of one iteration.
  void make_trained(const std::string& name) const {
    make_project(folder / name);
    expect_done({"train", path(name), "--iters", "1"});
  }

  std::vector<uint8_t> weights_of(const std::string& project) const {
    const Safetensors file = Safetensors::open(path(project + "/model/saehd.safetensors"));
    std::vector<uint8_t> all;
    for (const auto& [name, entry] : file.entries()) {
      std::vector<uint8_t> bytes(static_cast<size_t>(entry.end - entry.begin));
      file.read(name, {bytes.data(), entry.shape, entry.dtype});
      all.insert(all.end(), bytes.begin(), bytes.end());
    }
    return all;
  }
};

TEST_F(DflCli, FacesGoOutAndComeBack) {
  make_project(folder / "p");
  expect_done(
      {"faces", "export", path("p"), "--side", "src", "--format", "dfl", "-o", path("out")});
  expect_done({"faces", "import", path("b.faces"), path("out"), "--format", "dfl"});
  const Faceset before = Faceset::open(path("p/src.faces"), true);
  const Faceset after = Faceset::open(path("b.faces"), true);
  ASSERT_EQ(after.count(), before.count());
  for (const int64_t id : before.ids()) {
    const Face a = before.load(id), b = after.load(id);
    EXPECT_EQ(a.landmarks, b.landmarks);
    EXPECT_EQ(a.source_landmarks, b.source_landmarks);
    EXPECT_EQ(a.matrix, b.matrix);
    EXPECT_EQ(a.frame_index, b.frame_index);
    EXPECT_EQ(a.type, b.type);
  }
}

TEST_F(DflCli, APackGoesIntoTheSrcOfAProject) {
  make_project(folder / "p");
  expect_done(
      {"faces", "export", path("p"), "--side", "src", "--format", "dfl", "-o", path("x.pak")});
  fs::remove(folder / "p/src.faces");
  expect_done({"faces", "import", path("p"), "--side", "src", "--format", "dfl", path("x.pak")});
  EXPECT_EQ(Faceset::open(path("p/src.faces"), true).count(), 6);
}

TEST_F(DflCli, DstFacesMustBelongToTheVideo) {
  make_project(folder / "p");  // its sources are no videos
  expect_done(
      {"faces", "export", path("p"), "--side", "src", "--format", "dfl", "-o", path("out")});
  fs::remove(folder / "p/dst.faces");
  expect_refused({"faces", "import", path("p"), "--side", "dst", "--format", "dfl", path("out")},
                 {"dst"});
  EXPECT_FALSE(fs::exists(folder / "p/dst.faces"));
  EXPECT_FALSE(fs::exists(folder / "p/dst.faces.part"));
}

TEST_F(DflCli, AFolderOfPlainPicturesIsRefused) {
  fs::create_directories(folder / "in");
  std::ofstream(folder / "in/a.jpg") << "no picture";
  expect_refused({"faces", "import", path("b.faces"), path("in"), "--format", "dfl"},
                 {"in: holds no face that can be used", "a.jpg"});
  EXPECT_FALSE(fs::exists(folder / "b.faces"));
  EXPECT_FALSE(fs::exists(folder / "b.faces.part"));
}

TEST_F(DflCli, AModelGoesOutAndComesBack) {
  make_trained("p");
  expect_done({"model", "export", path("p"), "-o", path("m"), "--name", "mine"});
  for (const char* part : {"encoder.npy", "inter.npy", "decoder_src.npy", "decoder_dst.npy",
                           "src_dst_opt.npy", "data.dat"})
    EXPECT_TRUE(fs::exists(folder / "m" / ("mine_SAEHD_" + std::string(part)))) << part;
  make_project(folder / "q");
  const RunResult result = run({"model", "import", path("q"), "--format", "dfl", path("m")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("at iteration 1,"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("with the optimizer's state"), std::string::npos) << result.out;
  EXPECT_EQ(weights_of("q"), weights_of("p"));
  EXPECT_EQ(read_losses(folder / "q/runs/main/metrics.jsonl").size(), 1u);
  expect_done({"train", path("q"), "--iters", "1"});
}

TEST_F(DflCli, SettingsFollowTheModel) {
  make_trained("p");
  expect_done({"model", "export", path("p"), "-o", path("m")});
  make_project(folder / "q");
  std::string toml = text_of(folder / "q/project.toml");
  const size_t at = toml.find("ae_dims = 32");
  ASSERT_NE(at, std::string::npos);
  toml.replace(at, 12, "ae_dims = 64");
  std::ofstream(folder / "q/project.toml") << toml;
  const RunResult result = run({"model", "import", path("q"), path("m")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("project.toml: ae_dims = 32"), std::string::npos) << result.out;
  EXPECT_EQ(Project::open(folder / "q").settings().integer("train.ae_dims"), 32);
  EXPECT_NE(text_of(folder / "q/project.toml").find("# "), std::string::npos);
  expect_done({"train", path("q"), "--iters", "1"});
}

TEST_F(DflCli, AModelThatIsThereStays) {
  make_trained("p");
  expect_done({"model", "export", path("p"), "-o", path("m")});
  const std::string before = text_of(folder / "p/model/saehd.safetensors");
  expect_refused({"model", "import", path("p"), path("m")}, {"is there already", "--force"});
  EXPECT_EQ(text_of(folder / "p/model/saehd.safetensors"), before);
  const std::string weights = text_of(folder / "m/diptych_SAEHD_encoder.npy");
  expect_refused({"model", "export", path("p"), "-o", path("m")}, {"is there already"});
  EXPECT_EQ(text_of(folder / "m/diptych_SAEHD_encoder.npy"), weights);
  expect_done({"model", "import", path("p"), path("m"), "--force"});
  EXPECT_EQ(text_of(folder / "p/model/saehd.safetensors.prev"), before);
  // The old model's states are no way back for the new one.
  EXPECT_FALSE(fs::exists(folder / "p/model/timeline"));
  EXPECT_TRUE(fs::exists(folder / "p/model/timeline.1"));
}

// The imported model stands; that its letters could not be tried is no error.
TEST_F(DflCli, FacesThatCannotBePreparedDoNotStopAnImport) {
  make_trained("p");
  expect_done({"model", "export", path("p"), "-o", path("m")});
  make_project(folder / "q");
  {
    Faceset faces = Faceset::open(path("q/src.faces"));
    for (int64_t frame = 0; frame < 6; ++frame) {
      Face face = drawn_face(static_cast<int>(frame));
      face.image = {'n', 'o'};
      faces.put_frame({frame, 0, 320, 300, 1, ""}, {face});
    }
  }
  expect_done({"model", "import", path("q"), path("m")});
  EXPECT_EQ(weights_of("q"), weights_of("p"));
}

// The receipt of the model that was replaced does not vouch for the new one.
TEST_F(DflCli, AReceiptDoesNotOutliveItsModel) {
  make_trained("p");
  expect_done({"model", "export", path("p"), "-o", path("m")});
  const fs::path receipt = folder / "p/runs/main/receipt.json";
  ASSERT_TRUE(read_receipt(receipt).replay);
  expect_done({"model", "import", path("p"), path("m"), "--force"});
  expect_done({"train", path("p"), "--iters", "1"});
  EXPECT_FALSE(read_receipt(receipt).replay);
  EXPECT_NE(read_receipt(receipt).why_no_replay.find("began at iteration 1"), std::string::npos);
}

TEST_F(DflCli, ADamagedModelChangesNothing) {
  make_trained("p");
  expect_done({"model", "export", path("p"), "-o", path("m")});
  fs::resize_file(folder / "m/diptych_SAEHD_decoder_dst.npy", 5000);
  make_project(folder / "q");
  const std::string toml = text_of(folder / "q/project.toml");
  expect_refused({"model", "import", path("q"), path("m")}, {"decoder_dst.npy", "cut off"});
  EXPECT_FALSE(fs::exists(folder / "q/model/saehd.safetensors"));
  EXPECT_EQ(text_of(folder / "q/project.toml"), toml);
}

TEST_F(DflCli, ExportingNoModelTellsToTrain) {
  make_project(folder / "p");
  expect_refused({"model", "export", path("p"), "-o", path("m")}, {"diptych train"});
  EXPECT_FALSE(fs::exists(folder / "m"));
}

TEST_F(DflCli, PythonReadsTheExportedModel) {
  const std::optional<std::string> python = python_with("numpy");
  if (!python) GTEST_SKIP() << "no Python with numpy: set DIPTYCH_TEST_PYTHON to one";
  make_trained("p");
  expect_done({"model", "export", path("p"), "-o", path("m"), "--name", "mine"});
  const std::string script = std::string(DIPTYCH_SOURCE_DIR) + "/faces/dfl/python_peer.py";
  EXPECT_EQ(
      std::system((*python + " -W ignore " + script + " model " + path("m") + " mine").c_str()), 0);
}

}  // namespace
}  // namespace diptych
