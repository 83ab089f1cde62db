// Writing the network down as a list, and its weights in that list's order.
// SPDX-License-Identifier: MIT
#include "models/saehd/swap_graph.h"

#include <set>
#include <utility>

#include "models/saehd/layout.h"

namespace diptych {

namespace {

using Kind = SwapLayerKind;

constexpr float kScaleSlope = 0.1f, kResidualSlope = 0.2f;

// Appends layers; every function returns the name of its result.
class GraphBuilder {
 public:
  explicit GraphBuilder(const SaehdConfig& config) : c_(config) {}

  std::string encoder(std::string x) {
    const int e = c_.e_dims;
    std::vector<int> widths = {e, 2 * e, 4 * e, 8 * e};
    if (c_.t) widths.push_back(8 * e);
    int in = 3;
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string path = c_.t ? str("encoder/down", i + 1) : str("encoder/down1/downs_", i);
      x = activation(conv(x, path + "/conv1", in, widths[i], 5, 2), kScaleSlope);
      if (c_.t && (i == 0 || i == 4)) x = residual(x, str("encoder/res", i + 1), widths[i]);
      in = widths[i];
    }
    x = add({.kind = Kind::kFlatten,
             .name = "encoder/flat",
             .inputs = {x},
             .out = c_.encoder_features()});
    return c_.u ? add({.kind = Kind::kPixelNorm,
                       .name = "encoder/norm",
                       .inputs = {x},
                       .out = c_.encoder_features()})
                : x;
  }

  std::string inter(const std::string& features, const std::string& path) {
    const int64_t low = c_.lowest(), channels = c_.inter_channels();
    std::string x = dense(features, path + "/dense1", c_.encoder_features(), c_.ae_dims);
    x = dense(x, path + "/dense2", c_.ae_dims, low * low * channels);
    x = add({.kind = Kind::kUnflatten,
             .name = path + "/code",
             .inputs = {x},
             .out = channels,
             .side = c_.lowest()});
    return c_.t ? x : upscale(x, path + "/upscale1", channels, channels);
  }

  std::string picture(std::string x, const std::string& path) {
    int64_t in = c_.decoder_in();
    const std::vector<int> widths = decoder_widths();
    for (size_t i = 0; i < widths.size(); ++i) {
      const int64_t out = int64_t{widths[i]} * c_.d_dims;
      x = upscale(x, str(path, "/upscale", i), in, out);
      x = residual(x, str(path, "/res", i), out);
      in = out;
    }
    const std::string head = path + "/out_conv";
    std::string y = conv(x, head, in, 3, 1, 1);
    if (c_.d) {
      std::vector<std::string> heads = {y};
      for (int i = 1; i < 4; ++i) heads.push_back(conv(x, str(head, i), in, 3, 3, 1));
      y = depth_to_space(concat(std::move(heads), path + "/heads"));
    }
    return sigmoid(y, path + "/face");
  }

  std::string mask(std::string x, const std::string& path) {
    int64_t in = c_.decoder_in();
    std::vector<int> widths = decoder_widths();
    if (c_.d) widths.push_back(1);
    for (size_t i = 0; i < widths.size(); ++i) {
      const int64_t out = int64_t{widths[i]} * c_.d_mask_dims;
      x = upscale(x, str(path, "/upscalem", i), in, out);
      in = out;
    }
    return sigmoid(conv(x, path + "/out_convm", in, 1, 1, 1), scope_ + path + "/mask");
  }

  // Results of mask() start with this from here on: liae's decoder makes two.
  void set_scope(const std::string& scope) { scope_ = scope; }

  std::string concat(std::vector<std::string> inputs, const std::string& name) {
    return add({.kind = Kind::kConcat, .name = name, .inputs = std::move(inputs)});
  }

  std::vector<SwapLayer> take() { return std::move(layers_); }

 private:
  std::vector<int> decoder_widths() const {
    return c_.t ? std::vector<int>{8, 8, 4, 2} : std::vector<int>{8, 4, 2};
  }

  std::string add(SwapLayer layer) {
    layers_.push_back(std::move(layer));
    return layers_.back().name;
  }

  std::string conv(const std::string& x,
                   const std::string& path,
                   int64_t in,
                   int64_t out,
                   int kernel,
                   int stride) {
    return add({.kind = Kind::kConv,
                .name = scope_ + path,
                .path = path,
                .inputs = {x},
                .in = in,
                .out = out,
                .kernel = kernel,
                .stride = stride});
  }

  std::string dense(const std::string& x, const std::string& path, int64_t in, int64_t out) {
    return add(
        {.kind = Kind::kDense, .name = path, .path = path, .inputs = {x}, .in = in, .out = out});
  }

  std::string activation(const std::string& x, float slope) {
    if (c_.c) return add({.kind = Kind::kXCosX, .name = x + "/act", .inputs = {x}});
    return add({.kind = Kind::kLeakyRelu, .name = x + "/act", .inputs = {x}, .slope = slope});
  }

  std::string depth_to_space(const std::string& x) {
    return add({.kind = Kind::kDepthToSpace, .name = x + "/wide", .inputs = {x}});
  }

  std::string sigmoid(const std::string& x, const std::string& name) {
    return add({.kind = Kind::kSigmoid, .name = name, .inputs = {x}});
  }

  std::string upscale(const std::string& x, const std::string& path, int64_t in, int64_t out) {
    return depth_to_space(activation(conv(x, path + "/conv1", in, 4 * out, 3, 1), kScaleSlope));
  }

  std::string residual(const std::string& x, const std::string& path, int64_t channels) {
    std::string y = activation(conv(x, path + "/conv1", channels, channels, 3, 1), kResidualSlope);
    y = conv(y, path + "/conv2", channels, channels, 3, 1);
    const std::string sum = add({.kind = Kind::kAdd, .name = path + "/sum", .inputs = {x, y}});
    return activation(sum, kResidualSlope);
  }

  SaehdConfig c_;
  std::string scope_;
  std::vector<SwapLayer> layers_;
};

std::vector<float> read_parameter(const Safetensors& file, const std::string& path, Shape shape) {
  const std::string name = "weight/" + path;
  const auto it = file.entries().find(name);
  if (it == file.entries().end() || it->second.shape != shape || it->second.dtype != DType::kF32) {
    throw InputError(file.path(),
                     name + (it == file.entries().end() ? " is missing" : " has the wrong shape"),
                     "Use the checkpoint before it (PATH.prev)");
  }
  std::vector<float> values(static_cast<size_t>(shape.numel()));
  file.read(name, {values.data(), shape, DType::kF32});
  return values;
}

// (K,R,S,C) -> (K,C,R,S).
std::vector<float> channels_outward(const std::vector<float>& krsc, const SwapLayer& layer) {
  const auto taps = static_cast<size_t>(layer.kernel) * static_cast<size_t>(layer.kernel);
  const auto channels = static_cast<size_t>(layer.in), outs = static_cast<size_t>(layer.out);
  std::vector<float> kcrs(krsc.size());
  for (size_t k = 0; k < outs; ++k) {
    for (size_t tap = 0; tap < taps; ++tap) {
      for (size_t c = 0; c < channels; ++c)
        kcrs[(k * channels + c) * taps + tap] = krsc[(k * taps + tap) * channels + c];
    }
  }
  return kcrs;
}

// (in,out) -> (out,in).
std::vector<float> transposed(const std::vector<float>& values, const SwapLayer& layer) {
  const auto ins = static_cast<size_t>(layer.in), outs = static_cast<size_t>(layer.out);
  std::vector<float> turned(values.size());
  for (size_t o = 0; o < outs; ++o) {
    for (size_t i = 0; i < ins; ++i) turned[o * ins + i] = values[i * outs + o];
  }
  return turned;
}

}  // namespace

int64_t SwapGraph::weight_count() const {
  int64_t sum = 0;
  std::set<std::string> seen;
  for (const SwapLayer& layer : layers) {
    if (!layer.has_weights() || !seen.insert(layer.path).second) continue;
    const int64_t taps = layer.kind == Kind::kConv ? int64_t{layer.kernel} * layer.kernel : 1;
    sum += layer.in * layer.out * taps;
  }
  return sum;
}

SwapGraph swap_graph(const SaehdConfig& network) {
  GraphBuilder b(network);
  const std::string features = b.encoder(SwapGraph::kPicture);
  SwapGraph graph;
  if (network.liae) {
    const std::string ab = b.inter(features, "inter_AB"), own = b.inter(features, "inter_B");
    const std::string swap = b.concat({ab, ab}, "swap_code"), dst = b.concat({own, ab}, "dst_code");
    graph.face = b.picture(swap, "decoder");
    graph.face_mask = b.mask(swap, "decoder");
    b.set_scope("dst/");
    graph.dst_mask = b.mask(dst, "decoder");
  } else {
    const std::string code = b.inter(features, "inter");
    graph.face = b.picture(code, "decoder_src");
    graph.face_mask = b.mask(code, "decoder_src");
    graph.dst_mask = b.mask(code, "decoder_dst");
  }
  graph.layers = b.take();
  return graph;
}

SwapLayerWeights read_swap_layer(const Safetensors& checkpoint,
                                 const SaehdConfig& network,
                                 const SwapLayer& layer) {
  DIPTYCH_CHECK(layer.has_weights(), "read_swap_layer: ", layer.name, " has no weights");
  const std::string weight = layer.path + "/weight", bias = layer.path + "/bias";
  const bool conv = layer.kind == Kind::kConv;
  const Shape shape =
      conv ? Shape{layer.out, layer.kernel, layer.kernel, layer.in} : Shape{layer.out, layer.in};
  std::vector<float> values = read_parameter(checkpoint, weight, shape);
  values = conv ? channels_outward(values, layer)
                : transposed(to_file_order(network, weight, shape, values), layer);
  return {std::move(values),
          to_file_order(network, bias, {layer.out}, read_parameter(checkpoint, bias, {layer.out}))};
}

}  // namespace diptych
