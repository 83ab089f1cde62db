// step_bench: milliseconds per training iteration of a SAEHD network, and where they go.
//   step_bench --archi df-ud --resolution 128 --ae 256 --e 64 --d 64 --mask 22 --batch 4 --dtype
//   f32 --threads 1 [--gan 0.1 --gan-dims 16 --patch 16] [--true-face 0.01] [--face-style 10]
//   [--bg-style 10]
// Data are synthetic and in memory, as in the PyTorch peer: the sampler is timed by sampler_bench.
// On a device (--engine cuda, cudnn, sim) they lie there, steps are submitted ahead of their losses
// and, without --eager, replayed as one graph.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "models/saehd/trainer.h"
#include "tensor/allocator.h"
#include "tensor/profile.h"
#include "tests/support/golden.h"

namespace diptych {
namespace {

struct Settings {
  SaehdTrainOptions train;
  Engine engine = Engine::kCpu;
  int threads = 1, steps = 10, warmup = 2;
  bool layers = false;
  std::string json;
};

Settings parse(int argc, char** argv) {
  Settings s;
  s.train.network.set_archi("df-ud");
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    if (key == "--layers") {
      s.layers = true;
      s.train.graph = false;  // a replay has no layers to time
      continue;
    }
    if (key == "--eager") {
      s.train.graph = false;
      continue;
    }
    DIPTYCH_CHECK(i + 1 < argc, "step_bench: ", key, " needs a value");
    const std::string value = argv[++i];
    const std::map<std::string, int*> numbers = {{"--resolution", &s.train.network.resolution},
                                                 {"--ae", &s.train.network.ae_dims},
                                                 {"--e", &s.train.network.e_dims},
                                                 {"--d", &s.train.network.d_dims},
                                                 {"--mask", &s.train.network.d_mask_dims},
                                                 {"--batch", &s.train.batch_size},
                                                 {"--threads", &s.threads},
                                                 {"--steps", &s.steps},
                                                 {"--warmup", &s.warmup},
                                                 {"--patch", &s.train.adversarial.gan_patch_size},
                                                 {"--gan-dims", &s.train.adversarial.gan_dims}};
    const std::map<std::string, float*> powers = {
        {"--gan", &s.train.adversarial.gan_power},
        {"--true-face", &s.train.adversarial.true_face_power},
        {"--face-style", &s.train.style.face},
        {"--bg-style", &s.train.style.background}};
    if (const auto it = numbers.find(key); it != numbers.end()) {
      *it->second = std::stoi(value);
    } else if (const auto power = powers.find(key); power != powers.end()) {
      *power->second = std::stof(value);
    } else if (key == "--archi") {
      s.train.network.set_archi(value);
    } else if (key == "--dtype") {
      DIPTYCH_CHECK(value == "f32" || value == "bf16", "step_bench: --dtype ", value,
                    ", expected f32 or bf16");
      s.train.dtype = value == "f32" ? DType::kF32 : DType::kBF16;
    } else if (key == "--engine") {
      s.engine = engine_from(value);
    } else if (key == "--json") {
      s.json = value;
    } else {
      throw Error("step_bench: unknown option " + key);
    }
  }
  return s;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print_layers(int steps) {
  std::map<std::string, ProfileEntry> layers;
  double total = 0;
  for (const auto& [name, entry] : profile_entries()) {
    ProfileEntry& layer = layers[name];
    layer.forward_ms += entry.forward_ms / steps;
    layer.backward_ms += entry.backward_ms / steps;
    total += (entry.forward_ms + entry.backward_ms) / steps;
  }
  std::vector<std::pair<std::string, ProfileEntry>> rows(layers.begin(), layers.end());
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.second.forward_ms + a.second.backward_ms > b.second.forward_ms + b.second.backward_ms;
  });
  std::printf("%-48s %10s %10s %7s\n", "layer", "forward ms", "backward", "share");
  for (const auto& [name, e] : rows) {
    std::printf("%-48s %10.2f %10.2f %6.1f%%\n", name.c_str(), e.forward_ms, e.backward_ms,
                100 * (e.forward_ms + e.backward_ms) / total);
  }
  std::printf("%-48s %21.2f\n", "all ops", total);
}

using Clock = std::chrono::steady_clock;

// Of all threads; on a machine that others use too it says more than the clock on the wall.
double cpu_milliseconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) * 1e3 +
         static_cast<double>(usage.ru_utime.tv_usec) / 1e3;
}

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// One after the other, the host waiting for each: how a CPU trains, and how layers are timed.
std::vector<double> time_steps(const Settings& s,
                               SaehdTrainer& trainer,
                               const GoldenBatch& batch,
                               SaehdStep& last) {
  std::vector<double> times;
  for (int i = 0; i < s.steps; ++i) {
    const auto start = Clock::now();
    last = trainer.step(batch.src(), batch.dst());
    times.push_back(milliseconds_since(start));
  }
  return times;
}

// As training runs on a device: samples that are there already, several steps on their way, losses
// collected behind them. A time is from one step's end to the next one's.
std::vector<double> time_submitted_steps(const Settings& s,
                                         SaehdTrainer& trainer,
                                         SaehdStep& last) {
  trainer.set_source([](const SaehdBatch&) {});  // what the steps before have left there
  constexpr int kAhead = SaehdTrainer::kInFlight - 1;
  constexpr int kBefore = kAhead + 2;  // fills the queue, records the graph
  std::vector<double> times;
  auto ended = Clock::now();
  for (int i = 0; i < kBefore + s.steps; ++i) {
    trainer.submit();
    if (i < kAhead) continue;
    last = trainer.collect();
    if (i >= kBefore) times.push_back(milliseconds_since(ended));
    ended = Clock::now();
  }
  while (trainer.in_flight() > 0) last = trainer.collect();
  return times;
}

int run(const Settings& s) {
  Stream stream(s.engine, s.threads);
  const StreamGuard guard(stream);
  SaehdTrainer trainer(s.train);
  const GoldenBatch batch(s.train.batch_size, s.train.network.resolution);
  for (int i = 0; i < std::max(s.warmup, 1); ++i) trainer.step(batch.src(), batch.dst());
  set_profiling(s.layers);
  SaehdStep last;
  const bool submits = stream.on_device() && !s.layers;
  const double cpu_before = cpu_milliseconds();
  const std::vector<double> times =
      submits ? time_submitted_steps(s, trainer, last) : time_steps(s, trainer, batch, last);
  const double cpu_ms = (cpu_milliseconds() - cpu_before) / static_cast<double>(s.steps);
  set_profiling(false);
  if (s.layers) print_layers(s.steps);
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const double ms = median(times), min = *std::min_element(times.begin(), times.end());
  const double peak = static_cast<double>(usage.ru_maxrss) / 1024;
  const double device_peak =
      static_cast<double>(allocator_stats(Place::kDevice).peak_bytes) / (1 << 20);
  std::printf(
      "%s %d batch %d %s engine %s threads %d: median %.2f ms, min %.2f ms, user CPU %.2f ms, %.2f "
      "faces/s, peak "
      "%.0f "
      "MiB, on the device %.0f MiB, loss %.4f\n",
      s.train.network.archi().c_str(), s.train.network.resolution, s.train.batch_size,
      name_of(s.train.dtype), name_of(s.engine), s.threads, ms, min, cpu_ms,
      2e3 * s.train.batch_size / ms, peak, device_peak, static_cast<double>(last.src_loss[0]));
  if (!s.json.empty()) {
    std::ofstream(s.json) << "{\"archi\":\"" << s.train.network.archi()
                          << "\",\"resolution\":" << s.train.network.resolution
                          << ",\"batch\":" << s.train.batch_size << ",\"dtype\":\""
                          << name_of(s.train.dtype) << "\",\"engine\":\"" << name_of(s.engine)
                          << "\",\"graph\":" << (s.train.graph && s.engine != Engine::kCpu)
                          << ",\"device_peak_mib\":" << device_peak << ",\"threads\":" << s.threads
                          << ",\"gan\":" << s.train.adversarial.gan_power
                          << ",\"cpu_ms\":" << cpu_ms << ",\"median_ms\":" << ms
                          << ",\"min_ms\":" << min << ",\"peak_mib\":" << peak << "}\n";
  }
  return 0;
}

}  // namespace
}  // namespace diptych

int main(int argc, char** argv) {
  try {
    return diptych::run(diptych::parse(argc, argv));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
