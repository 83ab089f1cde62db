// Memory that kernels and the host both see, on a GPU: managed memory, filled with NaNs.
// SPDX-License-Identifier: MIT
#include <cstring>

#include "kernels/common/simt/device_memory.h"
#include "kernels/common/simt/launch.h"

namespace diptych::simt {

void* device_alloc(size_t bytes) {
  void* p = nullptr;
  check_cuda(cudaMallocManaged(&p, bytes ? bytes : 1), "device_alloc");
  std::memset(p, 0xff, bytes);
  return p;
}

void device_free(void* p) {
  cudaFree(p);
}

void synchronize() {
  check_cuda(cudaDeviceSynchronize(), "synchronize");
}

}  // namespace diptych::simt
