// The launches of a program, kernel by kernel: their threads and dynamic shared memory decide how
// many blocks a multiprocessor holds (docs/registers.md).
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/simt/launch.h"

namespace diptych::simt {

// Does nothing unless DIPTYCH_SIM_LAUNCHES names a file. At the program's end the file has a line
// "source|kernel|threads|bytes" for every combination that was launched.
void log_launch(const Grid& grid);

}  // namespace diptych::simt
