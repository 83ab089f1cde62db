// metrics.jsonl: one line per iteration, appended and never rewritten. After a crash the file may
// go past the checkpoint; readers let the later line of an iteration win.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/holdout.h"
#include "models/saehd/health.h"

namespace diptych {

struct StepRecord {
  int64_t iteration = 0;                                    // after the step: 1 for the first
  double time = 0;                                          // seconds since 1970
  double src = 0, dst = 0;                                  // batch means
  std::vector<float> src_loss, dst_loss;                    // per sample
  std::vector<int64_t> src_faces, dst_faces;                // ids in the facesets
  std::vector<std::pair<std::string, double>> adversarial;  // batch means of what is trained
  double learning_rate = 0;
  StepHealth health = {};
  double wait_ms = 0;   // waiting for samples
  double step_ms = 0;   // forward, backward and update
  double total_ms = 0;  // since the step before, previews and saves included
};

// {"iter":7,"src":0.81,"dst":0.76,"time":...,"src_loss":[...],"src_faces":[...],...}, no newline.
// Numbers that are not finite become null.
std::string metrics_line(const StepRecord& record);

class MetricsWriter {
 public:
  // Opens for appending; a line torn by a crash is closed first. Throws InputError.
  explicit MetricsWriter(const std::filesystem::path& file);
  ~MetricsWriter();
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;

  // Throws InputError when the disk is full.
  void write(const StepRecord& record);
  // {"event":NAME,"iter":N,"time":...,key:value...}; values are JSON already.
  void event(const std::string& name,
             int64_t iteration,
             const std::vector<std::pair<std::string, std::string>>& values = {});

 private:
  void append(std::string line);

  std::filesystem::path file_;
  int fd_ = -1;
};

struct LossPoint {
  int64_t iteration;
  float src, dst;
};

// The loss history of a file by iteration, ascending; lines it cannot read are skipped. A missing
// file is an empty history.
std::vector<LossPoint> read_losses(const std::filesystem::path& file);
// The scores of held-out faces in a file, as read_losses.
std::vector<HoldoutPoint> read_holdout(const std::filesystem::path& file);
// Adds a point; a point at or before the end takes the place of what came after it.
void add_loss_point(std::vector<LossPoint>& history, const LossPoint& point);

double now_seconds();

}  // namespace diptych
