// Trying the letters of an architecture on faces.
// SPDX-License-Identifier: MIT
#include "apps/exchange/model_letters.h"

#include <algorithm>

#include "apps/terminal/progress.h"
#include "models/saehd/trainer.h"

namespace diptych {

namespace {

// Of the error with its own letters: better than that is no chance.
constexpr double kFarBetter = 0.8;

}  // namespace

std::vector<LetterTrial> try_letters(const Safetensors& checkpoint, const Holdout& faces) {
  const SaehdConfig own = read_saehd_config(checkpoint);
  std::vector<LetterTrial> trials;
  for (const int flip : {0, 1, 2, 3}) {
    SaehdConfig config = own;
    config.u = own.u != ((flip & 1) != 0);
    config.c = own.c != ((flip & 2) != 0);
    Saehd network(config);
    ParamArena arena(network.parameters(), DType::kF32);
    for (const NamedParameter& p : arena.list()) {
      const Tensor values = Tensor::empty(p.parameter->shape, DType::kF32, Place::kHost);
      checkpoint.read("weight/" + p.name, values);
      p.parameter->set_values(values);
    }
    arena.refresh_copies();
    const HoldoutScores scores = faces.score(network, DType::kF32);
    trials.push_back({config.archi(), (scores.src.dssim + scores.dst.dssim) / 2});
  }
  return trials;
}

std::string doubt_of_letters(const std::vector<LetterTrial>& trials) {
  const auto best = std::min_element(
      trials.begin(), trials.end(),
      [](const LetterTrial& a, const LetterTrial& b) { return a.dssim < b.dssim; });
  // Not <=: a NaN on either side is no reason to believe the other.
  if (best == trials.end() || !(best->dssim < kFarBetter * trials.front().dssim)) return {};
  return str("the letters look wrong: with ", best->archi, " the weights draw the project's faces ",
             "far better (DSSIM ", format_number(best->dssim), ") than with ", trials.front().archi,
             " (", format_number(trials.front().dssim), "). If so, import ",
             "again with --force --archi ", best->archi);
}

}  // namespace diptych
