// The memory of a training step, part by part: foretold by a dry run (kernels/common/dry_run.h), or
// taken from the allocator's counters around a real one.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "models/saehd/trainer.h"

namespace diptych {

// Bytes, as the allocator hands them out (its size classes round up by at most a quarter).
struct TrainMemory {
  size_t weights = 0, gradients = 0, moments = 0, copies = 0;  // of the network; copies: bf16
  size_t discriminators = 0;                                   // all four, of both
  size_t batch = 0;                                            // the samples of an iteration
  size_t peak = 0;       // of the allocator: the parts above and the activations
  size_t reserved = 0;   // what the allocator has taken from the system by then, reuse included
  size_t workspace = 0;  // scratch of the ops

  size_t parts() const { return weights + gradients + moments + copies + discriminators + batch; }

  size_t activations() const { return peak - parts(); }  // and whatever else is small

  size_t total() const { return reserved + workspace; }
};

// Watches the allocator of current_stream()'s place from its construction on, which gives cached
// blocks back.
class MemoryWatch {
 public:
  MemoryWatch();
  // Peak since then, with the parts of `trainer`, made after it.
  TrainMemory read(SaehdTrainer& trainer) const;

 private:
  Place place_;
  size_t live_;
};

// What a trainer of these options takes on the cpu engine with so many threads. Nothing is
// computed. Throws Error when a single tensor is larger than the
// machine's memory.
TrainMemory foretell_memory(const SaehdTrainOptions& options, int threads);

}  // namespace diptych
