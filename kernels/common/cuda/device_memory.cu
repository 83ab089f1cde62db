// Memory of kernels, for tests, on a GPU. Not managed memory: its pages move by faults, which bulk
// copies are not known to take, and a program that asks for too much of it can hang the GPU.
// SPDX-License-Identifier: MIT
#include "kernels/common/device.h"
#include "kernels/common/simt/device_memory.h"
#include "kernels/common/simt/launch.h"

namespace diptych::simt {

void* device_alloc(size_t bytes) {
  void* p = nullptr;
  check_cuda(cudaMalloc(&p, bytes ? bytes : 1), "device_alloc");
  check_cuda(cudaMemset(p, 0xff, bytes), "device_alloc");
  synchronize();
  return p;
}

void device_free(void* p) {
  cudaFree(p);
}

void device_write(void* to, const void* from, size_t bytes) {
  check_cuda(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), "device_write");
  synchronize();  // a small copy may be on its way when the call returns
}

void device_read(void* to, const void* from, size_t bytes) {
  synchronize();
  check_cuda(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost), "device_read");
}

int device_chip() {
  return device::info().chip;
}

void synchronize() {
  check_cuda(cudaDeviceSynchronize(), "synchronize");
}

}  // namespace diptych::simt
