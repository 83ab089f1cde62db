// Running the two networks and comparing.
// SPDX-License-Identifier: MIT
#include "apps/exchange/opencv_check.h"

#include <algorithm>
#include <limits>

#include <opencv2/core/utils/logger.hpp>

#include "apps/onnx/onnx_model.h"
#include "apps/training/preview.h"
#include "faces/image/file_io.h"
#include "kernels/common/parallel.h"

namespace diptych {

namespace {

// OpenCV logs what it also throws.
class QuietOpenCv {
 public:
  QuietOpenCv() : level_(cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT)) {}

  ~QuietOpenCv() { cv::utils::logging::setLogLevel(level_); }

  QuietOpenCv(const QuietOpenCv&) = delete;
  QuietOpenCv& operator=(const QuietOpenCv&) = delete;

 private:
  cv::utils::logging::LogLevel level_;
};

[[noreturn]] void refuse(const cv::Exception& e) {
  throw Error(str("OpenCV ", CV_VERSION, " cannot run the model: ", e.err));
}

cv::dnn::Net read_net(const std::filesystem::path& model) {
  const QuietOpenCv quiet;
  const std::vector<uint8_t> plain = without_f16(read_file(model), model.string());
  try {
    return cv::dnn::readNetFromONNX(plain);
  } catch (const cv::Exception& e) {
    refuse(e);
  }
}

// blob (1,R,R,C), picture (R,R) of C channels.
double largest_difference(const cv::Mat& blob, const cv::Mat& picture) {
  const int side = picture.rows;
  DIPTYCH_CHECK(blob.dims == 4 && blob.size[1] == side && blob.size[2] == picture.cols &&
                    blob.size[3] == picture.channels() && blob.type() == CV_32F,
                "OpenCvCheck: a result has another shape than ", side, "x", side, "x",
                picture.channels());
  const cv::Mat theirs(side, side, picture.type(), const_cast<uchar*>(blob.ptr()));
  if (!cv::checkRange(theirs) || !cv::checkRange(picture))
    return std::numeric_limits<double>::infinity();
  return cv::norm(theirs, picture, cv::NORM_INF);
}

}  // namespace

OpenCvCheck::OpenCvCheck(const std::filesystem::path& model,
                         const std::filesystem::path& checkpoint)
    : network_(checkpoint.string(), DType::kF32), net_(read_net(model)) {}

double OpenCvCheck::difference(const cv::Mat& picture) {
  const StreamGuard guard(stream_);
  set_parallel_threads(stream_.threads());
  const Tensor input = to_tensor({picture});
  const Saehd::Swap ours = network_.swap(input);
  const int side = picture.rows;
  const int sides[] = {1, side, side, 3};
  std::vector<cv::Mat> theirs;
  try {
    const QuietOpenCv quiet;
    net_.setInput(cv::Mat(4, sides, CV_32F, input.as<float>()), kOnnxInput);
    net_.forward(theirs, std::vector<std::string>{kOnnxDstMask, kOnnxFace, kOnnxFaceMask});
  } catch (const cv::Exception& e) {
    refuse(e);
  }
  return std::max({largest_difference(theirs[0], from_tensor(ours.dst_mask, 0)),
                   largest_difference(theirs[1], from_tensor(ours.face, 0)),
                   largest_difference(theirs[2], from_tensor(ours.mask, 0))});
}

}  // namespace diptych
