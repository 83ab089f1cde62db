// Encoder, sound and container behind one atomic file.
// SPDX-License-Identifier: MIT
#include "faces/video/video_writer.h"

#include <algorithm>

#include "faces/image/file_io.h"
#include "faces/video/audio_copy.h"
#include "faces/video/encoder.h"

namespace diptych {

namespace {

const AVOutputFormat& container_of(const std::filesystem::path& target) {
  std::string extension = target.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const char* name = extension == ".mp4" || extension == ".m4v" ? "mp4"
                     : extension == ".mov"                      ? "mov"
                     : extension == ".mkv"                      ? "matroska"
                                                                : nullptr;
  if (name == nullptr) {
    throw InputError(target.string(), "has no extension of a video that can be written",
                     "Use .mp4, .mov or .mkv");
  }
  const AVOutputFormat* format = av_guess_format(name, nullptr, nullptr);
  DIPTYCH_CHECK(format != nullptr, "VideoWriter: this FFmpeg cannot write ", name);
  return *format;
}

bool is_matroska(const AVOutputFormat& format) {
  return std::string_view(format.name) == "matroska";
}

// The muxer and the file it writes into.
struct OutputDeleter {
  void operator()(AVFormatContext* output) const {
    if (output->pb != nullptr) avio_closep(&output->pb);
    avformat_free_context(output);
  }
};

using OutputPtr = std::unique_ptr<AVFormatContext, OutputDeleter>;

OutputPtr open_output(const AVOutputFormat& format, const PendingFile& pending) {
  const std::string url = "file:" + pending.path().string();
  AVFormatContext* raw = nullptr;
  const int allocated = avformat_alloc_output_context2(&raw, nullptr, format.name, url.c_str());
  DIPTYCH_CHECK(allocated >= 0, "video: out of memory");
  OutputPtr output(raw);
  const int opened = avio_open(&output->pb, url.c_str(), AVIO_FLAG_WRITE);
  if (opened < 0)
    throw libav_error(pending.target(), "cannot be written", opened, "Check the path");
  return output;
}

}  // namespace

struct VideoWriter::Impl {
  Impl(const std::filesystem::path& target,
       cv::Size wanted,
       Rational fps,
       Rational base,
       const VideoWriterOptions& given)
      : options(given),
        size(wanted),
        time_base{base.num, base.den},
        format(container_of(target)),
        pending(target),
        output(open_output(format, pending)),
        encoder(target, wanted, fps, base, given, (format.flags & AVFMT_GLOBALHEADER) != 0) {
    stream = avformat_new_stream(output.get(), nullptr);
    DIPTYCH_CHECK(stream != nullptr, "video: out of memory");
    avcodec_parameters_from_context(stream->codecpar, &encoder.context());
    stream->time_base = time_base;
    stream->avg_frame_rate = {fps.num, fps.den};
    stream->sample_aspect_ratio = encoder.context().sample_aspect_ratio;
    for (const auto& [key, value] : options.metadata) {
      av_dict_set(&output->metadata, key.c_str(), value.c_str(), 0);
    }
  }

  void check(int code) const {
    if (code < 0) {
      throw libav_error(pending.target(), "cannot be written", code,
                        "Check the disk, or choose another container");
    }
  }

  void write_header();
  void write_packets();
  void close(double sound_until);

  VideoWriterOptions options;
  cv::Size size;
  AVRational time_base;
  const AVOutputFormat& format;
  PendingFile pending;  // before output: the file is closed before it is removed
  OutputPtr output;
  Encoder encoder;
  AVStream* stream = nullptr;
  std::vector<std::unique_ptr<AudioCopy>> sounds;
  PacketPtr packet = make_packet();
  int64_t last_pts = AV_NOPTS_VALUE;
  int64_t count = 0;
  bool header = false;
};

void VideoWriter::Impl::write_header() {
  AVDictionary* muxer = nullptr;
  if (!is_matroska(format)) {
    // Tracks get at least the source's clock, and the index goes in front when the file is done.
    av_dict_set(&muxer, "movflags", "+faststart+write_colr", 0);
    if (time_base.num == 1 && time_base.den >= 1000) {
      av_dict_set_int(&muxer, "video_track_timescale", time_base.den, 0);
    }
  }
  const int code = avformat_write_header(output.get(), &muxer);
  av_dict_free(&muxer);
  check(code);
  header = true;
}

// Moves finished packets into the container, the sound that belongs before them first.
void VideoWriter::Impl::write_packets() {
  while (encoder.receive(*packet)) {
    const double seconds =
        static_cast<double>(packet->pts + options.origin_pts) * av_q2d(time_base);
    for (const auto& sound : sounds) check(sound->pump(seconds, options.origin_pts, time_base));
    packet->stream_index = stream->index;
    av_packet_rescale_ts(packet.get(), time_base, stream->time_base);
    check(av_interleaved_write_frame(output.get(), packet.get()));
  }
}

void VideoWriter::Impl::close(double sound_until) {
  encoder.send(nullptr, 0, 0);
  write_packets();
  for (const auto& sound : sounds) {
    check(sound->pump(sound_until, options.origin_pts, time_base));
  }
  check(av_write_trailer(output.get()));
  check(output->pb->error);
  check(avio_closep(&output->pb));
}

VideoWriterOptions options_like(const SourceInfo& source) {
  VideoWriterOptions options;
  options.sample_aspect = source.sample_aspect;
  if (source.primaries != 2) options.primaries = source.primaries;
  if (source.transfer != 2) options.transfer = source.transfer;
  return options;
}

VideoWriter::VideoWriter(const std::filesystem::path& target,
                         int width,
                         int height,
                         Rational fps,
                         Rational time_base,
                         const VideoWriterOptions& options) {
  DIPTYCH_CHECK(width > 0 && height > 0, "VideoWriter: size ", width, "x", height);
  DIPTYCH_CHECK(fps.num > 0 && fps.den > 0 && time_base.num > 0 && time_base.den > 0,
                "VideoWriter: fps ", fps.num, "/", fps.den, ", time base ", time_base.num, "/",
                time_base.den);
  quiet_libav();
  if (options.codec == VideoCodec::kFfv1 && !is_matroska(container_of(target))) {
    throw InputError(target.string(), "FFV1 does not go into this container", "Use .mkv");
  }
  impl_ = std::make_unique<Impl>(target, cv::Size(width, height), fps, time_base, options);
}

VideoWriter::~VideoWriter() = default;

int VideoWriter::copy_audio_from(const std::filesystem::path& file, double from, double to) {
  DIPTYCH_CHECK(impl_ != nullptr && !impl_->header,
                "VideoWriter::copy_audio_from: must come before the first frame");
  impl_->sounds.push_back(std::make_unique<AudioCopy>(file, *impl_->output, from, to));
  return impl_->sounds.back()->streams();
}

void VideoWriter::write(const cv::Mat& picture, int64_t pts, int64_t duration) {
  DIPTYCH_CHECK(impl_ != nullptr, "VideoWriter::write: the file is finished or given up");
  Impl& self = *impl_;
  const int type = self.options.grey ? CV_8UC1 : CV_8UC3;
  DIPTYCH_CHECK(picture.type() == type && picture.size() == self.size,
                "VideoWriter::write: ", picture.cols, "x", picture.rows, " with ",
                picture.channels(), " channels, expected ", self.size.width, "x", self.size.height,
                " 8-bit with ", self.options.grey ? 1 : 3);
  DIPTYCH_CHECK(self.last_pts == AV_NOPTS_VALUE || pts > self.last_pts,
                "VideoWriter::write: time stamp ", pts, " does not follow ", self.last_pts);
  if (!self.header) self.write_header();
  self.last_pts = pts;
  ++self.count;
  self.encoder.send(&picture, pts - self.options.origin_pts, duration);
  self.write_packets();
}

int64_t VideoWriter::frames() const {
  return impl_ != nullptr ? impl_->count : 0;
}

void VideoWriter::finish(double sound_until) {
  DIPTYCH_CHECK(impl_ != nullptr, "VideoWriter::finish: the file is finished or given up");
  DIPTYCH_CHECK(impl_->count > 0, "VideoWriter::finish: ", impl_->pending.target().string(),
                ": no frame was written");
  impl_->close(sound_until);
  if (impl_->options.before_publish) impl_->options.before_publish(impl_->pending.path());
  impl_->pending.publish();
  impl_.reset();
}

void VideoWriter::abort() {
  impl_.reset();
}

bool audio_fits(const std::filesystem::path& source, const std::filesystem::path& target) {
  return unfit_audio(*open_media(source), container_of(target)).empty();
}

}  // namespace diptych
