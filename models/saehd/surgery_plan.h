// Which weight of one SAEHD network stands for which of another, and how their axes meet: the maps
// that weight surgery follows (surgery.h).
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/common/shape.h"
#include "models/saehd/surgery.h"

namespace diptych {

// A weight as (outputs, places, inputs): places are filter taps, or the grid that a dense layer
// reads or writes. dense2 stores its places first.
struct WeightBlock {
  int64_t outputs = 1, places = 1, inputs = 1;
  bool places_first = false;

  int64_t index(int64_t k, int64_t p, int64_t c) const {
    return ((places_first ? p * outputs + k : k * places + p) * inputs) + c;
  }

  int64_t size() const { return outputs * places * inputs; }
};

// Old index of each new one, -1: there is none.
using IndexMap = std::vector<int64_t>;

struct WeightPlan {
  std::string source;  // name of the weight there
  WeightBlock old_block, block;
  SparseRows places;         // new place -> old places and their weights
  bool add_halves = false;   // old inputs are two halves that meet in one
  IndexMap outputs, inputs;  // inputs after add_halves
  std::string how;           // "" : copied as it is
};

// The plan of one weight ("inter/dense1/weight" of `to`, with its shape); nullopt: it starts fresh.
std::optional<WeightPlan> plan_weight(const SaehdConfig& from,
                                      const SaehdConfig& to,
                                      const std::string& name,
                                      const Shape& shape);

}  // namespace diptych
