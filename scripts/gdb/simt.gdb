# SPDX-License-Identifier: MIT
# gdb commands for kernels on the emulator. A CUDA thread is a fiber: `next` and `step` stay in it, across
# __syncthreads too, as long as no other thread stops at a breakpoint of its own.

set breakpoint pending on
set print pretty on
set pagination off

define simt
  printf "block (%u,%u,%u) of (%u,%u,%u), thread (%u,%u,%u) of (%u,%u,%u)\n", blockIdx.x, blockIdx.y, blockIdx.z, gridDim.x, gridDim.y, gridDim.z, threadIdx.x, threadIdx.y, threadIdx.z, blockDim.x, blockDim.y, blockDim.z
end
document simt
Which block and thread of the kernel this is.
end

define simt-thread
  eval "tbreak if threadIdx.x == %d && threadIdx.y == %d && threadIdx.z == %d", $arg0, $arg1, $arg2
  continue
  simt
end
document simt-thread
simt-thread X Y Z: runs until thread (X,Y,Z), of this block or a later one, comes to this line.
end

define simt-barrier
  tbreak __syncthreads
  continue
  finish
  simt
end
document simt-barrier
Runs to the next __syncthreads of any thread and behind it.
end
