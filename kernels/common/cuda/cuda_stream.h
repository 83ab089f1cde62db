// CudaStream: a cudaStream_t for code that must compile without CUDA's headers.
// SPDX-License-Identifier: MIT
#pragma once

namespace diptych {

using CudaStream =
    void*;  // a cudaStream_t; null is the default stream, and the emulator's only one

}  // namespace diptych
