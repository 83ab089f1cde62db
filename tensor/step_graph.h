// StepGraph: a piece of work recorded once and replayed, with the memory it works in. On a GPU a
// replay costs the host one launch instead of hundreds.
//
// The work must do the same at every replay but for what it reads from device memory: no host
// values that change, no transfers to or from the host. Eager execution stays the truth: a replay
// gives the same bits.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "kernels/common/device.h"
#include "tensor/allocator.h"

namespace diptych {

class StepGraph {
 public:
  // Records `work`, which runs on current_stream(), a device stream; nothing is computed yet.
  // Tensors that outlive `work` keep their memory as long as the graph. Throws what `work` throws.
  explicit StepGraph(const std::function<void()>& work);

  void run();

  size_t nodes() const { return graph_.nodes(); }  // kernels and copies

 private:
  PrivatePool pool_;
  device::Graph graph_;
};

}  // namespace diptych
