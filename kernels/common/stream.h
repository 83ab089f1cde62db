// Stream: where an op runs (engine, threads) and the scratch memory it may use. First argument of
// every op.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>

namespace diptych {

enum class Engine { kCpu, kCuda, kCudnn, kSim };

// Backend state an op family keeps between calls (compiled primitives, packed weights). Owned by a
// Stream.
class StreamState {
 public:
  virtual ~StreamState() = default;
};

class Stream {
 public:
  // threads 0: as many as the machine has cores.
  explicit Stream(Engine engine = Engine::kCpu, int threads = 0);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Engine engine() const { return engine_; }

  int threads() const { return threads_; }

  void set_threads(int threads);

  // Scratch of at least `bytes`, 64-byte aligned, contents undefined. Grows, never shrinks. One
  // user at a time: an op must not hold it across a call of another op.
  void* workspace(size_t bytes);

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
  std::unique_ptr<StreamState> packed_weights;  // dropped when weights change

 private:
  Engine engine_;
  int threads_;
  bool weights_constant_ = false;
  void* workspace_ = nullptr;
  size_t workspace_bytes_ = 0;
};

}  // namespace diptych
