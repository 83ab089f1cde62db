// Frames in order of time, from a video file or a folder of pictures.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

namespace diptych {

struct Rational {
  int num = 0, den = 1;

  double value() const { return static_cast<double>(num) / den; }
};

struct Frame {
  cv::Mat bgr;           // CV_8UC3, upright, full-range BGR; read() never writes into a Mat that
                         // somebody else still holds
  int64_t pts = 0;       // time stamp in ticks of SourceInfo::time_base
  int64_t duration = 0;  // ticks until the next frame, 0 when unknown
  double seconds = 0;    // pts * time_base; the clock that the file's audio runs on as well
  int64_t index = 0;     // position among all frames of the source, from 0
  bool damaged = false;  // the decoder had to conceal damage in this frame
  std::string name;      // file name of the picture; empty for a video
};

struct SourceInfo {
  std::filesystem::path path;
  bool is_video = false;
  int width = 0, height = 0;      // upright; of the first picture for a folder
  Rational fps;                   // average rate: a label, never a clock
  Rational time_base{1, 1};       // seconds of one tick
  Rational sample_aspect{1, 1};   // width : height of a pixel, upright
  std::optional<int64_t> frames;  // as the container says; frame_pts() counts
  double duration = 0;            // seconds, 0 when unknown
  int64_t start_pts = 0;          // time stamp of the first frame as the container says
  int rotation = 0;               // clockwise degrees applied: 0 90 180 270
  bool mirrored = false;          // a flip was applied as well
  bool has_audio = false;
  bool interlaced = false;
  std::string codec;          // "h264", "png", ...
  std::string pixel_format;   // "yuv420p", ...
  std::string colour_matrix;  // in use: as tagged, else BT.601 up to 1279x576 and BT.709 above
  std::string colour_range;   // in use: "tv" or "pc"
  bool colour_tagged = false;
  int primaries = 2, transfer = 2;  // ITU-T H.273 code points, 2 = not tagged
};

class FrameSource {
 public:
  virtual ~FrameSource() = default;

  virtual const SourceInfo& info() const = 0;
  // The next frame, false at the end.
  virtual bool read(Frame& frame) = 0;
  // The next read() gives the frame that is on show at `pts`: the last one that does not start
  // later, or the first frame when `pts` is before it.
  virtual void seek_pts(int64_t pts) = 0;
  // Time stamps of all frames, ascending. A video is scanned once (without decoding) on first use.
  virtual const std::vector<int64_t>& frame_pts() = 0;

  // Set when read() came to an end before the one that the file announces: what and where, for a
  // message.
  virtual std::optional<std::string> cut_off() const { return std::nullopt; }

  bool read_at_pts(int64_t pts, Frame& frame);
  bool read_at(double seconds, Frame& frame);
  // Error when index is not in [0, frame_pts().size()).
  bool read_index(int64_t index, Frame& frame);
  // Ticks of the tick that begins at or before `seconds`, with a tolerance of a thousandth of a
  // tick.
  int64_t pts_of(double seconds) const;
};

// What to do about damaged data.
enum class DamagePolicy {
  kWarn,   // one warning, go on with the next frame that decodes; a cut-off file ends cleanly there
  kThrow,  // InputError at the damage; frames read before stay valid
};

struct SourceOptions {
  int threads = 0;             // of the decoder, 0 = one per core
  Rational folder_fps{25, 1};  // clock of a folder of pictures
  DamagePolicy damage = DamagePolicy::kWarn;
};

// A VideoReader, or an ImageFolder for a folder or a single picture. InputError as theirs.
std::unique_ptr<FrameSource> open_frame_source(const std::filesystem::path& path,
                                               const SourceOptions& options = {});

}  // namespace diptych
