// From one frame to its records.
// SPDX-License-Identifier: MIT
#include "faces/extract/frame_faces.h"

#include <algorithm>
#include <cmath>

#include "faces/align/pose.h"
#include "faces/image/image.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

void add_note(std::string& notes, const std::string& note) {
  if (notes.find(note) != std::string::npos) return;
  notes += notes.empty() ? note : "; " + note;
}

Face face_from(const cv::Mat& bgr,
               const Detection& detection,
               const LandmarkPredictor& predictor,
               const ExtractOptions& options) {
  Face face;
  face.type = options.face_type;
  face.size = options.image_size;
  face.box = detection.box;
  face.box_score = detection.score;
  face.source_landmarks = predictor.landmarks(bgr, detection.box, detection.rotation);
  for (const cv::Point2d& p : face.source_landmarks) {
    DIPTYCH_CHECK(std::isfinite(p.x) && std::isfinite(p.y), "a landmark is not finite");
  }
  face.matrix = crop_matrix(face.source_landmarks, face.size, face.type);
  face.landmarks = transform(face.matrix, face.source_landmarks);
  face.pose = estimate_pose(face.landmarks, face.size);
  const cv::Mat picture = cut_face(bgr, face.matrix, face.size);
  face.sharpness = face_sharpness(picture, face.landmarks);
  face.image = options.jpeg_quality > 0
                   ? encode_jpeg(picture, {.quality = options.jpeg_quality, .full_chroma = true})
                   : encode_png(picture);
  return face;
}

}  // namespace

FrameFaces faces_of_frame(const Frame& frame,
                          const std::string& source_name,
                          FaceDetector& detector,
                          const LandmarkPredictor& predictor,
                          const ExtractOptions& options) {
  FrameFaces result;
  FrameRecord& record = result.frame;
  record.frame_index = frame.index;
  record.seconds = frame.seconds;
  record.width = frame.bgr.cols;
  record.height = frame.bgr.rows;
  if (frame.damaged) add_note(record.note, "damaged frame");

  for (const Detection& detection : detector.detect(frame.bgr)) {
    if (std::min(detection.box.width, detection.box.height) < options.min_face_px) continue;
    if (options.max_faces > 0 && static_cast<int>(result.faces.size()) >= options.max_faces) {
      add_note(record.note, str("more than ", options.max_faces, " faces"));
      break;
    }
    try {
      Face face = face_from(frame.bgr, detection, predictor, options);
      face.frame_index = frame.index;
      face.frame_seconds = frame.seconds;
      face.source_name = frame.name.empty() ? source_name : frame.name;
      result.faces.push_back(std::move(face));
    } catch (const Error&) {
      add_note(record.note, "landmarks failed");
      continue;
    }
    if (detection.rotation != 0) {
      add_note(record.note, str("turned by ", detection.rotation, " degrees"));
    }
  }
  record.faces = static_cast<int>(result.faces.size());
  if (record.faces == 0) add_note(record.note, "no face");
  return result;
}

}  // namespace diptych
