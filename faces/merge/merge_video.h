// Merging a whole video: every frame of dst in order at its own time, faces replaced where there
// are any, sound as it was, labelled as synthetic. Decoding, prediction with merging, and encoding
// run side by side; the output does not depend on how they interleave.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "faces/merge/merge_face.h"
#include "faces/video/video_writer.h"

namespace diptych {

class Faceset;

// Landmarks of the faces of each frame, by frame index; in a frame, later faces lie on top.
using FacesByFrame = std::map<int64_t, std::vector<Landmarks>>;

// The active faces of a faceset, in its order.
FacesByFrame faces_by_frame(const Faceset& faces);

// The model that predicts.
struct MergeModel {
  BatchPredictor predict;
  int resolution = 0;
  FaceType type = FaceType::kWhole;
  int batch = 1;  // crops that one call of predict should get; frames wait for each other for it
};

enum class MergeContent { kPicture, kMask };

struct MergeProgress {
  int64_t frames = 0;  // written or on their way to the encoder
  int64_t total = 0;   // 0 when the source does not say
  int64_t merged = 0;
};

struct MergeOutput {
  // A video (.mp4 .m4v .mov .mkv), or a folder for one PNG per frame, which must be new or empty.
  std::filesystem::path path;
  MergeContent content = MergeContent::kPicture;
  VideoCodec codec = VideoCodec::kH264;
  int crf = 16;
  std::string preset = "medium";
  bool copy_audio = true;  // of a video; a container that cannot hold the sound is an InputError
  double from = -1e9, to = 1e9;  // seconds of the source; the output then starts at 0
  bool label = true;             // mark every file as synthetic; see faces/provenance
  // Asked before each frame: true ends the work. Called in the caller's thread, as is progress.
  std::function<bool()> stop;
  std::function<void(const MergeProgress&)> progress;
};

struct MergeSummary {
  int64_t frames = 0;          // in the output
  int64_t merged = 0;          // frames with a face
  int64_t passed_through = 0;  // frames without, unchanged
  bool stopped = false;
  std::filesystem::path path;  // what was written
  double seconds = 0;          // wall clock
  // Time that each stage was busy; they overlap.
  double decode_seconds = 0, predict_seconds = 0, merge_seconds = 0, encode_seconds = 0;
};

// The output appears under its name when it is complete and labelled; an existing file is replaced
// then, and only then. When stop() says so, the frames done so far are finished to
// NAME.partial.EXT (labelled as well, an older one is replaced) and an existing NAME.EXT stays; a
// folder keeps the pictures it has. After an error nothing is left of a video.
// Errors: InputError for the files; Error naming the frame when a prediction is not finite, has the
// wrong size, or the landmarks are degenerate.
MergeSummary merge_video(FrameSource& dst,
                         const FacesByFrame& faces,
                         const MergeModel& model,
                         const MergeOptions& options,
                         const MergeOutput& output);

// The same with the faces of a faceset, which must have been extracted from frames of this size.
MergeSummary merge_video(FrameSource& dst,
                         const Faceset& faces,
                         const MergeModel& model,
                         const MergeOptions& options,
                         const MergeOutput& output);

// Path over two frames of the centre of a face's crop, for motion blur: from the frame before to
// the frame after. Zero unless all three frames have exactly one face, and across a cut (a jump of
// more than half a crop).
cv::Point2d face_motion(const FacesByFrame& faces, int64_t frame, FaceType type);

}  // namespace diptych
