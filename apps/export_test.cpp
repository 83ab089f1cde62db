// The real program writing a model for DeepFaceLive, and what it refuses.
// SPDX-License-Identifier: MIT
#include <fstream>

#include <gtest/gtest.h>

#include "apps/test_cli.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

class Export : public CliTest {
 protected:
  Export() { make_project(folder / "p"); }

  void train() const { expect_done({"train", path("p"), "--iters", "1"}); }

  // Nothing half-written stays in a folder.
  void expect_no_remains(const fs::path& where) const {
    for (const auto& entry : fs::directory_iterator(where))
      EXPECT_EQ(entry.path().string().find(".part"), std::string::npos) << entry.path();
  }
};

TEST_F(Export, WritesAndChecksBothKinds) {
  train();
  const std::string whole = expect_done({"export", path("p"), "-o", path("a.dfm")});
  EXPECT_NE(whole.find("checked 6 pictures in OpenCV"), std::string::npos) << whole;
  EXPECT_NE(whole.find("df 64, whole_face at iteration 1, weights f32"), std::string::npos)
      << whole;
  const std::string half =
      expect_done({"export", path("p"), "-o", path("b.dfm"), "--weights", "f16"});
  EXPECT_NE(half.find("checked 6 pictures in OpenCV"), std::string::npos) << half;
  EXPECT_LT(fs::file_size(folder / "b.dfm"), fs::file_size(folder / "a.dfm") * 3 / 5);
  const std::string bytes = text_of(folder / "a.dfm");
  for (const char* text : {"face_type", "whole_face", "archi", "resolution", "iteration",
                           "diptych 0.", "Synthetic. Contains a face synthesized",
                           "digitalsourcetype/compositeWithTrainedAlgorithmicMedia"})
    EXPECT_NE(bytes.find(text), std::string::npos) << text;
  expect_no_remains(folder.path());
}

TEST_F(Export, AModelFromDeepFaceLabGivesTheSameFile) {
  train();
  expect_done({"export", path("p"), "-o", path("a.dfm"), "--no-check"});
  expect_done({"model", "export", path("p"), "-o", path("m")});
  make_project(folder / "q");
  expect_done({"model", "import", path("q"), "--format", "dfl", path("m")});
  expect_done({"export", path("q"), "-o", path("b.dfm"), "--no-check"});
  EXPECT_EQ(text_of(folder / "a.dfm"), text_of(folder / "b.dfm"));
}

TEST_F(Export, WithoutFacesAPatternIsChecked) {
  train();
  fs::remove(folder / "p/dst.faces");
  const std::string out = expect_done({"export", path("p"), "-o", path("a.dfm")});
  EXPECT_NE(out.find("checked 1 picture in"), std::string::npos) << out;
}

TEST_F(Export, AFileThatIsThereStaysUnlessForced) {
  train();
  std::ofstream(folder / "a.dfm") << "mine";
  expect_refused({"export", path("p"), "-o", path("a.dfm")}, {"a.dfm: exists already", "--force"});
  EXPECT_EQ(text_of(folder / "a.dfm"), "mine");
  expect_refused({"export", path("p"), "-o", path("nowhere/a.dfm")},
                 {"nowhere/a.dfm: cannot be written", "Check the path"});
  expect_done({"export", path("p"), "-o", path("a.dfm"), "--force", "--no-check"});
  EXPECT_GT(fs::file_size(folder / "a.dfm"), 1000u);
}

TEST_F(Export, NoModelAndAnotherEndingAreRefused) {
  expect_refused({"export", path("p"), "-o", path("a.dfm")},
                 {"there is no model yet", "diptych train"});
  expect_refused({"export", path("p"), "-o", path("a.pb")},
                 {"a.pb: ends neither in .dfm", "call it so"});
  EXPECT_FALSE(fs::exists(folder / "a.dfm"));
  EXPECT_FALSE(fs::exists(folder / "a.pb"));
}

TEST_F(Export, ADamagedCheckpointIsRefusedAndTheOldFileStays) {
  train();
  const fs::path model = folder / "p/model/saehd.safetensors";
  std::string bytes = text_of(model);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(model, std::ios::binary) << bytes;
  std::ofstream(folder / "a.dfm") << "mine";
  expect_refused({"export", path("p"), "-o", path("a.dfm"), "--force"},
                 {"saehd.safetensors", "checksum"});
  EXPECT_EQ(text_of(folder / "a.dfm"), "mine");
  expect_no_remains(folder.path());
}

}  // namespace
}  // namespace diptych
