// The device of engine cuda: one GPU.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <cstdlib>

#include <cuda_runtime.h>

#include "kernels/common/check.h"
#include "kernels/common/device.h"
#include "kernels/common/log.h"
#include "kernels/common/simt/simt.h"

namespace diptych::device {

namespace {

constexpr int kOldestChip = 80;

std::atomic<size_t> live_bytes{0};

cudaStream_t native(CudaStream stream) {
  return static_cast<cudaStream_t>(stream);
}

void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) cudaGetLastError();  // or the next launch would be told of it, too
  DIPTYCH_CHECK(error == cudaSuccess, "device::", what, ": ", cudaGetErrorName(error), ", ",
                cudaGetErrorString(error));
}

std::string version_text(int version) {
  return str(version / 1000, '.', version % 1000 / 10);
}

__global__ void hopper_bodies_kernel(int* there) {
  *there = DIPTYCH_SM90A;
}

// Whether what this GPU runs of this program has the bodies of sm_90a's kernels. A build without
// 90a runs code for sm_80 there, in which they are empty.
bool has_hopper_bodies() {
  int* there = nullptr;
  int answer = 0;
  check(cudaMalloc(&there, sizeof answer), "info");
  simt::launch(hopper_bodies_kernel, {}, there);
  check(cudaMemcpy(&answer, there, sizeof answer, cudaMemcpyDeviceToHost), "info");
  check(cudaFree(there), "info");
  return answer != 0;
}

// The chip whose kernels may run: 89 on a Hopper for which this program was not built.
void check_chip(DeviceInfo& found) {
  constexpr int kHopper = 90, kBefore = 89;
  if (found.chip < kOldestChip) {
    throw Error(str("engine cuda: ", found.name, " is sm_", found.chip,
                    ", kernels need sm_80 (Ampere) or later. Use engine cpu (--engine cpu)"));
  }
  cudaFuncAttributes attributes;
  const auto* const probe = reinterpret_cast<const void*>(hopper_bodies_kernel);
  if (const cudaError_t error = cudaFuncGetAttributes(&attributes, probe); error != cudaSuccess) {
    throw Error(str("engine cuda: this program has no kernels for ", found.name, ", sm_",
                    found.chip, " (", cudaGetErrorString(error),
                    "). Configure with -DCMAKE_CUDA_ARCHITECTURES=", found.chip,
                    found.chip == kHopper ? "a" : "", ", or use engine cpu (--engine cpu)"));
  }
  if (found.chip != kHopper || has_hopper_bodies()) return;
  log(LogLevel::kWarning,
      str("engine cuda: this program was built without sm_90a, so ", found.name,
          " runs the kernels of sm_80. Configure with -DCMAKE_CUDA_ARCHITECTURES=90a"));
  found.chip = kBefore;
}

DeviceInfo find() {
  DeviceInfo found;
  cudaRuntimeGetVersion(&found.runtime);
  const cudaError_t driver = cudaDriverGetVersion(&found.driver);
  if (driver != cudaSuccess || found.driver == 0) {
    throw Error(
        "engine cuda: this machine has no NVIDIA driver. Install one, or use engine cpu "
        "(--engine cpu)");
  }
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver) {
    throw Error(str("engine cuda: the driver knows CUDA ", version_text(found.driver),
                    ", this program was built for CUDA ", version_text(found.runtime),
                    ". Install a newer driver, or use engine cpu (--engine cpu)"));
  }
  if (error != cudaSuccess || count == 0) {
    throw Error(str("engine cuda: no GPU can be used: ", cudaGetErrorString(error),
                    ". Check nvidia-smi and CUDA_VISIBLE_DEVICES, or use engine cpu "
                    "(--engine cpu)"));
  }
  cudaDeviceProp properties;
  int device = 0;
  check(cudaGetDevice(&device), "info");
  check(cudaGetDeviceProperties(&properties, device), "info");
  found.name = properties.name;
  found.chip = 10 * properties.major + properties.minor;
  found.multiprocessors = properties.multiProcessorCount;
  check_chip(found);
  check(cudaMemGetInfo(&found.free_bytes, &found.total_bytes), "info");
  return found;
}

}  // namespace

const DeviceInfo& info() {
  static const DeviceInfo found = find();
  return found;
}

std::string trouble() {
  try {
    info();
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

CudaStream make_stream() {
  info();  // a machine without a GPU is told so here
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "make_stream");
  return stream;
}

void free_stream(CudaStream stream) {
  cudaStreamDestroy(native(stream));
}

void* allocate(size_t bytes) {
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, std::max<size_t>(bytes, 1));
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // clears it
    size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    throw Error(str("device::allocate: the GPU has no memory for ", bytes, " bytes more; ",
                    live_bytes.load(), " are in use by this program, ", free, " of ", total,
                    " are free. Lower batch_size, resolution or the dims, use --dtype bf16, or "
                    "close other programs on this GPU"));
  }
  check(error, "allocate");
  live_bytes += bytes;
  return memory;
}

void release(void* memory) {
  cudaFree(memory);
}

void upload(CudaStream stream, void* to, const void* from, size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, native(stream)), "upload");
  check(cudaStreamSynchronize(native(stream)), "upload");
}

void download(CudaStream stream, void* to, const void* from, size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, native(stream)), "download");
  check(cudaStreamSynchronize(native(stream)), "download");
}

void start_download(CudaStream stream, void* to, const void* from, size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, native(stream)), "start_download");
}

// A host that waits sleeps: it would keep a core busy for the length of every step otherwise.
Event::Event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync), "Event");
  event_ = event;
}

Event::~Event() {
  cudaEventDestroy(static_cast<cudaEvent_t>(event_));
}

void Event::record(CudaStream stream) {
  check(cudaEventRecord(static_cast<cudaEvent_t>(event_), native(stream)), "Event::record");
}

void Event::wait() {
  check(cudaEventSynchronize(static_cast<cudaEvent_t>(event_)), "Event::wait");
}

void copy(CudaStream stream, void* to, const void* from, size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, native(stream)), "copy");
}

void fill_bytes(CudaStream stream, void* to, unsigned char value, size_t bytes) {
  check(cudaMemsetAsync(to, value, bytes, native(stream)), "fill_bytes");
}

void wait(CudaStream stream) {
  check(cudaStreamSynchronize(native(stream)), "wait");
}

std::shared_ptr<void> pinned(size_t bytes) {
  void* memory = nullptr;
  check(cudaMallocHost(&memory, std::max<size_t>(bytes, 1)), "pinned");
  return {memory, [](void* p) { cudaFreeHost(p); }};
}

struct Graph::Recording {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t runnable = nullptr;
  size_t nodes = 0;

  void clear() {
    if (runnable) cudaGraphExecDestroy(runnable);
    if (graph) cudaGraphDestroy(graph);
    runnable = nullptr;
    graph = nullptr;
    nodes = 0;
  }

  ~Recording() { clear(); }
};

Graph::Graph() : recording_(std::make_unique<Recording>()) {}

Graph::~Graph() = default;

void Graph::begin(CudaStream stream) {
  recording_->clear();
  // Relaxed: memory may be allocated while work is recorded.
  check(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeRelaxed), "Graph::begin");
}

void Graph::end(CudaStream stream) {
  check(cudaStreamEndCapture(native(stream), &recording_->graph), "Graph::end");
  check(cudaGraphGetNodes(recording_->graph, nullptr, &recording_->nodes), "Graph::end");
  check(cudaGraphInstantiate(&recording_->runnable, recording_->graph, 0), "Graph::end");
}

void Graph::abandon(CudaStream stream) {
  cudaGraph_t broken = nullptr;
  cudaStreamEndCapture(native(stream), &broken);
  if (broken) cudaGraphDestroy(broken);
  cudaGetLastError();
  recording_->clear();
}

void Graph::launch(CudaStream stream) {
  check(cudaGraphLaunch(recording_->runnable, native(stream)), "Graph::launch");
}

size_t Graph::nodes() const {
  return recording_->nodes;
}

}  // namespace diptych::device
