// SaehdAdversaries: the discriminators a SAEHD network trains against, each with weights and an
// optimizer of its own (spec training.md 4.7, 4.8, 5.5).
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "models/saehd/options.h"
#include "models/saehd/saehd.h"
#include "models/saehd/step_losses.h"

namespace diptych {

class SaehdAdversaries {
 public:
  // Fresh weights from the seed. options: those that are active.
  explicit SaehdAdversaries(const SaehdTrainOptions& options);

  // What the discriminators look at, without gradients.
  struct Seen {
    Tensor real, fake;          // masked target and prediction of src, f32
    Tensor src_code, dst_code;  // in the compute dtype
  };

  // The generator's terms times their powers, (n); notes them in `losses`, and what the
  // discriminators are to look at in this step.
  Tensor generator_loss(const SideTerms& src,
                        const Saehd::Reconstruction& out,
                        const StepLosses& losses);

  // Parity: look at these instead; undefined ones stay.
  void look_at(const Seen& seen);

  // Losses, gradients and updates of the discriminators. A loss that is not finite closes the gates
  // of the updates on a device; on the host `check` is called before each.
  void step(const StepLosses& losses, const std::function<void()>& check);
  // Losses and gradients alone. For tests.
  void compute_gradients(const StepLosses& losses);
  void count();  // a step, on the host

  // The terms it notes, ascending.
  std::vector<LossTerm> terms() const;

  // First parts of the parameters' names: those of the original's files.
  static constexpr const char* kNames[] = {"GAN", "code_discriminator"};

  // For checkpoints and tests.
  struct Part {
    const char* name;  // of kNames
    ParamArena* arena;
    Optimizer* optimizer;
  };

  std::vector<Part> parts() const;

 private:
  template <class Net>
  struct Opponent {
    Net net;
    ParamArena arena;
    Optimizer optimizer;

    template <class Config>
    Opponent(const Config& config,
             const char* name,
             const SaehdTrainOptions& options,
             uint64_t seed);
  };

  Tensor gan_loss(const StepLosses& losses) const;
  Tensor true_face_loss(const StepLosses& losses) const;

  SaehdTrainOptions options_;
  std::unique_ptr<Opponent<PatchDiscriminator>> gan_;
  std::unique_ptr<Opponent<CodeDiscriminator>> true_face_;
  Seen seen_;
};

}  // namespace diptych
