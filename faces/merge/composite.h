// Laying faces into a frame: the canvas that collects them and Poisson cloning.
// SPDX-License-Identifier: MIT
#pragma once

#include <opencv2/core.hpp>

#include "faces/merge/merge_face.h"

namespace diptych {

// One face, ready to be laid into the frame. Pictures have the size of roi.
struct FaceLayer {
  cv::Rect roi;    // in the frame; empty: the face does not reach the frame
  cv::Mat mask;    // CV_32FC1, what the face adds to the frame's mask
  cv::Mat cover;   // CV_32FC1, opacity of the colour; empty: no colour to lay
  cv::Mat colour;  // CV_32FC3 in [0,1]
};

// Collects layers over a background and yields 8-bit pictures. By default each layer is blended
// once with its cover and rounded. parity_dfl: the first layer as it is, every further one blended
// a second time with its mask, and truncation at the end (merge.md 9).
class Canvas {
 public:
  // frame: what the faces see under them; background: what surrounds them (differs from the frame
  // when it is degraded on purpose). Both CV_8UC3; neither is written to.
  Canvas(const cv::Mat& frame, const cv::Mat& background, bool parity_dfl);
  void add(const FaceLayer& layer);
  MergedFrame finish() const;

 private:
  void add_parity(const FaceLayer& layer);

  bool parity_dfl_ = false;
  int layers_ = 0;
  cv::Mat background_;  // CV_8UC3
  cv::Mat image_;       // CV_8UC3; CV_32FC3 in levels 0..1 under parity_dfl
  cv::Mat mask_;        // CV_32FC1 under parity_dfl, CV_8UC1 otherwise
};

// Poisson cloning (Perez et al., "Poisson image editing", 2003, through OpenCV) of layer.colour
// into the frame where the mask exceeds 0.1. False when it cannot be done: a warning has been
// logged and the layer is unchanged.
bool clone_seamlessly(const cv::Mat& frame, FaceLayer& layer, bool parity_dfl);

}  // namespace diptych
