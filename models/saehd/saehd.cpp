// The wiring of SAEHD.
// SPDX-License-Identifier: MIT
#include "models/saehd/saehd.h"

namespace diptych {

Saehd::Saehd(const SaehdConfig& config)
    : config_(config), encoder_(config), inter_(config), decoder_src_(config) {
  if (config.liae) {
    inter_b_ = Inter(config);
  } else {
    decoder_dst_ = Decoder(config);
  }
}

Saehd::Reconstruction Saehd::reconstruct(const Tensor& x, bool swap_code) const {
  const int64_t both = x.shape()[0], n = both / 2;
  DIPTYCH_CHECK(both % 2 == 0, "Saehd::reconstruct: x ", x.shape(),
                " does not hold as many src as dst pictures");
  const Tensor features = encoder_.forward(x);
  if (!config_.liae) {
    const Tensor code = inter_.forward(features, "inter");
    const Tensor src = slice_batch(code, 0, n), dst = slice_batch(code, n, both);
    return {decoder_src_.picture(src, "decoder_src"),
            decoder_src_.mask(src, "decoder_src"),
            decoder_dst_.picture(dst, "decoder_dst"),
            decoder_dst_.mask(dst, "decoder_dst"),
            src,
            dst,
            swap_code ? dst : Tensor()};
  }
  const Tensor ab = inter_.forward(features, "inter_AB");
  const Tensor b = inter_b_.forward(slice_batch(features, n, both), "inter_B");
  // src: (A, A); dst: (B, A); swap: (A, A) of dst.
  const Tensor code = concat_channels(concat_batch(slice_batch(ab, 0, n), b), ab);
  const Tensor picture = decoder_src_.picture(code, "decoder");
  const Tensor mask = decoder_src_.mask(code, "decoder");
  Reconstruction out = {slice_batch(picture, 0, n), slice_batch(mask, 0, n),
                        slice_batch(picture, n, both), slice_batch(mask, n, both)};
  if (swap_code) {
    const Tensor ab_dst = slice_batch(ab, n, both);
    out.swap_code = concat_channels(ab_dst, ab_dst);
  }
  return out;
}

Tensor Saehd::swap_picture(const Tensor& swap_code) const {
  return decoder_src_.picture(swap_code, config_.liae ? "decoder" : "decoder_src");
}

Tensor Saehd::swap_mask(const Tensor& swap_code) const {
  return decoder_src_.mask(swap_code, config_.liae ? "decoder" : "decoder_src");
}

Saehd::Swap Saehd::swap(const Tensor& dst) const {
  const Tensor features = encoder_.forward(dst);
  if (!config_.liae) {
    const Tensor code = inter_.forward(features, "inter");
    return {decoder_src_.picture(code, "decoder_src"), decoder_src_.mask(code, "decoder_src"),
            decoder_dst_.mask(code, "decoder_dst")};
  }
  const Tensor ab = inter_.forward(features, "inter_AB");
  const Tensor b = inter_b_.forward(features, "inter_B");
  const Tensor swapped = concat_channels(ab, ab);
  return {decoder_src_.picture(swapped, "decoder"), decoder_src_.mask(swapped, "decoder"),
          decoder_src_.mask(concat_channels(b, ab), "decoder")};
}

ParameterList Saehd::parameters() {
  ParameterList list;
  encoder_.parameters("encoder", list);
  if (config_.liae) {
    inter_.parameters("inter_AB", list);
    inter_b_.parameters("inter_B", list);
    decoder_src_.parameters("decoder", list);
  } else {
    inter_.parameters("inter", list);
    decoder_src_.parameters("decoder_src", list);
    decoder_dst_.parameters("decoder_dst", list);
  }
  return list;
}

}  // namespace diptych
