// A video file as a source of frames: every frame once, each with the time stamp it has in the
// file. Nothing is dropped or duplicated to fit a rate.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "faces/video/frame_source.h"

namespace diptych {

// What went wrong while reading under DamagePolicy::kWarn.
struct Damage {
  int64_t events = 0;       // packets or frames
  int64_t first_index = 0;  // next frame to be given when it was noticed
  double first_seconds = 0;
  bool cut_off = false;  // the file ends before its own index does
  std::string cause;
};

// InputError on opening: missing, a folder, empty, not a video, sound only, cut off before its
// index, no decoder. While reading, damage is handled by SourceOptions::damage; an InputError names
// the frame and the time. Frames that had to be concealed are given with `damaged` set.
// Not thread safe; the decoder uses threads of its own.
class VideoReader : public FrameSource {
 public:
  explicit VideoReader(const std::filesystem::path& file, const SourceOptions& options = {});
  ~VideoReader() override;

  const SourceInfo& info() const override;
  bool read(Frame& frame) override;
  // Decodes from the key frame before, or goes on from here when the frame is close ahead.
  void seek_pts(int64_t pts) override;
  const std::vector<int64_t>& frame_pts() override;
  std::optional<std::string> cut_off() const override;

  const std::optional<Damage>& damage() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace diptych
