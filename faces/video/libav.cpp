// libav's errors and messages in our terms, and the guarded way to open a media file.
// SPDX-License-Identifier: MIT
#include "faces/video/libav.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <mutex>

#include "faces/image/file_io.h"
#include "kernels/common/log.h"

namespace diptych {

namespace {

// Demuxers by name. What is missing on purpose: play lists (they open other files and addresses),
// single pictures, and text, which libav would render as a terminal.
constexpr char kDemuxers[] =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,gif,apng,asf,ogg,m4v,h264,"
    "hevc,mjpeg,ivf,nut,mxf,yuv4mpegpipe,dv,vob,wtv,rm,mp3,wav,flac,aac,ac3,aiff";

void on_message(void* source, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_WARNING) return;
  char line[512];
  int prefix = 1;
  av_log_format_line(source, level, format, arguments, line, sizeof(line), &prefix);
  std::string text(line);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  log(LogLevel::kDebug, "libav: " + text);
}

void check_file(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) throw file_error(file, "cannot be opened", ENOENT);
  if (std::filesystem::is_directory(status)) throw file_error(file, "is a folder", EISDIR);
  if (std::filesystem::is_regular_file(status) && std::filesystem::file_size(file, error) == 0) {
    throw InputError(file.string(), "is empty", "Copy or record the file again");
  }
}

}  // namespace

FramePtr make_frame() {
  FramePtr frame(av_frame_alloc());
  DIPTYCH_CHECK(frame != nullptr, "video: out of memory");
  return frame;
}

PacketPtr make_packet() {
  PacketPtr packet(av_packet_alloc());
  DIPTYCH_CHECK(packet != nullptr, "video: out of memory");
  return packet;
}

std::string libav_text(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof(text));
  return text;
}

InputError libav_error(const std::filesystem::path& file,
                       const std::string& doing,
                       int code,
                       const std::string& remedy) {
  switch (AVUNERROR(code)) {
    case ENOENT:
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOTDIR:
    case EIO:
      return file_error(file, doing, AVUNERROR(code));
    default:
      return {file.string(), doing + " (" + libav_text(code) + ")", remedy};
  }
}

InputPtr open_media(const std::filesystem::path& file) {
  quiet_libav();
  check_file(file);
  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  av_dict_set(&options, "format_whitelist", kDemuxers, 0);
  AVFormatContext* raw = nullptr;
  const int opened =
      avformat_open_input(&raw, ("file:" + file.string()).c_str(), nullptr, &options);
  av_dict_free(&options);
  InputPtr input(raw);
  if (opened < 0) {
    throw libav_error(file, "is not a video that can be read, or its end is missing", opened,
                      "Check that it plays elsewhere; copy or convert it again");
  }
  const int probed = avformat_find_stream_info(input.get(), nullptr);
  if (probed < 0) {
    throw libav_error(file, "its streams cannot be read", probed, "Convert it to MP4 again");
  }
  return input;
}

void quiet_libav() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(on_message); });
}

}  // namespace diptych
