// The building blocks of SAEHD (spec networks.md 4.3). With option c the activation is x cos x,
// whose derivative cannot be read from its result, so the convolution stays plain and the
// activation is an op of its own.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "nn/conv2d.h"

namespace diptych {

// conv 5x5 stride 2, activation (slope 0.1): halves the side.
class Downscale {
 public:
  Downscale() = default;
  Downscale(int in, int out, bool cos_act);
  Tensor forward(const Tensor& x) const;

  void parameters(const std::string& path, ParameterList& list) {
    conv1_.parameters(path + "/conv1", list);
  }

 private:
  nn::Conv2d conv1_;
  bool cos_act_ = false;
};

// conv 3x3 to 4*out channels, activation (slope 0.1), depth_to_space: doubles the side.
class Upscale {
 public:
  Upscale() = default;
  Upscale(const Channels& in, int out, bool cos_act);
  Tensor forward(const Tensor& x) const;

  void parameters(const std::string& path, ParameterList& list) {
    conv1_.parameters(path + "/conv1", list);
  }

 private:
  nn::Conv2d conv1_;
  bool cos_act_ = false;
};

// act(x + conv(act(conv(x)))), slopes 0.2.
class Residual {
 public:
  Residual() = default;
  Residual(int channels, bool cos_act);
  Tensor forward(const Tensor& x) const;

  void parameters(const std::string& path, ParameterList& list) {
    conv1_.parameters(path + "/conv1", list);
    conv2_.parameters(path + "/conv2", list);
  }

 private:
  nn::Conv2d conv1_, conv2_;
  bool cos_act_ = false;
};

}  // namespace diptych
