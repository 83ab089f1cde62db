// The whole way with the real program on two bundled clips: init, extract, train, merge, verify.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "apps/test_project.h"
#include "faces/image/test_folder.h"

namespace diptych {
namespace {

TEST(Workflow, TwoClipsBecomeALabelledSwap) {
  const std::filesystem::path clips = test_data() / "videos";
  const std::string a = (clips / "synthetic_a_512x512_24fps.mp4").string();
  const std::string b = (clips / "synthetic_b_512x512_24fps.mp4").string();
  if (!std::filesystem::exists(a) || !std::filesystem::exists(b))
    GTEST_SKIP() << "the clips synthetic_a and synthetic_b are not in " << clips;
  const TestFolder folder;
  const std::string project = (folder / "p").string(), video = (folder / "swap.mp4").string();
  const auto run = [&](const std::vector<std::string>& arguments) {
    const RunResult result = run_program(arguments, folder.path());
    EXPECT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.err;
    return result.out;
  };
  run({"init", project, "--src", a, "--dst", b, "--consent-src", "synthetic", "--consent-dst",
       "synthetic", "--set", "resolution=64", "archi=df", "ae_dims=32", "e_dims=16", "d_dims=16",
       "d_mask_dims=16", "batch_size=2"});
  run({"extract", project, "--every", "40"});
  EXPECT_NE(run({"extract", project, "--every", "40"}).find("6 frames were there already"),
            std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(folder / "p" / "out" / "dst_faces.png"));
  run({"train", project, "--iters", "2"});
  EXPECT_NE(run({"merge", project, "-o", video, "--to", "0.5"}).find("12 frames, 1 swapped"),
            std::string::npos);
  EXPECT_NE(run({"verify", video}).find("labelled as synthetic"), std::string::npos);
  EXPECT_NE(run({"info", video}).find("512"), std::string::npos);
  run({"verify", project});
}

}  // namespace
}  // namespace diptych
