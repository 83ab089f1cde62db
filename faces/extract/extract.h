// From frames to a faceset: detect, place landmarks, cut, store.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "faces/align/face_type.h"
#include "faces/detect/detect.h"
#include "faces/faceset/faceset.h"
#include "faces/video/frame_source.h"

namespace diptych {

struct ExtractProgress {
  int64_t frames = 0;  // done in this run, those stored earlier included
  int64_t total = 0;   // 0: unknown
  int64_t faces = 0;   // stored in this run
};

struct ExtractOptions {
  FaceType face_type = FaceType::kWhole;
  int image_size = 512;                                  // side of the stored pictures, 64..4096
  int jpeg_quality = 95;                                 // 4:4:4; 0 stores PNG
  int max_faces = 0;                                     // per frame, largest first; 0: all
  int min_face_px = 40;                                  // smaller boxes are left out
  int every = 1;                                         // take one frame of so many
  int threads = 0;                                       // that detect; 0: one per core
  const std::atomic<bool>* stop = nullptr;               // set: store what is under way and return
  std::function<void(const ExtractProgress&)> progress;  // called in the caller's thread
};

struct ExtractSummary {
  int64_t frames = 0;             // looked at in this run
  int64_t skipped = 0;            // in the faceset already
  int64_t frames_with_faces = 0;  // of `frames`
  int64_t faces = 0;              // stored in this run
  int64_t turned = 0;             // faces found only in a turned frame
  double seconds = 0;
  bool stopped = false;  // by the stop flag
};

// Reads all frames from the current position and stores each with its faces; frames that the
// faceset has already are passed over, so a run that was interrupted is resumed by running it
// again. What is stored is a function of the frames and the options, whatever the thread count.
// An error in a frame ends the run after the frames before it are stored, and is rethrown.
ExtractSummary extract_faces(FrameSource& source,
                             const FaceDetector& detector,
                             const LandmarkPredictor& predictor,
                             Faceset& faceset,
                             const ExtractOptions& options = {});

// The picture that `matrix` (frame -> crop of size x size, corners to 0 and size) cuts from a
// frame, CV_8UC3, black outside. Enlarging: Lanczos. Shrinking: cubic samples on a grid fine enough
// for the frame's pixels, then area means (spec alignment.md 16).
cv::Mat cut_face(const cv::Mat& bgr, const cv::Matx23d& matrix, int size);

// Variance of the Laplacian of the grey picture inside the hull of the landmarks; 0 when the hull
// is empty. Depends on the size of the picture.
double face_sharpness(const cv::Mat& bgr, const Landmarks& landmarks);

}  // namespace diptych
