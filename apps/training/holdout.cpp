// Scores of held-out faces.
// SPDX-License-Identifier: MIT
#include "apps/training/holdout.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

#include "apps/training/preview.h"
#include "kernels/common/check.h"
#include "kernels/dssim/dssim.h"
#include "models/saehd/losses.h"
#include "tensor/ops.h"
#include "tensor/tape.h"

namespace diptych {

namespace {

using nlohmann::json;

json json_of(const HoldoutScore& s) {
  return {{"dssim", s.dssim}, {"sharpness", s.sharpness}, {"iou", s.mask_iou}};
}

HoldoutScore score_of(const json& j) {
  return {j.at("dssim").get<double>(), j.at("sharpness").get<double>(), j.at("iou").get<double>()};
}

// Mean |Laplacian| of the grey picture where the mask is set.
double sharpness_of(const cv::Mat& picture, const cv::Mat& inside) {
  cv::Mat grey, edges;
  cv::cvtColor(picture, grey, cv::COLOR_BGR2GRAY);
  cv::Laplacian(grey, edges, CV_32F);
  return cv::mean(cv::abs(edges), inside)[0];
}

double dssim_of(const cv::Mat& target, const cv::Mat& prediction) {
  const int side = target.rows;
  Stream& stream = current_stream();
  const auto on_stream = [&](const cv::Mat& m) { return to_tensor({m}).to(stream.place()); };
  const NoGrad no_grad;
  const Tensor loss =
      dssim_loss(on_stream(target), on_stream(prediction), dssim_windows(side).first);
  return loss.to_host()[0];
}

HoldoutScore mean_of(const std::vector<HoldoutScore>& scores) {
  HoldoutScore mean;
  const auto n = static_cast<double>(scores.size());
  for (const HoldoutScore& s : scores) {
    mean.dssim += s.dssim / n;
    mean.sharpness += s.sharpness / n;
    mean.mask_iou += s.mask_iou / n;
  }
  return mean;
}

cv::Mat to_unit(const cv::Mat& picture) {
  cv::Mat out;
  picture.convertTo(out, CV_32F, 1.0 / 255);
  return out;
}

}  // namespace

std::string to_json(const HoldoutScores& scores) {
  return json{{"src", json_of(scores.src)}, {"dst", json_of(scores.dst)}}.dump();
}

HoldoutScores holdout_from_json(const std::string& text) {
  try {
    const json j = json::parse(text);
    return {score_of(j.at("src")), score_of(j.at("dst"))};
  } catch (const json::exception& e) {
    throw Error(str("scores of held-out faces cannot be read: ", e.what()));
  }
}

std::vector<Face> take_holdout(std::vector<Face>& faces, int64_t every) {
  std::vector<Face> held, rest;
  if (every < 2 || static_cast<int64_t>(faces.size()) < every) return held;
  for (size_t i = 0; i < faces.size(); ++i) {
    const bool hold = static_cast<int64_t>(i + 1) % every == 0;
    (hold ? held : rest).push_back(std::move(faces[i]));
  }
  faces = std::move(rest);
  return held;
}

HoldoutScore score_face(const cv::Mat& picture,
                        const cv::Mat& prediction,
                        const cv::Mat& mask,
                        const cv::Mat& predicted_mask) {
  const cv::Mat inside = mask > 0.5f, predicted = predicted_mask > 0.5f;
  cv::Mat shown[2];
  picture.copyTo(shown[0], inside);
  prediction.copyTo(shown[1], inside);
  const int united = cv::countNonZero(inside | predicted);
  const double target_sharpness = sharpness_of(picture, inside);
  return {dssim_of(shown[0], shown[1]),
          target_sharpness > 0 ? sharpness_of(prediction, inside) / target_sharpness : 0,
          united > 0 ? static_cast<double>(cv::countNonZero(inside & predicted)) / united : 1};
}

std::vector<Holdout::Item> Holdout::prepare(const std::vector<Face>& faces,
                                            const PrepareOptions& options) {
  std::vector<Item> items;
  const size_t n = std::min(kMost, faces.size());
  for (size_t i = 0; i < n; ++i) {
    const PreparedFace face = prepare_face(faces[(2 * i + 1) * faces.size() / (2 * n)], options);
    cv::Mat mask;
    cv::extractChannel(face.masks.pixels, mask, 0);
    items.push_back({face.picture, mask({1, 1, face.masks.w, face.masks.w}).clone()});
  }
  return items;
}

Holdout::Holdout(const std::vector<Face>& src,
                 const std::vector<Face>& dst,
                 const PrepareOptions& options)
    : src_(prepare(src, options)), dst_(prepare(dst, options)) {}

HoldoutScores Holdout::score(const Saehd& network, DType dtype) const {
  DIPTYCH_CHECK(any(), "Holdout::score: a side has no held-out face");
  const NoGrad no_grad;
  std::vector<HoldoutScore> src, dst;
  // A pair at a time: what it needs of memory is below a training step's.
  for (size_t i = 0; i < std::max(src_.size(), dst_.size()); ++i) {
    const Item &s = src_[i % src_.size()], &d = dst_[i % dst_.size()];
    const Tensor x = cast(to_tensor({s.picture, d.picture}).to(current_stream().place()), dtype);
    const Saehd::Reconstruction seen = network.reconstruct(x);
    const auto score = [&](const Item& item, const Tensor& picture, const Tensor& mask) {
      return score_face(to_unit(item.picture), from_tensor(picture, 0), to_unit(item.mask),
                        from_tensor(mask, 0));
    };
    if (i < src_.size()) src.push_back(score(s, seen.src, seen.src_mask));
    if (i < dst_.size()) dst.push_back(score(d, seen.dst, seen.dst_mask));
  }
  return {mean_of(src), mean_of(dst)};
}

}  // namespace diptych
