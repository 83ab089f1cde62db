// cudnn: the one wrapper that knows cuDNN 9's backend API and hides it from the ops. Included by
// the *_cudnn.cpp sources and the layer bench only, which are built when cuDNN's headers are found.
// The library itself is loaded when it is first needed.
//
// An op describes what it wants as a Graph of operations on tensors; plans() asks cuDNN which of
// its engines can run it; State keeps the plan an op settled on, per Stream.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/common/cuda/cudnn_api.h"
#include "kernels/common/stream.h"

namespace diptych::cudnn {

// (N,C,H,W) in cuDNN's order of naming, laid out NHWC. Filters are (K,C,R,S), laid out KRSC.
using Dims = std::array<int64_t, 4>;

// A tensor of the graph. Its id is what run() binds a pointer to; a virtual one has no memory.
struct TensorSpec {
  int64_t id = 0;
  Dims dims = {};
  DType dtype = DType::kF32;
  int64_t alignment = 16;  // bytes that divide its address
  bool is_virtual = false;
};

Descriptor tensor(const TensorSpec& spec);

// The largest of 16, 8, 4, 2, 1 that divides the address.
int64_t alignment_of(const void* p);

// Operations and what they refer to, kept alive together.
struct Graph {
  std::vector<Descriptor> parts;       // tensors, convolution and pointwise settings
  std::vector<Descriptor> operations;  // in order
  Descriptor graph;

  cudnnBackendDescriptor_t keep(Descriptor part);
  void finalize(cudnnHandle_t handle);
};

struct Plan {
  std::string name;  // "engine 36, tensor cores, ..."
  bool deterministic = true;
  bool reduced_sums = false;
  size_t workspace = 0;  // bytes
  std::shared_ptr<const Graph> graph;
  Descriptor config, plan;
};

// What a plan may do. For f32, tensor cores mean TF32, which f32 is not.
struct Allowed {
  bool tensor_cores = true;
  bool nondeterministic = false;
  bool reduced_sums = false;  // partial sums rounded to the storage dtype
};

class State;

// Up to `at_most` plans in cuDNN's own order, best first; empty when no engine takes the graph.
std::vector<Plan> plans(State& state,
                        std::shared_ptr<const Graph> graph,
                        const Allowed& allowed,
                        size_t at_most);

// Binds ids[i] to pointers[i] and runs. workspace of plan.workspace bytes.
void run(State& state,
         const Plan& plan,
         std::span<const int64_t> ids,
         std::span<void* const> pointers,
         void* workspace);

// What identifies a problem: the pass, sizes, dtypes, epilogue, alignments.
using Key = std::array<int64_t, 24>;

// What an op keeps per key.
struct Entry {
  virtual ~Entry() = default;
};

// cuDNN's handle of a Stream, and what the ops have settled on.
class State : public StreamState {
 public:
  static std::unique_ptr<StreamState>& slot(Stream& stream) { return stream.cudnn_state; }

  State();

  // Plans for a GPU that is not there, from its properties as JSON (tests/support/cudnn_device.h);
  // such plans cannot run. For tests.
  explicit State(const std::string& device_properties);
  ~State() override;

  cudnnHandle_t handle() const { return handle_; }  // null without a GPU

  cudnnBackendDescriptor_t device() const { return device_.get(); }  // null with a GPU

  template <class E, class Make>
  E& find(const Key& key, const Make& make) {
    std::unique_ptr<Entry>& entry = entries_[key];
    if (!entry) {
      try {
        entry = make();
      } catch (...) {
        entries_.erase(key);
        throw;
      }
    }
    return static_cast<E&>(*entry);
  }

 private:
  cudnnHandle_t handle_ = nullptr;
  Descriptor device_;
  std::map<Key, std::unique_ptr<Entry>> entries_;
};

// The state of a stream, its handle working on the stream.
State& state_of(Stream& stream);

// Splits one workspace into 256-byte aligned parts.
class Layout {
 public:
  size_t add(size_t bytes) {
    const size_t offset = total_;
    total_ += (bytes + 255) / 256 * 256;
    return offset;
  }

  size_t total() const { return total_; }

 private:
  size_t total_ = 0;
};

}  // namespace diptych::cudnn
