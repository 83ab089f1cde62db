// Stream copy of audio.
// SPDX-License-Identifier: MIT
#include "faces/video/audio_copy.h"

#include <algorithm>

#include "kernels/common/log.h"

namespace diptych {

namespace {

bool is_audio(const AVStream& stream) {
  return stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
}

// What the muxer needs beyond the parameters: language, default flag, ReplayGain and the like.
void copy_stream_facts(const AVStream& from, AVStream& to) {
  const int copied = avcodec_parameters_copy(to.codecpar, from.codecpar);
  DIPTYCH_CHECK(copied >= 0, "video: audio parameters cannot be copied");
  to.codecpar->codec_tag = 0;  // the container chooses its own
  to.time_base = from.time_base;
  to.disposition = from.disposition;
  av_dict_copy(&to.metadata, from.metadata, 0);
}

}  // namespace

std::string unfit_audio(const AVFormatContext& input, const AVOutputFormat& format) {
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    const AVStream& stream = *input.streams[i];
    if (is_audio(stream) &&
        avformat_query_codec(&format, stream.codecpar->codec_id, FF_COMPLIANCE_NORMAL) != 1) {
      return avcodec_get_name(stream.codecpar->codec_id);
    }
  }
  return {};
}

AudioCopy::AudioCopy(const std::filesystem::path& file,
                     AVFormatContext& output,
                     double from,
                     double to)
    : file_(file), input_(open_media(file)), output_(&output), from_(from), to_(to) {
  const std::string unfit = unfit_audio(*input_, *output.oformat);
  if (!unfit.empty()) {
    throw InputError(file.string(),
                     "its sound (" + unfit + ") cannot be copied into " + output.oformat->name,
                     "Write an .mkv file, or leave the sound out");
  }
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    AVStream* stream = input_->streams[i];
    if (!is_audio(*stream)) {
      stream->discard = AVDISCARD_ALL;
      continue;
    }
    AVStream* added = avformat_new_stream(&output, nullptr);
    DIPTYCH_CHECK(added != nullptr, "video: out of memory");
    copy_stream_facts(*stream, *added);
    routes_.push_back({stream, added});
  }
}

const AudioCopy::Route* AudioCopy::route_of(int stream) const {
  for (const Route& route : routes_) {
    if (route.from->index == stream) return &route;
  }
  return nullptr;
}

// Loads the next wanted packet; false at the end.
bool AudioCopy::fetch() {
  while (!loaded_ && !ended_) {
    av_packet_unref(packet_.get());
    const int code = av_read_frame(input_.get(), packet_.get());
    if (code == AVERROR(EAGAIN)) continue;
    if (code < 0) {
      ended_ = true;
      if (code != AVERROR_EOF) {
        log(LogLevel::kWarning,
            file_.string() + ": its sound ends early (" + libav_text(code) + ")");
      }
      break;
    }
    const Route* route = route_of(packet_->stream_index);
    if (route == nullptr) continue;
    const int64_t stamp = packet_->dts != AV_NOPTS_VALUE ? packet_->dts : packet_->pts;
    if (stamp == AV_NOPTS_VALUE) {
      loaded_ = true;  // no clock: keep it in sequence
      break;
    }
    const double base = av_q2d(route->from->time_base);
    const double begin = static_cast<double>(stamp) * base;
    const double end = static_cast<double>(stamp + packet_->duration) * base;
    loaded_ = begin < to_ && (end > from_ || begin >= from_);
  }
  return loaded_;
}

int AudioCopy::pump(double seconds, int64_t origin, AVRational origin_base) {
  while (fetch()) {
    const Route* route = route_of(packet_->stream_index);
    const AVRational in = route->from->time_base;
    const int64_t stamp = packet_->dts != AV_NOPTS_VALUE ? packet_->dts : packet_->pts;
    if (stamp != AV_NOPTS_VALUE && static_cast<double>(stamp) * av_q2d(in) >= seconds) return 0;
    const int64_t shift = av_rescale_q(origin, origin_base, in);
    if (packet_->pts != AV_NOPTS_VALUE) packet_->pts -= shift;
    if (packet_->dts != AV_NOPTS_VALUE) packet_->dts -= shift;
    av_packet_rescale_ts(packet_.get(), in, route->to->time_base);
    packet_->stream_index = route->to->index;
    packet_->pos = -1;
    loaded_ = false;
    const int code = av_interleaved_write_frame(output_, packet_.get());
    if (code < 0) return code;
  }
  return 0;
}

}  // namespace diptych
