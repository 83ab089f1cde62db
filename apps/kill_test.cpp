// Killing the real program while it trains and saves after every iteration.
// SPDX-License-Identifier: MIT
#include <chrono>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>

#include "apps/test_project.h"
#include "faces/image/test_folder.h"
#include "kernels/common/rng.h"
#include "tensor/safetensors.h"

namespace diptych {
namespace {

// 50 kills at random moments of a run that does little else than saving.
TEST(Kill, KilledAtAnyMomentTheCheckpointLoads) {
  const TestFolder folder;
  const Project project = make_project(folder / "p", 2);
  Rng rng(11, 0, 0);
  int64_t last = 0;
  for (int kill = 0; kill < 50; ++kill) {
    RunningProgram program({"train", project.dir().string(), "--save-every-iters", "1",
                            "--batch-size", "1", "--threads", "1"},
                           folder.path());
    // The first run must get to its first save; later ones are killed at once or in full swing.
    while (kill == 0 && !std::filesystem::exists(project.checkpoint()) && !program.ended())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(700)));
    ASSERT_FALSE(program.ended()) << program.wait().err;
    program.signal(SIGKILL);
    ASSERT_EQ(program.wait().exit_code, 128 + SIGKILL);
    const Safetensors file = Safetensors::open(project.checkpoint().string());
    const int64_t iteration = std::stoll(file.metadata().at("iteration"));
    ASSERT_GE(iteration, last);
    last = iteration;
    ASSERT_TRUE(Faceset::open(project.faces(Side::kSrc).string(), true).check().empty());
  }
  EXPECT_GT(last, 5);
}

}  // namespace
}  // namespace diptych
