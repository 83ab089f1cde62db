// ParamArena: all weights of a model in one flat buffer, all gradients in another, and, for bf16
// compute, all compute copies in a third. An optimizer step, a norm or a cast is then one pass.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <vector>

#include "tensor/parameter.h"

namespace diptych {

// A stretch of the flat buffers, in elements.
struct ArenaRange {
  int64_t begin = 0, end = 0;
};

class ParamArena {
 public:
  // Moves the parameters' values into the arena and binds their tensors and gradients to it. Each
  // parameter starts on a 64-byte boundary; the gaps hold zeros. The parameters must outlive the
  // arena.
  ParamArena(ParameterList list, DType compute);

  const ParameterList& list() const { return list_; }

  int64_t parameter_count() const { return parameter_count_; }  // values: no gaps, no padding

  int64_t size() const { return weights_.numel(); }  // elements of each flat buffer

  DType compute_dtype() const { return compute_; }

  const Tensor& weights() const { return weights_; }

  const Tensor& gradients() const { return gradients_; }

  const Tensor& compute_copies() const { return copies_; }  // undefined in f32

  ArenaRange range(size_t index) const { return ranges_[index]; }

  // Forget the gradients of the last step; the next writer overwrites.
  void begin_step();
  // Zeroes the gradients nobody wrote, so the flat buffer is whole.
  void finish_gradients();
  // Writes the bf16 copies from the weights; call after weights were set from outside.
  void refresh_copies();
  // Joined ranges of the parameters whose name the predicate accepts.
  std::vector<ArenaRange> ranges(const std::function<bool(const std::string&)>& accepts) const;

 private:
  ParameterList list_;
  DType compute_;
  int64_t parameter_count_ = 0;
  Tensor weights_, gradients_, copies_;
  std::vector<ArenaRange> ranges_;
};

}  // namespace diptych
