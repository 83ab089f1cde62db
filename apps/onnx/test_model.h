// Small networks as checkpoints, and pictures for them.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "apps/test_project.h"
#include "faces/sample/prepared_face.h"
#include "models/saehd/dfl_model.h"
#include "models/saehd/trainer.h"
#include "tests/support/spec_fill.h"

namespace diptych {

inline SaehdConfig onnx_test_config(const std::string& archi) {
  SaehdConfig c;
  c.set_archi(archi);
  c.resolution = 64;
  c.ae_dims = 16;
  c.e_dims = c.d_dims = c.d_mask_dims = 8;
  return c;
}

// A checkpoint with weights that make every layer matter: with those of the spec alone, another
// face changes some networks' outputs by 4e-4 only. `edit` may change them.
inline void make_onnx_checkpoint(const SaehdConfig& config,
                                 const std::filesystem::path& file,
                                 const std::function<void(Saehd&)>& edit = {}) {
  SaehdTrainOptions options;
  options.network = config;
  options.batch_size = 1;
  SaehdTrainer trainer(options);
  for (const std::string& part : dfl_parts(config))
    spec_fill(trainer.network().parameters(), part, config);
  const float gain = config.c ? 1.0f : 1.25f;  // x cos x needs none
  for (const NamedParameter& p : trainer.network().parameters()) {
    const Tensor& w = p.parameter->master;
    if (w.shape().rank() > 1)
      std::for_each_n(w.as<float>(), w.numel(), [&](float& v) { v *= gain; });
  }
  if (edit) edit(trainer.network());
  trainer.save(file.string(), {});
}

// The parameter of a path.
inline Tensor parameter_of(Saehd& network, const std::string& path) {
  for (const NamedParameter& p : network.parameters()) {
    if (p.name == path) return p.parameter->master;
  }
  throw Error("no parameter " + path);
}

inline std::vector<cv::Mat> onnx_test_pictures(int count, int resolution) {
  std::vector<cv::Mat> pictures;
  for (int i = 0; i < count; ++i) {
    pictures.push_back(
        prepare_face(drawn_face(i), {.resolution = resolution, .face_type = FaceType::kWhole})
            .picture);
  }
  return pictures;
}

}  // namespace diptych
