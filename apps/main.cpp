// diptych: the program.
// SPDX-License-Identifier: MIT
#include <csignal>

#include "apps/command_line.h"

int main(int argc, char** argv) {
  // A file that reaches the shell's size limit is an error with a message, not a killed process.
  std::signal(SIGXFSZ, SIG_IGN);
  return diptych::main_exit_code(argc, argv);
}
