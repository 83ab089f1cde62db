// The discriminators' steps.
// SPDX-License-Identifier: MIT
#include "models/saehd/adversaries.h"

#include "nn/init.h"
#include "tensor/ops.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

constexpr const char* kGan = SaehdAdversaries::kNames[0];
constexpr const char* kCode = SaehdAdversaries::kNames[1];

// Seeds of their own, or the update masks of all networks would draw alike.
constexpr uint64_t kGanSeed = 0x47414E0000000000, kCodeSeed = 0x434F444500000000;

ParameterList initialised(ParameterList list, uint64_t seed) {
  nn::initialise(list, seed);
  return list;
}

OptimizerOptions with_seed(OptimizerOptions options, uint64_t seed) {
  options.seed ^= seed;
  return options;
}

}  // namespace

template <class Net>
template <class Config>
SaehdAdversaries::Opponent<Net>::Opponent(const Config& config,
                                          const char* name,
                                          const SaehdTrainOptions& options,
                                          uint64_t seed)
    : net(config),
      arena(initialised(net.parameters(name), options.seed ^ seed), options.dtype),
      optimizer(arena, with_seed(options.optimizer, seed)) {}

SaehdAdversaries::SaehdAdversaries(const SaehdTrainOptions& options) : options_(options) {
  if (options.adversarial.gan_power > 0) {
    gan_ = std::make_unique<Opponent<PatchDiscriminator>>(options.patch_discriminator(), kGan,
                                                          options, kGanSeed);
  }
  if (options.adversarial.true_face_power > 0) {
    const CodeDiscriminatorConfig config{.channels = options.network.inter_channels(),
                                         .side = options.network.inter_out()};
    true_face_ = std::make_unique<Opponent<CodeDiscriminator>>(config, kCode, options, kCodeSeed);
  }
}

Tensor SaehdAdversaries::generator_loss(const SideTerms& src,
                                        const Saehd::Reconstruction& out,
                                        const StepLosses& losses) {
  seen_ = {};
  Tensor gan, background, true_face;
  if (gan_) {
    const Frozen frozen(gan_->arena.list());
    const Tensor fake = src.masked_prediction();
    gan = gan_generator_loss(gan_->net, fake, options_.dtype);
    losses.put(LossTerm::kGan, gan);
    if (options_.loss.masked_training)
      background = gan_background_loss(out.src, src, options_.parity);
    seen_.real = src.masked_target();
    seen_.fake = fake.detach();
  }
  if (true_face_) {
    const Frozen frozen(true_face_->arena.list());
    true_face = true_face_generator_loss(true_face_->net, out.src_code);
    losses.put(LossTerm::kTrueFace, true_face);
    seen_.src_code = out.src_code.detach();
    seen_.dst_code = out.dst_code.detach();
  }
  return weighted_sum({{options_.adversarial.gan_power, &gan},
                       {1.0f, &background},
                       {options_.adversarial.true_face_power, &true_face}});
}

void SaehdAdversaries::look_at(const Seen& seen) {
  if (gan_) seen_.fake = seen.fake;
  if (true_face_) {
    seen_.src_code = seen.src_code;
    seen_.dst_code = seen.dst_code;
  }
}

Tensor SaehdAdversaries::gan_loss(const StepLosses& losses) const {
  gan_->arena.begin_step();
  const Tensor loss = gan_discriminator_loss(gan_->net, seen_.real, seen_.fake, options_.dtype);
  losses.put(LossTerm::kGanDiscriminator, loss);
  return loss;
}

Tensor SaehdAdversaries::true_face_loss(const StepLosses& losses) const {
  true_face_->arena.begin_step();
  const Tensor loss = true_face_discriminator_loss(true_face_->net, seen_.src_code, seen_.dst_code);
  losses.put(LossTerm::kTrueFaceDiscriminator, loss);
  return loss;
}

void SaehdAdversaries::compute_gradients(const StepLosses& losses) {
  std::vector<Tensor> roots;
  if (gan_) roots.push_back(gan_loss(losses));
  // Pretraining leaves it as it is.
  if (true_face_ && !options_.pretrain) roots.push_back(true_face_loss(losses));
  seen_ = {};
  if (!roots.empty()) backward(roots);
  for (const Part& part : parts()) part.arena->finish_gradients();
}

void SaehdAdversaries::step(const StepLosses& losses, const std::function<void()>& check) {
  compute_gradients(losses);
  check();
  const OpTimer timer("optimizer");
  // One gate for both: nothing is updated with a batch in which anything went wrong.
  if (gan_) gan_->optimizer.apply({{0, gan_->arena.size()}}, losses.values());
  if (true_face_ && !options_.pretrain)
    true_face_->optimizer.apply({{0, true_face_->arena.size()}}, losses.values());
}

void SaehdAdversaries::count() {
  if (gan_) gan_->optimizer.count();
  if (true_face_ && !options_.pretrain) true_face_->optimizer.count();
}

std::vector<LossTerm> SaehdAdversaries::terms() const {
  std::vector<LossTerm> terms;
  if (gan_) terms.push_back(LossTerm::kGan);
  if (true_face_) terms.push_back(LossTerm::kTrueFace);
  if (gan_) terms.push_back(LossTerm::kGanDiscriminator);
  if (true_face_ && !options_.pretrain) terms.push_back(LossTerm::kTrueFaceDiscriminator);
  return terms;
}

std::vector<SaehdAdversaries::Part> SaehdAdversaries::parts() const {
  std::vector<Part> parts;
  if (gan_) parts.push_back({kGan, &gan_->arena, &gan_->optimizer});
  if (true_face_) parts.push_back({kCode, &true_face_->arena, &true_face_->optimizer});
  return parts;
}

}  // namespace diptych
