// Merging a video with the faces of a faceset.
// SPDX-License-Identifier: MIT
#include "faces/faceset/faceset.h"
#include "faces/merge/merge_video.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

// The faces must come from frames like these.
void check_faceset(const FrameSource& dst, const Faceset& faces) {
  if (faces.count() == 0) {
    throw InputError(faces.path(), "has no active faces", "Extract faces from dst first");
  }
  for (const FrameRecord& record : faces.frames()) {
    if (record.width <= 0 || record.height <= 0) continue;
    const SourceInfo& info = dst.info();
    if (record.width == info.width && record.height == info.height) return;
    throw InputError(faces.path(),
                     str("its faces come from frames of ", record.width, "x", record.height,
                         ", but ", info.path.string(), " has ", info.width, "x", info.height),
                     "Give the video that the faces were extracted from");
  }
}

}  // namespace

FacesByFrame faces_by_frame(const Faceset& faces) {
  FacesByFrame out;
  for (const Face& face : faces.load_all(false)) {
    out[face.frame_index].push_back(face.source_landmarks);
  }
  return out;
}

MergeSummary merge_video(FrameSource& dst,
                         const Faceset& faces,
                         const MergeModel& model,
                         const MergeOptions& options,
                         const MergeOutput& output) {
  check_faceset(dst, faces);
  return merge_video(dst, faces_by_frame(faces), model, options, output);
}

}  // namespace diptych
