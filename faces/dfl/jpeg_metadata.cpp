// The APP15 segment of aligned faces.
// SPDX-License-Identifier: MIT
#include "faces/dfl/jpeg_metadata.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "faces/image/containers.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr uint8_t kApp0 = 0xE0, kApp15 = 0xEF, kSof0 = 0xC0, kSof2 = 0xC2, kDri = 0xDD, kSoi = 0xD8,
                  kEoi = 0xD9;

bool is_frame_header(uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

bool is_application(uint8_t marker) {
  return marker >= kApp0 && marker <= kApp15;
}

bool is_jfif(std::span<const uint8_t> payload) {
  return payload.size() >= 5 && std::memcmp(payload.data(), "JFIF", 5) == 0;
}

bool is_pickle(std::span<const uint8_t> payload) {
  return payload.size() >= 2 && payload[0] == 0x80 && payload[1] <= 8;
}

// Segments that DeepFaceLab reads, or that this replaces, are not copied.
bool stays(const JpegSegment& segment, std::span<const uint8_t> file) {
  if (segment.marker == kApp15) return !is_pickle(segment.payload(file));
  return segment.marker != kApp0 || is_jfif(segment.payload(file));
}

PickleOptions options_for(const std::string& name) {
  PickleOptions options;
  options.name = name;
  options.remedy = "Take the picture out of the folder, or cut the face again";
  options.max_bytes = kDflSegmentLimit;
  options.max_values = 1 << 18;
  options.max_weight = 1 << 18;
  return options;
}

std::vector<uint8_t> metadata_pickle(const DflMetadata& metadata,
                                     const std::optional<std::span<const uint8_t>>& old,
                                     const std::string& name) {
  PickleWriter writer(3);
  writer.begin_dict();
  std::optional<PickleDocument> document;
  if (old && is_pickle(*old)) document = read_pickle({old->begin(), old->end()}, options_for(name));
  write_dfl_fields(writer, metadata, document ? &document->root() : nullptr);
  std::vector<uint8_t> pickle = writer.end_dict().take();
  if (pickle.size() > kDflSegmentLimit) {
    throw InputError(
        name,
        str("has ", pickle.size(), " bytes of metadata; a JPEG holds at most ", kDflSegmentLimit),
        "Simplify its polygons or its mask, or export in another format");
  }
  return pickle;
}

void append(std::vector<uint8_t>& out, std::span<const uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Coded data that follow a segment, up to the next one.
std::span<const uint8_t> data_after(const JpegLayout& layout,
                                    size_t i,
                                    std::span<const uint8_t> file) {
  const JpegSegment& segment = layout.segments[i];
  const size_t begin = segment.offset + segment.size;
  const size_t end = i + 1 < layout.segments.size() ? layout.segments[i + 1].offset : file.size();
  return file.subspan(begin, end - begin);
}

}  // namespace

std::optional<std::span<const uint8_t>> dfl_segment(std::span<const uint8_t> jpeg) {
  std::optional<std::span<const uint8_t>> found;
  for (const JpegSegment& segment : parse_jpeg(jpeg).segments) {
    if (segment.marker == kApp15) found = segment.payload(jpeg);
  }
  return found;
}

std::optional<DflMetadata> read_dfl_metadata(std::span<const uint8_t> jpeg,
                                             const std::string& name) {
  const auto payload = dfl_segment(jpeg);
  if (!payload) return std::nullopt;
  const PickleDocument document =
      read_pickle({payload->begin(), payload->end()}, options_for(name));
  try {
    if (document.root().kind() == PickleKind::kDict && document.root().entries().empty())
      return std::nullopt;
    return dfl_metadata_from(document.root());
  } catch (const Error& e) {
    throw InputError(name, e.what(), options_for(name).remedy);
  }
}

std::string dfl_jpeg_fault(std::span<const uint8_t> jpeg) {
  const JpegLayout layout = parse_jpeg(jpeg);
  if (!layout.fault.empty()) return layout.fault;
  for (const JpegSegment& segment : layout.segments) {
    if (segment.marker == kDri) return "has restart intervals";
    if (is_frame_header(segment.marker) && segment.marker != kSof0 && segment.marker != kSof2)
      return str("is a JPEG of kind ", segment.marker - kSof0);
    if (segment.marker == kApp0 && !is_jfif(segment.payload(jpeg)))
      return "has an application segment 0 that is not JFIF";
  }
  const JpegSegment& last = layout.segments.back();
  return last.offset + last.size < jpeg.size() ? "has bytes behind its end" : "";
}

std::vector<uint8_t> with_dfl_metadata(std::span<const uint8_t> jpeg,
                                       const DflMetadata& metadata,
                                       const std::string& name) {
  JpegLayout layout = parse_jpeg(jpeg);
  if (!layout.fault.empty()) throw InputError(name, layout.fault, "Replace it with a good copy");
  const std::vector<uint8_t> pickle = metadata_pickle(metadata, dfl_segment(jpeg), name);
  const bool recode =
      std::any_of(layout.segments.begin(), layout.segments.end(), [](const auto& s) {
        return s.marker == kDri ||
               (is_frame_header(s.marker) && s.marker != kSof0 && s.marker != kSof2);
      });
  std::vector<uint8_t> recoded;
  if (recode) {
    recoded = recode_jpeg(jpeg, name);
    jpeg = recoded;
    layout = parse_jpeg(jpeg);
  }
  size_t after = 0;  // the last application segment in front, or the start of the picture
  for (size_t i = 0; i < layout.segments.size(); ++i) {
    if (is_frame_header(layout.segments[i].marker)) break;
    if (is_application(layout.segments[i].marker) && stays(layout.segments[i], jpeg)) after = i;
  }
  std::vector<uint8_t> out;
  out.reserve(jpeg.size() + pickle.size() + 4);
  for (size_t i = 0; i < layout.segments.size(); ++i) {
    const JpegSegment& segment = layout.segments[i];
    const bool again = segment.marker == kSoi && i > 0;
    if (stays(segment, jpeg) && !again) append(out, jpeg.subspan(segment.offset, segment.size));
    if (segment.marker == 0xDA) append(out, data_after(layout, i, jpeg));
    if (i != after) continue;
    const size_t length = pickle.size() + 2;
    append(out, std::array<uint8_t, 4>{0xFF, kApp15, static_cast<uint8_t>(length >> 8),
                                       static_cast<uint8_t>(length)});
    append(out, pickle);
  }
  const std::string fault = dfl_jpeg_fault(out);
  if (!fault.empty())
    throw InputError(name, fault + ", which DeepFaceLab cannot read", "Save the picture again");
  return out;
}

std::optional<cv::Size> encoded_size(std::span<const uint8_t> picture) {
  const auto be = [&](size_t at, int bytes) {
    int64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | picture[at + static_cast<size_t>(i)];
    return static_cast<int>(std::min<int64_t>(value, 1 << 30));
  };
  if (image_format(picture) == ImageFormat::kPng)
    return picture.size() < 24 ? std::nullopt : std::optional(cv::Size(be(16, 4), be(20, 4)));
  for (const JpegSegment& segment : parse_jpeg(picture).segments) {
    if (is_frame_header(segment.marker) && segment.size >= 9)
      return cv::Size(be(segment.offset + 7, 2), be(segment.offset + 5, 2));
  }
  return std::nullopt;
}

}  // namespace diptych
