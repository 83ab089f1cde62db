// Decodes a video file frame by frame.
// SPDX-License-Identifier: MIT
#include "faces/video/video_reader.h"

#include <algorithm>
#include <deque>

#include <opencv2/core.hpp>

#include "faces/video/colour.h"
#include "faces/video/demuxer.h"
#include "kernels/common/log.h"

namespace diptych {

namespace {

constexpr int kForwardFrames = 16;      // decode on instead of seeking when the target is this near
constexpr int kSeekTries = 5;           // each goes back twice as far
constexpr int kMaxErrorsInARow = 4096;  // a decoder that only fails is broken, not damaged
constexpr char kDamageRemedy[] = "Copy the file again, or cut the damaged part out";

CodecPtr open_decoder(const Demuxer& demuxer, int threads) {
  const AVCodecParameters& parameters = *demuxer.stream().codecpar;
  const std::string file = demuxer.info().path.string();
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  if (codec == nullptr) {
    char tag[AV_FOURCC_MAX_STRING_SIZE] = {};
    av_fourcc_make_string(tag, parameters.codec_tag);
    const std::string name =
        parameters.codec_id == AV_CODEC_ID_NONE ? std::string(tag) : demuxer.info().codec;
    throw InputError(file, "no decoder for its video codec '" + name + "'",
                     "Convert it to H.264 first");
  }
  CodecPtr decoder(avcodec_alloc_context3(codec));
  DIPTYCH_CHECK(decoder != nullptr, "video: out of memory");
  DIPTYCH_CHECK(avcodec_parameters_to_context(decoder.get(), &parameters) >= 0,
                "video: the decoder refuses the parameters of ", file);
  decoder->pkt_timebase = demuxer.stream().time_base;
  decoder->thread_count = threads;
  const int opened = avcodec_open2(decoder.get(), codec, nullptr);
  if (opened < 0) {
    throw libav_error(file, "the decoder for " + demuxer.info().codec + " does not start", opened,
                      "Convert it to H.264 first");
  }
  return decoder;
}

int64_t duration_of(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_MAJOR >= 58
  return std::max<int64_t>(0, frame.duration);
#else
  return std::max<int64_t>(0, frame.pkt_duration);
#endif
}

bool is_damaged(const AVFrame& frame) {
  return frame.decode_error_flags != 0 || (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0;
}

}  // namespace

struct VideoReader::Impl {
  explicit Impl(const std::filesystem::path& path, const SourceOptions& wanted)
      : options(wanted),
        file(path),
        demuxer(std::make_unique<Demuxer>(path)),
        decoder(open_decoder(*demuxer, wanted.threads)) {
    const int transfer = demuxer->info().transfer;
    if (transfer == AVCOL_TRC_SMPTE2084 || transfer == AVCOL_TRC_ARIB_STD_B67) {
      log(LogLevel::kWarning, file.string() +
                                  ": is HDR video and is read without tone mapping: "
                                  "colours come out flat. Convert it to SDR first");
    }
  }

  void note_damage(const std::string& cause, bool cut_off);
  bool send_next_packet();
  FramePtr decode();
  FramePtr take();
  void restart(int64_t pts);
  void reopen();
  void settle_on(int64_t pts);
  int64_t index_of(int64_t pts);
  const std::vector<int64_t>& stamps();
  void fill(const AVFrame& raw, Frame& frame);

  SourceOptions options;
  std::filesystem::path file;
  std::unique_ptr<Demuxer> demuxer;
  CodecPtr decoder;
  PacketPtr packet = make_packet();
  std::deque<FramePtr> ahead;  // decoded while seeking, not yet given
  ToBgr to_bgr;
  std::vector<int64_t> all_stamps;
  std::optional<Damage> damage;
  int64_t next_index = 0;  // of the next frame that take() gives
  int64_t decoded = 0;     // frames out of the decoder since the start, for streams without time
  int64_t last_pts = AV_NOPTS_VALUE;
  double last_end = 0;      // seconds
  bool draining = false;    // the decoder has got the last packet
  bool index_lost = false;  // frames went missing: count by time stamp from now on
  int errors_in_a_row = 0;
  bool size_warned = false;
};

void VideoReader::Impl::note_damage(const std::string& cause, bool cut_off) {
  const bool first = !damage;
  if (first) damage = Damage{0, next_index, last_end, false, cause};
  ++damage->events;
  damage->cut_off = damage->cut_off || cut_off;
  index_lost = true;
  const std::string where = str("near frame ", next_index, " (", last_end, " s)");
  if (options.damage == DamagePolicy::kThrow) {
    throw InputError(file.string(),
                     (cut_off ? "is cut off " : "is damaged ") + where + ": " + cause,
                     kDamageRemedy);
  }
  if (first || cut_off) {
    log(LogLevel::kWarning, file.string() + (cut_off ? ": is cut off " : ": is damaged ") + where +
                                ": " + cause + ". " + kDamageRemedy);
  }
}

// Feeds the decoder; false when it is full or has got everything.
bool VideoReader::Impl::send_next_packet() {
  const Demuxer::Next next = demuxer->read(*packet);
  if (next == Demuxer::Next::kPacket) {
    if ((packet->flags & AV_PKT_FLAG_CORRUPT) != 0) note_damage("an incomplete packet", false);
    const int code = avcodec_send_packet(decoder.get(), packet.get());
    av_packet_unref(packet.get());
    if (code < 0) {
      note_damage(libav_text(code), false);
      ++errors_in_a_row;
    }
    return true;
  }
  draining = true;
  avcodec_send_packet(decoder.get(), nullptr);
  if (next == Demuxer::Next::kBroken) {
    note_damage("reading stops (" + libav_text(demuxer->error()) + ")", true);
  } else if (demuxer->is_cut_off()) {
    note_damage("the data ends before what the file announces", true);
  }
  return false;
}

// The next frame in order of time, null at the end.
FramePtr VideoReader::Impl::decode() {
  FramePtr frame = make_frame();
  for (;;) {
    const int code = avcodec_receive_frame(decoder.get(), frame.get());
    if (code == AVERROR_EOF) return nullptr;
    if (code == AVERROR(EAGAIN)) {
      if (!draining) send_next_packet();
    } else if (code < 0) {
      ++errors_in_a_row;
      note_damage(libav_text(code), false);
    } else {
      errors_in_a_row = 0;
      frame->pts = frame->best_effort_timestamp;
      const int64_t ticks = demuxer->ticks_per_frame();
      if (demuxer->without_time()) frame->pts = decoded * ticks;
      if (frame->pts == AV_NOPTS_VALUE)
        frame->pts = last_pts == AV_NOPTS_VALUE ? 0 : last_pts + ticks;
      ++decoded;
      last_pts = frame->pts;
      return frame;
    }
    if (errors_in_a_row > kMaxErrorsInARow) {
      throw InputError(file.string(), "cannot be decoded: one error after the other",
                       kDamageRemedy);
    }
  }
}

FramePtr VideoReader::Impl::take() {
  if (ahead.empty()) return decode();
  FramePtr frame = std::move(ahead.front());
  ahead.pop_front();
  return frame;
}

void VideoReader::Impl::reopen() {
  demuxer = std::make_unique<Demuxer>(file);
  decoder = open_decoder(*demuxer, options.threads);
  decoded = 0;
}

// Starts decoding at a key frame at or before pts, or at the start of the file.
void VideoReader::Impl::restart(int64_t pts) {
  draining = false;
  last_pts = AV_NOPTS_VALUE;
  errors_in_a_row = 0;
  ahead.clear();
  if (pts > demuxer->info().start_pts && !demuxer->without_time() && demuxer->seek(pts)) {
    avcodec_flush_buffers(decoder.get());
  } else {
    reopen();
  }
}

// Decodes until `ahead` starts with the frame on show at pts.
void VideoReader::Impl::settle_on(int64_t pts) {
  FramePtr shown = take();
  if (shown == nullptr) return;
  while (shown->pts < pts) {
    FramePtr next = take();
    if (next == nullptr) break;
    if (next->pts > pts) {
      ahead.push_front(std::move(next));
      break;
    }
    shown = std::move(next);
  }
  ahead.push_front(std::move(shown));
}

const std::vector<int64_t>& VideoReader::Impl::stamps() {
  if (all_stamps.empty()) all_stamps = scan_frame_pts(file);
  return all_stamps;
}

int64_t VideoReader::Impl::index_of(int64_t pts) {
  const auto& all = stamps();
  return std::lower_bound(all.begin(), all.end(), pts) - all.begin();
}

void VideoReader::Impl::fill(const AVFrame& raw, Frame& frame) {
  const SourceInfo& info = demuxer->info();
  const Orientation& turn = demuxer->orientation();
  const AVCodecParameters& parameters = *demuxer->stream().codecpar;
  const AVColorSpace matrix =
      raw.colorspace != AVCOL_SPC_UNSPECIFIED ? raw.colorspace : parameters.color_space;
  const AVColorRange range =
      raw.color_range != AVCOL_RANGE_UNSPECIFIED ? raw.color_range : parameters.color_range;
  const ColourModel model =
      resolve_colour(static_cast<AVPixelFormat>(raw.format), matrix, range, raw.width, raw.height);
  cv::Size size(info.width, info.height);
  if (turn.transpose) std::swap(size.width, size.height);
  if (!size_warned && (raw.width != size.width || raw.height != size.height)) {
    size_warned = true;
    log(LogLevel::kWarning,
        str(file.string(), ": the picture size changes to ", raw.width, "x", raw.height,
            " on the way; frames are scaled to ", size.width, "x", size.height));
  }
  const cv::Mat& stored = to_bgr.convert(raw, model, size);
  if (frame.bgr.u != nullptr && frame.bgr.u->refcount > 1) frame.bgr.release();
  if (turn.transpose) {
    cv::transpose(stored, frame.bgr);
  } else {
    stored.copyTo(frame.bgr);
  }
  if (turn.flip_x || turn.flip_y) {
    cv::flip(frame.bgr, frame.bgr, turn.flip_x && turn.flip_y ? -1 : turn.flip_x ? 1 : 0);
  }
  frame.pts = raw.pts;
  frame.duration = duration_of(raw);
  frame.seconds = static_cast<double>(raw.pts) * info.time_base.value();
  frame.damaged = is_damaged(raw);
  frame.name.clear();
}

VideoReader::VideoReader(const std::filesystem::path& file, const SourceOptions& options)
    : impl_(std::make_unique<Impl>(file, options)) {}

VideoReader::~VideoReader() = default;

const SourceInfo& VideoReader::info() const {
  return impl_->demuxer->info();
}

bool VideoReader::read(Frame& frame) {
  const FramePtr raw = impl_->take();
  if (raw == nullptr) return false;
  if (is_damaged(*raw)) impl_->note_damage("a frame had to be concealed", false);
  impl_->fill(*raw, frame);
  if (impl_->index_lost) impl_->next_index = impl_->index_of(frame.pts);
  frame.index = impl_->next_index++;
  impl_->last_end = frame.seconds + static_cast<double>(frame.duration) * info().time_base.value();
  return true;
}

void VideoReader::seek_pts(int64_t pts) {
  const auto& all = impl_->stamps();
  if (all.empty()) return;  // nothing decodes: read() ends at once
  const auto after = std::upper_bound(all.begin(), all.end(), pts);
  const int64_t target = std::max<int64_t>(0, after - all.begin() - 1);
  const int64_t shown = all[static_cast<size_t>(target)];
  const int64_t distance = target - impl_->next_index;
  if (distance < 0 || distance > kForwardFrames) {
    const auto second = static_cast<int64_t>(1.0 / info().time_base.value()) + 1;
    int64_t from = shown;
    for (int attempt = 0;; ++attempt) {
      impl_->restart(attempt < kSeekTries ? from : INT64_MIN);
      FramePtr first = impl_->decode();
      const bool late = first == nullptr || first->pts > shown;
      if (first != nullptr) impl_->ahead.push_back(std::move(first));
      if (!late || attempt >= kSeekTries) break;
      from = shown - (second << attempt);
    }
  }
  impl_->settle_on(shown);
  impl_->next_index = target;
  impl_->index_lost = true;
}

const std::vector<int64_t>& VideoReader::frame_pts() {
  return impl_->stamps();
}

std::optional<std::string> VideoReader::cut_off() const {
  if (!impl_->damage || !impl_->damage->cut_off) return std::nullopt;
  return str("is cut off near frame ", impl_->next_index, " (", impl_->last_end, " s)");
}

const std::optional<Damage>& VideoReader::damage() const {
  return impl_->damage;
}

}  // namespace diptych
