// Held-out faces: some faces of each side are kept out of training and scored now and then, so that
// learning shows apart from learning by heart.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

#include "faces/sample/prepared_face.h"
#include "models/saehd/saehd.h"

namespace diptych {

// Means over the held-out faces of a side, unwarped, each through its own decoder.
struct HoldoutScore {
  double dssim = 0;      // inside the face mask: 0 the same, 0.5 nothing alike
  double sharpness = 0;  // mean |Laplacian| inside the mask, of the target's: 1 as sharp
  double mask_iou = 0;   // intersection over union of the masks above one half
};

struct HoldoutScores {
  HoldoutScore src, dst;
};

// {"src":{"dssim":0.1,"sharpness":0.7,"iou":0.9},"dst":{...}}
std::string to_json(const HoldoutScores& scores);
HoldoutScores holdout_from_json(const std::string& text);  // throws Error

struct HoldoutPoint {
  int64_t iteration = 0;
  HoldoutScores scores;
};

// Takes every Nth face (the Nth, the 2Nth, ...) out of `faces` and returns them; none when every is
// 0 or there are fewer than N.
std::vector<Face> take_holdout(std::vector<Face>& faces, int64_t every);

class Holdout {
 public:
  static constexpr size_t kMost = 16;  // faces of a side that are scored, evenly spread

  // Throws InputError for a face that cannot be prepared.
  Holdout(const std::vector<Face>& src,
          const std::vector<Face>& dst,
          const PrepareOptions& options);

  // Both sides have faces: there is something to score.
  bool any() const { return !src_.empty() && !dst_.empty(); }

  // dtype: of the computation. Changes nothing in the network.
  HoldoutScores score(const Saehd& network, DType dtype) const;

 private:
  struct Item {
    cv::Mat picture;  // (R,R) CV_8UC3
    cv::Mat mask;     // (R,R) CV_8UC1
  };

  static std::vector<Item> prepare(const std::vector<Face>& faces, const PrepareOptions& options);

  std::vector<Item> src_, dst_;
};

// Of one face: picture and prediction (R,R) CV_32FC3 in [0,1], masks (R,R) CV_32FC1.
HoldoutScore score_face(const cv::Mat& picture,
                        const cv::Mat& prediction,
                        const cv::Mat& mask,
                        const cv::Mat& predicted_mask);

}  // namespace diptych
