// Writes frames to a video file, each at its own time, with the sound of the source.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "faces/video/frame_source.h"

namespace diptych {

enum class VideoCodec {
  kH264,     // libx264, yuv420p, BT.709 limited range, tagged: plays everywhere. Lossy.
  kH264Rgb,  // libx264 on RGB, lossless: every bit of the 8-bit BGR frames comes back. mp4 mov mkv.
  kFfv1,     // FFV1 version 3 with checksums, lossless, for archives. mkv only.
};

struct VideoWriterOptions {
  VideoCodec codec = VideoCodec::kH264;
  // Frames are CV_8UC1 masks. kH264: luma = mask in full range, neutral chroma, exact with crf 0;
  // kFfv1: grey, exact; kH264Rgb: exact.
  bool grey = false;
  int crf = 16;                   // kH264: 0 (lossless YUV) .. 51
  int64_t bit_rate = 0;           // kH264: bits per second instead of crf, 0 = crf
  std::string preset = "medium";  // of libx264
  int key_interval = 0;           // most frames between key frames, 0 = as the encoder likes (250)
  int threads = 0;                // of the encoder, 0 = one per core
  Rational sample_aspect{1, 1};
  int primaries = 1, transfer = 1;  // H.273 tags; RGB values are taken as they are, not converted
  int64_t origin_pts = 0;           // this time of the source becomes 0; sound is shifted alike
  std::vector<std::pair<std::string, std::string>> metadata = {};  // of the container
  // Called with the finished temporary file just before it takes the target's name: the place for
  // labels. An exception leaves the target untouched.
  std::function<void(const std::filesystem::path&)> before_publish = {};
};

// Options that keep clock, pixel aspect and colour tags of a source.
VideoWriterOptions options_like(const SourceInfo& source);

// The container follows the extension: mp4 m4v mov mkv. The file is written beside the target under
// a temporary name; finish() makes it durable and renames it, anything else removes it and leaves
// an existing target as it was. MP4 and MOV get their index in front (+faststart). Time stamps are
// kept exactly in MP4 and MOV and to the millisecond in MKV.
// Odd sizes: kH264 (4:2:0) repeats the last column or row once to make the size even; the lossless
// codecs keep odd sizes.
// InputError: unwritable folder, disk full, unknown extension, codec that the container cannot
// hold, encoder that this FFmpeg lacks.
class VideoWriter {
 public:
  // fps: average rate, steers rate control only. Frames come at pts in ticks of time_base.
  VideoWriter(const std::filesystem::path& target,
              int width,
              int height,
              Rational fps,
              Rational time_base,
              const VideoWriterOptions& options = {});
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;
  ~VideoWriter();  // abort() unless finished

  // Copies the packets of every audio stream as they are (no decoding). Before the first write().
  // Only packets that overlap [from, to) seconds of the source. Returns the number of streams.
  // InputError: the container cannot hold the codec (see audio_fits), the file is unreadable.
  int copy_audio_from(const std::filesystem::path& file, double from = -1e9, double to = 1e9);

  // picture: CV_8UC3 BGR, or CV_8UC1 when grey, width x height. pts: greater than the one before.
  // duration: ticks, 0 = unknown; only the last frame's matters.
  void write(const cv::Mat& picture, int64_t pts, int64_t duration = 0);

  int64_t frames() const;

  // Encodes what is pending, writes the rest of the sound and publishes the file. Once, after at
  // least one frame. Sound that starts at or after sound_until, in seconds of its source, is left
  // out: for work that ends before its source does.
  void finish(double sound_until = std::numeric_limits<double>::infinity());
  void abort();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Whether `target`'s container can hold all audio of `source` unchanged; if not, use .mkv.
bool audio_fits(const std::filesystem::path& source, const std::filesystem::path& target);

}  // namespace diptych
