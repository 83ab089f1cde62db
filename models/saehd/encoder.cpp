// The encoder.
// SPDX-License-Identifier: MIT
#include "models/saehd/encoder.h"

#include "tensor/profile.h"

namespace diptych {

Encoder::Encoder(const SaehdConfig& config) : config_(config) {
  const int e = config.e_dims;
  std::vector<int> channels = {3, e, 2 * e, 4 * e, 8 * e};
  if (config.t) channels.push_back(8 * e);
  for (size_t i = 0; i + 1 < channels.size(); ++i) {
    downs_.emplace_back(channels[i], channels[i + 1], config.c);
  }
  if (config.t) {
    res1_ = Residual(e, config.c);
    res5_ = Residual(8 * e, config.c);
  }
}

Tensor Encoder::forward(const Tensor& pictures) const {
  static const char* const kNames[] = {"down1", "down2", "down3", "down4", "down5"};
  const ProfileScope encoder("encoder");
  Tensor x = pictures;
  for (size_t i = 0; i < downs_.size(); ++i) {
    {
      const ProfileScope scope(kNames[i]);
      x = downs_[i].forward(x);
    }
    if (!config_.t || (i != 0 && i != 4)) continue;
    const ProfileScope scope(i == 0 ? "res1" : "res5");
    x = (i == 0 ? res1_ : res5_).forward(x);
  }
  // 8 e channels come in eights: pixel_norm's mean is over values alone.
  const Tensor features = x.reshape({x.shape()[0], config_.encoder_features()});
  return config_.u ? pixel_norm(features) : features;
}

void Encoder::parameters(const std::string& path, ParameterList& list) {
  for (size_t i = 0; i < downs_.size(); ++i) {
    const std::string number = std::to_string(config_.t ? i + 1 : i);
    downs_[i].parameters(path + (config_.t ? "/down" : "/down1/downs_") + number, list);
    if (config_.t && i == 0) res1_.parameters(path + "/res1", list);
  }
  if (config_.t) res5_.parameters(path + "/res5", list);
}

}  // namespace diptych
