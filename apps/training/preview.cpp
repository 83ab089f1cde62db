// Running the network on the preview faces and laying out the picture.
// SPDX-License-Identifier: MIT
#include "apps/training/preview.h"

#include <algorithm>
#include <cstring>

#include <opencv2/imgproc.hpp>

#include "kernels/common/check.h"
#include "tensor/ops.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

constexpr int kTitleHeight = 22, kGap = 2;
const cv::Scalar kPaper(40, 40, 40), kText(225, 225, 225), kBehindMask(0.2, 0.2, 0.2);

std::vector<PreparedFace> choose(const std::vector<Face>& faces,
                                 const PrepareOptions& options,
                                 int rows) {
  DIPTYCH_CHECK(!faces.empty() && rows >= 1, "Preview: ", faces.size(), " faces, ", rows, " rows");
  std::vector<PreparedFace> chosen;
  for (int i = 0; i < rows; ++i) {
    const size_t at =
        (2 * static_cast<size_t>(i) + 1) * faces.size() / (2 * static_cast<size_t>(rows));
    chosen.push_back(prepare_face(faces[std::min(at, faces.size() - 1)], options));
  }
  return chosen;
}

std::vector<cv::Mat> pictures_of(const std::vector<PreparedFace>& faces) {
  std::vector<cv::Mat> pictures;
  for (const PreparedFace& face : faces) pictures.push_back(face.picture);
  return pictures;
}

cv::Mat to_float(const cv::Mat& picture) {
  cv::Mat out;
  picture.convertTo(out, CV_32F, picture.depth() == CV_8U ? 1.0 / 255 : 1.0);
  return out;
}

cv::Mat behind(const cv::Mat& picture, const cv::Mat& mask) {
  cv::Mat weights;
  cv::cvtColor(mask, weights, cv::COLOR_GRAY2BGR);
  const cv::Mat paper(picture.size(), CV_32FC3, kBehindMask);
  return picture.mul(weights) + paper.mul(cv::Scalar::all(1) - weights);
}

// Where the network computes, in its dtype.
Tensor network_input(const std::vector<cv::Mat>& pictures, DType dtype) {
  return cast(to_tensor(pictures).to(current_stream().place()), dtype);
}

}  // namespace

Tensor to_tensor(const std::vector<cv::Mat>& pictures) {
  DIPTYCH_CHECK(!pictures.empty(), "to_tensor: no picture");
  const int side = pictures[0].rows;
  const Tensor out = Tensor::empty({static_cast<int64_t>(pictures.size()), side, side, 3},
                                   DType::kF32, Place::kHost);
  float* to = out.as<float>();
  for (const cv::Mat& picture : pictures) {
    DIPTYCH_CHECK(picture.rows == side && picture.cols == side && picture.channels() == 3,
                  "to_tensor: picture ", picture.cols, "x", picture.rows, "x", picture.channels(),
                  ", expected ", side, "x", side, "x3");
    cv::Mat target(side, side, CV_32FC3, to);
    picture.convertTo(target, CV_32F, picture.depth() == CV_8U ? 1.0 / 255 : 1.0);
    to += int64_t{side} * side * 3;
  }
  return out;
}

cv::Mat from_tensor(const Tensor& tensor, int64_t sample) {
  const Shape& s = tensor.shape();
  DIPTYCH_CHECK(s.rank() == 4 && sample >= 0 && sample < s[0] && (s[3] == 1 || s[3] == 3),
                "from_tensor: sample ", sample, " of ", s);
  cv::Mat out(static_cast<int>(s[1]), static_cast<int>(s[2]), CV_32FC(static_cast<int>(s[3])));
  const int64_t count = s[1] * s[2] * s[3];
  const Tensor values = tensor.part(sample * count, {count}).to(Place::kHost);
  std::memcpy(out.data, values.as<float>(), values.bytes());
  return out;
}

cv::Mat picture_grid(const std::vector<std::vector<cv::Mat>>& rows,
                     const std::vector<std::string>& titles,
                     int side) {
  const int columns = static_cast<int>(titles.size());
  cv::Mat canvas(kTitleHeight + static_cast<int>(rows.size()) * (side + kGap),
                 columns * (side + kGap), CV_8UC3, kPaper);
  for (int c = 0; c < columns; ++c) {
    const double scale = std::min(0.45, side / 300.0);
    cv::putText(canvas, titles[static_cast<size_t>(c)], {c * (side + kGap) + 3, kTitleHeight - 7},
                cv::FONT_HERSHEY_SIMPLEX, scale, kText, 1, cv::LINE_AA);
  }
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < rows[r].size(); ++c) {
      const cv::Mat& picture = rows[r][c];
      if (picture.empty()) continue;
      cv::Mat shown;
      picture.convertTo(shown, CV_8U, picture.depth() == CV_32F ? 255 : 1);
      cv::resize(shown, shown, {side, side}, 0, 0,
                 shown.cols > side ? cv::INTER_AREA : cv::INTER_LINEAR);
      if (shown.channels() == 1) cv::cvtColor(shown, shown, cv::COLOR_GRAY2BGR);
      shown.copyTo(canvas({static_cast<int>(c) * (side + kGap),
                           kTitleHeight + static_cast<int>(r) * (side + kGap), side, side}));
    }
  }
  return canvas;
}

Preview::Preview(const std::vector<Face>& src,
                 const std::vector<Face>& dst,
                 const PrepareOptions& options,
                 int rows)
    : src_(choose(src, options, rows)), dst_(choose(dst, options, rows)) {}

Preview::Pictures Preview::render(const Saehd& network,
                                  DType dtype,
                                  const std::string& title) const {
  const NoGrad no_grad;
  std::vector<cv::Mat> both = pictures_of(src_);
  const std::vector<cv::Mat> dst = pictures_of(dst_);
  both.insert(both.end(), dst.begin(), dst.end());
  const Saehd::Reconstruction seen = network.reconstruct(network_input(both, dtype));
  const Saehd::Swap swap = network.swap(network_input(dst, dtype));
  std::vector<std::vector<cv::Mat>> plain, masked;
  for (size_t i = 0; i < src_.size(); ++i) {
    const auto n = static_cast<int64_t>(i);
    const cv::Mat src_mask = from_tensor(seen.src_mask, n);
    const cv::Mat dst_mask = from_tensor(seen.dst_mask, n);
    const cv::Mat swap_mask = from_tensor(swap.mask, n).mul(from_tensor(swap.dst_mask, n));
    const cv::Mat masks[] = {src_mask, src_mask, dst_mask, dst_mask, swap_mask};
    plain.push_back({to_float(src_[i].picture), from_tensor(seen.src, n), to_float(dst_[i].picture),
                     from_tensor(seen.dst, n), from_tensor(swap.face, n)});
    masked.emplace_back();
    for (size_t k = 0; k < 5; ++k) masked.back().push_back(behind(plain.back()[k], masks[k]));
  }
  const std::vector<std::string> titles = {"src", "src again", "dst", "dst again",
                                           "swap  " + title};
  const int side = std::clamp(src_[0].picture.cols, 96, 256);
  return {picture_grid(plain, titles, side), picture_grid(masked, titles, side)};
}

}  // namespace diptych
