// Stream on the CPU.
// SPDX-License-Identifier: MIT
#include "kernels/common/stream.h"

#include <cstdlib>
#include <new>
#include <thread>

#include <sys/mman.h>

#include "kernels/common/check.h"
#include "kernels/common/parallel.h"

namespace diptych {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

int machine_threads() {
  const unsigned cores = std::thread::hardware_concurrency();
  return cores == 0 ? 1 : static_cast<int>(cores);
}

}  // namespace

Stream::Stream(Engine engine, int threads) : engine_(engine), threads_(0) {
  DIPTYCH_CHECK(engine == Engine::kCpu, "Stream: this build runs the cpu engine only");
  set_threads(threads);
}

Stream::~Stream() {
  std::free(workspace_);
}

void Stream::set_threads(int threads) {
  DIPTYCH_CHECK(threads >= 0, "Stream: threads = ", threads, ", expected 0 (all cores) or more");
  threads_ = threads == 0 ? machine_threads() : threads;
  set_parallel_threads(threads_);
}

void* Stream::workspace(size_t bytes) {
  if (bytes <= workspace_bytes_) return workspace_;
  // Large scratch asks for huge pages: packed tiles are walked end to end many times per call.
  const size_t alignment = bytes >= kHugePage ? kHugePage : 4096;
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  std::free(workspace_);
  workspace_ = std::aligned_alloc(alignment, rounded);
  if (workspace_ && alignment == kHugePage) madvise(workspace_, rounded, MADV_HUGEPAGE);
  workspace_bytes_ = workspace_ ? rounded : 0;
  if (!workspace_) throw std::bad_alloc();
  return workspace_;
}

void Stream::set_weights_constant(bool constant) {
  weights_constant_ = constant;
  weights_changed();
}

void Stream::weights_changed() {
  packed_weights.reset();
}

}  // namespace diptych
