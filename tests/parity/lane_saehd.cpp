// The wiring of SAEHD in lanes.
// SPDX-License-Identifier: MIT
#include "tests/parity/lane_saehd.h"

#include "tests/parity/lane_losses.h"

namespace diptych::parity {

// One pass: weights in, gradients out.
class LaneNetwork {
 public:
  LaneNetwork(const LaneSaehd& saehd, LaneTape& tape, const std::vector<float>& weights)
      : saehd_(saehd), config_(saehd.config_), tape_(tape), weights_(weights) {
    gradients.resize(saehd.size_);
  }

  struct Pictures {
    Value src, src_mask, dst, dst_mask;
  };

  Pictures reconstruct(const Value& x) {
    const int64_t both = x->shape[0], n = both / 2;
    const auto part = [&](const Value& v, int64_t begin, int64_t end) {
      return slice_batch(tape_, v, begin, end);
    };
    const Value features = encoder(x);
    if (!config_.liae) {
      const Value code = inter("inter", features), src = part(code, 0, n),
                  dst = part(code, n, both);
      return {picture("decoder_src", src), mask("decoder_src", src), picture("decoder_dst", dst),
              mask("decoder_dst", dst)};
    }
    const Value ab = inter("inter_AB", features), b = inter("inter_B", part(features, n, both));
    const Value code = concat_channels(tape_, concat_batch(tape_, part(ab, 0, n), b), ab);
    const Value p = picture("decoder", code), m = mask("decoder", code);
    return {part(p, 0, n), part(m, 0, n), part(p, n, both), part(m, n, both)};
  }

  Map gradients;

 private:
  // Doubles of a parameter.
  std::vector<double> read(const LaneSaehd::Entry& e) const {
    const auto first = weights_.begin() + static_cast<std::ptrdiff_t>(e.first);
    return {first, first + e.shape.numel()};
  }

  void put(const LaneSaehd::Entry& e, const Lanes* values) {
    for (size_t i = 0; i < static_cast<size_t>(e.shape.numel()); ++i)
      gradients[e.first + i] += values[i];
  }

  WeightsPtr layer(const std::string& path) {
    const auto &w = saehd_.entries_.at(path + "/weight"), &b = saehd_.entries_.at(path + "/bias");
    auto result = std::make_shared<LaneWeights>();
    result->shape = w.shape;
    result->w = read(w);
    if (tape_.bf16)
      for (double& value : result->w) value = rounded_to_bf16(value);
    result->b = read(b);
    result->done = [this, &w, &b, layer = result.get()] {
      put(w, layer->dw.data());
      put(b, layer->db.data());
    };
    return result;
  }

  Value layer_conv(const std::string& path,
                   const Value& x,
                   LaneConv options,
                   const Value& residual = nullptr) {
    const WeightsPtr weights = layer(path);
    options.pad = static_cast<int>(weights->shape[1] / 2);
    if (path == saehd_.broken_.layer) options.defect = saehd_.broken_.defect;
    return conv(tape_, x, weights, residual, options);
  }

  Value downscale(const std::string& path, const Value& x) {
    return layer_conv(path + "/conv1", x, {.stride = 2, .slope = 0.1});
  }

  Value upscale(const std::string& path, const Value& x) {
    return layer_conv(path + "/conv1", x, {.slope = 0.1, .depth_to_space = true});
  }

  Value residual(const std::string& path, const Value& x) {
    const Value y = layer_conv(path + "/conv1", x, {.slope = 0.2});
    return layer_conv(path + "/conv2", y, {.slope = 0.2}, x);
  }

  Value encoder(Value x) {
    const int count = config_.t ? 5 : 4;
    for (int i = 0; i < count; ++i) {
      const std::string name = config_.t ? "encoder/down" + std::to_string(i + 1)
                                         : "encoder/down1/downs_" + std::to_string(i);
      x = downscale(name, x);
      if (config_.t && i == 0) x = residual("encoder/res1", x);
      if (config_.t && i == 4) x = residual("encoder/res5", x);
    }
    const Value features =
        reshape(tape_, x, {x->shape[0], static_cast<int64_t>(x->value.size()) / x->shape[0]});
    return config_.u ? pixel_norm(tape_, features) : features;
  }

  Value inter(const std::string& path, const Value& features) {
    const Value code = dense(tape_, features, layer(path + "/dense1"));
    const Value wide = dense(tape_, code, layer(path + "/dense2"));
    const int64_t side = config_.resolution / (config_.d ? 32 : 16);
    const Value x =
        reshape(tape_, wide, {wide->shape[0], side, side, wide->shape[1] / (side * side)});
    return config_.t ? x : upscale(path + "/upscale1", x);
  }

  Value picture(const std::string& path, Value x) {
    for (int i = 0; i < (config_.t ? 4 : 3); ++i) {
      x = upscale(path + "/upscale" + std::to_string(i), x);
      x = residual(path + "/res" + std::to_string(i), x);
    }
    return sigmoid(
        tape_, config_.d ? heads(path, x) : layer_conv(path + "/out_conv", x, {.f32_out = true}));
  }

  // The four heads of option d are the four sub-pixels; the first is 1x1: a 3x3 of one tap.
  Value heads(const std::string& path, const Value& x) {
    const auto joined = std::make_shared<LaneWeights>();
    const auto c = static_cast<size_t>(x->shape[3]);
    joined->shape = {12, 3, 3, x->shape[3]};
    joined->w.assign(size_t{12} * 9 * c, 0);
    std::vector<WeightsPtr> parts;
    for (size_t head = 0; head < 4; ++head) {
      parts.push_back(layer(path + "/out_conv" + (head ? std::to_string(head) : "")));
      const size_t taps = head ? 9 : 1, centre = head ? 0 : 4;
      for (size_t k = 0; k < 3; ++k)
        for (size_t i = 0; i < taps * c; ++i)
          joined->w[((3 * head + k) * 9 + centre) * c + i] = parts[head]->w[k * taps * c + i];
      joined->b.insert(joined->b.end(), parts[head]->b.begin(), parts[head]->b.end());
    }
    joined->done = [joined = joined.get(), parts, c] {
      for (size_t head = 0; head < 4; ++head) {
        const size_t taps = head ? 9 : 1, centre = head ? 0 : 4;
        LaneWeights& p = *parts[head];
        p.dw.resize(3 * taps * c);
        for (size_t k = 0; k < 3; ++k)
          for (size_t i = 0; i < taps * c; ++i)
            p.dw[k * taps * c + i] = joined->dw[((3 * head + k) * 9 + centre) * c + i];
        const auto first = joined->db.begin() + static_cast<std::ptrdiff_t>(3 * head);
        p.db.assign(first, first + 3);
        p.done();
      }
    };
    return conv(tape_, x, joined, nullptr, {.pad = 1, .depth_to_space = true, .f32_out = true});
  }

  Value mask(const std::string& path, Value x) {
    for (int i = 0; i < (config_.t ? 4 : 3) + (config_.d ? 1 : 0); ++i)
      x = upscale(path + "/upscalem" + std::to_string(i), x);
    return sigmoid(tape_, layer_conv(path + "/out_convm", x, {.f32_out = true}));
  }

  const LaneSaehd& saehd_;
  const SaehdConfig& config_;
  LaneTape& tape_;
  const std::vector<float>& weights_;
};

namespace {

std::vector<double> doubles(View v) {
  const float* const from = v.as<float>();
  return {from, from + v.shape.numel()};
}

}  // namespace

LaneSaehd::LaneSaehd(const SaehdConfig& config,
                     const ParamArena& arena,
                     const BrokenLayer& broken,
                     BlurBorder border)
    : config_(config),
      bf16_(arena.compute_dtype() == DType::kBF16),
      broken_(broken),
      border_(border),
      size_(static_cast<size_t>(arena.size())) {
  for (size_t i = 0; i < arena.list().size(); ++i) {
    const NamedParameter& p = arena.list()[i];
    entries_[p.name] = {p.parameter->master.shape(), static_cast<size_t>(arena.range(i).begin)};
  }
}

LaneResult LaneSaehd::step(const std::vector<float>& weights,
                           const SaehdSide& src,
                           const SaehdSide& dst,
                           const std::vector<Kink>& flips) const {
  LaneTape tape(1);
  tape.noise.on = flips.empty();
  tape.flips = flips;
  tape.bf16 = bf16_;
  LaneNetwork network(*this, tape, weights);
  const Shape& s = src.warped.shape;
  const Value x = make({2 * s[0], s[1], s[2], s[3]});
  std::vector<double> pictures = doubles(src.warped);
  for (const double v : doubles(dst.warped)) pictures.push_back(v);
  for (size_t i = 0; i < pictures.size(); ++i)
    x->value[i] = Lanes{} + (bf16_ ? rounded_to_bf16(pictures[i]) : pictures[i]);
  const LaneNetwork::Pictures out = network.reconstruct(x);
  LaneResult result;
  result.losses = reconstruction_loss(tape, {s, doubles(src.target), doubles(src.mask), border_},
                                      out.src, out.src_mask);
  for (const Lanes& loss : reconstruction_loss(
           tape, {s, doubles(dst.target), doubles(dst.mask), border_}, out.dst, out.dst_mask))
    result.losses.push_back(loss);
  tape.backward();
  result.gradients = std::move(network.gradients);
  result.kinks = std::move(tape.kinks);
  return result;
}

}  // namespace diptych::parity
