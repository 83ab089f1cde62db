// Merging the faces of one frame.
// SPDX-License-Identifier: MIT
#include "faces/merge/merge_face.h"

#include <string>
#include <utility>

#include <opencv2/imgproc.hpp>

#include "faces/merge/composite.h"
#include "faces/merge/face_layer.h"
#include "faces/merge/face_mask.h"
#include "faces/merge/post_effects.h"
#include "faces/merge/resample.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

void check_picture(const char* name, size_t face, const cv::Mat& m, int resolution, int type) {
  DIPTYCH_CHECK(m.type() == type && m.cols == resolution && m.rows == resolution,
                "merge_predicted: ", name, " of face ", face, " is ", m.cols, "x", m.rows,
                " of OpenCV type ", m.type(), ", want ", resolution, "x", resolution, " of type ",
                type);
  DIPTYCH_CHECK(cv::checkRange(m), "merge_predicted: ", name, " of face ", face,
                " holds a value that is not finite");
}

PredictedFace checked(const PredictedFace& face, size_t number, int resolution) {
  check_picture("the crop", number, face.crop, resolution, CV_32FC3);
  check_picture("the predicted face", number, face.prediction.face, resolution, CV_32FC3);
  check_picture("the predicted mask", number, face.prediction.mask, resolution, CV_32FC1);
  check_picture("the predicted dst mask", number, face.prediction.dst_mask, resolution, CV_32FC1);
  PredictedFace out = face;
  for (cv::Mat* m : {&out.prediction.face, &out.prediction.mask, &out.prediction.dst_mask}) {
    *m = m->clone();
    limit_to_unit(*m);
  }
  return out;
}

MergedFrame raw_prediction(const cv::Mat& frame,
                           const std::vector<PredictedFace>& faces,
                           const MergeTarget& target,
                           const MergeOptions& options) {
  const int size = target.resolution;
  MergedFrame out{cv::Mat::zeros(size, size, CV_8UC3), cv::Mat::zeros(size, size, CV_8UC1)};
  if (faces.empty()) return out;
  // The first face: pictures of unrelated faces cannot be blended into one.
  FaceLayer layer;
  layer.roi = cv::Rect(0, 0, size, size);
  layer.colour = faces.front().prediction.face;
  layer.cover = cv::Mat(size, size, CV_32FC1, cv::Scalar(1));
  const cv::Mat grid = mask_on_grid(frame, faces.front(), target, options);
  cv::resize(grid, layer.mask, cv::Size(size, size), 0, 0, cv::INTER_AREA);
  Canvas canvas(out.image, out.image, options.parity_dfl);
  canvas.add(layer);
  return canvas.finish();
}

bool is_composite(MergeMode mode) {
  return mode != MergeMode::kOriginal && mode != MergeMode::kRawRgb &&
         mode != MergeMode::kRawPredict;
}

// The frame as it surrounds the faces, made as soft as they are when asked to.
cv::Mat degraded(const cv::Mat& frame, const MergeOptions& options) {
  if (!is_composite(options.mode) || (options.denoise == 0 && options.bicubic_degrade == 0)) {
    return frame;
  }
  cv::Mat soft;
  frame.convertTo(soft, CV_32F, 1.0 / 255);
  if (options.denoise > 0) soft = denoise(soft, options.denoise);
  if (options.bicubic_degrade > 0) soft = bicubic_degrade(soft, options.bicubic_degrade);
  cv::Mat out;
  soft.convertTo(out, CV_8U, 255);
  return out;
}

}  // namespace

BatchPredictor one_by_one(Predictor predict) {
  return [predict = std::move(predict)](const std::vector<cv::Mat>& crops) {
    std::vector<Prediction> out;
    out.reserve(crops.size());
    for (const cv::Mat& crop : crops) out.push_back(predict(crop));
    return out;
  };
}

cv::Mat crop_for_network(const cv::Mat& frame,
                         const Landmarks& landmarks,
                         int resolution,
                         FaceType type,
                         bool parity_dfl) {
  DIPTYCH_CHECK(resolution > 0, "crop_for_network: resolution is ", resolution);
  return sample_crop(frame, crop_matrix(landmarks, resolution, type), resolution, !parity_dfl);
}

MergedFrame merge_predicted(const cv::Mat& frame,
                            const std::vector<PredictedFace>& faces,
                            int resolution,
                            FaceType type,
                            const MergeOptions& options) {
  check(options);
  DIPTYCH_CHECK(frame.type() == CV_8UC3 && !frame.empty(), "merge_predicted: frame ", frame.cols,
                "x", frame.rows, " has OpenCV type ", frame.type(), ", want CV_8UC3");
  DIPTYCH_CHECK(resolution > 0, "merge_predicted: resolution is ", resolution);
  const MergeTarget target{resolution, type};
  std::vector<PredictedFace> ready;
  for (size_t i = 0; i < faces.size(); ++i) ready.push_back(checked(faces[i], i, resolution));
  if (options.mode == MergeMode::kRawPredict) {
    return raw_prediction(frame, ready, target, options);
  }
  if (faces.empty()) return {frame, cv::Mat::zeros(frame.size(), CV_8UC1)};
  const cv::Mat background = degraded(frame, options);
  Canvas canvas(frame, background, options.parity_dfl);
  for (const PredictedFace& face : ready) {
    canvas.add(make_layer(frame, face, target, options));
  }
  MergedFrame out = canvas.finish();
  if (options.colour_degrade > 0 && is_composite(options.mode)) {
    out.image = colour_degrade(out.image, options.colour_degrade);
  }
  return out;
}

MergedFrame merge_frame(const cv::Mat& frame,
                        const std::vector<Landmarks>& faces,
                        int resolution,
                        FaceType type,
                        const MergeOptions& options,
                        const Predictor& predict) {
  std::vector<PredictedFace> predicted;
  for (const Landmarks& landmarks : faces) {
    const cv::Mat crop = crop_for_network(frame, landmarks, resolution, type, options.parity_dfl);
    predicted.push_back({landmarks, crop, predict(crop)});
  }
  return merge_predicted(frame, predicted, resolution, type, options);
}

}  // namespace diptych
