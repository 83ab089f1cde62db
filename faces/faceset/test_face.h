// For tests: faces with made-up but complete records.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <opencv2/core.hpp>

#include "faces/align/head_template.h"
#include "faces/faceset/faceset.h"
#include "faces/image/image.h"

namespace diptych {

// Everything depends on `seed`. The picture is `size` pixels of noise.
inline Face test_face(int seed, int size = 32) {
  Face face;
  cv::Mat picture(size, size, CV_8UC3);
  cv::RNG rng(static_cast<uint64_t>(seed) + 1);
  rng.fill(picture, cv::RNG::UNIFORM, 0, 256);
  face.image = encode_png(picture);
  face.size = size;
  face.type = seed % 2 == 0 ? FaceType::kWhole : FaceType::kFull;
  face.frame_index = seed;
  face.frame_seconds = seed / 24.0;
  face.source_name = "clip.mp4";
  face.box = {10.5 + seed, 20.25, 100, 110};
  face.box_score = 1.25;
  for (int i = 0; i < 68; ++i) {
    face.source_landmarks[i] = {200 + kHeadTemplate[i][0] + seed, 200 + kHeadTemplate[i][1]};
  }
  face.matrix = crop_matrix(face.source_landmarks, size, face.type);
  face.landmarks = transform(face.matrix, face.source_landmarks);
  face.pose = {0.1, -0.2, 0.3};
  face.sharpness = 12.5;
  face.eyebrow_factor = 1.25;
  face.extra = R"({"tool": "test"})";
  return face;
}

inline FrameRecord test_frame(int index) {
  return {index, index / 24.0, 640, 360, 1, index % 2 == 0 ? "" : "rotated by 90 degrees"};
}

}  // namespace diptych
