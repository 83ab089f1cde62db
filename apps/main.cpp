// diptych: the program.
// SPDX-License-Identifier: MIT
#include "apps/command_line.h"

int main(int argc, char** argv) {
  return diptych::main_exit_code(argc, argv);
}
