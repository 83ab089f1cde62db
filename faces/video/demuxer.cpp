// Reads video packets and the facts around them.
// SPDX-License-Identifier: MIT
#include "faces/video/demuxer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string_view>

extern "C" {
#include <libavutil/pixdesc.h>
}

#include "faces/video/colour.h"

namespace diptych {

namespace {

constexpr char kAgain[] = "Check that it plays elsewhere; copy or convert it again";

const int32_t* display_matrix(const AVStream& stream) {
  constexpr size_t kBytes = 9 * sizeof(int32_t);
#if LIBAVFORMAT_VERSION_MAJOR >= 61
  const AVPacketSideData* data =
      av_packet_side_data_get(stream.codecpar->coded_side_data, stream.codecpar->nb_coded_side_data,
                              AV_PKT_DATA_DISPLAYMATRIX);
  return data != nullptr && data->size >= kBytes ? reinterpret_cast<const int32_t*>(data->data)
                                                 : nullptr;
#else
#if LIBAVFORMAT_VERSION_MAJOR >= 59
  size_t size = 0;
#else
  int size = 0;
#endif
  const uint8_t* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  return data != nullptr && static_cast<size_t>(size) >= kBytes
             ? reinterpret_cast<const int32_t*>(data)
             : nullptr;
#endif
}

// The matrix (a b; c d) sends stored (x, y) to shown (a x + c y, b x + d y). Angles that are not a
// multiple of 90 degrees go to the nearest one.
Orientation orientation_of(const int32_t* matrix) {
  if (matrix == nullptr) return {};
  const int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  if (std::llabs(a) + std::llabs(d) >= std::llabs(b) + std::llabs(c)) {
    return {false, a < 0, d < 0};
  }
  return {true, c < 0, b < 0};
}

int clockwise_degrees(const Orientation& o) {
  if (o.transpose) return o.flip_x || !o.flip_y ? 90 : 270;
  return o.flip_y ? 180 : 0;
}

bool is_mirrored(const Orientation& o) {
  return o.transpose ? o.flip_x == o.flip_y : o.flip_x != o.flip_y;
}

Rational rational(AVRational r) {
  return r.num > 0 && r.den > 0 ? Rational{r.num, r.den} : Rational{0, 1};
}

AVStream* find_video(AVFormatContext& input) {
  AVStream* best = nullptr;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    AVStream* stream = input.streams[i];
    const bool video = stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
                       (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0;
    const bool preferred = (stream->disposition & AV_DISPOSITION_DEFAULT) != 0;
    if (video &&
        (best == nullptr || (preferred && (best->disposition & AV_DISPOSITION_DEFAULT) == 0))) {
      best = stream;
    }
  }
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    if (input.streams[i] != best) input.streams[i]->discard = AVDISCARD_ALL;
  }
  return best;
}

bool has_audio(const AVFormatContext& input) {
  return std::any_of(input.streams, input.streams + input.nb_streams, [](const AVStream* stream) {
    return stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
  });
}

void fill_colour(const AVCodecParameters& parameters, SourceInfo& info) {
  const auto format = static_cast<AVPixelFormat>(parameters.format);
  const ColourModel model = resolve_colour(format, parameters.color_space, parameters.color_range,
                                           parameters.width, parameters.height);
  const char* format_name = av_get_pix_fmt_name(format);
  const char* matrix_name = av_color_space_name(model.matrix);
  info.pixel_format = format_name != nullptr ? format_name : "";
  info.colour_matrix = model.matrix == AVCOL_SPC_RGB ? "rgb"
                       : matrix_name != nullptr      ? matrix_name
                                                     : "";
  info.colour_range = model.full_range ? "pc" : "tv";
  info.colour_tagged = model.tagged;
  info.primaries = parameters.color_primaries;
  info.transfer = parameters.color_trc;
}

// An EBML variable-length integer (RFC 8794, 4) without its marker bits; -1 for "unknown size" or
// when cut off. Moves `at` behind it.
int64_t take_ebml_size(std::span<const uint8_t> bytes, size_t& at) {
  if (at >= bytes.size() || bytes[at] == 0) return -1;
  const auto length = static_cast<size_t>(std::countl_zero(bytes[at])) + 1;
  if (at + length > bytes.size()) return -1;
  int64_t value = bytes[at] & (0xFF >> length);
  bool all_ones = value == (0xFF >> length);
  for (size_t i = 1; i < length; ++i) {
    value = value << 8 | bytes[at + i];
    all_ones = all_ones && bytes[at + i] == 0xFF;
  }
  at += length;
  return all_ones ? -1 : value;
}

// True for a Matroska file that ends before its segment does (RFC 9559, 5.1): its demuxer takes
// that for a normal end.
bool shorter_than_declared(const std::filesystem::path& file) {
  constexpr std::array<uint8_t, 4> kEbml = {0x1A, 0x45, 0xDF, 0xA3};
  constexpr std::array<uint8_t, 4> kSegment = {0x18, 0x53, 0x80, 0x67};
  std::vector<uint8_t> head(256);
  std::ifstream in(file, std::ios::binary);
  in.read(reinterpret_cast<char*>(head.data()), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(in.gcount()));
  if (head.size() < 64 || !std::equal(kEbml.begin(), kEbml.end(), head.begin())) return false;
  size_t at = kEbml.size();
  const int64_t header = take_ebml_size(head, at);
  if (header < 0 || header > 100) return false;
  at += static_cast<size_t>(header);
  if (!std::equal(kSegment.begin(), kSegment.end(), head.begin() + static_cast<ptrdiff_t>(at))) {
    return false;
  }
  at += kSegment.size();
  const int64_t segment = take_ebml_size(head, at);
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return segment > 0 && !error && at + static_cast<uintmax_t>(segment) > size;
}

}  // namespace

Demuxer::Demuxer(const std::filesystem::path& file) : input_(open_media(file)) {
  stream_ = find_video(*input_);
  if (stream_ == nullptr) {
    throw InputError(file.string(),
                     has_audio(*input_) ? "holds sound only, no video" : "holds no video",
                     "Give a video file");
  }
  if (stream_->codecpar->codec_id != AV_CODEC_ID_NONE &&
      (stream_->codecpar->width <= 0 || stream_->codecpar->height <= 0)) {
    throw InputError(file.string(), "its video has no size: no frame could be decoded", kAgain);
  }
  dts_index_ = std::string_view(input_->iformat->name).find("mov") != std::string_view::npos;
  too_short_ = shorter_than_declared(file);
  fill_info(file);
}

void Demuxer::fill_info(const std::filesystem::path& file) {
  const AVCodecParameters& parameters = *stream_->codecpar;
  orientation_ = orientation_of(display_matrix(*stream_));
  info_.path = file;
  info_.is_video = true;
  info_.width = parameters.width;
  info_.height = parameters.height;
  info_.time_base = rational(stream_->time_base);
  info_.fps = rational(stream_->avg_frame_rate);
  if (info_.fps.num == 0) info_.fps = rational(stream_->r_frame_rate);
  if (info_.fps.num == 0) info_.fps = {25, 1};  // one frame: any rate will do
  const AVRational aspect = av_guess_sample_aspect_ratio(input_.get(), stream_, nullptr);
  info_.sample_aspect = aspect.num > 0 ? Rational{aspect.num, aspect.den} : Rational{1, 1};
  if (orientation_.transpose) {
    std::swap(info_.width, info_.height);
    std::swap(info_.sample_aspect.num, info_.sample_aspect.den);
  }
  if (stream_->nb_frames > 0) info_.frames = stream_->nb_frames;
  if (stream_->duration > 0) {
    info_.duration = static_cast<double>(stream_->duration) * info_.time_base.value();
  } else if (input_->duration > 0) {
    info_.duration = static_cast<double>(input_->duration) / AV_TIME_BASE;
  }
  info_.start_pts = stream_->start_time != AV_NOPTS_VALUE ? stream_->start_time : 0;
  info_.rotation = clockwise_degrees(orientation_);
  info_.mirrored = is_mirrored(orientation_);
  info_.has_audio = has_audio(*input_);
  info_.interlaced = parameters.field_order > AV_FIELD_PROGRESSIVE;
  info_.codec = avcodec_get_name(parameters.codec_id);
  fill_colour(parameters, info_);
}

Demuxer::Next Demuxer::read(AVPacket& packet) {
  for (;;) {
    av_packet_unref(&packet);
    const int code = av_read_frame(input_.get(), &packet);
    if (code == AVERROR(EAGAIN)) continue;
    if (code == AVERROR_EOF) return Next::kEnd;
    if (code < 0) {
      error_ = code;
      return Next::kBroken;
    }
    if (packet.stream_index != stream_->index) continue;
    const int64_t stamp = dts_index_ ? packet.dts : std::max(packet.dts, packet.pts);
    last_stamp_ = std::max(last_stamp_, stamp);  // no time stamp is the least integer
    return Next::kPacket;
  }
}

bool Demuxer::seek(int64_t pts) {
  last_stamp_ = AV_NOPTS_VALUE;
  return avformat_seek_file(input_.get(), stream_->index, INT64_MIN, pts, pts, 0) >= 0;
}

bool Demuxer::is_cut_off() const {
  if (too_short_) return true;
  const int count = avformat_index_get_entries_count(stream_);
  if (count <= 0) return false;
  const AVIndexEntry* last = avformat_index_get_entry(stream_, count - 1);
  return last_stamp_ == AV_NOPTS_VALUE || last->timestamp > last_stamp_;
}

int64_t Demuxer::ticks_per_frame() const {
  return std::max<int64_t>(1, av_rescale_q(1, {info_.fps.den, info_.fps.num}, stream_->time_base));
}

std::vector<int64_t> scan_frame_pts(const std::filesystem::path& file) {
  Demuxer demuxer(file);
  const PacketPtr packet = make_packet();
  std::vector<int64_t> stamps;
  while (demuxer.read(*packet) == Demuxer::Next::kPacket) {
    int64_t stamp = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (demuxer.without_time()) {
      stamp = static_cast<int64_t>(stamps.size()) * demuxer.ticks_per_frame();
    }
    if ((packet->flags & AV_PKT_FLAG_DISCARD) == 0 && stamp != AV_NOPTS_VALUE) {
      stamps.push_back(stamp);
    }
  }
  std::sort(stamps.begin(), stamps.end());
  return stamps;
}

}  // namespace diptych
