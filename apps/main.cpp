// diptych: the program.
// SPDX-License-Identifier: MIT
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include "apps/command_line.h"

namespace {

// By default OpenMP's threads spin for milliseconds at the end of each parallel loop. When another
// program wants a core, every loop then waits for a spinning thread: training steps of 70 ms took
// 1700 ms on two busy cores. The policy is read before main() runs, so the program starts itself
// again once. A policy of the user's own is left alone.
void let_waiting_threads_sleep(int argc, char** argv) {
  const bool computes =
      argc > 1 && (std::strcmp(argv[1], "train") == 0 || std::strcmp(argv[1], "merge") == 0 ||
                   std::strcmp(argv[1], "verify-run") == 0 || std::strcmp(argv[1], "plan") == 0 ||
                   std::strcmp(argv[1], "export") == 0);
  if (!computes || std::getenv("OMP_WAIT_POLICY") != nullptr ||
      std::getenv("GOMP_SPINCOUNT") != nullptr) {
    return;
  }
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  ::execv("/proc/self/exe", argv);  // comes back only when it failed: then it is merely slower
}

}  // namespace

int main(int argc, char** argv) {
  let_waiting_threads_sleep(argc, argv);
  // A file that reaches the shell's size limit is an error with a message, not a killed process.
  std::signal(SIGXFSZ, SIG_IGN);
  return diptych::main_exit_code(argc, argv);
}
