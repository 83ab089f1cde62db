// diptych: the program.
// SPDX-License-Identifier: MIT
#include <cstdlib>

#include <unistd.h>

#include "apps/command_line.h"

namespace {

// OpenMP threads that wait for work spin by default. Beside sampler, decoder or foreign threads
// that costs up to ten times the training step, so they sleep instead. The OpenMP library reads
// this before main, hence the second start.
void let_idle_threads_sleep(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  execv("/proc/self/exe", argv);  // returns only when there is no /proc: then threads spin
}

}  // namespace

int main(int argc, char** argv) {
  let_idle_threads_sleep(argv);
  return diptych::main_exit_code(argc, argv);
}
