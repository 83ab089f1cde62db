// The way from a dst picture to its swap as a plain list of layers, for writing the network in the
// form another program runs. Layer by layer what Saehd::swap() computes (spec networks.md 4), with
// nothing fused.
// Here activations are (N,C,H,W), flattened in that order; weights of convolutions (K,C,R,S), of
// dense layers (out,in).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/saehd/config.h"
#include "tensor/safetensors.h"

namespace diptych {

enum class SwapLayerKind {
  kConv,          // zero padding of kernel / 2 on all sides
  kDense,         // a row of features each
  kLeakyRelu,     // slope where negative
  kXCosX,         // x cos x
  kAdd,           // of its two inputs
  kFlatten,       // (N,C,H,W) -> (N,out)
  kPixelNorm,     // x / sqrt(mean of x^2 over the sample + 1e-6)
  kUnflatten,     // (N,out*side*side) -> (N,out,side,side)
  kConcat,        // of channels
  kDepthToSpace,  // blocks of 2 (kernels/depth_to_space)
  kSigmoid,
};

struct SwapLayer {
  SwapLayerKind kind;
  std::string name;                 // of its result
  std::string path = {};            // of its weights: "encoder/down1/downs_0/conv1"
  std::vector<std::string> inputs;  // names of earlier results
  int64_t in = 0, out = 0;          // channels, or features
  int kernel = 0, stride = 0, side = 0;
  float slope = 0;

  bool has_weights() const { return !path.empty(); }  // convolutions and dense layers
};

struct SwapGraph {
  static constexpr const char* kPicture = "picture";  // the input, (N,3,R,R)

  std::vector<SwapLayer> layers;          // each after its inputs; two may share a path
  std::string face, face_mask, dst_mask;  // the results, f32 in [0,1]

  int64_t weight_count() const;  // values, without biases; liae's decoder counts once
};

SwapGraph swap_graph(const SaehdConfig& network);

struct SwapLayerWeights {
  std::vector<float> weight, bias;
};

// Of a layer that has weights. InputError: the checkpoint lacks them, or has them in another shape.
SwapLayerWeights read_swap_layer(const Safetensors& checkpoint,
                                 const SaehdConfig& network,
                                 const SwapLayer& layer);

}  // namespace diptych
