// Streams and engines.
// SPDX-License-Identifier: MIT
#include "kernels/common/stream.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <thread>

#include <sys/mman.h>

#include "kernels/common/check.h"
#include "kernels/common/device.h"
#include "kernels/common/parallel.h"

namespace diptych {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

int machine_threads() {
  const unsigned cores = std::thread::hardware_concurrency();
  return cores == 0 ? 1 : static_cast<int>(cores);
}

}  // namespace

const char* name_of(Engine engine) {
  switch (engine) {
    case Engine::kCpu:
      return "cpu";
    case Engine::kCuda:
      return "cuda";
    case Engine::kCudnn:
      return "cudnn";
    default:
      return "sim";
  }
}

Engine engine_from(std::string_view name) {
  for (const Engine engine : {Engine::kCpu, Engine::kCuda, Engine::kCudnn, Engine::kSim})
    if (name == name_of(engine)) return engine;
  throw Error(str("engine ", name, " does not exist; there are cpu, cuda, cudnn and sim"));
}

Engine device_engine() {
#ifdef DIPTYCH_HAVE_CUDA
  return Engine::kCuda;
#else
  return Engine::kSim;
#endif
}

void require_engine(Engine engine) {
  if (engine == Engine::kCpu) return;
#ifdef DIPTYCH_HAVE_CUDA
  DIPTYCH_CHECK(engine != Engine::kSim,
                "engine sim: this program was built for GPUs; the emulator is in a build without "
                "DIPTYCH_CUDA=ON (cmake --preset cpu)");
#ifndef DIPTYCH_HAVE_CUDNN
  DIPTYCH_CHECK(engine != Engine::kCudnn,
                "engine cudnn: cuDNN was not found when this program was built; install it and "
                "configure again, or use engine cuda");
#endif
#else
  DIPTYCH_CHECK(engine == Engine::kSim, "engine ", name_of(engine),
                ": this program was built without CUDA; build it with cmake --preset cuda, or use "
                "engine cpu");
#endif
  const std::string trouble = device::trouble();
  if (!trouble.empty()) throw Error(trouble);
}

Stream::Stream(Engine engine, int threads) : engine_(engine), threads_(0) {
  require_engine(engine);
  set_threads(threads);
  if (on_device()) cuda_ = device::make_stream();
}

Stream::~Stream() {
  if (!on_device()) {
    std::free(workspace_);
    return;
  }
  memory_pool.reset();
  outgrown_.push_back(workspace_);
  for (void* memory : outgrown_)
    if (memory) device::release(memory);
  device::free_stream(cuda_);
}

void Stream::set_threads(int threads) {
  DIPTYCH_CHECK(threads >= 0, "Stream: threads = ", threads, ", expected 0 (all cores) or more");
  threads_ = threads == 0 ? machine_threads() : threads;
  set_parallel_threads(threads_);
}

void* Stream::workspace(size_t bytes) {
  if (bytes <= workspace_bytes_) return workspace_;
  return on_device() ? device_workspace(bytes) : host_workspace(bytes);
}

void* Stream::device_workspace(size_t bytes) {
  const size_t rounded = std::max(bytes, 2 * workspace_bytes_);  // few outgrown ones
  void* const larger = device::allocate(rounded);
  if (workspace_) outgrown_.push_back(workspace_);
  workspace_ = larger;
  workspace_bytes_ = rounded;
  return workspace_;
}

void* Stream::host_workspace(size_t bytes) {
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
