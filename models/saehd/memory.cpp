// Memory of a step.
// SPDX-License-Identifier: MIT
#include "models/saehd/memory.h"

#include <new>

#include "kernels/common/dry_run.h"
#include "tensor/allocator.h"
#include "tensor/device_pool.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

size_t block_of(const Tensor& t) {
  return t.defined() ? size_class(t.bytes()) : 0;
}

size_t moments_of(const Optimizer& optimizer) {
  size_t bytes = 0;
  for (const Optimizer::Moment& m : optimizer.moments()) bytes += block_of(m.values);
  return bytes;
}

// Blocks that nobody has written to: nothing is lost.
struct CleanUp {
  CleanUp() = default;
  CleanUp(const CleanUp&) = delete;
  CleanUp& operator=(const CleanUp&) = delete;

  ~CleanUp() {
    clear_tape();
    release_cached_memory();
  }
};

}  // namespace

MemoryWatch::MemoryWatch() : place_(current_stream().place()) {
  release_cached_memory(place_);
  reset_allocator_peak(place_);
  live_ = allocator_stats(place_).live_bytes;
}

TrainMemory MemoryWatch::read(SaehdTrainer& trainer) const {
  const AllocatorStats stats = allocator_stats(place_);
  TrainMemory m;
  const ParamArena& arena = trainer.arena();
  m.weights = block_of(arena.weights());
  m.gradients = block_of(arena.gradients());
  m.moments = moments_of(trainer.optimizer());
  m.copies = block_of(arena.compute_copies());
  if (trainer.adversaries()) {
    for (const SaehdAdversaries::Part& part : trainer.adversaries()->parts())
      m.discriminators += block_of(part.arena->weights()) + block_of(part.arena->gradients()) +
                          block_of(part.arena->compute_copies()) + moments_of(*part.optimizer);
  }
  m.batch = trainer.batch_bytes();
  m.peak = stats.peak_bytes - live_;
  m.reserved = stats.live_bytes + stats.cached_bytes - live_;
  m.workspace = current_stream().workspace_bytes();
  return m;
}

TrainMemory foretell_memory(const SaehdTrainOptions& options, int threads) {
  Stream stream(Engine::kCpu, threads);
  const StreamGuard guard(stream);
  const MemoryWatch watch;
  const DryRun dry;
  const CleanUp clean_up;
  try {
    SaehdTrainer trainer(options);
    trainer.rehearse();
    return watch.read(trainer);
  } catch (const std::bad_alloc&) {
    throw Error("a single piece of this network's memory is larger than the whole machine's");
  }
}

}  // namespace diptych
