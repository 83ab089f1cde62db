// The receipt of a run, runs/NAME/receipt.json: what went in (settings, faces, seed, program,
// engine, threads), what came out (losses, scores, time), and the fingerprint of its first steps,
// so that anybody who has the same can repeat them and compare: diptych verify-run.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/project/settings.h"
#include "apps/training/holdout.h"
#include "faces/faceset/faceset.h"
#include "models/saehd/trainer.h"

namespace diptych {

// XXH64 over what training reads of faces, in their order: id, picture, mask, landmarks, type.
std::string faces_digest(const std::vector<Face>& faces);

// 16 hex digits over the bits of all losses of a step, and of all weights: of their values, not of
// what memory adds to them (tensor/channels.h).
std::string losses_digest(const SaehdStep& step);
std::string weights_digest(SaehdTrainer& trainer);

// The steps from the seed on that can be repeated.
struct Replay {
  std::vector<std::string> losses;  // a digest a step
  std::string weights;              // after the last of them
};

struct Receipt {
  std::string program, engine, machine;
  int threads = 0;
  std::vector<std::pair<std::string, std::string>> settings;  // full name, TOML value
  std::string src_digest, dst_digest;
  int64_t src_faces = 0, dst_faces = 0;
  std::optional<Replay> replay;
  std::string why_no_replay;
  int64_t iteration = 0;
  double ms_per_iteration = 0, src_loss = 0, dst_loss = 0;
  std::optional<HoldoutScores> scores;
};

// Throws InputError: missing, not a receipt.
Receipt read_receipt(const std::filesystem::path& file);
std::string to_json(const Receipt& receipt);

// Settings from a receipt; keys that this program does not know are an InputError.
Settings settings_of(const Receipt& receipt, const std::string& origin);

// Fills a receipt while a session trains.
class RunReceipt {
 public:
  static constexpr int64_t kSteps = 100;

  // A session that goes on keeps the fingerprint that its predecessor left in `file`. fresh: the
  // weights are those of the seed; from_elsewhere: they were imported or carried over.
  RunReceipt(const std::filesystem::path& file,
             const Settings& settings,
             const Stream& stream,
             const std::vector<Face>& src,
             const std::vector<Face>& dst,
             int64_t first,
             bool fresh,
             bool from_elsewhere);

  // The fingerprint is still growing.
  bool recording() const { return recording_; }

  // After a step, in order; takes the weights when it was the kSteps-th. No other step may be under
  // way then.
  void add(const SaehdStep& step, SaehdTrainer& trainer);

  // A step was left out or the rate was changed: what follows cannot be repeated from the settings.
  void disturbed(int64_t iteration);

  // Writes the file, whole or not at all. With fewer than kSteps steps done the fingerprint ends
  // here. Nothing may be under way.
  void store(int64_t iteration,
             std::pair<double, double> losses,
             const std::optional<HoldoutScores>& scores,
             SaehdTrainer& trainer);

 private:
  void finish(SaehdTrainer& trainer);

  std::filesystem::path file_;
  Receipt receipt_;
  Replay replay_;
  bool recording_ = false;
  int64_t steps_ = 0;
  double begun_ = 0;
};

}  // namespace diptych
