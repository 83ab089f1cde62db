// The video packets of a file and what the container says about them.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "faces/video/frame_source.h"
#include "faces/video/libav.h"

namespace diptych {

// How to turn stored pictures upright: transpose first, then flip.
struct Orientation {
  bool transpose = false, flip_x = false, flip_y = false;
};

class Demuxer {
 public:
  // InputError: as open_media, or no video stream (sound only, cover pictures do not count), or no
  // size.
  explicit Demuxer(const std::filesystem::path& file);

  enum class Next { kPacket, kEnd, kBroken };

  // The next packet of the video stream. kBroken: the file cannot be read further; error() says
  // why.
  Next read(AVPacket& packet);

  int error() const { return error_; }

  // Goes to a key frame at or before pts, as far as the container can tell; false when it cannot
  // seek.
  bool seek(int64_t pts);
  // After kEnd: whether the container promises more, by its index (MP4, AVI, MKV) or by the size it
  // declares (MKV).
  bool is_cut_off() const;

  // A bare stream without any time stamps (.h264): frame n gets n * ticks_per_frame().
  bool without_time() const { return (input_->iformat->flags & AVFMT_NOTIMESTAMPS) != 0; }

  int64_t ticks_per_frame() const;

  const AVStream& stream() const { return *stream_; }

  const SourceInfo& info() const { return info_; }

  const Orientation& orientation() const { return orientation_; }

 private:
  void fill_info(const std::filesystem::path& file);

  InputPtr input_;
  AVStream* stream_ = nullptr;
  SourceInfo info_;
  Orientation orientation_;
  int64_t last_stamp_ = AV_NOPTS_VALUE;  // latest given, on the clock of the container's index
  bool dts_index_ = false;               // that clock is decoding time
  bool too_short_ = false;               // the file is shorter than it says
  int error_ = 0;
};

// Time stamps of all frames on show, ascending, from the packets alone.
std::vector<int64_t> scan_frame_pts(const std::filesystem::path& file);

}  // namespace diptych
