// Loss values of a step.
// SPDX-License-Identifier: MIT
#include "models/saehd/step_losses.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "models/saehd/non_finite_loss.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

const char* name_of(LossTerm term) {
  static const char* const names[] = {"src",       "dst",           "gan",
                                      "true face", "discriminator", "code discriminator"};
  return names[static_cast<size_t>(term)];
}

std::vector<float>& part_of(SaehdStep& step, LossTerm term) {
  std::vector<float>* const parts[] = {
      &step.src_loss,  &step.dst_loss,          &step.gan,
      &step.true_face, &step.gan_discriminator, &step.true_face_discriminator};
  return *parts[static_cast<size_t>(term)];
}

}  // namespace

StepLosses::StepLosses(int n, std::vector<LossTerm> terms)
    : n_(n),
      terms_(std::move(terms)),
      values_(Tensor::full({n * static_cast<int64_t>(terms_.size())}, 0.0f)) {}

bool StepLosses::has(LossTerm term) const {
  return std::find(terms_.begin(), terms_.end(), term) != terms_.end();
}

void StepLosses::put(LossTerm term, const Tensor& loss) const {
  const auto it = std::find(terms_.begin(), terms_.end(), term);
  DIPTYCH_CHECK(it != terms_.end(), "StepLosses: ", name_of(term), " is not recorded");
  values_.part((it - terms_.begin()) * n_, {n_}).copy_from(loss.detach());
}

Tensor StepLosses::up_to(LossTerm term) const {
  const auto end = std::upper_bound(terms_.begin(), terms_.end(), term);
  return values_.part(0, {(end - terms_.begin()) * n_});
}

SaehdStep StepLosses::checked(const std::vector<float>& values, int64_t iteration) const {
  SaehdStep step;
  std::string bad;
  std::vector<NonFiniteSample> samples;
  bool generator = false;
  for (size_t t = 0; t < terms_.size(); ++t) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(t) * n_;
    std::vector<float>& part = part_of(step, terms_[t]);
    part.assign(first, first + n_);
    for (size_t i = 0; i < part.size(); ++i) {
      if (std::isfinite(part[i])) continue;
      bad += str(bad.empty() ? "" : ", ", name_of(terms_[t]), " sample ", i, " (", part[i], ")");
      samples.push_back({name_of(terms_[t]), i, part[i]});
      generator |= terms_[t] < LossTerm::kGanDiscriminator;
    }
  }
  if (bad.empty()) return step;
  clear_tape();
  throw NonFiniteLoss(
      str("iteration ", iteration, ": the loss is not finite for ", bad,
          generator ? ". The weights were" : ". The discriminators were",
          " not updated and the last checkpoint is untouched; go back to it with a lower learning "
          "rate, or look at these faces"),
      samples);
}

}  // namespace diptych
