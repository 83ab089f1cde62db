// What training a project will take, before it is trained: parameters, multiplications, memory,
// disk and time; and what to change when it does not fit.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/project/project.h"
#include "models/saehd/cost.h"
#include "models/saehd/memory.h"

namespace diptych {

struct PlanRequest {
  Settings settings;           // resolved
  bool measure = true;         // do kPlanSteps real iterations, in memory
  double memory_bytes = 0;     // to fit into; 0: what is free here
  double disk_bytes = 0;       // likewise
  std::function<bool()> stop;  // asked after every iteration
};

inline constexpr int kPlanSteps = 10;

struct PlanDisk {
  double checkpoint = 0;       // bytes of a save
  int64_t kept = 0;            // states in the timeline at their most
  double hours = 0;            // of training that this is for
  double total = 0, free = 0;  // with the save before, and one being written

  bool fits() const { return total <= free; }
};

struct PlanMeasured {
  double median_ms = 0, least_ms = 0, most_ms = 0, wait_ms = 0;  // wait: for samples, mean
  TrainMemory memory;
};

struct Suggestion {
  std::string change;  // "batch_size = 2"
  double total = 0;    // bytes with it
  bool fits = false;
  bool disk = false;  // of disk, else of memory
};

struct TrainPlan {
  SaehdTrainOptions options;
  std::string engine;
  int threads = 0;
  std::vector<PartCost> costs;
  TrainMemory memory;                          // foretold
  bool foretold_on_cpu = false;                // another engine's blocks may differ
  double faces = 0, sampler = 0, program = 0;  // bytes outside of the allocator, estimated
  double memory_free = 0;
  PlanDisk disk;
  std::optional<PlanMeasured> measured;
  std::vector<std::string> missing;  // why something is not there
  int64_t iteration = 0, target = 0;
  std::vector<Suggestion> suggestions;  // best first

  int64_t parameters() const;
  double memory_total() const;

  bool fits() const { return memory_total() <= memory_free; }

  // Of the iterations that are left, by the measurement; of 100,000 without a target.
  int64_t iterations_left() const {
    return target <= 0 ? 100000 : target > iteration ? target - iteration : 0;
  }

  double hours() const;
};

// Reads the project and changes nothing. Throws InputError: settings that make no network, an
// engine that cannot run here, stopped.
TrainPlan plan_training(const Project& project, const PlanRequest& request);

// Of the samples made ahead, about.
double sampler_bytes(const SaehdTrainOptions& options, int threads);

std::string plan_text(const TrainPlan& plan);
std::string plan_json(const TrainPlan& plan);

}  // namespace diptych
