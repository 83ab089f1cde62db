// Options and faces of a training run.
// SPDX-License-Identifier: MIT
#include "apps/training/train_data.h"

#include <algorithm>

#include "apps/project/open_faceset.h"
#include "kernels/common/check.h"
#include "kernels/common/device.h"

namespace diptych {

namespace {

bool steers_the_session_only(std::string_view name) {
  return name == "threads" || name == "engine" || name == "save_minutes" ||
         name == "preview_every" || name == "target_iter" || name == "holdout_steps" ||
         name == "sentinel" || name == "tensorboard" || name.rfind("timeline_", 0) == 0;
}

int int_of(const Settings& settings, const char* name) {
  return static_cast<int>(settings.integer(name));
}

}  // namespace

Engine engine_of(const Settings& settings, const std::string& section) {
  const std::string name = settings.word(section + ".engine");
  if (name == "auto") {
    const bool gpu = device_engine() == Engine::kCuda && device::trouble().empty();
    return gpu ? Engine::kCuda : Engine::kCpu;
  }
  const Engine engine = engine_from(name);
  try {
    require_engine(engine);
  } catch (const Error& e) {
    throw InputError("--engine " + name, e.what(), "diptych doctor lists what runs here");
  }
  return engine;
}

SaehdTrainOptions train_options(const Settings& s) {
  SaehdTrainOptions o;
  o.network.set_archi(s.word("train.archi"));
  o.network.resolution = int_of(s, "train.resolution");
  o.network.ae_dims = int_of(s, "train.ae_dims");
  o.network.e_dims = int_of(s, "train.e_dims");
  o.network.d_dims = int_of(s, "train.d_dims");
  o.network.d_mask_dims = int_of(s, "train.d_mask_dims");
  o.batch_size = int_of(s, "train.batch_size");
  o.loss.masked_training = s.on("train.masked_training");
  o.loss.eyes_mouth_prio = s.on("train.eyes_mouth_prio");
  o.loss.blur_out_mask = s.on("train.blur_out_mask");
  o.adversarial = {.gan_power = static_cast<float>(s.real("train.gan_power")),
                   .gan_patch_size = int_of(s, "train.gan_patch_size"),
                   .gan_dims = int_of(s, "train.gan_dims"),
                   .true_face_power = static_cast<float>(s.real("train.true_face_power"))};
  o.style = {.face = static_cast<float>(s.real("train.face_style_power")),
             .background = static_cast<float>(s.real("train.bg_style_power"))};
  o.pretrain = s.on("train.pretrain");
  if (s.word("train.parity") == "dfl") o.parity = SaehdParity::dfl();
  o.optimizer.kind = s.on("train.adabelief") ? OptimizerKind::kAdaBelief : OptimizerKind::kRmsProp;
  o.optimizer.learning_rate = static_cast<float>(s.real("train.learning_rate"));
  o.optimizer.clip_norm = s.on("train.clipgrad") ? 1.0f : 0.0f;
  o.optimizer.lr_dropout = s.on("train.lr_dropout");
  o.optimizer.seed = static_cast<uint64_t>(s.integer("train.seed"));
  o.random_warp = s.on("train.random_warp");
  o.dtype = s.word("train.dtype") == "bf16" ? DType::kBF16 : DType::kF32;
  o.seed = static_cast<uint64_t>(s.integer("train.seed"));
  return o;
}

SampleOptions sample_options(const Settings& s, Side side) {
  const bool src = side == Side::kSrc;
  SampleOptions o;
  o.resolution = int_of(s, "train.resolution");
  o.face_type = face_type_from(s.word("train.face_type"));
  o.random_warp = s.on("train.random_warp");
  o.random_flip = s.on(src ? "train.random_src_flip" : "train.random_dst_flip");
  // Only src is coloured: dst must come out as it is in the video.
  o.hsv_power = src ? static_cast<float>(s.real("train.random_hsv_power")) : 0.0f;
  o.ct_mode = src ? s.word("train.ct_mode") : "none";
  o.uniform_yaw = s.on("train.uniform_yaw");
  o.eyes_mouth = s.on("train.eyes_mouth_prio");
  o.parity_dfl = s.word("train.parity") == "dfl";
  if (s.on("train.pretrain")) {  // spec training.md 6
    o.random_warp = false;
    o.random_flip = o.uniform_yaw = true;
    o.hsv_power = 0;
    o.ct_mode = "none";
  }
  return o;
}

std::vector<Face> load_faces(const std::filesystem::path& path, FaceType type) {
  std::vector<Face> faces = open_faceset_to_read(path).load_all(true);
  if (faces.empty()) {
    throw InputError(path.string(), "holds no active face",
                     "Run diptych extract, or diptych faces restore");
  }
  const bool none_reaches =
      std::all_of(faces.begin(), faces.end(), [&](const Face& face) { return face.type < type; });
  if (none_reaches) {
    throw InputError(
        path.string(),
        str("holds ", name_of(faces[0].type), " pictures, training is set to ", name_of(type)),
        "Set train.face_type to what the faceset holds, or extract again with "
        "--face-type");
  }
  return faces;
}

TrainingFaces load_training_faces(const Project& project, const Settings& settings) {
  const FaceType type = face_type_from(settings.word("train.face_type"));
  TrainingFaces faces;
  faces.src_file = project.faces(Side::kSrc);
  faces.dst_file = project.faces(Side::kDst);
  if (!settings.on("train.pretrain")) {
    faces.src = load_faces(faces.src_file, type);
    faces.dst = load_faces(faces.dst_file, type);
    return faces;
  }
  faces.src_file = faces.dst_file = project.dir() / "pretrain.faces";
  std::error_code error;
  if (!std::filesystem::exists(faces.src_file, error)) {
    throw InputError(faces.src_file.string(), "is missing, and pretrain is on",
                     "Put a faceset of many people there (diptych faces import " +
                         faces.src_file.string() + " --format dfl FACESET.pak), or --no-pretrain");
  }
  faces.src = faces.dst = load_faces(faces.src_file, type);
  return faces;
}

void LossTally::add(const std::vector<int64_t>& faces, const std::vector<float>& losses) {
  DIPTYCH_CHECK(faces.size() == losses.size(), "LossTally: ", faces.size(), " faces, ",
                losses.size(), " losses");
  for (size_t i = 0; i < faces.size(); ++i) {
    Entry& entry = entries_[faces[i]];
    ++entry.count;
    entry.sum += losses[i];
  }
}

void LossTally::store(const std::filesystem::path& path) {
  if (entries_.empty()) return;
  std::vector<FaceLoss> losses;
  for (const auto& [id, entry] : entries_)
    losses.push_back({id, entry.count, entry.sum / static_cast<double>(entry.count)});
  Faceset::open(path.string()).add_losses(losses);
  entries_.clear();
}

Metadata remembered_settings(const Settings& settings) {
  Metadata metadata;
  for (const SettingKey& key : setting_keys()) {
    if (key.section == "train" && !key.hidden && !steers_the_session_only(key.name))
      metadata["setting." + std::string(key.name)] = settings.toml_value(key.full());
  }
  return metadata;
}

void check_fixed_settings(const Safetensors& checkpoint, const Settings& settings) {
  read_saehd_config(checkpoint);  // a newer program's file is called that, not a wrong setting
  for (const SettingKey& key : setting_keys()) {
    if (!key.fixed) continue;
    const auto it = checkpoint.metadata().find("setting." + std::string(key.name));
    if (it == checkpoint.metadata().end()) continue;
    const std::string wanted = settings.toml_value(key.full());
    if (it->second == wanted) continue;
    throw InputError(
        checkpoint.path(),
        str("the model was made with ", key.name, " = ", it->second, ", the settings say ", wanted,
            ", and ", key.name, " is part of the network"),
        str("Set ", key.name, " = ", it->second,
            " in project.toml, or carry its weights over into a new project: diptych train NEW "
            "--from ",
            checkpoint.path()));
  }
}

}  // namespace diptych
