// SaehdTrainer: one SAEHD network with its discriminators, optimizers and checkpoint. A run is a
// pure function of options, data and seed. It computes on the engine of current_stream(), which
// must be the same stream for all calls.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/saehd/adversaries.h"
#include "models/saehd/batch.h"
#include "models/saehd/health.h"
#include "models/saehd/options.h"
#include "models/saehd/saehd.h"
#include "models/saehd/step_losses.h"
#include "tensor/safetensors.h"
#include "tensor/step_graph.h"

namespace diptych {

class SaehdTrainer {
 public:
  // Fresh weights from the seed. Throws Error on options that make no network.
  explicit SaehdTrainer(const SaehdTrainOptions& options);

  // One iteration. A loss or gradient that is not finite throws NonFiniteLoss, which names the
  // samples, and leaves the weights untouched.
  SaehdStep step(const SaehdSide& src, const SaehdSide& dst);

  // On a device, steps without a word from the host: `source` writes the next samples into the
  // batch with kernels alone and is recorded with the step. submit() starts a step; collect() waits
  // for the oldest one submitted and returns its losses or throws as step() does: its update was
  // then left out, and steps submitted after it have used the same weights. At most kInFlight steps
  // may wait to be collected; save() wants none.
  using Source = std::function<void(const SaehdBatch& batch)>;
  void set_source(Source source);
  void submit();
  SaehdStep collect();

  int in_flight() const { return static_cast<int>(submitted_ - collected_); }

  static constexpr int kInFlight = 4;

  // The work of one iteration on whatever is in memory, without a look at the losses. For dry runs
  // (kernels/common/dry_run.h).
  void rehearse();

  // Losses, predictions and gradients of one batch, without an update. For tests.
  SaehdStep forward_backward(const SaehdSide& src, const SaehdSide& dst);

  int64_t iteration() const { return optimizer_->steps(); }

  const SaehdTrainOptions& options() const { return options_; }

  Saehd& network() { return *network_; }

  ParamArena& arena() { return *arena_; }

  Optimizer& optimizer() { return *optimizer_; }

  // Of the samples of an iteration, as the allocator counts them.
  size_t batch_bytes() const { return batch_.bytes(); }

  // Another rate from the next step on, for the discriminators too. No step may be under way.
  void set_learning_rate(float rate);

  // The discriminators that options ask for, none while pretraining; null when there are none.
  SaehdAdversaries* adversaries() { return adversaries_.get(); }

  // True when load() found a pretrained checkpoint and the options no longer pretrain: the inters
  // have started afresh and the iteration is 0 (spec training.md 6).
  bool pretraining_ended() const { return pretraining_ended_; }

  // Checkpoint: weights, moments, step count, options, and `extra` (sampler state and the like,
  // under its own keys). save() refuses weights that are not finite. load() checks file and options
  // before it touches anything and returns the metadata; it throws InputError when the file is of
  // another network.
  void save(const std::string& path, const Metadata& extra) const;
  Metadata load(const std::string& path);

 private:
  void compute_losses();
  Tensor style_term(const Saehd::Reconstruction& out, const SideTerms& src, const SideTerms& dst);
  void compute_gradients();
  void update();
  void step_adversaries(const std::function<void()>& check);
  void step_on_device();
  void read_health(SaehdStep& step, const std::vector<float>& values) const;
  void count();
  void end_pretraining();
  void load_adversaries(const Safetensors& file, bool same_optimizer);

  SaehdTrainOptions options_, active_;  // as given; what of it acts now
  std::unique_ptr<Saehd> network_;
  std::unique_ptr<ParamArena> arena_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<SaehdAdversaries> adversaries_;
  std::map<std::string, Tensor>
      parked_;  // of discriminators not in use, as the checkpoint had them
  Metadata parked_steps_;
  bool pretraining_ended_ = false;
  SaehdBatch batch_;
  std::vector<Tensor> roots_;  // (n): loss terms of the step under way, roots of the backward pass
  Tensor src_soft_;            // soft mask of src; for parity
  std::unique_ptr<StepLosses> losses_;
  std::unique_ptr<HealthProbe> probe_;
  std::unique_ptr<StepGraph> graph_;
  bool warm_ = false;  // one step has run: workspaces have their size
  Source source_;

  struct Slot {
    std::shared_ptr<void> losses, health;  // values of losses_ and probe_, pinned
    device::Event copied;
  };

  std::vector<std::unique_ptr<Slot>> slots_;  // of submitted steps, in turn
  int64_t submitted_ = 0, collected_ = 0;
};

// What a checkpoint says of its network, without loading it. Throws InputError when it is not a
// SAEHD checkpoint.
SaehdConfig read_saehd_config(const Safetensors& file);

// A network for inference alone, in f32 or bf16, with the weights of a checkpoint.
class SaehdInference {
 public:
  SaehdInference(const std::string& checkpoint, DType dtype);

  const SaehdConfig& config() const { return network_->config(); }

  // pictures (N,R,R,3) f32 -> f32 outputs.
  Saehd::Swap swap(const Tensor& pictures) const;

 private:
  std::unique_ptr<Saehd> network_;
  std::unique_ptr<ParamArena> arena_;
  DType dtype_;
};

}  // namespace diptych
