// Measuring all faces.
// SPDX-License-Identifier: MIT
#include "faces/report/measure_faceset.h"

#include <algorithm>
#include <map>

#include <opencv2/core/utility.hpp>

#include "faces/sample/prepare_faces.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr size_t kChunk = 32;  // faces between two looks at the stop flag, 0.2 s of work

FaceMeasures measure_stored(const Faceset& faces, int64_t id, const MeasureOptions& options) {
  Face face;
  try {
    face = faces.load(id);
  } catch (const InputError& e) {
    FaceMeasures m;
    m.id = id;
    m.frame_index = -1;  // not known
    m.trouble = e.what();
    return m;
  }
  return measure_face(face, options.resolution, options.type);
}

void count_frames(const Faceset& faces, SideMeasures& side) {
  std::map<int64_t, int> in_frame;
  for (const FaceMeasures& face : side.faces)
    if (face.frame_index >= 0) ++in_frame[face.frame_index];
  for (const auto& [frame, count] : in_frame) side.frames_crowded += count > 1;
  for (const FrameRecord& frame : faces.frames()) {
    ++side.frames;
    side.frames_without += in_frame.count(frame.frame_index) == 0;
  }
}

}  // namespace

std::optional<SideMeasures> measure_faceset(const Faceset& faces, const MeasureOptions& options) {
  const std::vector<int64_t> ids = faces.ids();
  SideMeasures side;
  side.path = faces.path();
  side.trash = faces.count(FaceState::kTrash);
  side.faces.resize(ids.size());
  cv::setNumThreads(1);  // the faces are the threads' work
  for (size_t begin = 0; begin < ids.size(); begin += kChunk) {
    if (options.stop && options.stop()) return std::nullopt;
    const size_t count = std::min(kChunk, ids.size() - begin);
    for_each_face(count, [&](size_t i) {
      side.faces[begin + i] = measure_stored(faces, ids[begin + i], options);
    });
    if (options.progress) options.progress(static_cast<int64_t>(begin + count));
  }
  count_frames(faces, side);
  return side;
}

}  // namespace diptych
