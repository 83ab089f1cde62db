// The video encoder: pictures in, packets out.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>

#include "faces/video/colour.h"
#include "faces/video/libav.h"
#include "faces/video/video_writer.h"

namespace diptych {

class Encoder {
 public:
  // `global_header`: the container keeps codec headers itself. InputError when FFmpeg lacks the
  // encoder or refuses the options; `file` is for messages.
  Encoder(const std::filesystem::path& file,
          cv::Size size,
          Rational fps,
          Rational time_base,
          const VideoWriterOptions& options,
          bool global_header);

  // Null picture: no more frames. pts must ascend.
  void send(const cv::Mat* picture, int64_t pts, int64_t duration);
  // The next finished packet in the encoder's time base, or false.
  bool receive(AVPacket& packet);

  const AVCodecContext& context() const { return *context_; }

 private:
  void set_options(const VideoWriterOptions& options);
  void fill(const cv::Mat& picture, AVFrame& frame);

  std::filesystem::path file_;
  cv::Size size_;  // of the pictures; the coded size can be one larger
  bool grey_;
  CodecPtr context_;
  FromBgr from_bgr_;
  cv::Mat padded_;
  std::map<int64_t, int64_t> durations_;  // by pts, of frames inside the encoder
};

}  // namespace diptych
