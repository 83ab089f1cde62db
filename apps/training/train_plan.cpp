// Planning a training run.
// SPDX-License-Identifier: MIT
#include "apps/training/train_plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "apps/project/open_faceset.h"
#include "apps/terminal/progress.h"
#include "apps/training/holdout.h"
#include "apps/training/plan_suggestions.h"
#include "apps/training/train_steps.h"
#include "kernels/common/check.h"
#include "kernels/common/device.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

// Bytes of a line like "MemAvailable:  123 kB".
double kilobytes_in(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key + ":", 0) == 0) return 1024 * std::atof(line.c_str() + key.size() + 1);
  }
  return 0;
}

double free_memory(Engine engine) {
  if (place_of(engine) == Place::kDevice) return static_cast<double>(device::info().free_bytes);
  return kilobytes_in("/proc/meminfo", "MemAvailable");
}

// Encoded pictures, and 8-bit pixels with their masks at the resolution of training.
void add_faces(const Project& project, const PlanRequest& request, TrainPlan& plan) {
  const Settings& s = request.settings;
  const double pixels = std::pow(static_cast<double>(plan.options.network.resolution), 2);
  const double masks = s.on("train.eyes_mouth_prio") ? 2 : 1;
  const double value = s.word("train.parity") == "dfl" ? sizeof(float) : 1;
  for (const Side side : kSides) {
    const fs::path file =
        s.on("train.pretrain") ? project.dir() / "pretrain.faces" : project.faces(side);
    std::error_code error;
    if (!fs::exists(file, error)) {
      plan.missing.push_back(file.string() + " is not there yet" +
                             (s.on("train.pretrain") ? "" : ": diptych extract makes it"));
      continue;
    }
    const auto count = static_cast<double>(open_faceset_to_read(file).count(FaceState::kActive));
    if (count == 0) plan.missing.push_back(file.string() + " holds no active face");
    const bool reference = side == Side::kDst && s.word("train.ct_mode") != "none";
    plan.faces += static_cast<double>(fs::file_size(file, error)) +
                  count * pixels * value * (3 + masks + (reference ? 3 : 0));
  }
  plan.sampler = sampler_bytes(plan.options, plan.threads);
}

// As the session keeps and thins its saves.
void add_disk(const Project& project, const PlanRequest& request, TrainPlan& plan) {
  const Settings& s = request.settings;
  PlanDisk& disk = plan.disk;
  const double moments = s.on("train.adabelief") ? 2 : 1;
  disk.checkpoint = static_cast<double>(plan.parameters()) * sizeof(float) * (1 + moments);
  disk.hours = plan.measured && plan.target > 0 ? std::max(0.0, plan.hours()) : 24;
  plan_timeline(s, disk);
  std::error_code error;
  disk.free = request.disk_bytes > 0
                  ? request.disk_bytes
                  : static_cast<double>(fs::space(project.dir(), error).available);
}

PlanMeasured measure(const Project& project, const PlanRequest& request) {
  TrainingFaces faces = load_training_faces(project, request.settings);
  const int64_t every = request.settings.integer("train.holdout_every");
  take_holdout(faces.src, every);
  take_holdout(faces.dst, every);
  const MemoryWatch watch;
  TrainSteps steps(request.settings, faces.src, faces.dst);
  steps.start({});
  std::vector<double> ms;
  PlanMeasured result;
  Progress progress("measuring", "it", kPlanSteps + 1);
  for (int i = 0; i <= kPlanSteps; ++i) {  // the first one compiles and is not counted
    const auto start = Clock::now();
    const StepOutcome outcome = steps.next(kPlanSteps + 1);
    if (i > 0) {
      ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
      result.wait_ms += outcome.wait_ms / kPlanSteps;
    }
    progress.update(i + 1);
    if (request.stop && request.stop())
      throw InputError(project.dir().string(), "stopped; nothing was changed", "Run it again");
  }
  progress.finish();
  std::sort(ms.begin(), ms.end());
  result.median_ms = (ms[(ms.size() - 1) / 2] + ms[ms.size() / 2]) / 2;
  result.least_ms = ms.front();
  result.most_ms = ms.back();
  result.memory = watch.read(steps.trainer());
  return result;
}

int64_t iteration_of(const Project& project) {
  std::error_code error;
  if (!fs::exists(project.checkpoint(), error)) return 0;
  const Safetensors file = Safetensors::open(project.checkpoint().string());
  const auto it = file.metadata().find("iteration");
  return it == file.metadata().end() ? 0 : std::atoll(it->second.c_str());
}

}  // namespace

// Batches that lie ready or under way: warped picture, target and masks of both sides.
double sampler_bytes(const SaehdTrainOptions& options, int threads) {
  const int workers = std::clamp(threads / 4, 1, 8);
  const double values = options.loss.eyes_mouth_prio ? 8 : 7;
  return 2.0 * (workers + 2) * options.batch_size * std::pow(options.network.resolution, 2) *
         values * sizeof(float);
}

int64_t TrainPlan::parameters() const {
  int64_t sum = 0;
  for (const PartCost& cost : costs) sum += cost.parameters;
  return sum;
}

double TrainPlan::memory_total() const {
  return static_cast<double>(memory.total()) + faces + sampler + program;
}

double TrainPlan::hours() const {
  if (!measured) return 0;
  return static_cast<double>(iterations_left()) * measured->median_ms / 3.6e6;
}

TrainPlan plan_training(const Project& project, const PlanRequest& request) {
  const Settings& s = request.settings;
  s.validate("settings");
  const Engine engine = engine_of(s, "train");
  Stream stream(engine, static_cast<int>(s.integer("train.threads")));
  const StreamGuard guard(stream);
  TrainPlan plan;
  plan.options = train_options(s);
  plan.engine = name_of(engine);
  plan.threads = stream.threads();
  plan.target = s.integer("train.target_iter");
  plan.iteration = iteration_of(project);
  plan.program = stream.on_device() ? 0 : kilobytes_in("/proc/self/status", "VmRSS");
  plan.costs = step_costs(plan.options);
  try {
    plan.memory = foretell_memory(plan.options, plan.threads);
  } catch (const Error& e) {
    throw InputError(project.toml().string(),
                     str("one tensor of this network is larger than this machine (", e.what(), ")"),
                     "Lower batch_size, resolution or the dims of the network");
  }
  plan.foretold_on_cpu = engine != Engine::kCpu;
  plan.memory_free = request.memory_bytes > 0 ? request.memory_bytes : free_memory(engine);
  add_faces(project, request, plan);
  if (!plan.fits() && request.measure)
    plan.missing.emplace_back("no iteration was measured: it does not fit into the memory");
  else if (request.measure && plan.memory_total() > free_memory(engine))
    plan.missing.emplace_back("no iteration was measured: it does not fit into this machine");
  if (request.measure && plan.missing.empty()) plan.measured = measure(project, request);
  add_disk(project, request, plan);
  plan.suggestions = suggest(plan, s);
  return plan;
}

}  // namespace diptych
