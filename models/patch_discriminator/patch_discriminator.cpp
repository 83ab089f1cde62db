// The U-Net patch discriminator.
// SPDX-License-Identifier: MIT
#include "models/patch_discriminator/patch_discriminator.h"

#include <algorithm>

#include "tensor/profile.h"

namespace diptych {

namespace {

constexpr float kSlope = 0.2f;
constexpr int kWidest = 512;

// A map joined with the one of its level from the way down.
constexpr Channels two_of(int width) {
  return {2 * int64_t{width}, 2};
}

}  // namespace

void PatchDiscriminatorConfig::validate() const {
  const auto check_range = [](const char* name, int value, int low, int high) {
    DIPTYCH_CHECK(value >= low && value <= high, name, " = ", value,
                  " is not possible: use a number from ", low, " to ", high, ", nearest ",
                  std::clamp(value, low, high));
  };
  check_range("gan_dims", base_width, 4, 512);
  check_range("gan_patch_size", patch_size, kSmallestPatch, kLargestPatch);
  const PatchLayers& layers = patch_layers(patch_size);
  if (resolution % layers.multiple() == 0) return;
  const int nearest = nearest_patch_size(patch_size, resolution);
  const std::string remedy = nearest ? str("the nearest that fits is gan_patch_size = ", nearest)
                                     : "use an even resolution";
  const auto halvings = std::count(layers.strides.begin(), layers.strides.end(), 2);
  throw Error(str("gan_patch_size = ", patch_size, " does not fit resolution = ", resolution,
                  ": its layers halve the picture ", halvings,
                  " times, so the resolution must be a multiple of ", layers.multiple(), "; ",
                  remedy));
}

PatchDiscriminator::PatchDiscriminator(const PatchDiscriminatorConfig& config) : config_(config) {
  config.validate();
  const std::vector<int>& strides = layers().strides;
  const size_t count = strides.size();
  std::vector<int> width;
  for (size_t level = 0; level <= count; ++level) {
    const int before = level == 0 ? config.base_width : 2 * width.back();
    width.push_back(std::min(before, kWidest));
  }
  in_conv_ = nn::Conv2d({.in = 3, .out = width[0], .kernel = 1, .leaky_slope = kSlope});
  for (size_t i = 0; i < count; ++i) {
    convs_.emplace_back(nn::Conv2dConfig{
        .in = width[i], .out = width[i + 1], .stride = strides[i], .leaky_slope = kSlope});
  }
  center_out_ = nn::Conv2d({.in = width[count], .out = 1, .kernel = 1});
  center_conv_ =
      nn::Conv2d({.in = width[count], .out = width[count], .kernel = 1, .leaky_slope = kSlope});
  for (size_t i = count; i-- > 0;) {
    const Channels joined = i + 1 == count ? Channels(width[i + 1]) : two_of(width[i + 1]);
    upconvs_.emplace_back(nn::ConvTranspose2dConfig{
        .in = joined, .out = width[i], .stride = strides[i], .leaky_slope = kSlope});
  }
  out_conv_ = nn::Conv2d({.in = two_of(width[0]), .out = 1, .kernel = 1});
}

PatchDiscriminator::Logits PatchDiscriminator::forward(const Tensor& picture) const {
  const ProfileScope scope("patch_discriminator");
  Tensor x = in_conv_.forward(picture);
  std::vector<Tensor> levels;
  for (const nn::Conv2d& conv : convs_) {
    levels.push_back(x);
    x = conv.forward(x);
  }
  Logits logits;
  logits.center = center_out_.forward(x, {}, true);
  x = center_conv_.forward(x);
  for (const nn::ConvTranspose2d& up : upconvs_) {
    x = concat_channels(levels.back(), up.forward(x));
    levels.pop_back();
  }
  logits.full = out_conv_.forward(x, {}, true);
  return logits;
}

ParameterList PatchDiscriminator::parameters(const std::string& path) {
  ParameterList list;
  in_conv_.parameters(path + "/in_conv", list);
  for (size_t i = 0; i < convs_.size(); ++i)
    convs_[i].parameters(path + "/convs_" + std::to_string(i), list);
  center_out_.parameters(path + "/center_out", list);
  center_conv_.parameters(path + "/center_conv", list);
  for (size_t i = 0; i < upconvs_.size(); ++i)
    upconvs_[i].parameters(path + "/upconvs_" + std::to_string(i), list);
  out_conv_.parameters(path + "/out_conv", list);
  return list;
}

}  // namespace diptych
