// Everything that can run a pass of a layer here: our rungs, and the vendor's plans.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/layers/gpu_clock.h"
#include "bench/layers/saehd_layers.h"
#include "bench/layers/work.h"

namespace diptych {

struct Candidate {
  std::string variant;  // "wgmma_128", "cudnn", "cudnn_fused", "engine_cudnn", "cublaslt"
  std::string detail;   // of a vendor's plan: which engine
  bool ours = false;
  bool chosen = false;  // what engine cuda runs
  std::function<void()> run;
};

// Tensors a layer's passes read and write, alive as long as the candidates are used.
class LayerTensors {
 public:
  virtual ~LayerTensors() = default;
};

struct LayerCandidates {
  std::shared_ptr<LayerTensors> tensors;
  std::vector<Candidate> list;
};

struct VendorSearch {
  int plans = 8;  // at most this many of each kind are tried with a glance; the best is a candidate
};

LayerCandidates candidates_of(Stream& stream,
                              GpuClock& clock,
                              const Conv2dLayer& layer,
                              LayerPass pass,
                              DType dtype,
                              const VendorSearch& search);
LayerCandidates candidates_of(Stream& stream,
                              GpuClock& clock,
                              const DenseLayer& layer,
                              LayerPass pass,
                              DType dtype,
                              const VendorSearch& search);

}  // namespace diptych
