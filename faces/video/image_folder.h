// A folder of pictures as a source of frames.
// SPDX-License-Identifier: MIT
#pragma once

#include "faces/video/frame_source.h"

namespace diptych {

// Pictures (see is_image_name) directly in the folder, hidden files left out, sorted so that
// frame2 comes before frame10; or one picture. Frame n has pts n in ticks of 1/folder_fps. Sizes
// may differ from picture to picture. InputError: no such folder, no picture in it. A broken
// picture: by the damage policy an InputError, or a warning and the index is left out; a single
// picture is always an InputError.
class ImageFolder : public FrameSource {
 public:
  explicit ImageFolder(const std::filesystem::path& path, const SourceOptions& options = {});

  const SourceInfo& info() const override { return info_; }

  bool read(Frame& frame) override;
  void seek_pts(int64_t pts) override;

  const std::vector<int64_t>& frame_pts() override { return pts_; }

  const std::vector<std::filesystem::path>& files() const { return files_; }

 private:
  SourceInfo info_;
  SourceOptions options_;
  std::vector<std::filesystem::path> files_;
  std::vector<int64_t> pts_;
  size_t next_ = 0;
};

// Order of names in which digit runs compare as numbers; ties by plain comparison.
bool natural_less(const std::string& a, const std::string& b);

}  // namespace diptych
