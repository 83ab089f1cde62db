// Frames, landmarks and predictors for the tests and benches of this folder.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <vector>

#include <opencv2/imgproc.hpp>

#include "faces/align/crop_matrix.h"
#include "faces/align/head_template.h"
#include "faces/merge/merge_face.h"

namespace diptych {

// A frontal face whose whole_face crop has about `side` frame pixels, turned by `degrees`.
inline Landmarks landmarks_at(double x, double y, double side, double degrees = 0) {
  const double scale = side / 256.05, a = degrees * CV_PI / 180;
  Landmarks out;
  for (size_t i = 0; i < out.size(); ++i) {
    const double u = scale * kHeadTemplate[i][0], v = scale * kHeadTemplate[i][1];
    out[i] = {x + u * std::cos(a) - v * std::sin(a), y + u * std::sin(a) + v * std::cos(a)};
  }
  return out;
}

// A frame of slow waves: every level occurs, nothing is finer than about 20 pixels.
inline cv::Mat wave_frame(int width, int height, double phase = 0) {
  cv::Mat frame(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const double v =
            128 + 60 * std::sin(0.02 * x + 0.7 * c + phase) + 55 * std::cos(0.03 * y + 1.1 * c);
        frame.at<cv::Vec3b>(y, x)[c] = cv::saturate_cast<uchar>(v);
      }
    }
  }
  return frame;
}

inline cv::Mat constant_mask(int resolution, float value) {
  return cv::Mat(resolution, resolution, CV_32FC1, cv::Scalar(value));
}

// Gives back its input, with masks of one value.
inline Predictor identity_predictor(float mask = 1.0f) {
  return [mask](const cv::Mat& crop) {
    return Prediction{crop.clone(), constant_mask(crop.cols, mask), constant_mask(crop.cols, mask)};
  };
}

// One colour (BGR, levels 0..255) everywhere.
inline Predictor colour_predictor(cv::Scalar bgr, float mask = 1.0f) {
  return [bgr, mask](const cv::Mat& crop) {
    return Prediction{cv::Mat(crop.size(), CV_32FC3, bgr * (1.0 / 255)),
                      constant_mask(crop.cols, mask), constant_mask(crop.cols, mask)};
  };
}

// The input with a soft elliptic mask, its colours changed by gain and offset per channel.
inline Predictor tinted_predictor(cv::Scalar gain, cv::Scalar offset) {
  return [gain, offset](const cv::Mat& crop) {
    const int n = crop.cols;
    cv::Mat face, mask = cv::Mat::zeros(n, n, CV_32FC1);
    cv::multiply(crop, gain, face);
    face += offset;
    cv::ellipse(mask, cv::Point(n / 2, n * 9 / 16), cv::Size(n * 10 / 32, n * 12 / 32), 0, 0, 360,
                cv::Scalar(1), cv::FILLED);
    cv::GaussianBlur(mask, mask, cv::Size(), n / 64.0);
    return Prediction{face, mask, mask.clone()};
  };
}

}  // namespace diptych
