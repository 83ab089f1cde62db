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

  Dense(const Channels& in, const Channels& out)
      : weight(Parameter::matrix(out, in)), bias(Parameter::bias(out)) {}

  Tensor forward(const Tensor& x) const { return dense(x, weight.compute, bias.master); }

  void parameters(const std::string& path, ParameterList& list) {
    list.push_back({path + "/weight", &weight});
    list.push_back({path + "/bias", &bias});
  }

  Parameter weight, bias;
};

}  // namespace diptych::nn
