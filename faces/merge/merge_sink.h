// Where merged frames go: a video, or a folder of pictures.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <memory>

#include "faces/merge/merge_video.h"

namespace diptych {

class MergeSink {
 public:
  virtual ~MergeSink() = default;  // without finish(): nothing is published

  virtual void write(const cv::Mat& picture, const Frame& frame) = 0;
  // Publishes and returns the path written. complete = false: the work was stopped.
  virtual std::filesystem::path finish(bool complete) = 0;
};

// size: of the pictures; first: the first frame that will be written.
std::unique_ptr<MergeSink> open_merge_sink(const SourceInfo& source,
                                           const MergeOutput& output,
                                           cv::Size size,
                                           const Frame& first);

}  // namespace diptych
