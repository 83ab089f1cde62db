// Merging one predicted face into a frame (spec merge.md 3 to 6).
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

#include "faces/align/crop_matrix.h"

namespace diptych {

enum class MergeMode { kOriginal, kOverlay, kSeamless, kRawRgb, kRawPredict };
enum class MaskMode {
  kFull,
  kDst,
  kLearnedPrd,
  kLearnedDst,
  kLearnedPrdTimesDst,
  kLearnedPrdPlusDst
};

struct MergeOptions {
  MergeMode mode = MergeMode::kOverlay;
  MaskMode mask_mode = MaskMode::kLearnedPrdTimesDst;
  int erode = 0;                        // -400..400, quarter model pixels
  int blur = 0;                         // 0..400, quarter model pixels
  int output_face_scale = 0;            // -50..50 percent
  std::string colour_transfer = "rct";  // none, rct, lct, mkl
  bool parity_dfl = false;  // the original's mask shift, truncation and interpolation (merge.md 12)
};

// What the network says about a face: f32 in [0,1].
struct Prediction {
  cv::Mat face;      // (R,R) CV_32FC3 BGR, the swapped face
  cv::Mat mask;      // (R,R) CV_32FC1, mask of the swapped face ("learned-prd")
  cv::Mat dst_mask;  // (R,R) CV_32FC1, mask of the dst face ("learned-dst")
};

// crop: (R,R) CV_32FC3 BGR in [0,1] -> prediction.
using Predictor = std::function<Prediction(const cv::Mat& crop)>;

struct MergedFrame {
  cv::Mat image;  // CV_8UC3, size of the frame
  cv::Mat mask;   // CV_8UC1, 0..255, union of the face masks
};

// Merges every face (landmarks in the frame) of one frame; later faces lie on top. No faces: the
// frame passes through unchanged with an empty mask. resolution and type are the model's.
MergedFrame merge_frame(const cv::Mat& frame,
                        const std::vector<Landmarks>& faces,
                        int resolution,
                        FaceType type,
                        const MergeOptions& options,
                        const Predictor& predict);

}  // namespace diptych
