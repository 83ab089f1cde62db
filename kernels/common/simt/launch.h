// launch(kernel, {.grid, .block, .smem, .stream}, args...) and shared<T>(): how every kernel
// starts and gets its dynamic shared memory, on a GPU and on the emulator.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <tuple>
#include <utility>

#include "kernels/common/check.h"
#include "kernels/common/cuda/cuda_stream.h"

#ifdef __CUDACC__
#include <cuda_runtime.h>
#else
#include "kernels/common/simt/emulator.h"
#endif

namespace diptych::simt {

struct Config {
  dim3 grid = 1, block = 1;
  size_t smem = 0;  // bytes of dynamic shared memory
  CudaStream stream = nullptr;
};

#ifdef __CUDACC__
inline void check_cuda(cudaError_t error, const char* what) {
  if (error != cudaSuccess) cudaGetLastError();  // or the next launch would be told of it, too
  DIPTYCH_CHECK(error == cudaSuccess, what, ": ", cudaGetErrorString(error));
}

// Arguments are converted to the kernel's parameter types, as <<<>>> does.
template <class... P, class... A>
void launch(void (*kernel)(P...), Config c, A&&... args) {
  constexpr size_t kWithoutOptIn = 48 * 1024;
  if (c.smem > kWithoutOptIn)
    check_cuda(
        cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(c.smem)),
        "launch: shared memory");
  kernel<<<c.grid, c.block, c.smem, static_cast<cudaStream_t>(c.stream)>>>(static_cast<P>(args)...);
  const cudaError_t error = cudaGetLastError();
  if (error == cudaSuccess) return;
  const char* name = "a kernel";
  cudaFuncGetName(&name, reinterpret_cast<const void*>(kernel));
  check_cuda(error, name);
}

// The block's dynamic shared memory, seen as a T: one struct per kernel, whose size is its smem.
template <class T>
__device__ T& shared() {
  extern __shared__ __align__(1024) unsigned char dynamic_shared[];
  return *reinterpret_cast<T*>(dynamic_shared);
}

#else

struct Grid {  // a launch, its types erased
  Config config;
  void (*call)(const void* params);
  const void* params;
  size_t bytes;
  const void* kernel;  // its address, for its name
};

void need_shared(size_t bytes, Site at);  // fails when the launch gave less

void run_grid(const Grid& grid);  // returns when the grid has run; throws KernelError

template <class... P, class... A>
void launch(void (*kernel)(P...), Config c, A&&... args) {
  struct Params {
    void (*kernel)(P...);
    std::tuple<P...> args;
  } params{kernel, {static_cast<P>(args)...}};

  const auto call = [](const void* p) {
    const auto& q = *static_cast<const Params*>(p);
    std::apply(q.kernel, q.args);
  };
  run_grid({c, call, &params, sizeof params, reinterpret_cast<const void*>(kernel)});
}

template <class T>
T& shared(Site at = Site::here()) {
  need_shared(sizeof(T), at);
  return *static_cast<T*>(shared_base());
}

#endif

}  // namespace diptych::simt
