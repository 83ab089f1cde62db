// Preparing one face for the frame: mask, colours, paste, cloning, effects.
// SPDX-License-Identifier: MIT
#include "faces/merge/face_layer.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "faces/mask/masks.h"
#include "faces/merge/face_colour.h"
#include "faces/merge/face_mask.h"
#include "faces/merge/post_effects.h"
#include "faces/merge/resample.h"

namespace diptych {

namespace {

bool is_raw(MergeMode mode) {
  return mode == MergeMode::kRawRgb || mode == MergeMode::kRawPredict;
}

bool is_seamless(MergeMode mode) {
  return mode == MergeMode::kSeamless || mode == MergeMode::kSeamlessHistMatch;
}

// Factor q of crop_matrix: the crop's area is divided by it.
double crop_scale(const MergeOptions& options) {
  const double percent = 0.01 * options.output_face_scale;
  return options.parity_dfl ? 1.0 + percent : 1.0 / (1.0 + percent);
}

// The crop's pixels that colour statistics count, CV_8UC1. What lies outside the frame is black by
// construction and no colour of the face (under parity_dfl it counts).
cv::Mat statistics_mask(const cv::Mat& frame,
                        const cv::Mat& grid,
                        const PredictedFace& face,
                        const MergeTarget& target,
                        bool parity_dfl) {
  const int size = target.resolution;
  cv::Mat reduced;
  cv::resize(grid, reduced, cv::Size(size, size), 0, 0, cv::INTER_CUBIC);
  const cv::Mat out = reduced > (parity_dfl ? 0.0 : 1.0 / 255);
  if (parity_dfl) return out;
  const cv::Mat seen =
      pixels_on_frame(crop_matrix(face.landmarks, size, target.type), size, frame.size());
  return seen.empty() ? out : cv::Mat(out & seen);
}

cv::Mat hull_on_crop(const cv::Mat& frame,
                     const PredictedFace& face,
                     const MergeTarget& target,
                     bool parity_dfl) {
  const int size = target.resolution;
  if (!parity_dfl) {
    // Filled on the fine grid: nothing to resample.
    const int grid = kMaskGrid * size;
    const cv::Matx23d matrix =
        resized_grid(crop_matrix(face.landmarks, size, target.type), kMaskGrid);
    return hull_mask(transform(matrix, face.landmarks), cv::Size(grid, grid));
  }
  const cv::Mat hull = hull_mask(face.landmarks, frame.size());
  cv::Mat out;
  cv::warpAffine(hull, out, crop_matrix(face.landmarks, size, target.type), cv::Size(size, size),
                 cv::INTER_CUBIC);
  limit_to_unit(out);
  return out;
}

// Effects on the composite as the crop sees it (spec merge.md 5.4, step 7).
cv::Mat effects_on_crop(const cv::Mat& crop,
                        const PredictedFace& face,
                        const cv::Mat& mask,
                        double crop_per_frame,
                        const MergeOptions& options) {
  cv::Mat out = crop;
  if (is_seamless(options.mode)) {
    out = transfer_colours(options.colour_transfer, out, face.crop, mask, options.parity_dfl);
  }
  if (options.mode == MergeMode::kSeamlessHistMatch) {
    out = match_histograms(out, face.crop, {}, options.hist_match_threshold, options.parity_dfl);
  }
  const int length = motion_length(face.motion, crop_per_frame, options);
  if (length > 0) {
    out = motion_blur(out, length, -std::atan2(face.motion.y, face.motion.x) * 180.0 / CV_PI);
  }
  if (options.sharpen != 0) out = sharpen(out, options.sharpen_mode, options.sharpen);
  return out;
}

bool has_crop_effects(const PredictedFace& face, const MergeOptions& options) {
  return (is_seamless(options.mode) && options.colour_transfer != "none") ||
         options.mode == MergeMode::kSeamlessHistMatch || options.sharpen != 0 ||
         (options.motion_blur_power > 0 && (face.motion.x != 0 || face.motion.y != 0));
}

// Applies the effects to layer.colour. By default only the change that they make travels back to
// the frame, so the composite keeps its detail; under parity_dfl the whole crop does.
void apply_effects(const cv::Mat& frame,
                   const PredictedFace& face,
                   const MergeTarget& target,
                   const cv::Mat& mask,
                   const MergeOptions& options,
                   FaceLayer& layer) {
  const bool background_changed = options.denoise > 0 || options.bicubic_degrade > 0;
  if (!has_crop_effects(face, options) && !(options.parity_dfl && background_changed)) return;
  Canvas canvas(frame, frame, false);
  canvas.add(layer);
  const cv::Matx23d matrix = crop_matrix(face.landmarks, target.resolution, target.type);
  const cv::Mat before =
      sample_crop(canvas.finish().image, matrix, target.resolution, !options.parity_dfl);
  const double crop_per_frame = std::hypot(matrix(0, 0), matrix(1, 0));
  const cv::Mat after = effects_on_crop(before, face, mask, crop_per_frame, options);
  if (options.parity_dfl) {
    layer.colour = sample_back(after, matrix, layer.roi, Outside::kBlack, false);
  } else {
    layer.colour += sample_back(after - before, matrix, layer.roi, Outside::kReplicate, true);
  }
  limit_to_unit(layer.colour);
}

// The swapped face with the colours that it is pasted with.
cv::Mat coloured_face(const PredictedFace& face, const cv::Mat& mask, const MergeOptions& options) {
  cv::Mat out = face.prediction.face;
  if (is_raw(options.mode) || is_seamless(options.mode)) return out;
  out = transfer_colours(options.colour_transfer, out, face.crop, mask, options.parity_dfl);
  if (options.mode == MergeMode::kHistMatch) {
    out = match_histograms(out, face.crop, options.masked_hist_match ? mask : cv::Mat(),
                           options.hist_match_threshold, options.parity_dfl);
  }
  return out;
}

}  // namespace

cv::Mat choose_mask(const cv::Mat& frame,
                    const PredictedFace& face,
                    const MergeTarget& target,
                    const MergeOptions& options) {
  const Prediction& p = face.prediction;
  switch (options.mask_mode) {
    case MaskMode::kFull:
      return cv::Mat(target.resolution, target.resolution, CV_32FC1, cv::Scalar(1));
    case MaskMode::kDst:
      return hull_on_crop(frame, face, target, options.parity_dfl);
    case MaskMode::kLearnedPrd:
      return p.mask;
    case MaskMode::kLearnedDst:
      return p.dst_mask;
    case MaskMode::kLearnedPrdTimesDst:
      return p.mask.mul(p.dst_mask);
    case MaskMode::kLearnedPrdPlusDst:
      return cv::min(p.mask + p.dst_mask, 1.0);
  }
  return {};
}

cv::Mat mask_on_grid(const cv::Mat& frame,
                     const PredictedFace& face,
                     const MergeTarget& target,
                     const MergeOptions& options) {
  const bool raw = is_raw(options.mode);
  return shape_mask(choose_mask(frame, face, target, options), kMaskGrid * target.resolution,
                    raw ? 0 : options.erode, raw ? 0 : options.blur, options.parity_dfl);
}

FaceLayer make_layer(const cv::Mat& frame,
                     const PredictedFace& face,
                     const MergeTarget& target,
                     const MergeOptions& options) {
  const bool parity = options.parity_dfl;
  const int size = target.resolution;
  const cv::Matx23d matrix = crop_matrix(face.landmarks, size, target.type, crop_scale(options));
  FaceLayer layer;
  layer.roi = reach_of_crop(matrix, size, frame.size());
  if (layer.roi.empty()) return layer;
  const cv::Mat grid = mask_on_grid(frame, face, target, options);
  layer.mask = mask_in_frame(grid, matrix, size, layer.roi, parity);
  if (options.mode == MergeMode::kOriginal) return layer;
  if (options.mode == MergeMode::kRawRgb) {
    const cv::Mat ones(size, size, CV_32FC1, cv::Scalar(1));
    layer.cover = sample_back(ones, matrix, layer.roi, Outside::kBlack, !parity);
    limit_to_unit(layer.cover);
  } else {
    const cv::Rect solid = bounds_of(layer.mask, 0.1f);
    if (solid.width < 4 || solid.height < 4) return layer;
    const cv::Rect used = bounds_of(layer.mask, 1e-6f);
    layer.mask = layer.mask(used);
    layer.roi = used + layer.roi.tl();
    layer.cover = layer.mask;
  }
  const cv::Mat local = statistics_mask(frame, grid, face, target, parity);
  layer.colour = sample_back(coloured_face(face, local, options), matrix, layer.roi,
                             parity ? Outside::kBlack : Outside::kReplicate, !parity);
  limit_to_unit(layer.colour);
  if (options.mode == MergeMode::kRawRgb) return layer;
  if (is_seamless(options.mode)) clone_seamlessly(frame, layer, parity);
  apply_effects(frame, face, target, local, options, layer);
  return layer;
}

}  // namespace diptych
