// A face made ready for sampling once: cut to the wanted face type and size, with its masks.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include <opencv2/core.hpp>

#include "faces/align/face_type.h"
#include "faces/faceset/faceset.h"
#include "faces/sample/pixel_sampler.h"

namespace diptych {

struct PrepareOptions {
  int resolution = 128;
  FaceType face_type = FaceType::kFull;
  bool eyes_mouth = true;
};

// "face 12 (frame_00012.png)": how errors name a face.
std::string describe(const Face& face);

// 8-bit, R x R. Shrinking averages over the area of a pixel, so nothing aliases.
struct PreparedFace {
  int64_t id = 0;
  cv::Mat picture;    // (R,R) CV_8UC3 BGR
  PaddedMasks masks;  // full face; eyes and mouth (0 when not asked)
};

// Steps 1 and 2 of the original (samples.md 3, 5): f32, shrunk by plain cubic and linear
// interpolation without a low-pass.
struct ParityFace {
  int64_t id = 0;
  cv::Mat picture;     // (R,R) CV_32FC3 BGR; cubic overshoot is kept
  cv::Mat mask;        // (R,R) CV_32FC1
  cv::Mat eyes_mouth;  // (R,R) CV_32FC1, empty when not asked
};

// Throw InputError that names the face: no picture, undecodable, not square or below 32 pixels, of
// a smaller face type than asked.
PreparedFace prepare_face(const Face& face, const PrepareOptions& options);
ParityFace prepare_face_parity(const Face& face, const PrepareOptions& options);

// The picture alone, as a reference for colour transfer: (R,R) CV_8UC3. A face of a smaller type is
// taken whole. parity_dfl: always whole, bilinear.
cv::Mat prepare_reference(const Face& face, const PrepareOptions& options, bool parity_dfl);

}  // namespace diptych
