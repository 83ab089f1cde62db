// What all frame sources share.
// SPDX-License-Identifier: MIT
#include "faces/video/frame_source.h"

#include <cmath>

#include "faces/image/image.h"
#include "faces/video/image_folder.h"
#include "faces/video/video_reader.h"
#include "kernels/common/check.h"

namespace diptych {

bool FrameSource::read_at_pts(int64_t pts, Frame& frame) {
  seek_pts(pts);
  return read(frame);
}

bool FrameSource::read_at(double seconds, Frame& frame) {
  return read_at_pts(pts_of(seconds), frame);
}

bool FrameSource::read_index(int64_t index, Frame& frame) {
  const auto& all = frame_pts();
  DIPTYCH_CHECK(index >= 0 && index < static_cast<int64_t>(all.size()), info().path.string(),
                ": read_index: frame ", index, " of ", all.size());
  return read_at_pts(all[static_cast<size_t>(index)], frame);
}

int64_t FrameSource::pts_of(double seconds) const {
  // A time printed with a few digits must find the frame it was printed for.
  return static_cast<int64_t>(
      std::floor(seconds * info().time_base.den / info().time_base.num + 1e-3));
}

std::unique_ptr<FrameSource> open_frame_source(const std::filesystem::path& path,
                                               const SourceOptions& options) {
  if (std::filesystem::is_directory(path) || is_image_name(path)) {
    return std::make_unique<ImageFolder>(path, options);
  }
  return std::make_unique<VideoReader>(path, options);
}

}  // namespace diptych
