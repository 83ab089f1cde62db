// The decoder's picture and mask branches.
// SPDX-License-Identifier: MIT
#include "models/saehd/decoder.h"

#include "kernels/add/add.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

const char* const kUpscaleNames[] = {"upscale0", "upscale1", "upscale2", "upscale3"};
const char* const kResidualNames[] = {"res0", "res1", "res2", "res3"};
const char* const kMaskNames[] = {"upscalem0", "upscalem1", "upscalem2", "upscalem3", "upscalem4"};

// The four heads of option d as one kernel: rows 0..2 the 1x1 head in the centre tap, rows 3..11
// the three 3x3 heads. One convolution with 12 outputs instead of four with 3; the order is the one
// depth_to_space expects.
Tensor join_head_weights(const std::vector<nn::Conv2d>& heads) {
  const Tensor& first = heads[1].weight.compute;
  const int64_t c = first.shape()[3], filter = 9 * c, centre = 4 * c;  // elements
  const Tensor w = Tensor::full({12, 3, 3, c}, 0.0f, first.dtype());
  for (int64_t k = 0; k < 3; ++k)
    w.part(k * filter + centre, {c}).copy_from(heads[0].weight.compute.part(k * c, {c}));
  for (int64_t h = 1; h < 4; ++h) {
    const Tensor& wide = heads[static_cast<size_t>(h)].weight.compute;
    w.part(3 * h * filter, wide.shape()).copy_from(wide);
  }
  const Tensor w0 = heads[0].weight.compute, w1 = heads[1].weight.compute,
               w2 = heads[2].weight.compute, w3 = heads[3].weight.compute;
  Tensor joined = w;
  record_weight("join_heads", {&w0, &w1, &w2, &w3}, joined, [=](const Tensor& dw) {  // (12,3,3,C)
    Stream& stream = current_stream();
    const Tensor* wide[] = {&w1, &w2, &w3};
    for (int64_t h = 0; h < 3; ++h) {
      if (wide[h]->needs_grad())
        add_scaled(stream, 1.0f, dw.part(3 * (h + 1) * filter, {3, 3, 3, c}), wide[h]->grad_view());
    }
    if (!w0.needs_grad()) return;
    const Tensor gathered = Tensor::empty({3, 1, 1, c});
    for (int64_t k = 0; k < 3; ++k)
      gathered.part(k * c, {c}).copy_from(dw.part(k * filter + centre, {c}));
    add_scaled(stream, 1.0f, gathered, w0.grad_view());
  });
  return joined;
}

Tensor join_head_biases(const std::vector<nn::Conv2d>& heads) {
  Tensor b = Tensor::empty({12});
  for (int64_t h = 0; h < 4; ++h)
    b.part(3 * h, {3}).copy_from(heads[static_cast<size_t>(h)].bias.master);
  const Tensor b0 = heads[0].bias.master, b1 = heads[1].bias.master, b2 = heads[2].bias.master,
               b3 = heads[3].bias.master;
  record("join_heads", {&b0, &b1, &b2, &b3}, b, [=](const Tensor& db) {
    const Tensor* biases[] = {&b0, &b1, &b2, &b3};
    for (int h = 0; h < 4; ++h) {
      if (biases[h]->needs_grad())
        add_scaled(current_stream(), 1.0f, db.part(3 * h, {3}), biases[h]->grad_view());
    }
  });
  return b;
}

}  // namespace

Decoder::Decoder(const SaehdConfig& config) : config_(config) {
  const std::vector<int> widths =
      config.t ? std::vector<int>{8, 8, 4, 2} : std::vector<int>{8, 4, 2};
  // liae's code is two inters' side by side.
  Channels in(config.decoder_in(), config.liae ? 2 : 1), mask_in = in;
  for (const int width : widths) {
    upscales_.emplace_back(in, width * config.d_dims, config.c);
    in = width * config.d_dims;
    residuals_.emplace_back(width * config.d_dims, config.c);
    mask_upscales_.emplace_back(mask_in, width * config.d_mask_dims, config.c);
    mask_in = width * config.d_mask_dims;
  }
  if (config.d) {
    mask_upscales_.emplace_back(mask_in, config.d_mask_dims, config.c);
    mask_in = config.d_mask_dims;
  }
  heads_.emplace_back(nn::Conv2dConfig{.in = in, .out = 3, .kernel = 1});
  for (int i = 1; config.d && i < 4; ++i)
    heads_.emplace_back(nn::Conv2dConfig{.in = in, .out = 3, .kernel = 3});
  mask_head_ = nn::Conv2d({.in = mask_in, .out = 1, .kernel = 1});
}

Tensor Decoder::picture(const Tensor& code, const char* name) const {
  const ProfileScope decoder(name);
  Tensor x = code;
  for (size_t i = 0; i < upscales_.size(); ++i) {
    {
      const ProfileScope scope(kUpscaleNames[i]);
      x = upscales_[i].forward(x);
    }
    const ProfileScope scope(kResidualNames[i]);
    x = residuals_[i].forward(x);
  }
  const ProfileScope scope("out_conv");
  return sigmoid(config_.d ? interleaved_head(x) : heads_[0].forward(x, {}, true));
}

Tensor Decoder::interleaved_head(const Tensor& x) const {
  Conv2dBlock block;
  block.options = {.stride = 1, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
  block.depth_to_space = true;
  block.out_dtype = DType::kF32;
  return conv2d(x, join_head_weights(heads_), join_head_biases(heads_), {}, block);
}

Tensor Decoder::mask(const Tensor& code, const char* name) const {
  const ProfileScope decoder(name);
  Tensor x = code;
  for (size_t i = 0; i < mask_upscales_.size(); ++i) {
    const ProfileScope scope(kMaskNames[i]);
    x = mask_upscales_[i].forward(x);
  }
  const ProfileScope scope("out_convm");
  return sigmoid(mask_head_.forward(x, {}, true));
}

void Decoder::parameters(const std::string& path, ParameterList& list) {
  for (size_t i = 0; i < upscales_.size(); ++i) {
    upscales_[i].parameters(path + "/" + kUpscaleNames[i], list);
    residuals_[i].parameters(path + "/" + kResidualNames[i], list);
  }
  for (size_t i = 0; i < mask_upscales_.size(); ++i)
    mask_upscales_[i].parameters(path + "/" + kMaskNames[i], list);
  for (size_t i = 0; i < heads_.size(); ++i) {
    heads_[i].parameters(path + "/out_conv" + (i == 0 ? "" : std::to_string(i)), list);
  }
  mask_head_.parameters(path + "/out_convm", list);
}

}  // namespace diptych
