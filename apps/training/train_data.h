// From settings to the options of sampler and trainer, and from facesets to faces in memory.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <map>
#include <vector>

#include "apps/project/project.h"
#include "faces/sample/sampler.h"
#include "models/saehd/trainer.h"

namespace diptych {

// The engine of a setting: auto takes a GPU when this program and this machine have one. Throws
// InputError when the engine that was asked for cannot run here.
Engine engine_of(const Settings& settings, const std::string& section);

SaehdTrainOptions train_options(const Settings& settings);
SampleOptions sample_options(const Settings& settings, Side side);

// Active faces with their pictures. Throws InputError when there is none, or when every face shows
// less of the head than `type` needs.
std::vector<Face> load_faces(const std::filesystem::path& faceset, FaceType type);

// What a run learns from: the project's facesets, or while pretraining PROJECT/pretrain.faces on
// both sides. Throws InputError.
struct TrainingFaces {
  std::filesystem::path src_file, dst_file;
  std::vector<Face> src, dst;
};

TrainingFaces load_training_faces(const Project& project, const Settings& settings);

// Losses per face since the last save: mean and count.
class LossTally {
 public:
  void add(const std::vector<int64_t>& faces, const std::vector<float>& losses);
  // Adds them to the statistics in the faceset and starts anew.
  void store(const std::filesystem::path& faceset);

  struct Entry {
    int64_t count = 0;
    double sum = 0;
  };

  const std::map<int64_t, Entry>& entries() const { return entries_; }

 private:
  std::map<int64_t, Entry> entries_;
};

// Settings that a checkpoint remembers as text ("setting.batch_size"): those that steer the
// numbers.
Metadata remembered_settings(const Settings& settings);

// Throws InputError when the checkpoint was made with other values of the keys that build the
// model.
void check_fixed_settings(const Safetensors& checkpoint, const Settings& settings);

}  // namespace diptych
