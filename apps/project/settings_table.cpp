// The table of all settings.
// SPDX-License-Identifier: MIT
#include <array>

#include "apps/project/settings.h"

namespace diptych {

namespace {

constexpr auto kBool = SettingKind::kBool;
constexpr auto kInt = SettingKind::kInt;
constexpr auto kReal = SettingKind::kReal;
constexpr auto kText = SettingKind::kText;

constexpr SettingKey on_off(std::string_view section,
                            std::string_view name,
                            bool fallback,
                            std::string_view help) {
  return {section, name, kBool, fallback ? "on" : "off", 0, 0, 1, "", false, false, help};
}

constexpr SettingKey number(std::string_view section,
                            std::string_view name,
                            std::string_view fallback,
                            double low,
                            double high,
                            std::string_view help) {
  return {section, name, kInt, fallback, low, high, 1, "", false, false, help};
}

constexpr SettingKey real(std::string_view section,
                          std::string_view name,
                          std::string_view fallback,
                          double low,
                          double high,
                          std::string_view help) {
  return {section, name, kReal, fallback, low, high, 1, "", false, false, help};
}

constexpr SettingKey choice(std::string_view section,
                            std::string_view name,
                            std::string_view fallback,
                            std::string_view choices,
                            std::string_view help) {
  return {section, name, kText, fallback, 0, 0, 1, choices, false, false, help};
}

// A key that the model is built from.
constexpr SettingKey fixed(SettingKey key, int multiple = 1) {
  key.fixed = true;
  key.multiple = multiple;
  return key;
}

constexpr SettingKey hidden(SettingKey key) {
  key.hidden = true;
  return key;
}

constexpr std::string_view kExtract = "extract", kTrain = "train", kMerge = "merge";
constexpr std::string_view kFaceTypes = "h mf f wf head";
constexpr std::string_view kEngines = "auto cpu cuda cudnn sim";
constexpr std::string_view kColourModes = "none rct lct mkl idt sot";
constexpr double kSeedMax = 9007199254740992.0;  // 2^53: whole in TOML readers that use doubles

constexpr std::array kKeys = {
    choice(kExtract,
           "face_type",
           "wf",
           kFaceTypes,
           "how much of the head a stored face shows: half, mid-full, full, whole face, head"),
    number(kExtract, "image_size", "512", 64, 2048, "side of a stored face in pixels"),
    number(kExtract, "jpeg_quality", "95", 0, 100, "quality of the stored faces; 0: PNG, lossless"),
    number(kExtract, "max_faces", "0", 0, 100, "faces kept per frame, largest first; 0: all"),
    number(kExtract, "min_face", "40", 20, 1000, "side in pixels of the smallest face looked for"),
    number(kExtract, "every", "1", 1, 10000, "take one frame of so many"),
    number(kExtract, "threads", "0", 0, 1024, "threads; 0: one per core"),

    fixed(number(kTrain,
                 "resolution",
                 "128",
                 64,
                 640,
                 "side of the pictures the network sees; multiple of 32 with d or t in archi"),
          16),
    fixed(choice(kTrain,
                 "face_type",
                 "wf",
                 kFaceTypes,
                 "part of the head that is learnt; not more than the faceset holds")),
    fixed(choice(kTrain,
                 "archi",
                 "liae-ud",
                 "",
                 "df keeps the identity, liae adapts to the shape; then letters of u d t c")),
    fixed(number(kTrain, "ae_dims", "256", 32, 1024, "width of the bottleneck")),
    fixed(number(kTrain, "e_dims", "64", 16, 256, "channels of the encoder"), 2),
    fixed(number(kTrain, "d_dims", "64", 16, 256, "channels of the decoders"), 2),
    fixed(number(kTrain, "d_mask_dims", "22", 16, 256, "channels of the mask decoders"), 2),
    number(kTrain, "batch_size", "8", 1, 512, "faces of each side per iteration"),
    on_off(kTrain, "masked_training", true, "learn the face inside its mask only"),
    on_off(kTrain, "eyes_mouth_prio", false, "extra weight on eyes and mouth"),
    on_off(kTrain, "blur_out_mask", false, "blur the targets outside of the mask"),
    on_off(kTrain, "adabelief", true, "AdaBelief; off: RMSprop"),
    on_off(kTrain, "random_warp", true, "warp the input; off for the last sharpness"),
    on_off(kTrain, "random_src_flip", false, "mirror src faces at random"),
    on_off(kTrain, "random_dst_flip", true, "mirror dst faces at random"),
    real(kTrain, "random_hsv_power", "0", 0, 0.3, "random hue, saturation and light of src"),
    choice(kTrain,
           "ct_mode",
           "none",
           kColourModes,
           "colour transfer of src faces towards random dst faces"),
    on_off(kTrain, "uniform_yaw", false, "show all head turns equally often"),
    number(kTrain,
           "oversample_worst",
           "1",
           1,
           16,
           "show the worst learnt faces up to so many times as often; 1: all alike"),
    real(kTrain, "gan_power", "0", 0, 5, "weight of the patch discriminator; 0: none"),
    number(kTrain,
           "gan_patch_size",
           "0",
           0,
           640,
           "pixels a logit of it sees, 3 or more; 0: an eighth of the resolution"),
    number(kTrain, "gan_dims", "16", 4, 512, "channels of it at full size"),
    real(kTrain,
         "true_face_power",
         "0",
         0,
         1,
         "weight of the code discriminator, df only: src codes like dst codes"),
    real(kTrain, "face_style_power", "0", 0, 100, "colours of the swapped face towards dst"),
    real(kTrain, "bg_style_power", "0", 0, 100, "surroundings of the swapped face towards dst"),
    on_off(kTrain,
           "pretrain",
           false,
           "learn from PROJECT/pretrain.faces on both sides; the inters start afresh after it"),
    on_off(kTrain, "clipgrad", false, "limit the norm of the gradient to 1"),
    on_off(kTrain, "lr_dropout", false, "update 30 % of the weights per step, cycle the rate"),
    real(kTrain, "learning_rate", "5e-5", 1e-7, 1e-2, "step length of the optimizer"),
    real(kTrain, "save_minutes", "15", 0.05, 1440, "minutes between saves"),
    number(kTrain,
           "preview_every",
           "200",
           0,
           1000000,
           "iterations between preview pictures; 0: only when saving"),
    number(kTrain, "target_iter", "0", 0, 100000000, "stop at this iteration; 0: go on"),
    number(kTrain, "seed", "1", 0, kSeedMax, "of weights and samples; same seed, same run"),
    number(kTrain,
           "holdout_every",
           "50",
           0,
           100000,
           "keep one face of so many on each side out of training, to score it; 0: none"),
    number(kTrain, "holdout_steps", "500", 1, 1000000, "iterations between scores of these faces"),
    on_off(kTrain,
           "sentinel",
           true,
           "skip bad steps, lower the rate, go back by itself; off: a loss not finite ends it"),
    real(kTrain,
         "timeline_hours",
         "1",
         0,
         10000,
         "keep every save of so many last hours of training, older ones sparser; 0: keep none"),
    number(kTrain, "timeline_per_doubling", "4", 1, 1000, "saves kept per doubling of that age"),
    real(kTrain, "timeline_gb", "50", 0, 10000, "gigabytes the kept saves may take; 0: no limit"),
    on_off(kTrain, "tensorboard", true, "write TensorBoard event files beside metrics.jsonl"),
    choice(kTrain, "dtype", "f32", "f32 bf16", "number format of the computation"),
    on_off(kTrain,
           "device_sampler",
           true,
           "on a GPU engine: keep the faces in its memory and warp them there"),
    choice(kTrain,
           "engine",
           "auto",
           kEngines,
           "auto: a GPU if the program was built for it, else cpu; sim: GPU code on the CPU"),
    number(kTrain, "threads", "0", 0, 1024, "threads; 0: one per core"),
    choice(kTrain, "parity", "none", "none dfl", "dfl: repeat the original's quirks"),
    hidden(number(kTrain, "save_every_iters", "0", 0, 1000000, "iterations between saves")),
    hidden(number(kTrain, "preview_faces", "4", 1, 16, "rows of the preview")),

    choice(kMerge,
           "mode",
           "overlay",
           "original overlay hist-match seamless seamless-hist-match raw-rgb raw-predict",
           "how the face is put into the frame"),
    choice(kMerge,
           "mask",
           "learned-prd*learned-dst",
           "full dst learned-prd learned-dst learned-prd*learned-dst learned-prd+learned-dst",
           "which part of the face is put in"),
    number(kMerge, "erode", "0", -400, 400, "shrink the mask, in quarter pixels of the model"),
    number(kMerge, "blur", "40", 0, 400, "soften the mask's edge, in quarter pixels"),
    choice(kMerge, "color_transfer", "rct", kColourModes, "colours of the face towards the frame"),
    number(kMerge, "face_scale", "0", -50, 50, "percent by which the face is made larger"),
    number(kMerge, "hist_match_threshold", "238", 1, 255, "of the hist-match modes"),
    on_off(kMerge, "masked_hist_match", true, "statistics of the face only"),
    number(kMerge, "motion_blur", "0", 0, 100, "blur along the path of the face, percent"),
    choice(kMerge, "sharpen_mode", "none", "none box gaussian", "filter of sharpen"),
    number(kMerge, "sharpen", "0", -100, 100, "sharpen the face; negative blurs"),
    number(kMerge, "denoise", "0", 0, 500, "soften the frame around the face"),
    number(kMerge, "bicubic_degrade", "0", 0, 100, "lower the resolution of the frame"),
    number(kMerge, "color_degrade", "0", 0, 100, "reduce the picture to 256 colours"),
    on_off(kMerge, "lossless", false, "encode without loss (large)"),
    number(kMerge, "crf", "16", 0, 51, "quality of the video, lower is better"),
    choice(kMerge,
           "preset",
           "medium",
           "ultrafast superfast veryfast faster fast medium slow slower veryslow",
           "speed of the encoder against size"),
    choice(kMerge, "dtype", "f32", "f32 bf16", "number format of the network"),
    choice(kMerge, "engine", "auto", kEngines, "what computes the network, as in train"),
    number(kMerge, "threads", "0", 0, 1024, "threads; 0: one per core"),
    choice(kMerge, "parity", "none", "none dfl", "dfl: repeat the original's arithmetic"),
};

}  // namespace

std::span<const SettingKey> setting_keys() {
  return kKeys;
}

}  // namespace diptych
