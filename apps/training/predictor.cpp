// Running the network for merging.
// SPDX-License-Identifier: MIT
#include "apps/training/predictor.h"

#include "apps/training/preview.h"
#include "apps/training/train_data.h"
#include "kernels/common/check.h"
#include "kernels/common/parallel.h"

namespace diptych {

namespace {

constexpr int kBatch = 4;

DType merge_dtype(const Settings& settings) {
  return settings.word("merge.dtype") == "bf16" ? DType::kBF16 : DType::kF32;
}

}  // namespace

Safetensors open_checkpoint(const std::filesystem::path& checkpoint) {
  std::error_code error;
  if (!std::filesystem::exists(checkpoint, error))
    throw InputError(checkpoint.string(), "there is no model yet", "Run diptych train first");
  return Safetensors::open(checkpoint.string());
}

FaceType checkpoint_face_type(const Safetensors& checkpoint, FaceType fallback) {
  const auto it = checkpoint.metadata().find("setting.face_type");
  if (it == checkpoint.metadata().end()) return fallback;
  std::string name = it->second;
  std::erase(name, '"');
  try {
    return face_type_from(name);
  } catch (const Error& e) {
    throw InputError(checkpoint.path(), e.what(), damaged_file_remedy(checkpoint.path()));
  }
}

SwapPredictor::SwapPredictor(const std::filesystem::path& checkpoint, const Settings& settings)
    : stream_(engine_of(settings, "merge"), static_cast<int>(settings.integer("merge.threads"))) {
  type_ = checkpoint_face_type(open_checkpoint(checkpoint),
                               face_type_from(settings.word("train.face_type")));
  const StreamGuard guard(stream_);
  network_ = std::make_unique<SaehdInference>(checkpoint.string(), merge_dtype(settings));
  stream_.set_weights_constant(true);
}

std::vector<Prediction> SwapPredictor::predict(const std::vector<cv::Mat>& crops) {
  const StreamGuard guard(stream_);
  set_parallel_threads(stream_.threads());  // OpenMP keeps the number per calling thread
  const Saehd::Swap swap = network_->swap(to_tensor(crops).to(stream_.place()));
  std::vector<Prediction> predictions;
  for (size_t i = 0; i < crops.size(); ++i) {
    const auto n = static_cast<int64_t>(i);
    predictions.push_back(
        {from_tensor(swap.face, n), from_tensor(swap.mask, n), from_tensor(swap.dst_mask, n)});
  }
  return predictions;
}

MergeModel SwapPredictor::model() {
  return {[this](const std::vector<cv::Mat>& crops) { return predict(crops); },
          network_->config().resolution, type_, kBatch};
}

}  // namespace diptych
