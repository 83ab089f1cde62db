// The timeline: checkpoints that are kept on the way, each with a preview strip and its scores, in
// model/timeline/ITERATION.{safetensors,png,json}. An entry is there when its .safetensors is: a
// second name of the checkpoint that was saved, so keeping one writes nothing twice.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/project/project.h"
#include "apps/training/holdout.h"

namespace diptych {

struct TimelineEntry {
  int64_t iteration = 0;
  double trained_seconds = 0;  // time spent in training up to here
  double src_loss = 0, dst_loss = 0;
  std::optional<HoldoutScores> scores;
  uint64_t bytes = 0;
  std::filesystem::path model, strip, note;  // strip and note may be missing
};

// All of the last `keep_seconds` of training; then in each doubling of that age at most
// `per_doubling`, the oldest of equal stretches of time; the first and the newest always. Over
// `most_bytes` (0: no limit) the one with the nearest neighbours in relative age goes, until it
// fits.
struct ThinningSchedule {
  double keep_seconds = 3600;
  int per_doubling = 4;
  uint64_t most_bytes = 0;
};

struct ThinningPoint {
  double trained_seconds;
  uint64_t bytes;
};

// Indices of the points that go, ascending. points: by time, ascending; now: trained seconds.
std::vector<size_t> choose_to_thin(std::span<const ThinningPoint> points,
                                   double now,
                                   const ThinningSchedule& schedule);

class Timeline {
 public:
  explicit Timeline(const Project& project);

  const std::filesystem::path& folder() const { return folder_; }

  // Where the checkpoint of an iteration is kept.
  std::filesystem::path model_of(int64_t iteration) const;

  // By iteration, ascending. A note that cannot be read leaves its numbers at 0.
  std::vector<TimelineEntry> entries() const;

  // Throws InputError that lists the iterations there are.
  TimelineEntry at(int64_t iteration) const;

  // Keeps the checkpoint that stands in the project now: strip and note first, then the second
  // name. Replaces an entry of the same iteration. `entry` gives iteration, time, losses, scores;
  // strip: an encoded PNG. Throws InputError; the checkpoint is untouched.
  void keep(const TimelineEntry& entry, std::span<const uint8_t> strip) const;

  // What the schedule lets go at `now` trained seconds. Nothing is deleted.
  std::vector<TimelineEntry> to_thin(double now, const ThinningSchedule& schedule) const;

  // Deletes an entry's files; the checkpoint first, so that a kill leaves no entry without a note.
  void remove(const TimelineEntry& entry) const;

  // Before another network takes the model's place: its states are no way back for the new one. The
  // folder becomes timeline.1, .2 and so on, and a log line says so; nothing when there is none.
  void put_aside() const;

  // Strips and notes whose checkpoint is gone: what a kill left.
  std::vector<std::filesystem::path> leftovers() const;

 private:
  std::filesystem::path checkpoint_, folder_;
};

// Makes `model` the project's checkpoint, in one step: the one that stands there becomes
// saehd.safetensors.prev. `model` is verified first and keeps its own name. Throws InputError; the
// checkpoint is then as it was.
void restore_checkpoint(const Project& project, const std::filesystem::path& model);

// `to` becomes another name of the file `from`, or a copy where the disk has no second names; in
// one step, replacing what is there. Throws InputError.
void link_or_copy(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace diptych
