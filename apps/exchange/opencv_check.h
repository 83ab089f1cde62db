// An exported model run by OpenCV's DNN module beside our own network.
// OpenCV 4.6 runs our models for one picture at a time; it does not read f16 weights, so these are
// written out for it first, rounded as they are.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

#include <opencv2/dnn.hpp>

#include "kernels/common/stream.h"
#include "models/saehd/trainer.h"

namespace diptych {

class OpenCvCheck {
 public:
  // Throws Error when OpenCV cannot read the model; InputError for a damaged checkpoint.
  OpenCvCheck(const std::filesystem::path& model, const std::filesystem::path& checkpoint);

  // The largest difference in the three results for a picture (R,R) CV_8UC3; infinite when one of
  // them holds something that is no number. Throws Error when OpenCV cannot run the model.
  double difference(const cv::Mat& picture);

 private:
  Stream stream_;
  SaehdInference network_;
  cv::dnn::Net net_;
};

}  // namespace diptych
