// With Python and NumPy on the other side. Skipped when they are not there; DIPTYCH_TEST_PYTHON
// names another interpreter.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <sstream>

#include "faces/dfl/convert.h"
#include "faces/dfl/test_dfl.h"
#include "faces/dfl/transfer.h"
#include "faces/image/image.h"
#include "tensor/pickle/pickle_numbers.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

class DflPython : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* set = std::getenv("DIPTYCH_TEST_PYTHON");
    python_ = set != nullptr ? set : "python3";
    if (std::system((python_ + " -c 'import numpy' >/dev/null 2>&1").c_str()) != 0)
      GTEST_SKIP() << python_ << " with numpy is not here";
  }

  int peer(const std::string& arguments) const {
    const std::string script = std::string(DIPTYCH_SOURCE_DIR) + "/faces/dfl/python_peer.py";
    return std::system((python_ + " -W ignore " + script + " " + arguments).c_str());
  }

  std::string python_;
  TestFolder folder;
};

TEST_F(DflPython, ReadsWhatIsExported) {
  Faceset set = Faceset::create((folder / "x.faces").string());
  for (int i = 0; i < 3; ++i) {
    DflMetadata m = test_metadata(i);
    if (i == 1) m.polygons = {{true, {{1, 2}, {30, 4}, {5, 60}}}};
    if (i == 2) m.mask = encode_png(cv::Mat(32, 32, CV_8UC1, cv::Scalar(255)));
    Face face = face_from_dfl(with_dfl_metadata(test_jpeg(i), m, "x"), m, "", "x");
    face.frame_index = i;
    set.put_frame(test_frame(i), {face});
  }
  Face ours = test_face(7, 64);
  set.put_frame(test_frame(7), {ours});
  export_dfl(set, set.ids(), folder / "out");
  export_dfl(set, set.ids(), folder / "out.pak");
  EXPECT_EQ(peer("faces " + (folder / "out").string() + " " + (folder / "out.pak").string()), 0);
}

TEST_F(DflPython, EveryProtocolAndArrayKindIsRead) {
  ASSERT_EQ(peer("write " + folder.path().string()), 0);
  std::map<std::string, std::vector<float>> expected;
  std::ifstream in(folder / "expected.txt");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    for (double v = 0; words >> v;) expected[key].push_back(static_cast<float>(v));
  }
  ASSERT_EQ(expected.size(), 4u);
  int read = 0;
  for (int protocol = 2; protocol <= 5; ++protocol) {
    const fs::path file = folder / str("weights", protocol, ".pkl");
    if (!fs::exists(file)) continue;  // an old Python
    SCOPED_TRACE(file);
    const PickleDocument d = read_pickle_file(file);
    for (const auto& [key, values] : expected)
      EXPECT_EQ(floats_of(d.root().find(key)->array()), values) << key;
    EXPECT_EQ(d.root().find("iters:0")->integer(), 12345);
    EXPECT_EQ(floats_of(d.root().find("again:0")->array()), expected["a/weight:0"]);
    ++read;
  }
  EXPECT_GE(read, 3);
}

TEST_F(DflPython, ALongLossHistoryIsRead) {
  ASSERT_EQ(peer("write " + folder.path().string()), 0);
  const PickleDocument d = read_pickle_file(folder / "data.dat");
  EXPECT_EQ(d.root().find("options")->find("resolution")->integer(), 128);
  EXPECT_EQ(d.root().find("options")->find("random_hsv_power")->number(), 0.05);
  EXPECT_EQ(d.root().find("loss_history")->items().size(), 50000u);
}

}  // namespace
}  // namespace diptych
