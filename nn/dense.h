// nn::Dense: weight (out,in), bias (out).
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "tensor/ops.h"
#include "tensor/parameter.h"

namespace diptych::nn {

class Dense {
 public:
  Dense() = default;

  Dense(int64_t in, int64_t out) : weight({out, in}, in, out), bias({out}, 0, 0) {}

  Tensor forward(const Tensor& x) const { return dense(x, weight.compute, bias.master); }

  void parameters(const std::string& path, ParameterList& list) {
    list.push_back({path + "/weight", &weight});
    list.push_back({path + "/bias", &bias});
  }

  Parameter weight, bias;
};

}  // namespace diptych::nn
