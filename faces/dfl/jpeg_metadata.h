// DeepFaceLab's metadata inside a JPEG: a pickle in an APP15 segment (spec formats.md 3).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "faces/dfl/metadata.h"

namespace diptych {

// Bytes of metadata that a JPEG segment holds.
inline constexpr size_t kDflSegmentLimit = 65533;

// Payload of the last APP15 segment, which is the one that counts; nothing without one.
std::optional<std::span<const uint8_t>> dfl_segment(std::span<const uint8_t> jpeg);

// Nothing when the picture is no JPEG or carries no metadata. InputError for metadata that is
// damaged or holds what it must not.
std::optional<DflMetadata> read_dfl_metadata(std::span<const uint8_t> jpeg,
                                             const std::string& name);

// The picture with this metadata in place of what it carried. Coded picture data and other segments
// keep their bytes; keys that diptych does not know stay in the metadata. Segments and trailing
// bytes that DeepFaceLab's own reader stumbles over are left out (second APP0, bytes behind the
// end); restart intervals, which it cannot read at all, are coded away without loss. InputError: no
// JPEG, a kind DeepFaceLab cannot read, metadata above kDflSegmentLimit.
std::vector<uint8_t> with_dfl_metadata(std::span<const uint8_t> jpeg,
                                       const DflMetadata& metadata,
                                       const std::string& name);

// Why DeepFaceLab would not read this JPEG; empty when it would (spec formats.md 3.1).
std::string dfl_jpeg_fault(std::span<const uint8_t> jpeg);

// The same picture without restart intervals and with standard markers: coefficients are copied,
// nothing is decoded to pixels. InputError when the data are damaged.
std::vector<uint8_t> recode_jpeg(std::span<const uint8_t> jpeg, const std::string& name);

// Width and height from the frame header of a JPEG or the first chunk of a PNG, without decoding;
// nothing for other data.
std::optional<cv::Size> encoded_size(std::span<const uint8_t> picture);

}  // namespace diptych
