// Merging predicted faces into a frame (spec merge.md 3 to 6). Frames are CV_8UC3 BGR; everything
// the network sees or says is f32 BGR in [0,1]. Throws Error for wrong shapes, options out of range
// and predictions that are not finite.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <vector>

#include <opencv2/core.hpp>

#include "faces/align/crop_matrix.h"
#include "faces/merge/merge_options.h"

namespace diptych {

// What the network says about a face: f32 in [0,1] (values outside are clipped).
struct Prediction {
  cv::Mat face;      // (R,R) CV_32FC3 BGR, the swapped face
  cv::Mat mask;      // (R,R) CV_32FC1, mask of the swapped face ("learned-prd")
  cv::Mat dst_mask;  // (R,R) CV_32FC1, mask of the dst face ("learned-dst")
};

// crop: (R,R) CV_32FC3 BGR in [0,1] -> prediction.
using Predictor = std::function<Prediction(const cv::Mat& crop)>;
// Several crops at once, predictions in the same order.
using BatchPredictor = std::function<std::vector<Prediction>(const std::vector<cv::Mat>& crops)>;

BatchPredictor one_by_one(Predictor predict);

// A face of a frame with all that merging needs of it. Kept by a caller, it lets every option be
// tried again without running the network.
struct PredictedFace {
  Landmarks landmarks;  // in the frame
  cv::Mat crop;         // (R,R) CV_32FC3, the network's input
  Prediction prediction;
  cv::Point2d motion{0, 0};  // path of the crop's centre over two frames, frame pixels
};

struct MergedFrame {
  cv::Mat image;  // CV_8UC3, size of the frame; R x R in raw-predict mode
  cv::Mat mask;   // CV_8UC1, 0..255, same size: union of the face masks
};

// The network's input for a face: the frame through crop_matrix(landmarks, R, type), cubic, black
// outside the frame; averaged over its area when the crop is smaller than the face (not under
// parity_dfl).
cv::Mat crop_for_network(const cv::Mat& frame,
                         const Landmarks& landmarks,
                         int resolution,
                         FaceType type,
                         bool parity_dfl = false);

// Merges faces whose predictions are known; later faces lie on top. Every face is prepared on the
// original frame. No faces: the frame itself (same buffer, same bits) with an all-zero mask, or a
// black R x R picture in raw-predict mode. resolution and type are the model's.
MergedFrame merge_predicted(const cv::Mat& frame,
                            const std::vector<PredictedFace>& faces,
                            int resolution,
                            FaceType type,
                            const MergeOptions& options);

// crop_for_network, predict and merge_predicted in one call.
MergedFrame merge_frame(const cv::Mat& frame,
                        const std::vector<Landmarks>& faces,
                        int resolution,
                        FaceType type,
                        const MergeOptions& options,
                        const Predictor& predict);

}  // namespace diptych
