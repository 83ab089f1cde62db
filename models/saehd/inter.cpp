// The inter.
// SPDX-License-Identifier: MIT
#include "models/saehd/inter.h"

#include "tensor/profile.h"

namespace diptych {

Inter::Inter(const SaehdConfig& config) : config_(config) {
  const int64_t places = int64_t{config.lowest()} * config.lowest();
  dense1_ = nn::Dense(config.encoder_features(), config.ae_dims);
  dense2_ = nn::Dense(config.ae_dims, {places * config.inter_channels(), places});
  if (!config.t) upscale1_ = Upscale(config.inter_channels(), config.inter_channels(), config.c);
}

Tensor Inter::forward(const Tensor& features, const char* name) const {
  const ProfileScope inter(name);
  Tensor x;
  {
    const ProfileScope scope("dense1");
    x = dense1_.forward(features);
  }
  {
    const ProfileScope scope("dense2");
    x = dense2_.forward(x);
  }
  x = x.reshape({x.shape()[0], config_.lowest(), config_.lowest(),
                 Channels(config_.inter_channels()).stored()});
  if (config_.t) return x;
  const ProfileScope scope("upscale1");
  return upscale1_.forward(x);
}

void Inter::parameters(const std::string& path, ParameterList& list) {
  dense1_.parameters(path + "/dense1", list);
  dense2_.parameters(path + "/dense2", list);
  if (!config_.t) upscale1_.parameters(path + "/upscale1", list);
}

}  // namespace diptych
