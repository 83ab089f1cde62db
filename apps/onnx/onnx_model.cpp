// From the list of layers to an ONNX graph.
// SPDX-License-Identifier: MIT
#include "apps/onnx/onnx_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include <onnx/onnx_pb.h>
#include <opencv2/core.hpp>

#include "kernels/pixel_norm/pixel_norm.h"
#include "models/saehd/trainer.h"

namespace diptych {

namespace {

using onnx::TensorProto;

constexpr int kOpset = 12, kIrVersion = 7;
// Protocol buffers count bytes in an int. Names, shapes and nodes of the largest network take less
// than the margin.
constexpr int64_t kLargestFile = std::numeric_limits<int32_t>::max(), kMargin = 1 << 20;
constexpr float kLargestF16 = 65504;

void set_attribute(onnx::NodeProto& node, const char* name, int64_t value) {
  onnx::AttributeProto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(onnx::AttributeProto::INT);
  a.set_i(value);
}

void set_attribute(onnx::NodeProto& node, const char* name, float value) {
  onnx::AttributeProto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(onnx::AttributeProto::FLOAT);
  a.set_f(value);
}

void set_attribute(onnx::NodeProto& node, const char* name, const char* value) {
  onnx::AttributeProto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(onnx::AttributeProto::STRING);
  a.set_s(value);
}

void set_attribute(onnx::NodeProto& node, const char* name, std::initializer_list<int64_t> values) {
  onnx::AttributeProto& a = *node.add_attribute();
  a.set_name(name);
  a.set_type(onnx::AttributeProto::INTS);
  for (const int64_t value : values) a.add_ints(value);
}

// f32 values as f16 and back; the nearest, halves to even.
cv::Mat converted(const void* values, int64_t count, int from, int to) {
  const cv::Mat source(1, static_cast<int>(count), from, const_cast<void*>(values));
  cv::Mat out;
  source.convertTo(out, to);
  return out;
}

class OnnxWriter {
 public:
  OnnxWriter(onnx::GraphProto& graph, const Safetensors& checkpoint, OnnxWeights weights)
      : graph_(graph),
        checkpoint_(checkpoint),
        network_(read_saehd_config(checkpoint)),
        weights_(weights) {}

  void write() {
    const SwapGraph swap = swap_graph(network_);
    add_port(*graph_.add_input(), kOnnxInput, 3);
    set_attribute(node("Transpose", {kOnnxInput}, SwapGraph::kPicture), "perm", {0, 3, 1, 2});
    for (const SwapLayer& layer : swap.layers) add_layer(layer);
    const std::tuple<const char*, std::string, int> outputs[] = {
        {kOnnxDstMask, swap.dst_mask, 1},
        {kOnnxFace, swap.face, 3},
        {kOnnxFaceMask, swap.face_mask, 1},
    };
    for (const auto& [name, result, channels] : outputs) {
      add_port(*graph_.add_output(), name, channels);
      set_attribute(node("Transpose", {result}, name), "perm", {0, 2, 3, 1});
    }
  }

 private:
  // (N,R,R,channels), N open.
  void add_port(onnx::ValueInfoProto& port, const char* name, int channels) {
    port.set_name(name);
    onnx::TypeProto::Tensor& type = *port.mutable_type()->mutable_tensor_type();
    type.set_elem_type(TensorProto::FLOAT);
    type.mutable_shape()->add_dim()->set_dim_param("N");
    for (const int size : {network_.resolution, network_.resolution, channels})
      type.mutable_shape()->add_dim()->set_dim_value(size);
  }

  onnx::NodeProto& node(const char* op,
                        const std::vector<std::string>& inputs,
                        const std::string& output) {
    onnx::NodeProto& node = *graph_.add_node();
    node.set_op_type(op);
    node.set_name(output);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  TensorProto& constant(const std::string& name,
                        TensorProto::DataType type,
                        const std::vector<int64_t>& sides,
                        const void* values,
                        size_t bytes) {
    TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const int64_t side : sides) tensor.add_dims(side);
    tensor.set_raw_data(values, bytes);
    return tensor;
  }

  void f32_constant(const std::string& name,
                    const std::vector<int64_t>& sides,
                    const std::vector<float>& values) {
    constant(name, TensorProto::FLOAT, sides, values.data(), values.size() * sizeof(float));
  }

  void add_weight(const std::string& name,
                  const std::vector<int64_t>& sides,
                  const std::vector<float>& values) {
    if (weights_ == OnnxWeights::kF32) return f32_constant(name, sides, values);
    for (const float value : values) {
      if (std::abs(value) <= kLargestF16) continue;
      throw InputError(checkpoint_.path(),
                       str("weight ", name, " holds ", value, ", f16 goes to ", kLargestF16),
                       "Export with --weights f32");
    }
    const cv::Mat half =
        converted(values.data(), static_cast<int64_t>(values.size()), CV_32F, CV_16F);
    const std::string stored = name + "/f16";
    constant(stored, TensorProto::FLOAT16, sides, half.data, half.total() * half.elemSize());
    set_attribute(node("Cast", {stored}, name), "to", int64_t{TensorProto::FLOAT});
  }

  // The inputs of a layer with weights; weights that two layers share are written once.
  std::vector<std::string> with_weights(const SwapLayer& layer) {
    const std::string weight = layer.path + "/weight", bias = layer.path + "/bias";
    if (written_.insert(layer.path).second) {
      std::vector<int64_t> sides = {layer.out, layer.in};
      if (layer.kind == SwapLayerKind::kConv)
        sides.insert(sides.end(), {int64_t{layer.kernel}, int64_t{layer.kernel}});
      const SwapLayerWeights values = read_swap_layer(checkpoint_, network_, layer);
      add_weight(weight, sides, values.weight);
      f32_constant(bias, {layer.out}, values.bias);
    }
    return {layer.inputs[0], weight, bias};
  }

  void add_reshape(const SwapLayer& layer, const std::vector<int64_t>& sides) {
    const std::string shape = layer.name + "/shape";
    constant(shape, TensorProto::INT64, {static_cast<int64_t>(sides.size())}, sides.data(),
             sides.size() * sizeof(int64_t));
    node("Reshape", {layer.inputs[0], shape}, layer.name);
  }

  // The divisor is spread over the features by a product with a row of ones: OpenCV 4.6 does not
  // divide (N,F) by (N,1).
  void add_pixel_norm(const SwapLayer& layer) {
    const std::string &x = layer.inputs[0], &n = layer.name;
    f32_constant(n + "/epsilon", {1}, {static_cast<float>(kPixelNormEpsilon)});
    f32_constant(n + "/ones", {1, layer.out},
                 std::vector<float>(static_cast<size_t>(layer.out), 1.0f));
    node("Mul", {x, x}, n + "/square");
    onnx::NodeProto& mean = node("ReduceMean", {n + "/square"}, n + "/mean");
    set_attribute(mean, "axes", {1});
    set_attribute(mean, "keepdims", int64_t{1});
    node("Add", {n + "/mean", n + "/epsilon"}, n + "/above_zero");
    node("Sqrt", {n + "/above_zero"}, n + "/norm");
    node("MatMul", {n + "/norm", n + "/ones"}, n + "/spread");
    node("Div", {x, n + "/spread"}, n);
  }

  void add_conv(const SwapLayer& layer) {
    const int64_t kernel = layer.kernel, stride = layer.stride, pad = kernel / 2;
    onnx::NodeProto& conv = node("Conv", with_weights(layer), layer.name);
    set_attribute(conv, "kernel_shape", {kernel, kernel});
    set_attribute(conv, "strides", {stride, stride});
    set_attribute(conv, "pads", {pad, pad, pad, pad});
  }

  void add_layer(const SwapLayer& layer) {
    const auto plain = [&](const char* op) -> onnx::NodeProto& {
      return node(op, layer.inputs, layer.name);
    };
    switch (layer.kind) {
      case SwapLayerKind::kConv:
        return add_conv(layer);
      case SwapLayerKind::kDense:
        // OpenCV 4.6 takes weights for (out,in) unless told, and then counts the outputs wrongly.
        return set_attribute(node("Gemm", with_weights(layer), layer.name), "transB", int64_t{1});
      case SwapLayerKind::kLeakyRelu:
        return set_attribute(plain("LeakyRelu"), "alpha", layer.slope);
      case SwapLayerKind::kXCosX:
        node("Cos", layer.inputs, layer.name + "/cos");
        node("Mul", {layer.inputs[0], layer.name + "/cos"}, layer.name);
        return;
      case SwapLayerKind::kAdd:
        plain("Add");
        return;
      case SwapLayerKind::kFlatten:
        return add_reshape(layer, {-1, layer.out});
      case SwapLayerKind::kPixelNorm:
        return add_pixel_norm(layer);
      case SwapLayerKind::kUnflatten:
        return add_reshape(layer, {-1, layer.out, layer.side, layer.side});
      case SwapLayerKind::kConcat:
        return set_attribute(plain("Concat"), "axis", int64_t{1});
      case SwapLayerKind::kDepthToSpace: {
        onnx::NodeProto& widen = plain("DepthToSpace");
        set_attribute(widen, "blocksize", int64_t{2});
        set_attribute(widen, "mode", "DCR");
        return;
      }
      case SwapLayerKind::kSigmoid:
        plain("Sigmoid");
        return;
    }
  }

  onnx::GraphProto& graph_;
  const Safetensors& checkpoint_;
  SaehdConfig network_;
  OnnxWeights weights_;
  std::set<std::string> written_;
};

int64_t file_bytes(const SaehdConfig& network, OnnxWeights weights) {
  const int64_t each = weights == OnnxWeights::kF16 ? 2 : 4;
  return swap_graph(network).weight_count() * each +
         (network.u ? network.encoder_features() * 4 : 0) + kMargin;
}

std::vector<uint8_t> bytes_of(const onnx::ModelProto& model) {
  const size_t size = model.ByteSizeLong();
  DIPTYCH_CHECK(size <= kLargestFile, "an ONNX model of ", size, " bytes passes 2 GiB");
  std::vector<uint8_t> bytes(size);
  DIPTYCH_CHECK(model.SerializeToArray(bytes.data(), static_cast<int>(size)), "an ONNX model of ",
                size, " bytes could not be written");
  return bytes;
}

}  // namespace

void check_onnx_size(const SaehdConfig& network, OnnxWeights weights, const std::string& file) {
  if (file_bytes(network, weights) <= kLargestFile) return;
  const bool half_fits = file_bytes(network, OnnxWeights::kF16) <= kLargestFile;
  throw InputError(
      file,
      str("would be larger than the 2 GiB that an ONNX file may have (the network has ",
          swap_graph(network).weight_count(), " weights in it)"),
      half_fits ? "Export with --weights f16, which takes half"
                : "Only a network with smaller dims or resolution can be exported");
}

std::vector<uint8_t> onnx_model(const Safetensors& checkpoint, const OnnxOptions& options) {
  check_onnx_size(read_saehd_config(checkpoint), options.weights, checkpoint.path());
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("diptych");
  model.set_producer_version(options.version);
  onnx::OperatorSetIdProto& opset = *model.add_opset_import();
  opset.set_domain("");
  opset.set_version(kOpset);
  for (const auto& [key, value] : options.properties) {
    onnx::StringStringEntryProto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  model.mutable_graph()->set_name("SAEHD");
  OnnxWriter(*model.mutable_graph(), checkpoint, options.weights).write();
  return bytes_of(model);
}

std::vector<uint8_t> without_f16(std::span<const uint8_t> bytes, const std::string& file) {
  onnx::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw InputError(file, "is no ONNX model", "Export it again");
  onnx::GraphProto& graph = *model.mutable_graph();
  std::map<std::string, TensorProto*> halves;
  for (TensorProto& tensor : *graph.mutable_initializer()) {
    if (tensor.data_type() == TensorProto::FLOAT16) halves[tensor.name()] = &tensor;
  }
  auto& nodes = *graph.mutable_node();
  const auto unpacks = [&](const onnx::NodeProto& node) {
    return node.op_type() == "Cast" && halves.count(node.input(0)) != 0;
  };
  for (const onnx::NodeProto& node : nodes) {
    if (!unpacks(node)) continue;
    TensorProto& tensor = *halves.at(node.input(0));
    const int64_t count = static_cast<int64_t>(tensor.raw_data().size() / 2);
    const cv::Mat values = converted(tensor.raw_data().data(), count, CV_16F, CV_32F);
    tensor.set_name(node.output(0));
    tensor.set_data_type(TensorProto::FLOAT);
    tensor.set_raw_data(values.data, values.total() * values.elemSize());
  }
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(), unpacks), nodes.end());
  return bytes_of(model);
}

}  // namespace diptych
