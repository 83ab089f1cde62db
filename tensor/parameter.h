// Parameter: a weight of a network. The master is f32 and owns the gradient; the compute copy is
// what kernels read (the same tensor in f32 training, a bf16 copy otherwise). Both are as stored,
// with channels rounded up (channels.h); its values are those of `shape`.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "tensor/channels.h"
#include "tensor/tensor.h"

namespace diptych {

struct Parameter {
  Shape shape;     // of the values: what files hold and counts count
  Tensor master;   // f32
  Tensor compute;  // f32 or bf16, shares the master's gradient slot

  Parameter() = default;
  // All zeros. (first), (first,last), (first,taps,taps,last).
  static Parameter bias(const Channels& first);
  static Parameter matrix(const Channels& first, const Channels& last);
  static Parameter filter(const Channels& first, int64_t taps, const Channels& last);

  bool padded() const { return shape != master.shape(); }

  // From `shape` to what is stored, and back. The result is in host memory; it is the argument
  // itself where that is there and nothing is padded.
  Tensor pad(const Tensor& values) const;
  Tensor strip(const Tensor& stored) const;

  // Of the master alone: ParamArena::refresh_copies() is for the compute copies.
  void set_values(const Tensor& values) const { master.copy_from(pad(values)); }

  Tensor values() const { return strip(master); }

 private:
  Parameter(Shape values, Shape stored, const Channels& first, const Channels& last);
  template <class Move>
  void for_each_run(const Move& move) const;

  Channels first_ = 1, last_ = 1;
};

// A parameter with its path, for example "encoder/down1/downs_0/conv1/weight".
struct NamedParameter {
  std::string name;
  Parameter* parameter;
};

using ParameterList = std::vector<NamedParameter>;

}  // namespace diptych
