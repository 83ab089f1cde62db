// The loss values of a step, sample by sample, in memory that does not move: they gate the updates
// on the device, and the host reads them afterwards.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "models/saehd/health.h"
#include "tensor/tensor.h"

namespace diptych {

struct SaehdStep {
  std::vector<float> src_loss, dst_loss;  // per sample
  // Cross-entropies per sample, before their powers; empty when the term is off. The generator's
  // stand low when it fools the discriminator, the discriminator's when it is not fooled.
  std::vector<float> gan, true_face;
  std::vector<float> gan_discriminator, true_face_discriminator;
  StepHealth health = {};
};

// In the order they are computed.
enum class LossTerm : uint8_t {
  kSrc,
  kDst,
  kGan,
  kTrueFace,
  kGanDiscriminator,
  kTrueFaceDiscriminator,
};

class StepLosses {
 public:
  // n values of each term, ascending. Memory is taken where current_stream() computes.
  StepLosses(int n, std::vector<LossTerm> terms);

  bool has(LossTerm term) const;
  // Copies a loss (n) in.
  void put(LossTerm term, const Tensor& loss) const;
  // All values up to those of `term`, which need not be there.
  Tensor up_to(LossTerm term) const;

  const Tensor& values() const { return values_; }

  // Values read back, by term. Throws NonFiniteLoss that names terms and samples when one is not
  // finite.
  SaehdStep checked(const std::vector<float>& values, int64_t iteration) const;

 private:
  int n_;
  std::vector<LossTerm> terms_;
  Tensor values_;  // (terms * n)
};

}  // namespace diptych
