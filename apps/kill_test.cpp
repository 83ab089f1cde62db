// Killing the real program while it trains and saves after every iteration.
// SPDX-License-Identifier: MIT
#include <chrono>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>

#include "apps/open_faceset.h"
#include "apps/test_project.h"
#include "faces/image/test_folder.h"
#include "kernels/common/rng.h"
#include "tensor/safetensors.h"

namespace diptych {
namespace {

void wait_for(const std::filesystem::path& file, RunningProgram& program) {
  while (!program.ended() && !std::filesystem::exists(file))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// 50 kills: every third while a save is under way, the others at random moments of start and work.
TEST(Kill, KilledAtAnyMomentTheCheckpointLoads) {
  const TestFolder folder;
  const Project project = make_project(folder / "p", 2);
  const std::filesystem::path aside = project.checkpoint().string() + ".tmp";
  Rng rng(11, 0, 0);
  int64_t last = 0;
  for (int kill = 0; kill < 50; ++kill) {
    std::filesystem::remove(aside);  // left by the last kill
    RunningProgram program({"train", project.dir().string(), "--save-every-iters", "1",
                            "--batch-size", "1", "--threads", "1"},
                           folder.path());
    const bool in_save = kill % 3 == 0;
    if (in_save) wait_for(kill == 0 ? project.checkpoint() : aside, program);
    std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(in_save ? 400 : 600)));
    ASSERT_FALSE(program.ended()) << program.wait().err;
    program.signal(SIGKILL);
    ASSERT_EQ(program.wait().exit_code, 128 + SIGKILL);
    const Safetensors file = Safetensors::open(project.checkpoint().string());
    const int64_t iteration = std::stoll(file.metadata().at("iteration"));
    ASSERT_GE(iteration, last);
    last = iteration;
    ASSERT_TRUE(open_faceset_to_read(project.faces(Side::kSrc)).check().empty());
  }
  EXPECT_GT(last, 1);  // saves went through between the kills
}

}  // namespace
}  // namespace diptych
