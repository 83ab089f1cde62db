// Owning handles for libav objects, and its errors and messages in our terms.
// SPDX-License-Identifier: MIT
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
}

#include <filesystem>
#include <memory>
#include <string>

#include "kernels/common/check.h"

namespace diptych {

struct LibavDeleter {
  void operator()(AVFrame* p) const { av_frame_free(&p); }

  void operator()(AVPacket* p) const { av_packet_free(&p); }

  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }

  void operator()(SwsContext* p) const { sws_freeContext(p); }
};

using FramePtr = std::unique_ptr<AVFrame, LibavDeleter>;
using PacketPtr = std::unique_ptr<AVPacket, LibavDeleter>;
using CodecPtr = std::unique_ptr<AVCodecContext, LibavDeleter>;
using ScalerPtr = std::unique_ptr<SwsContext, LibavDeleter>;

struct InputDeleter {
  void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
};

using InputPtr = std::unique_ptr<AVFormatContext, InputDeleter>;

FramePtr make_frame();
PacketPtr make_packet();

std::string libav_text(int code);  // "No space left on device"

// InputError for a libav failure: file_error for an errno, else "DOING (text)" with the remedy.
InputError libav_error(const std::filesystem::path& file,
                       const std::string& doing,
                       int code,
                       const std::string& remedy);

// Opens a media file for reading and probes its streams. Only files: no play lists, no network, no
// text. InputError: missing, a folder, empty, not a media file, cut off before its index.
InputPtr open_media(const std::filesystem::path& file);

// Sends libav's own messages to the debug log. Every entry point calls it; only the first counts.
void quiet_libav();

}  // namespace diptych
