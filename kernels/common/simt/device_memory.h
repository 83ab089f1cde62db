// Memory that kernels and the host both see, for tests: plain memory under the emulator, managed
// memory on a GPU.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace diptych::simt {

void* device_alloc(size_t bytes);  // filled with NaNs; the checker guards its ends
void device_free(void* p);
void synchronize();  // waits for every launch; rethrows what went wrong in one

}  // namespace diptych::simt
