// For tests: pictures that carry their number, clips made of them, and packets read back.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>

#include "faces/video/libav.h"
#include "faces/video/video_reader.h"
#include "faces/video/video_writer.h"
#include "kernels/common/rng.h"

namespace diptych {

inline constexpr int kNumberBits = 10;

// A colour gradient with the number in black and white bars along the top half: it survives lossy
// coding.
inline cv::Mat numbered_picture(int number, int width = 160, int height = 96) {
  cv::Mat picture(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      picture.at<cv::Vec3b>(y, x) =
          cv::Vec3b(static_cast<uint8_t>(x * 255 / width), static_cast<uint8_t>(y * 255 / height),
                    static_cast<uint8_t>((number * 7 + x) % 256));
      if (y < height / 2) {
        const bool bit = (number >> (x * kNumberBits / width) & 1) != 0;
        picture.at<cv::Vec3b>(y, x) = bit ? cv::Vec3b(255, 255, 255) : cv::Vec3b(0, 0, 0);
      }
    }
  }
  return picture;
}

inline int number_of(const cv::Mat& picture) {
  int number = 0;
  for (int bit = 0; bit < kNumberBits; ++bit) {
    const int x = (2 * bit + 1) * picture.cols / (2 * kNumberBits);
    if (picture.at<cv::Vec3b>(picture.rows / 4, x)[1] > 127) number |= 1 << bit;
  }
  return number;
}

// A picture where every bit of every byte matters.
inline cv::Mat noise_picture(uint32_t seed, int width, int height, int type = CV_8UC3) {
  cv::Mat picture(height, width, type);
  Rng rng(3, seed, 0);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width * picture.channels(); ++x) {
      picture.ptr(y)[x] = static_cast<uint8_t>(rng.below(256));
    }
  }
  return picture;
}

struct Clip {
  int frames = 40;
  int width = 160, height = 96;
  Rational fps{25, 1}, time_base{1, 12800};
  std::function<int64_t(int)> pts = [](int i) { return int64_t{512} * i; };
  VideoWriterOptions options{.preset = "ultrafast", .key_interval = 12, .threads = 1};
  std::filesystem::path audio = {};
};

inline void write_clip(const std::filesystem::path& file, const Clip& clip) {
  VideoWriter writer(file, clip.width, clip.height, clip.fps, clip.time_base, clip.options);
  if (!clip.audio.empty()) writer.copy_audio_from(clip.audio);
  for (int i = 0; i < clip.frames; ++i) {
    const int64_t pts = clip.pts(i);
    writer.write(numbered_picture(i, clip.width, clip.height), pts, clip.pts(i + 1) - pts);
  }
  writer.finish();
}

inline std::vector<Frame> read_all(FrameSource& source) {
  std::vector<Frame> frames;
  for (Frame frame; source.read(frame);) frames.push_back(frame);
  return frames;
}

inline std::vector<int64_t> pts_of(const std::vector<Frame>& frames) {
  std::vector<int64_t> pts;
  for (const Frame& frame : frames) pts.push_back(frame.pts);
  return pts;
}

struct TestPacket {
  std::vector<uint8_t> data;
  double seconds = 0;
};

inline std::vector<TestPacket> audio_packets(const std::filesystem::path& file) {
  const InputPtr input = open_media(file);
  const PacketPtr packet = make_packet();
  std::vector<TestPacket> packets;
  while (av_read_frame(input.get(), packet.get()) >= 0) {
    const AVStream& stream = *input->streams[packet->stream_index];
    if (stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO) {
      packets.push_back({{packet->data, packet->data + packet->size},
                         static_cast<double>(packet->pts) * av_q2d(stream.time_base)});
    }
    av_packet_unref(packet.get());
  }
  return packets;
}

// One second of mono 16-bit sound at 8 kHz.
inline std::vector<uint8_t> make_wav() {
  std::vector<uint8_t> wav = {'R', 'I', 'F',  'F',  0xA4, 0x3E, 0,    0,    'W',  'A', 'V',
                              'E', 'f', 'm',  't',  ' ',  16,   0,    0,    0,    1,   0,
                              1,   0,   0x40, 0x1F, 0,    0,    0x80, 0x3E, 0,    0,   2,
                              0,   16,  0,    'd',  'a',  't',  'a',  0x80, 0x3E, 0,   0};
  for (int i = 0; i < 16000; ++i) wav.push_back(static_cast<uint8_t>(i * 37));
  return wav;
}

inline std::string input_error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& e) {
    return e.what();
  }
  return "no InputError";
}

// Position of a box's four letters in an MP4 file.
inline size_t find_box(const std::vector<uint8_t>& file, const std::string& type) {
  return static_cast<size_t>(std::search(file.begin(), file.end(), type.begin(), type.end()) -
                             file.begin());
}

}  // namespace diptych

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
