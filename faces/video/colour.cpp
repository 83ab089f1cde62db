// swscale with matrix and range set by hand: its own guesses are BT.601 for everything.
// SPDX-License-Identifier: MIT
#include "faces/video/colour.h"

#include <algorithm>

extern "C" {
#include <libavutil/pixdesc.h>
}

#include "kernels/common/log.h"

namespace diptych {

namespace {

// swscale's SIMD may write past the end of a row; rows and the picture get this much slack.
constexpr int kSlackPixels = 32;
// Without ACCURATE_RND swscale takes a shortcut that repeats chroma samples and drops bits.
constexpr int kFlags = SWS_BILINEAR | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_ACCURATE_RND;

// The deprecated full-range formats under their plain names; the range travels separately.
AVPixelFormat plain_format(AVPixelFormat format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P:
      return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
      return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
      return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
      return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P:
      return AV_PIX_FMT_YUV411P;
    default:
      return format;
  }
}

int swscale_matrix(AVColorSpace matrix) {
  switch (matrix) {
    case AVCOL_SPC_BT709:
      return SWS_CS_ITU709;
    case AVCOL_SPC_FCC:
      return SWS_CS_FCC;
    case AVCOL_SPC_SMPTE240M:
      return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return SWS_CS_BT2020;
    default:
      return SWS_CS_ITU601;
  }
}

bool is_rgb(const AVPixFmtDescriptor* description) {
  return (description->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
}

ScalerPtr make_scaler(cv::Size in, AVPixelFormat from, cv::Size out, AVPixelFormat to) {
  ScalerPtr scaler(sws_getContext(in.width, in.height, from, out.width, out.height, to, kFlags,
                                  nullptr, nullptr, nullptr));
  DIPTYCH_CHECK(scaler != nullptr, "video: no conversion from ", av_get_pix_fmt_name(from), " ",
                in.width, "x", in.height, " to ", av_get_pix_fmt_name(to), " ", out.width, "x",
                out.height);
  return scaler;
}

}  // namespace

ColourModel resolve_colour(
    AVPixelFormat format, AVColorSpace matrix, AVColorRange range, int width, int height) {
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  if (description == nullptr || is_rgb(description)) return {AVCOL_SPC_RGB, true, true};
  const bool says_full = plain_format(format) != format || description->nb_components <= 2;
  ColourModel model;
  model.tagged = matrix != AVCOL_SPC_UNSPECIFIED && matrix != AVCOL_SPC_RESERVED;
  model.matrix = model.tagged                    ? matrix
                 : width >= 1280 || height > 576 ? AVCOL_SPC_BT709
                                                 : AVCOL_SPC_SMPTE170M;
  model.full_range = range == AVCOL_RANGE_JPEG || (range != AVCOL_RANGE_MPEG && says_full);
  return model;
}

const cv::Mat& ToBgr::convert(const AVFrame& frame, const ColourModel& model, cv::Size size) {
  const int key[7] = {frame.width,
                      frame.height,
                      frame.format,
                      size.width,
                      size.height,
                      model.matrix,
                      model.full_range ? 1 : 0};
  if (!std::equal(key, key + 7, key_)) {
    const auto format = plain_format(static_cast<AVPixelFormat>(frame.format));
    scaler_ = make_scaler({frame.width, frame.height}, format, size, AV_PIX_FMT_BGR24);
    sws_setColorspaceDetails(scaler_.get(), sws_getCoefficients(swscale_matrix(model.matrix)),
                             model.full_range ? 1 : 0, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0,
                             1 << 16, 1 << 16);
    std::copy(key, key + 7, key_);
    padded_.create(size.height + 1, (size.width + kSlackPixels) / 16 * 16 + 16, CV_8UC3);
    view_ = padded_(cv::Rect(cv::Point(), size));
  }
  uint8_t* planes[4] = {view_.data, nullptr, nullptr, nullptr};
  const int strides[4] = {static_cast<int>(view_.step[0]), 0, 0, 0};
  sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, planes, strides);
  return view_;
}

void FromBgr::convert(const cv::Mat& bgr, AVFrame& out) {
  const cv::Size size(out.width, out.height);
  if (scaler_ == nullptr) {
    scaler_ = make_scaler(size, AV_PIX_FMT_BGR24, size, static_cast<AVPixelFormat>(out.format));
    sws_setColorspaceDetails(scaler_.get(), sws_getCoefficients(SWS_CS_DEFAULT), 1,
                             sws_getCoefficients(SWS_CS_ITU709), 0, 0, 1 << 16, 1 << 16);
  }
  const uint8_t* planes[4] = {bgr.data, nullptr, nullptr, nullptr};
  const int strides[4] = {static_cast<int>(bgr.step[0]), 0, 0, 0};
  sws_scale(scaler_.get(), planes, strides, 0, size.height, out.data, out.linesize);
}

}  // namespace diptych
