// Flat parameter buffers.
// SPDX-License-Identifier: MIT
#include "optim/param_arena.h"

#include "kernels/cast/cast.h"
#include "kernels/fill/fill.h"

namespace diptych {

namespace {

constexpr int64_t kAlign = 32;  // elements: 64 bytes of bf16, 128 of f32

}  // namespace

ParamArena::ParamArena(ParameterList list, DType compute)
    : list_(std::move(list)), compute_(compute) {
  int64_t offset = 0;
  for (const NamedParameter& p : list_) {
    const int64_t n = p.parameter->master.numel();
    ranges_.push_back({offset, offset + n});
    parameter_count_ += p.parameter->shape.numel();
    offset += (n + kAlign - 1) / kAlign * kAlign;
  }
  weights_ = Tensor::full({offset}, 0.0f);
  gradients_ = Tensor::full({offset}, 0.0f);
  if (compute_ == DType::kBF16) copies_ = Tensor::full({offset}, 0.0f, DType::kBF16);
  for (size_t i = 0; i < list_.size(); ++i) {
    Parameter& p = *list_[i].parameter;
    const Shape shape = p.master.shape();
    Tensor master = weights_.part(ranges_[i].begin, shape);
    master.copy_from(p.master);
    master.set_needs_grad(true, true);
    const Tensor gradient = gradients_.part(ranges_[i].begin, shape);
    master.slot()->bind(gradient.storage(), gradient.data());
    p.master = master;
    p.compute = master;
    if (compute_ == DType::kBF16 && shape.rank() > 1) {  // biases are read as f32
      p.compute = copies_.part(ranges_[i].begin, shape);
      p.compute.share_grad(master);
    }
  }
  refresh_copies();
}

void ParamArena::begin_step() {
  for (const NamedParameter& p : list_) p.parameter->master.slot()->reset();
}

void ParamArena::finish_gradients() {
  for (size_t i = 0; i < list_.size(); ++i) {
    if (list_[i].parameter->master.slot()->written()) continue;
    const int64_t size = ranges_[i].end - ranges_[i].begin;
    fill(current_stream(), 0.0f, gradients_.part(ranges_[i].begin, {size}));
  }
}

void ParamArena::refresh_copies() {
  if (copies_.defined()) cast(current_stream(), weights_, copies_);
  current_stream().weights_changed();
}

std::vector<ArenaRange> ParamArena::ranges(
    const std::function<bool(const std::string&)>& accepts) const {
  std::vector<ArenaRange> joined;
  bool open = false;  // the last range reaches up to the parameter before this one
  for (size_t i = 0; i < list_.size(); ++i) {
    const bool wanted = accepts(list_[i].name);
    if (wanted && open) {
      joined.back().end = ranges_[i].end;
    } else if (wanted) {
      joined.push_back(ranges_[i]);
    }
    open = wanted;
  }
  return joined;
}

}  // namespace diptych
