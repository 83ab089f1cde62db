// Blending face layers into a frame.
// SPDX-License-Identifier: MIT
#include "faces/merge/composite.h"

#include <algorithm>
#include <string>

#include <opencv2/imgproc.hpp>
#include <opencv2/photo.hpp>

#include "faces/merge/face_mask.h"
#include "kernels/common/check.h"
#include "kernels/common/log.h"

namespace diptych {

namespace {

// Levels 0..255 of a value in 0..1 that was blended from exact levels.
uchar rounded(float level) {
  return static_cast<uchar>(static_cast<int>(level + 0.5f));
}

void blend_rounded(const FaceLayer& layer, cv::Mat image) {
  for (int y = 0; y < image.rows; ++y) {
    uchar* out = image.ptr<uchar>(y);
    const float* colour = layer.colour.ptr<float>(y);
    const float* cover = layer.cover.ptr<float>(y);
    for (int x = 0; x < image.cols; ++x, out += 3, colour += 3) {
      const float a = cover[x];
      if (!(a > 0)) continue;
      for (int c = 0; c < 3; ++c) {
        const auto under = static_cast<float>(out[c]);
        out[c] = rounded(under + (255.0f * colour[c] - under) * a);
      }
    }
  }
}

void add_mask_rounded(const cv::Mat& mask, cv::Mat sum) {
  for (int y = 0; y < sum.rows; ++y) {
    uchar* out = sum.ptr<uchar>(y);
    const float* m = mask.ptr<float>(y);
    for (int x = 0; x < sum.cols; ++x)
      out[x] = static_cast<uchar>(std::min(255, out[x] + static_cast<int>(255.0f * m[x] + 0.5f)));
  }
}

// u8 -> levels 0..1 by division, as the original does: every level survives truncation.
cv::Mat unit_levels(const cv::Mat& image) {
  cv::Mat out(image.size(), CV_32FC3);
  for (int y = 0; y < image.rows; ++y) {
    const uchar* in = image.ptr<uchar>(y);
    float* to = out.ptr<float>(y);
    for (int i = 0; i < 3 * image.cols; ++i) to[i] = static_cast<float>(in[i]) / 255.0f;
  }
  return out;
}

cv::Mat truncated(const cv::Mat& unit) {
  cv::Mat out(unit.size(), CV_8UC(unit.channels()));
  for (int y = 0; y < unit.rows; ++y) {
    const float* in = unit.ptr<float>(y);
    uchar* to = out.ptr<uchar>(y);
    for (int i = 0; i < unit.channels() * unit.cols; ++i)
      to[i] = static_cast<uchar>(static_cast<int>(std::clamp(in[i], 0.0f, 1.0f) * 255.0f));
  }
  return out;
}

}  // namespace

Canvas::Canvas(const cv::Mat& frame, const cv::Mat& background, bool parity_dfl)
    : parity_dfl_(parity_dfl), background_(background) {
  image_ = parity_dfl ? unit_levels(frame) : background.clone();
  mask_ = cv::Mat::zeros(frame.size(), parity_dfl ? CV_32FC1 : CV_8UC1);
}

void Canvas::add(const FaceLayer& layer) {
  ++layers_;
  if (layer.roi.empty()) return;
  if (parity_dfl_) {
    add_parity(layer);
    return;
  }
  if (!layer.cover.empty()) blend_rounded(layer, image_(layer.roi));
  add_mask_rounded(layer.mask, mask_(layer.roi));
}

void Canvas::add_parity(const FaceLayer& layer) {
  const cv::Rect& roi = layer.roi;
  if (layers_ == 1 && !layer.cover.empty()) image_ = unit_levels(background_);
  cv::Mat under = unit_levels(background_(roi));
  for (int y = 0; y < roi.height; ++y) {
    for (int x = 0; x < roi.width && !layer.cover.empty(); ++x) {
      auto& u = under.at<cv::Vec3f>(y, x);
      const float a = layer.cover.at<float>(y, x);
      const auto& colour = layer.colour.at<cv::Vec3f>(y, x);
      for (int c = 0; c < 3; ++c) u[c] = u[c] * (1 - a) + colour[c] * a;
    }
    for (int x = 0; x < roi.width; ++x) {
      const float m = layers_ == 1 ? 1.0f : layer.mask.at<float>(y, x);
      auto& out = image_(roi).at<cv::Vec3f>(y, x);
      for (int c = 0; c < 3; ++c) out[c] = out[c] * (1 - m) + under.at<cv::Vec3f>(y, x)[c] * m;
    }
  }
  cv::Mat sum = mask_(roi);
  sum += layer.mask;
  cv::min(sum, 1.0, sum);
}

MergedFrame Canvas::finish() const {
  if (!parity_dfl_) return {image_, mask_};
  return {truncated(image_), truncated(mask_)};
}

bool clone_seamlessly(const cv::Mat& frame, FaceLayer& layer, bool parity_dfl) {
  // The first of 0.1, 0.2, ... that any pixel exceeds; in practice 0.1.
  double peak = 0;
  cv::minMaxLoc(layer.mask, nullptr, &peak);
  if (!(peak > 0.1)) return false;
  cv::Mat chosen = cv::Mat::zeros(frame.size(), CV_8UC1);
  cv::Mat inside = layer.mask > 0.1;
  inside.copyTo(chosen(layer.roi));
  if (!parity_dfl) {
    // The solver drops the outer ring of the frame; without it here too the centre stays true.
    cv::rectangle(chosen, cv::Rect(0, 0, chosen.cols, chosen.rows), cv::Scalar(0), 1);
  }
  const cv::Rect bounds = cv::boundingRect(chosen);
  if (bounds.width < 4 || bounds.height < 4) return false;
  const cv::Rect part = cv::Rect(bounds.x - 2, bounds.y - 2, bounds.width + 4, bounds.height + 4) &
                        cv::Rect(0, 0, frame.cols, frame.rows);
  cv::Mat source = frame.clone(), face;
  layer.colour.convertTo(face, CV_8U, 255);
  face.copyTo(source(layer.roi));
  const cv::Point centre(bounds.x + bounds.width / 2 - part.x,
                         bounds.y + bounds.height / 2 - part.y);
  cv::Mat cloned;
  try {
    cv::seamlessClone(source(part), frame(part).clone(), chosen(part).clone(), centre, cloned,
                      cv::NORMAL_CLONE);
  } catch (const cv::Exception& error) {
    log(LogLevel::kWarning,
        "merge: seamless cloning failed, the face is overlaid: " + std::string(error.what()));
    return false;
  }
  cv::Mat whole = frame.clone();
  cloned.copyTo(whole(part));
  whole(layer.roi).convertTo(layer.colour, CV_32F, 1.0 / 255);
  return true;
}

}  // namespace diptych
