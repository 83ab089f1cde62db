// The training step of SAEHD.
// SPDX-License-Identifier: MIT
#include "models/saehd/trainer.h"

#include <cmath>
#include <cstring>

#include "kernels/cast/cast.h"
#include "nn/init.h"
#include "tensor/ops.h"
#include "tensor/profile.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

Tensor copy_in(const View& view) {
  const Tensor t = Tensor::empty(view.shape, view.dtype);
  std::memcpy(t.data(), view.data, t.bytes());
  return t;
}

// The network input: src and dst pictures after each other, in the compute dtype.
Tensor join_inputs(const View& src, const View& dst, DType dtype) {
  const Shape& s = src.shape;
  const Tensor both = Tensor::empty({2 * s[0], s[1], s[2], s[3]}, dtype);
  const size_t half = both.bytes() / 2;
  auto* bytes = static_cast<unsigned char*>(both.data());
  const MutView first{bytes, s, dtype}, second{bytes + half, s, dtype};
  cast(current_stream(), src, first);
  cast(current_stream(), dst, second);
  return both;
}

void check_side(const char* name, const SaehdSide& side, const SaehdTrainOptions& options) {
  const int64_t n = options.batch_size, r = options.network.resolution;
  const Shape picture{n, r, r, 3}, mask{n, r, r, 1};
  const bool eyes =
      !options.loss.eyes_mouth_prio || (side.eyes_mouth.defined() && side.eyes_mouth.shape == mask);
  DIPTYCH_CHECK(side.warped.shape == picture && side.target.shape == picture &&
                    side.mask.shape == mask && eyes,
                "SaehdTrainer: ", name, " batch: warped ", side.warped, ", target ", side.target,
                ", mask ", side.mask, ", eyes_mouth ", side.eyes_mouth, "; expected pictures ",
                picture, " and masks ", mask);
}

void check_finite(const SaehdStep& losses, int64_t iteration) {
  std::string bad;
  const auto scan = [&](const char* side, const std::vector<float>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i]))
        bad += str(bad.empty() ? "" : ", ", side, " sample ", i, " (", values[i], ")");
    }
  };
  scan("src", losses.src_loss);
  scan("dst", losses.dst_loss);
  if (bad.empty()) return;
  clear_tape();
  throw Error(str("iteration ", iteration, ": the loss is not finite for ", bad,
                  ". The weights were not updated and the last checkpoint is untouched; go back to "
                  "it with a lower "
                  "learning rate, or look at these faces"));
}

}  // namespace

SaehdTrainer::SaehdTrainer(const SaehdTrainOptions& options) : options_(options) {
  DIPTYCH_CHECK(options.batch_size >= 1, "SaehdTrainer: batch_size = ", options.batch_size,
                ", expected 1 or more");
  network_ = std::make_unique<Saehd>(options.network);
  nn::initialise(network_->parameters(), options.seed);
  arena_ = std::make_unique<ParamArena>(network_->parameters(), options.dtype);
  optimizer_ = std::make_unique<Optimizer>(*arena_, options.optimizer);
}

SaehdStep SaehdTrainer::forward_backward(const SaehdSide& src, const SaehdSide& dst) {
  check_side("src", src, options_);
  check_side("dst", dst, options_);
  clear_tape();
  arena_->begin_step();
  const Saehd::Reconstruction out =
      network_->reconstruct(join_inputs(src.warped, dst.warped, options_.dtype));
  const auto side_loss = [&](const SaehdSide& side, const Tensor& picture, const Tensor& mask) {
    const Tensor eyes = options_.loss.eyes_mouth_prio ? copy_in(side.eyes_mouth) : Tensor();
    return reconstruction_loss(copy_in(side.target), picture, copy_in(side.mask), mask, eyes,
                               options_.loss);
  };
  const Tensor src_loss = side_loss(src, out.src, out.src_mask);
  const Tensor dst_loss = side_loss(dst, out.dst, out.dst_mask);
  SaehdStep losses{src_loss.to_host(), dst_loss.to_host()};
  check_finite(losses, iteration() + 1);
  const Tensor roots[] = {src_loss, dst_loss};
  backward(
      roots);  // seeds are ones: gradients of the sum over the batch, as the original takes them
  arena_->finish_gradients();
  return losses;
}

SaehdStep SaehdTrainer::step(const SaehdSide& src, const SaehdSide& dst) {
  SaehdStep losses = forward_backward(src, dst);
  const OpTimer timer("optimizer");
  if (options_.network.liae && !options_.random_warp) {
    optimizer_->step(
        arena_->ranges([](const std::string& name) { return name.rfind("inter_AB/", 0) != 0; }));
  } else {
    optimizer_->step();
  }
  return losses;
}

}  // namespace diptych
