// Copies audio packets from one file into another without decoding.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <vector>

#include "faces/video/libav.h"

namespace diptych {

class AudioCopy {
 public:
  // Adds a stream to `output` for each audio stream of `file`. InputError when the container cannot
  // hold a codec; nothing is added then. Packets outside [from, to) seconds are left out.
  AudioCopy(const std::filesystem::path& file, AVFormatContext& output, double from, double to);

  int streams() const { return static_cast<int>(routes_.size()); }

  // Writes all packets that start before `seconds` of the source, shifted by -origin seconds, which
  // is given as ticks of a time base. Returns a libav error code of the muxer, or 0.
  int pump(double seconds, int64_t origin, AVRational origin_base);

 private:
  struct Route {
    const AVStream* from;
    const AVStream* to;
  };

  const Route* route_of(int stream) const;
  bool fetch();

  std::filesystem::path file_;
  InputPtr input_;
  AVFormatContext* output_;
  std::vector<Route> routes_;
  PacketPtr packet_ = make_packet();
  bool loaded_ = false, ended_ = false;
  double from_, to_;
};

// Name of the first audio codec of `input` that `format` cannot hold, empty when it holds all.
std::string unfit_audio(const AVFormatContext& input, const AVOutputFormat& format);

}  // namespace diptych
