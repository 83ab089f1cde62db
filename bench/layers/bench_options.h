// layers_bench's command line.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "bench/layers/work.h"
#include "models/saehd/config.h"

namespace diptych {

// A network at a batch size, named "df-ud-128-b8".
struct BenchNetwork {
  std::string name;
  SaehdConfig config;
  int batch = 8;  // per side
};

// The networks that are timed when none are named.
std::vector<BenchNetwork> bench_networks();

struct BenchOptions {
  std::vector<BenchNetwork> networks = bench_networks();
  std::vector<LayerPass> passes = {LayerPass::kForward,        LayerPass::kBackwardEpilogue,
                                   LayerPass::kBackwardData,   LayerPass::kBackwardDataBelow,
                                   LayerPass::kBackwardWeight, LayerPass::kBackwardBias};
  std::vector<std::string> variants;  // empty: all
  std::string layer;                  // a part of the name; empty: all
  DType dtype = DType::kBF16;
  double minutes = 60;    // stops before a layer that starts later
  double budget_ms = 40;  // of cold and of hot runs of one variant
  int plans = 8;
  std::string out;     // JSON lines are appended here
  std::string commit;  // recorded with each line
  bool list = false;   // print the tables and stop: needs no GPU
};

const char* bench_usage();

// Throws Error naming the option and what is legal.
BenchOptions parse_bench_options(const std::vector<std::string>& arguments);

}  // namespace diptych
