// The tape: an eager list of backward closures in the order the ops ran. Reverse order is a valid
// topological order, so backward() needs no sort and no recursion; it drops each record after
// running it, freeing what it saved.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace diptych {

// dy: gradient of the op's output, in the output's shape and dtype; undefined when the last reader
// of the output has already passed it on (ops/store_undo.h).
using BackwardFn = std::function<void(const Tensor& dy)>;

// Notes how to go back through an op. Does nothing when no input needs a gradient or under NoGrad.
// Marks y as needing a gradient otherwise. The closure captures what it saves; it never captures
// y's own handle unless it reads y.
void record(const char* op,
            std::initializer_list<const Tensor*> inputs,
            Tensor& y,
            BackwardFn backward);

// The same for an op that makes a weight: its gradient is f32 whatever its dtype.
void record_weight(const char* op,
                   std::initializer_list<const Tensor*> inputs,
                   Tensor& w,
                   BackwardFn backward);

// True when record() would note an op on these inputs: lets an op skip work that only backward
// needs.
bool recording(std::initializer_list<const Tensor*> inputs);

// Runs the tape backwards from `roots`, each seeded with ones (the gradient of the sum of all their
// elements), and empties it. Gradients stay in the leaves' slots.
void backward(std::span<const Tensor> roots);

// Drops all records without running them.
void clear_tape();

// Ops in this scope are not recorded.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool previous_;
};

}  // namespace diptych
