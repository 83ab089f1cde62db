// NonFiniteLoss: a step whose numbers were not finite. Its update was left out.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernels/common/check.h"

namespace diptych {

struct NonFiniteSample {
  std::string term;  // "src", "dst", or another term of the loss
  size_t sample;     // place in the batch
  float value;
};

class NonFiniteLoss : public Error {
 public:
  NonFiniteLoss(const std::string& message, std::vector<NonFiniteSample> samples)
      : Error(message), samples_(std::move(samples)) {}

  // None when the losses were finite and a gradient was not: then every sample may be the cause.
  const std::vector<NonFiniteSample>& samples() const { return samples_; }

 private:
  std::vector<NonFiniteSample> samples_;
};

}  // namespace diptych
