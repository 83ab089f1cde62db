// The chip's peaks, measured in the same run as the kernels that are held against them.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "bench/layers/gpu_clock.h"
#include "kernels/common/dtype.h"

namespace diptych {

struct Peak {
  double per_s = 0;    // FLOP/s or bytes/s
  std::string source;  // what reached it
};

// The best of a copy by 16-byte accesses and of cudaMemcpy, bytes read plus bytes written.
Peak measure_bytes_per_s(Stream& stream, GpuClock& clock);

// The best of a loop of multiply-adds in registers (tensor cores for bf16) and, in builds with it,
// of a large matrix product by cuBLASLt on random data.
Peak measure_flops_per_s(Stream& stream, GpuClock& clock, DType dtype);

// The loops: floating-point operations of one launch.
double launch_mma_loop(CudaStream stream, int blocks, float* sink);
double launch_fma_loop(CudaStream stream, int blocks, float* sink);
void launch_copy(CudaStream stream, const void* from, void* to, size_t bytes, int blocks);

}  // namespace diptych
