// Parameter: a weight of a network. The master is f32 and owns the gradient; the compute copy is
// what kernels read (the same tensor in f32 training, a bf16 copy otherwise).
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace diptych {

struct Parameter {
  Tensor master;                    // f32
  Tensor compute;                   // f32 or bf16, shares the master's gradient slot
  int64_t fan_in = 1, fan_out = 1;  // for the initialiser; fan_in 0: a bias, starts at 0

  Parameter() = default;

  Parameter(Shape shape, int64_t in, int64_t out)
      : master(Tensor::full(shape, 0.0f)), compute(), fan_in(in), fan_out(out) {
    master.set_needs_grad(true, true);
    compute = master;
  }
};

// A parameter with its path, for example "encoder/down1/downs_0/conv1/weight".
struct NamedParameter {
  std::string name;
  Parameter* parameter;
};

using ParameterList = std::vector<NamedParameter>;

}  // namespace diptych
