// ArenaValues: a flat buffer of an arena, weights, gradients or moments, on the host, parameter by
// parameter: its values in their own shape, without what memory adds to them (tensor/channels.h).
// Files are written from it and read into it.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "optim/param_arena.h"

namespace diptych {

class ArenaValues {
 public:
  // Shares a buffer that is in host memory, copies one of a device. The arena must outlive it.
  ArenaValues(const ParamArena& arena, const Tensor& flat);

  // Of list()[i] of the arena.
  const Tensor& operator[](size_t i) const { return values_[i]; }

  size_t size() const { return values_.size(); }

  // Brings what was written into the values back to the buffer. Until then it holds some of that or
  // nothing.
  void store() const;

  const Tensor& host_buffer() const { return host_; }

 private:
  const ParamArena& arena_;
  Tensor flat_, host_;
  std::vector<Tensor> values_;
};

}  // namespace diptych
