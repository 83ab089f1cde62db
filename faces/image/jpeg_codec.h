// JPEG through libjpeg: as OpenCV does it, plus the two things OpenCV hides, the chroma sampling
// and the warnings that mean damage.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

namespace diptych {

// BGR or grey, 8 bits, as stored (not turned). Nothing for colour models other than grey and YCbCr
// or RGB (print CMYK), and above 2^28 pixels. InputError for coded data that cannot be right.
std::optional<cv::Mat> decompress_jpeg(std::span<const uint8_t> bytes,
                                       const std::string& name,
                                       bool grey);

// picture: CV_8UC1 or CV_8UC3 (BGR).
std::vector<uint8_t> compress_jpeg(const cv::Mat& picture, int quality, bool full_chroma);

// Orientation 1..8 from the EXIF block (CIPA DC-008 section 4.6.5, tag 0x0112); 1 when there is
// none.
int exif_orientation(std::span<const uint8_t> jpeg);

}  // namespace diptych
