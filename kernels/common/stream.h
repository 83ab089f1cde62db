// Stream: where an op runs (engine, threads) and the scratch memory it may use. First argument of
// every op.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "kernels/common/cuda/cuda_stream.h"

namespace diptych {

// kCpu: the host's kernels. kSim and kCuda: the CUDA kernels, on the emulator or on a GPU; a build
// has one of the two. kCudnn: kCuda with NVIDIA's convolutions and matrix products.
enum class Engine { kCpu, kCuda, kCudnn, kSim };

const char* name_of(Engine engine);

// "cpu", "cuda", "cudnn" or "sim". Throws Error that lists them otherwise.
Engine engine_from(std::string_view name);

// The engine that runs CUDA kernels in this build.
Engine device_engine();

// Throws Error that says why when this build or this machine cannot run the engine.
void require_engine(Engine engine);

// Where an engine's memory is: the host can read kHost alone.
enum class Place : unsigned char { kHost, kDevice };

constexpr Place place_of(Engine engine) {
  return engine == Engine::kCpu ? Place::kHost : Place::kDevice;
}

// Backend state an op family keeps between calls (compiled primitives, packed weights). Owned by a
// Stream.
class StreamState {
 public:
  virtual ~StreamState() = default;
};

class Stream {
 public:
  // threads 0: as many as the machine has cores. Throws Error when the engine cannot run here.
  explicit Stream(Engine engine = Engine::kCpu, int threads = 0);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Engine engine() const { return engine_; }

  Place place() const { return place_of(engine_); }

  bool on_device() const { return place() == Place::kDevice; }

  // Order of work on the device; null on the cpu engine.
  CudaStream cuda() const { return cuda_; }

  int threads() const { return threads_; }

  void set_threads(int threads);

  // Scratch of at least `bytes` where the engine's memory is, 64-byte (device: 256-byte) aligned,
  // contents undefined. Grows, never shrinks. One user at a time: an op must not hold it across a
  // call of another op.
  void* workspace(size_t bytes);

  // What the scratch has grown to, rounding up to its pages included.
  size_t workspace_bytes() const { return workspace_bytes_; }

  // Weights do not change between calls: ops may keep packed copies of them. Set for inference
  // only; turning it off, or calling weights_changed(), drops every copy.
  bool weights_constant() const { return weights_constant_; }

  void set_weights_constant(bool constant);
  void weights_changed();

  // A slot for the state of one backend, created on first use.
  template <class State>
  State& state() {
    std::unique_ptr<StreamState>& slot = State::slot(*this);
    if (!slot) slot = std::make_unique<State>();
    return static_cast<State&>(*slot);
  }

  std::unique_ptr<StreamState> onednn_state;    // kernels/common/onednn.h
  std::unique_ptr<StreamState> cudnn_state;     // kernels/common/cuda/cudnn.h
  std::unique_ptr<StreamState> packed_weights;  // dropped when weights change
  std::unique_ptr<StreamState> memory_pool;     // tensor/allocator.cpp: blocks in stream order

 private:
  void* device_workspace(size_t bytes);
  void* host_workspace(size_t bytes);

  Engine engine_;
  int threads_;
  bool weights_constant_ = false;
  CudaStream cuda_ = nullptr;
  void* workspace_ = nullptr;
  size_t workspace_bytes_ = 0;
  std::vector<void*> outgrown_;  // device workspaces that recorded graphs may still use
};

}  // namespace diptych
