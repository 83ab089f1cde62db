// For tests: a made-up clip and a detector that reads its faces from the pixels.
// SPDX-License-Identifier: MIT
#pragma once

#include <numeric>

#include "faces/align/head_template.h"
#include "faces/detect/detect.h"
#include "faces/video/frame_source.h"
#include "kernels/common/check.h"

namespace diptych {

// Frame i is noise whose first pixel holds i, i / 256 and the number of faces (i % 3).
class TestSource : public FrameSource {
 public:
  explicit TestSource(int frames, int fails_at = -1) : fails_at_(fails_at) {
    info_.path = "/clips/made_up.mp4";
    info_.is_video = true;
    info_.width = 320;
    info_.height = 240;
    info_.fps = {24, 1};
    info_.time_base = {1, 24};
    info_.frames = frames;
    pts_.resize(static_cast<size_t>(frames));
    std::iota(pts_.begin(), pts_.end(), 0);
  }

  const SourceInfo& info() const override { return info_; }

  bool read(Frame& frame) override {
    if (next_ == static_cast<int64_t>(pts_.size())) return false;
    DIPTYCH_CHECK(next_ != fails_at_, "made-up damage at frame ", next_);
    frame = Frame();
    frame.bgr = cv::Mat(240, 320, CV_8UC3);
    cv::RNG rng(static_cast<uint64_t>(next_) + 1);
    rng.fill(frame.bgr, cv::RNG::UNIFORM, 0, 256);
    frame.bgr.at<cv::Vec3b>(0, 0) =
        cv::Vec3b(static_cast<uint8_t>(next_ % 256), static_cast<uint8_t>(next_ / 256),
                  static_cast<uint8_t>(next_ % 3));
    frame.index = frame.pts = next_;
    frame.seconds = static_cast<double>(next_) / 24;
    ++next_;
    ++reads_;
    return true;
  }

  void seek_pts(int64_t pts) override { next_ = std::max<int64_t>(0, pts); }

  const std::vector<int64_t>& frame_pts() override { return pts_; }

  int reads() const { return reads_; }

 private:
  SourceInfo info_;
  std::vector<int64_t> pts_;
  int64_t next_ = 0;
  int64_t fails_at_;
  int reads_ = 0;
};

// As many boxes as the frame says: sides 120, 60. The second one needs a turn.
class TestDetector : public FaceDetector {
 public:
  explicit TestDetector(int fails_at = -1) : fails_at_(fails_at) {}

  std::vector<Detection> detect(const cv::Mat& bgr) override {
    const cv::Vec3b code = bgr.at<cv::Vec3b>(0, 0);
    DIPTYCH_CHECK(code[0] != fails_at_, "made-up failure at frame ", static_cast<int>(code[0]));
    std::vector<Detection> found;
    if (code[2] > 0) found.push_back({{100, 60, 120, 120}, 2.0, 0});
    if (code[2] > 1) found.push_back({{20.0 + code[0] % 16, 90, 60, 60}, 0.5, 90});
    return found;
  }

  std::unique_ptr<FaceDetector> clone() const override {
    return std::make_unique<TestDetector>(*this);
  }

 private:
  int fails_at_;
};

// The mean head, fitted into the box.
class TestPredictor : public LandmarkPredictor {
 public:
  Landmarks landmarks(const cv::Mat&, const cv::Rect2d& box, int) const override {
    Landmarks p;
    for (int i = 0; i < 68; ++i) {
      p[i] = {box.x + box.width * (0.5 + kHeadTemplate[i][0] / 150),
              box.y + box.height * (0.5 + kHeadTemplate[i][1] / 150)};
    }
    return p;
  }
};

}  // namespace diptych
