// What the checker counts: bank conflicts of shared and sectors of global accesses, by source line.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace diptych::simt {

struct AccessLine {
  std::string place;      // file:line
  bool is_shared;         // else global
  uint64_t requests = 0;  // of warps
  uint64_t cost = 0;      // wavefronts of shared memory, sectors of 32 bytes of global memory
  uint64_t ideal = 0;     // what the same bytes, each once, cost at best
};

// All lines so far, and a fresh start. Empty in builds without the checker. With
// DIPTYCH_SIMT_REPORT set, what is left is printed when the program ends.
std::vector<AccessLine> take_access_report();

}  // namespace diptych::simt
