// The device behind an engine that runs CUDA kernels: a GPU (engine cuda) in builds with
// DIPTYCH_CUDA=ON, else the emulator (engine sim). Memory, copies and recorded graphs; everything
// is in the order of one stream. Above kernels/, memory comes from tensor/allocator.h, not here.
//
// The emulator's device memory cannot be touched by the host outside of a kernel or one of these
// copies: a host that reads a device pointer ends in a segmentation fault there, as it would on a
// machine with a GPU.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "kernels/common/cuda/cuda_stream.h"

namespace diptych {

struct DeviceInfo {
  std::string name;
  int chip = 0;  // compute capability times ten: 80, 86, 89, 90
  int multiprocessors = 0;
  size_t total_bytes = 0, free_bytes = 0;
  int driver = 0, runtime = 0;  // CUDA versions, 1000 * major + 10 * minor; 0 on the emulator
};

namespace device {

constexpr size_t kAlignment = 256;  // of allocations

// What is there. Throws Error naming cause and remedy when no GPU can be used: none in the machine,
// a driver older than the runtime, a chip older than sm_80.
const DeviceInfo& info();

// "" when info() would work, else what it would throw.
std::string trouble();

CudaStream make_stream();
void free_stream(CudaStream stream);

// Throws Error that names the bytes wanted, live and free, and what to change. Contents undefined.
void* allocate(size_t bytes);
void release(void* memory);

// upload returns when `from` may be changed; download and wait return when the stream has come this
// far, and throw what went wrong in a kernel before.
void upload(CudaStream stream, void* to, const void* from, size_t bytes);
void download(CudaStream stream, void* to, const void* from, size_t bytes);
void copy(CudaStream stream, void* to, const void* from, size_t bytes);  // within the device
void fill_bytes(CudaStream stream, void* to, unsigned char value, size_t bytes);
void wait(CudaStream stream);

// Like download, but returns at once: `to`, pinned memory, is filled when an Event recorded after
// it has passed.
void start_download(CudaStream stream, void* to, const void* from, size_t bytes);

// Host memory that uploads and downloads move fastest; plain memory on the emulator.
std::shared_ptr<void> pinned(size_t bytes);

// A place in the stream's work that the host can wait for.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(CudaStream stream);
  void wait();  // throws what went wrong in a kernel before it

 private:
  void* event_ = nullptr;
};

// Work recorded between begin() and end() runs at every launch(), with the arguments it was
// recorded with, and not while it is recorded. Uploads, downloads and waits cannot be recorded:
// they throw.
class Graph {
 public:
  Graph();
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void begin(CudaStream stream);
  void end(CudaStream stream);
  void abandon(CudaStream stream);  // ends a recording that failed
  void launch(CudaStream stream);

  size_t nodes() const;  // kernels and copies in it

 private:
  struct Recording;
  std::unique_ptr<Recording> recording_;
};

}  // namespace device
}  // namespace diptych
