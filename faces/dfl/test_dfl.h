// For tests: the interop fixtures, and faces as DeepFaceLab would write them.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "faces/dfl/jpeg_metadata.h"
#include "faces/faceset/test_face.h"
#include "faces/image/test_folder.h"
#include "kernels/common/check.h"

namespace diptych {

inline std::filesystem::path dfl_data() {
  return test_data() / "dfl";
}

inline std::vector<uint8_t> file_bytes(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& file, const std::vector<uint8_t>& bytes) {
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

inline DflMetadata test_metadata(int seed = 0, int size = 64) {
  const Face face = test_face(seed, size);
  DflMetadata m;
  m.face_type = "whole_face";
  m.landmarks = face.landmarks;
  m.source_landmarks = face.source_landmarks;
  m.matrix = face.matrix;
  m.source_filename = str("0000", seed % 9 + 1, ".png");
  m.source_rect = cv::Rect2d(10, 20, 100, 110);
  return m;
}

// A picture without metadata; restart: coded with restart intervals.
inline std::vector<uint8_t> test_jpeg(int seed = 0, int size = 64, bool restart = false) {
  cv::Mat picture(size, size, CV_8UC3);
  cv::RNG rng(static_cast<uint64_t>(seed) + 1);
  rng.fill(picture, cv::RNG::UNIFORM, 0, 256);
  std::vector<uint8_t> bytes;
  std::vector<int> options = {cv::IMWRITE_JPEG_QUALITY, 90};
  if (restart) options.insert(options.end(), {cv::IMWRITE_JPEG_RST_INTERVAL, 2});
  cv::imencode(".jpg", picture, bytes, options);
  return bytes;
}

inline std::vector<uint8_t> test_dfl_jpeg(int seed = 0, int size = 64) {
  return with_dfl_metadata(test_jpeg(seed, size), test_metadata(seed, size), "test");
}

// A JPEG with a payload of one's own in its APP15.
inline std::vector<uint8_t> jpeg_with_segment(const std::vector<uint8_t>& payload) {
  std::vector<uint8_t> jpeg = test_jpeg();
  const size_t length = payload.size() + 2;
  std::vector<uint8_t> segment = {0xFF, 0xEF, static_cast<uint8_t>(length >> 8),
                                  static_cast<uint8_t>(length)};
  segment.insert(segment.end(), payload.begin(), payload.end());
  jpeg.insert(jpeg.begin() + 2, segment.begin(), segment.end());
  return jpeg;
}

// The message of the InputError that `run` throws; empty when there is none.
template <class Run>
std::string input_error_of(const Run& run) {
  try {
    run();
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

}  // namespace diptych
