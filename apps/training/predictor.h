// The trained network as merging wants it: crops in, faces and masks out.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <memory>

#include "apps/project/settings.h"
#include "faces/merge/merge_video.h"
#include "kernels/common/stream.h"
#include "models/saehd/trainer.h"

namespace diptych {

class SwapPredictor {
 public:
  // merge.dtype and merge.threads steer it; the face type is the one the checkpoint was trained
  // with, else train.face_type. Throws InputError: no checkpoint, damaged, never trained.
  SwapPredictor(const std::filesystem::path& checkpoint, const Settings& settings);

  // Refers to this object. May be called from any one thread at a time.
  MergeModel model();

 private:
  std::vector<Prediction> predict(const std::vector<cv::Mat>& crops);

  Stream stream_;
  FaceType type_ = FaceType::kWhole;
  std::unique_ptr<SaehdInference> network_;
};

// The project's model. Throws InputError: none yet, damaged.
Safetensors open_checkpoint(const std::filesystem::path& checkpoint);

// train.face_type of a checkpoint; `fallback` when it does not say.
FaceType checkpoint_face_type(const Safetensors& checkpoint, FaceType fallback);

}  // namespace diptych
