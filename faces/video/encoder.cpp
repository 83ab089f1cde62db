// libx264 and FFV1 behind one interface.
// SPDX-License-Identifier: MIT
#include "faces/video/encoder.h"

#include <cstring>

#include <opencv2/imgproc.hpp>

extern "C" {
#include <libavutil/opt.h>
}

namespace diptych {

namespace {

const char* encoder_name(VideoCodec codec) {
  switch (codec) {
    case VideoCodec::kH264:
      return "libx264";
    case VideoCodec::kH264Rgb:
      return "libx264rgb";
    default:
      return "ffv1";
  }
}

AVPixelFormat pixel_format(const VideoWriterOptions& options) {
  switch (options.codec) {
    case VideoCodec::kH264:
      return AV_PIX_FMT_YUV420P;
    case VideoCodec::kH264Rgb:
      return AV_PIX_FMT_BGR24;
    default:
      return options.grey ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_BGR0;
  }
}

// The part of a plane that the picture covers, as a Mat.
cv::Mat plane_of(const AVFrame& frame, int plane, cv::Size size, int type) {
  return {size, type, frame.data[plane], static_cast<size_t>(frame.linesize[plane])};
}

}  // namespace

Encoder::Encoder(const std::filesystem::path& file,
                 cv::Size size,
                 Rational fps,
                 Rational time_base,
                 const VideoWriterOptions& options,
                 bool global_header)
    : file_(file), size_(size), grey_(options.grey) {
  const char* name = encoder_name(options.codec);
  const AVCodec* codec = avcodec_find_encoder_by_name(name);
  if (codec == nullptr) {
    throw InputError(file.string(), std::string("this FFmpeg has no encoder ") + name,
                     "Install an FFmpeg with it, or write a folder of pictures instead of a video");
  }
  context_.reset(avcodec_alloc_context3(codec));
  DIPTYCH_CHECK(context_ != nullptr, "video: out of memory");
  const bool even = options.codec == VideoCodec::kH264;
  context_->width = even ? (size.width + 1) / 2 * 2 : size.width;
  context_->height = even ? (size.height + 1) / 2 * 2 : size.height;
  context_->pix_fmt = pixel_format(options);
  context_->time_base = {time_base.num, time_base.den};
  context_->framerate = {fps.num, fps.den};
  context_->sample_aspect_ratio = {options.sample_aspect.num, options.sample_aspect.den};
  context_->thread_count = options.threads;
  if (options.key_interval > 0) context_->gop_size = options.key_interval;
  if (global_header) context_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  set_options(options);
  const int opened = avcodec_open2(context_.get(), codec, nullptr);
  if (opened < 0) {
    throw libav_error(file, str("the encoder ", name, " does not start at ", size), opened,
                      "Check size, preset and crf");
  }
}

void Encoder::set_options(const VideoWriterOptions& options) {
  const bool yuv = options.codec == VideoCodec::kH264;
  context_->colorspace = yuv ? AVCOL_SPC_BT709 : AVCOL_SPC_RGB;
  if (options.codec == VideoCodec::kFfv1 && options.grey) context_->colorspace = AVCOL_SPC_BT709;
  context_->color_range = yuv && !options.grey ? AVCOL_RANGE_MPEG : AVCOL_RANGE_JPEG;
  context_->color_primaries = static_cast<AVColorPrimaries>(options.primaries);
  context_->color_trc = static_cast<AVColorTransferCharacteristic>(options.transfer);
  if (yuv) context_->chroma_sample_location = AVCHROMA_LOC_LEFT;
  void* own = context_->priv_data;
  int code = 0;
  if (options.codec == VideoCodec::kFfv1) {
    context_->level = 3;  // FFV1 version 3: slices and checksums
    context_->slices = 4;
    code = av_opt_set_int(own, "slicecrc", 1, 0);
  } else {
    code = av_opt_set(own, "preset", options.preset.c_str(), 0);
    if (options.codec == VideoCodec::kH264Rgb) {
      av_opt_set_int(own, "qp", 0, 0);
    } else if (options.bit_rate > 0) {
      context_->bit_rate = options.bit_rate;
    } else {
      DIPTYCH_CHECK(options.crf >= 0 && options.crf <= 51, "VideoWriter: crf ", options.crf,
                    " is not in 0..51");
      // crf 0 still quantizes in 8-bit High profile; qp 0 is the lossless mode.
      av_opt_set_double(own, options.crf == 0 ? "qp" : "crf", options.crf, 0);
    }
  }
  DIPTYCH_CHECK(code >= 0, "VideoWriter: option refused: ", libav_text(code));
}

void Encoder::fill(const cv::Mat& picture, AVFrame& frame) {
  const cv::Size coded(frame.width, frame.height);
  if (frame.format == AV_PIX_FMT_YUV420P) {
    cv::copyMakeBorder(picture, padded_, 0, coded.height - size_.height, 0,
                       coded.width - size_.width, cv::BORDER_REPLICATE);
    if (!grey_) {
      from_bgr_.convert(padded_, frame);
      return;
    }
    padded_.copyTo(plane_of(frame, 0, coded, CV_8UC1));
    for (const int plane : {1, 2}) {
      plane_of(frame, plane, coded / 2, CV_8UC1).setTo(cv::Scalar(128));
    }
    return;
  }
  if (frame.format == AV_PIX_FMT_GRAY8) {
    picture.copyTo(plane_of(frame, 0, coded, CV_8UC1));
    return;
  }
  cv::Mat bgr = picture;
  if (grey_) cv::cvtColor(picture, bgr, cv::COLOR_GRAY2BGR);
  if (frame.format == AV_PIX_FMT_BGR24) {
    bgr.copyTo(plane_of(frame, 0, coded, CV_8UC3));
  } else {
    cv::Mat out = plane_of(frame, 0, coded, CV_8UC4);
    cv::cvtColor(bgr, out, cv::COLOR_BGR2BGRA);
  }
}

void Encoder::send(const cv::Mat* picture, int64_t pts, int64_t duration) {
  FramePtr frame;
  if (picture != nullptr) {
    frame = make_frame();
    frame->format = context_->pix_fmt;
    frame->width = context_->width;
    frame->height = context_->height;
    frame->pts = pts;
    frame->colorspace = context_->colorspace;
    frame->color_range = context_->color_range;
    DIPTYCH_CHECK(av_frame_get_buffer(frame.get(), 0) >= 0, "video: out of memory");
    fill(*picture, *frame);
    durations_[pts] = duration;
  }
  const int code = avcodec_send_frame(context_.get(), frame.get());
  if (code < 0) throw libav_error(file_, "encoding fails", code, "Check size and preset");
}

bool Encoder::receive(AVPacket& packet) {
  const int code = avcodec_receive_packet(context_.get(), &packet);
  if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return false;
  if (code < 0) throw libav_error(file_, "encoding fails", code, "Check size and preset");
  if (const auto known = durations_.find(packet.pts); known != durations_.end()) {
    packet.duration = known->second;
    durations_.erase(known);
  }
  return true;
}

}  // namespace diptych
