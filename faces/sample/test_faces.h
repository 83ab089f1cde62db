// Small faces for the tests of this folder.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <opencv2/imgcodecs.hpp>

#include "faces/faceset/faceset.h"
#include "kernels/common/rng.h"

namespace diptych {

// A real face in a whole-face crop of 512 pixels.
inline Landmarks test_landmarks(int size) {
  static constexpr int kPoints[68][2] = {
      {98, 243},  {102, 282}, {110, 320}, {119, 356}, {134, 388}, {155, 417}, {182, 436},
      {215, 446}, {252, 451}, {288, 446}, {315, 432}, {339, 412}, {354, 383}, {365, 351},
      {370, 318}, {377, 283}, {380, 248}, {133, 185}, {153, 167}, {181, 158}, {209, 160},
      {235, 168}, {278, 167}, {302, 159}, {328, 157}, {351, 165}, {364, 187}, {255, 191},
      {256, 212}, {256, 232}, {257, 253}, {226, 286}, {240, 289}, {256, 291}, {269, 289},
      {281, 287}, {163, 213}, {178, 202}, {197, 201}, {213, 209}, {198, 215}, {179, 216},
      {293, 210}, {310, 202}, {327, 204}, {342, 214}, {326, 218}, {309, 216}, {202, 359},
      {220, 335}, {240, 324}, {254, 326}, {270, 324}, {288, 337}, {303, 360}, {288, 368},
      {269, 371}, {255, 371}, {239, 371}, {220, 366}, {211, 356}, {241, 341}, {255, 342},
      {269, 341}, {294, 357}, {269, 350}, {255, 351}, {240, 350}};
  Landmarks landmarks;
  for (size_t i = 0; i < landmarks.size(); ++i) {
    landmarks[i] = cv::Point2d(kPoints[i][0], kPoints[i][1]) * (size / 512.0);
  }
  return landmarks;
}

// A smooth picture that differs with the seed and between its halves.
inline cv::Mat test_picture(int size, int seed) {
  cv::Mat picture(size, size, CV_8UC3);
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      const double u = static_cast<double>(x) / size, v = static_cast<double>(y) / size;
      picture.at<cv::Vec3b>(y, x) = {cv::saturate_cast<uint8_t>(40 + 150 * u + 9 * (seed % 5)),
                                     cv::saturate_cast<uint8_t>(60 + 120 * v + 40 * u * v),
                                     cv::saturate_cast<uint8_t>(200 - 90 * u - 11 * (seed % 7))};
    }
  }
  return picture;
}

inline Face face_of(const cv::Mat& picture, int64_t id, FaceType type = FaceType::kWhole) {
  Face face;
  face.id = id;
  face.size = picture.cols;
  face.type = type;
  face.source_name = "frame_" + std::to_string(id) + ".png";
  face.landmarks = test_landmarks(picture.cols);
  cv::imencode(".png", picture, face.image);
  return face;
}

inline Face test_face(int64_t id, int size = 128) {
  return face_of(test_picture(size, static_cast<int>(id)), id);
}

inline std::vector<Face> test_faces(int count, int size = 128) {
  std::vector<Face> faces;
  for (int i = 0; i < count; ++i) faces.push_back(test_face(100 + i, size));
  return faces;
}

}  // namespace diptych
