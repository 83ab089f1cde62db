// The network of a checkpoint as an ONNX file, the way DeepFaceLive wants it (spec formats.md 12):
// opset 12, IR 7, one input and three outputs with these names, in this order, f32, any number of
// pictures of a fixed size, BGR in [0,1], channels last.
//   in_face:0 (N,R,R,3) -> out_face_mask:0 (N,R,R,1), of the dst face
//                          out_celeb_face:0 (N,R,R,3), the swapped face
//                          out_celeb_face_mask:0 (N,R,R,1), of the swapped face
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/saehd/swap_graph.h"

namespace diptych {

inline constexpr const char* kOnnxInput = "in_face:0";
inline constexpr const char* kOnnxDstMask = "out_face_mask:0";
inline constexpr const char* kOnnxFace = "out_celeb_face:0";
inline constexpr const char* kOnnxFaceMask = "out_celeb_face_mask:0";

// How weights are stored. kF16: each is turned into f32 before its layer, so the file is half as
// large and the arithmetic the same; biases stay f32.
enum class OnnxWeights { kF32, kF16 };

struct OnnxOptions {
  OnnxWeights weights = OnnxWeights::kF32;
  std::string version;                                          // of diptych
  std::vector<std::pair<std::string, std::string>> properties;  // metadata_props
};

// Throws InputError when the file would pass 2 GiB, the limit of its format. `file` is for the
// message.
void check_onnx_size(const SaehdConfig& network, OnnxWeights weights, const std::string& file);

// The bytes of the file. InputError: damaged checkpoint, a weight that f16 does not hold, too
// large.
std::vector<uint8_t> onnx_model(const Safetensors& checkpoint, const OnnxOptions& options);

// The same model with f16 weights written out as f32, for programs that do not read f16 (OpenCV
// before 4.7). InputError when the bytes are no ONNX model; `file` is for the message.
std::vector<uint8_t> without_f16(std::span<const uint8_t> model, const std::string& file);

}  // namespace diptych
