// Walks the parameters of a SAEHD network in the order of its modules; the side of the picture
// follows from where a layer stands (spec networks.md 4.3 to 4.7).
// SPDX-License-Identifier: MIT
#include "bench/layers/saehd_layers.h"

#include "models/saehd/saehd.h"

namespace diptych {

namespace {

constexpr float kScaleSlope = 0.1f, kResidualSlope = 0.2f;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

class Walk {
 public:
  Walk(const SaehdConfig& config, int batch) : config_(config), batch_(batch) {}

  void visit(const std::string& path, const Parameter& parameter);

  NetworkLayers take() { return std::move(layers_); }

 private:
  void conv(const std::string& name, const Parameter& weight);
  void dense(const std::string& name, const Parameter& weight);
  void add(Conv2dLayer layer);
  int pictures(const std::string& network) const;

  SaehdConfig config_;
  int batch_;
  NetworkLayers layers_;
  std::string network_;           // whose parameters are being walked
  int side_ = 0, mask_side_ = 0;  // of the next layer's input, on the picture and the mask branch
};

int Walk::pictures(const std::string& network) const {
  const bool one_side =
      network == "inter_B" || network == "decoder_src" || network == "decoder_dst";
  return one_side ? batch_ : 2 * batch_;
}

void Walk::visit(const std::string& path, const Parameter& parameter) {
  layers_.parameters += parameter.shape.numel();
  if (!ends_with(path, "/weight")) return;
  const std::string name = path.substr(0, path.size() - std::string("/weight").size());
  const std::string network = name.substr(0, name.find('/'));
  if (network != network_) {
    network_ = network;
    const bool decoder = contains(network, "decoder"), encoder = network == "encoder";
    side_ = encoder ? config_.resolution : decoder ? config_.inter_out() : config_.lowest();
    mask_side_ = side_;
  }
  if (parameter.shape.rank() == 2) return dense(name, parameter);
  conv(name, parameter);
}

void Walk::dense(const std::string& name, const Parameter& weight) {
  const Shape& shape = weight.master.shape();
  const DenseProblem problem = {
      .m = pictures(network_), .in = static_cast<int>(shape[1]), .out = static_cast<int>(shape[0])};
  layers_.forward_macs += static_cast<double>(weight.shape.numel()) * problem.m;
  for (DenseLayer& known : layers_.denses) {
    if (!(known.problem == problem)) continue;
    ++known.calls;
    return;
  }
  layers_.denses.push_back({name, problem});
}

void Walk::conv(const std::string& name, const Parameter& weight) {
  const Shape& shape = weight.master.shape();
  const int k = static_cast<int>(shape[0]), filter = static_cast<int>(shape[1]),
            c = static_cast<int>(shape[3]);
  const bool mask = contains(name, "/upscalem") || contains(name, "/out_convm");
  const bool head = contains(name, "/out_conv"), up = contains(name, "/upscale");
  const bool down = contains(name, "/down");
  int& side = mask ? mask_side_ : side_;
  Conv2dLayer layer = {name,
                       square_conv(pictures(network_), side, c, k, filter, down ? 2 : 1),
                       {.bias = true},
                       1,
                       !(down && side == config_.resolution),
                       head};
  const Shape pixels = layer.problem.a_shape();
  layers_.forward_macs +=
      static_cast<double>(weight.shape.numel()) * static_cast<double>(pixels.rows());
  if (down || up) layer.epilogue.leaky_slope = kScaleSlope;
  if (down) side = layer.problem.p();
  if (up) {
    layer.epilogue.depth_to_space = true;
    side *= 2;
  }
  if (contains(name, "/res")) {
    layer.epilogue.leaky_slope = kResidualSlope;
    layer.epilogue.residual = ends_with(name, "/conv2");
  }
  if (head && !mask && config_.d) {  // four heads run as one
    if (filter == 3) return;
    layer.problem = square_conv(layer.problem.n, side, c, 12, 3, 1);
    layer.epilogue.depth_to_space = true;
  }
  add(layer);
}

void Walk::add(Conv2dLayer layer) {
  for (Conv2dLayer& known : layers_.convs) {
    if (known.problem == layer.problem && known.epilogue == layer.epilogue &&
        known.needs_dx == layer.needs_dx && known.f32_out == layer.f32_out) {
      ++known.calls;
      return;
    }
  }
  layers_.convs.push_back(std::move(layer));
}

}  // namespace

NetworkLayers saehd_layers(const SaehdConfig& config, int batch) {
  DIPTYCH_CHECK(!config.c, "saehd_layers: option c runs its activation apart from the convolution");
  DIPTYCH_CHECK(batch > 0, "saehd_layers: batch = ", batch, ", expected 1 or more");
  config.validate();
  Saehd network(config);
  Walk walk(config, batch);
  for (const NamedParameter& named : network.parameters()) walk.visit(named.name, *named.parameter);
  return walk.take();
}

}  // namespace diptych
