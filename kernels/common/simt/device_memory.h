// The device, for tests of kernels. Its memory is plain memory under the emulator, device memory on
// a GPU; the host reaches it through these copies alone.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace diptych::simt {

void* device_alloc(size_t bytes);  // filled with NaNs; the checker guards its ends
void device_free(void* p);

// From the host; to the host, behind every launch before.
void device_write(void* to, const void* from, size_t bytes);
void device_read(void* to, const void* from, size_t bytes);

// Whose kernels may run here: compute capability times ten. 90 means sm_90a.
int device_chip();

void synchronize();  // waits for every launch; rethrows what went wrong in one

}  // namespace diptych::simt
