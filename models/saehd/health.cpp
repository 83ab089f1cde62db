// Sums over outputs and gradients of a step.
// SPDX-License-Identifier: MIT
#include "models/saehd/health.h"

#include <algorithm>
#include <cmath>

#include "kernels/reduce/reduce.h"
#include "tensor/profile.h"

namespace diptych {

namespace {

// Of a side: sum, sum of squares, saturated values, values that are not finite.
constexpr int64_t kOutputValues = 4;

std::string block_of(const std::string& parameter) {
  return parameter.substr(0, parameter.find('/'));
}

GradView overwrite(const Tensor& t) {
  return {t.mut(), GradMode::kOverwrite};
}

}  // namespace

HealthProbe::HealthProbe(const ParamArena& arena, int64_t losses) : arena_(arena), losses_(losses) {
  for (const NamedParameter& p : arena.list()) {
    const std::string block = block_of(p.name);
    if (std::find(names_.begin(), names_.end(), block) == names_.end()) names_.push_back(block);
  }
  for (const std::string& block : names_)
    ranges_.push_back(
        arena.ranges([&](const std::string& name) { return block_of(name) == block; }));
  values_ = Tensor::full({losses + 2 * kOutputValues + static_cast<int64_t>(names_.size())}, 0.0f);
}

void HealthProbe::output(int64_t at, const Tensor& picture) {
  Stream& stream = current_stream();
  const View all{picture.data(), {1, picture.numel()}, picture.dtype()};
  sum_rows_forward(stream, all, slot(at));
  sum_of_squares(stream, picture, overwrite(slot(at + 1)));
  count_saturated(stream, picture, overwrite(slot(at + 2)));
  count_non_finite(stream, picture, overwrite(slot(at + 3)));
}

void HealthProbe::outputs(const Tensor& src, const Tensor& dst) {
  const OpTimer timer("health");
  picture_values_ = src.numel();
  output(losses_, src);
  output(losses_ + kOutputValues, dst);
}

void HealthProbe::gradients() {
  const OpTimer timer("health");
  Stream& stream = current_stream();
  for (size_t b = 0; b < names_.size(); ++b) {
    const Tensor to = slot(losses_ + 2 * kOutputValues + static_cast<int64_t>(b));
    GradMode mode = GradMode::kOverwrite;
    for (const ArenaRange& range : ranges_[b]) {
      sum_of_squares(stream, arena_.gradients().part(range.begin, {range.end - range.begin}),
                     {to.mut(), mode});
      mode = GradMode::kAccumulate;
    }
  }
}

void HealthProbe::losses(const Tensor& values) {
  values_.part(0, {losses_}).copy_from(values.detach());
}

StepHealth HealthProbe::read(const std::vector<float>& values) const {
  DIPTYCH_CHECK(static_cast<int64_t>(values.size()) == values_.numel(),
                "HealthProbe::read: ", values.size(), " values, expected ", values_.numel());
  StepHealth health;
  const auto at = [&](int64_t i) { return static_cast<double>(values[static_cast<size_t>(i)]); };
  const auto n = static_cast<double>(picture_values_);
  const auto output = [&](int64_t first) {
    const double mean = at(first) / n;
    health.non_finite += static_cast<int64_t>(at(first + 3));
    const double variance = at(first + 1) / n - mean * mean;
    return OutputHealth{mean, variance < 0 ? 0 : variance, at(first + 2) / n};
  };
  health.src = output(losses_);
  health.dst = output(losses_ + kOutputValues);
  for (size_t b = 0; b < names_.size(); ++b) {
    const double squares = at(losses_ + 2 * kOutputValues + static_cast<int64_t>(b));
    health.blocks.push_back({names_[b], std::sqrt(squares)});
    if (!std::isfinite(squares)) ++health.non_finite;
  }
  for (int64_t i = 0; i < losses_; ++i)
    if (!std::isfinite(at(i))) ++health.non_finite;
  return health;
}

std::string broken_block(const StepHealth& health) {
  for (const BlockHealth& block : health.blocks)
    if (!std::isfinite(block.gradient_norm)) return block.name;
  return {};
}

}  // namespace diptych
