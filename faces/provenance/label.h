// The label that says a picture or video is synthetic, inside the file itself, where tools look for
// it.
//
// The label is XMP: Iptc4xmpExt:DigitalSourceType (IPTC Photo Metadata 2023.1), xmp:CreatorTool and
// dc:description. Where it lives: JPEG an APP1 segment, PNG an iTXt chunk, MP4 and MOV a top-level
// uuid box (XMP specification part 3); MKV has no XMP, there it is three tags of the segment.
// What else a file says in its XMP is kept.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace diptych {

// "The compositing of trained algorithmic media with some other media": a face put into footage.
inline constexpr char kCompositeWithTrainedMedia[] =
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";

struct Label {
  std::string source_type;  // a term of the IPTC DigitalSourceType vocabulary, as a URL
  std::string tool;
  std::string description;

  bool operator==(const Label&) const = default;
  // True for the vocabulary's terms that mean made or altered by a trained model.
  bool is_synthetic() const;
};

// What diptych writes on its outputs: the composite term, "diptych VERSION", the description.
Label synthetic_label(
    const std::string& description = "Contains a face synthesized by a neural network");

// The label of a JPEG, PNG, MP4, MOV or MKV; nothing when the file has no DigitalSourceType.
// InputError: missing, cut off or damaged file, other format.
std::optional<Label> read_label(const std::filesystem::path& file);

// Writes the label, replacing an earlier one. The picture and video data are not touched; MKV is
// remuxed without decoding. Works on a copy that takes the file's name when it reads back right, so
// the file is the old one or the labelled one at every moment. InputError as read_label, disk full.
void label_file(const std::filesystem::path& file, const Label& label);

// The same for an encoded JPEG or PNG in memory; `name` is for errors.
std::vector<uint8_t> label_image(std::span<const uint8_t> image,
                                 const std::string& name,
                                 const Label& label);
std::optional<Label> read_image_label(std::span<const uint8_t> image, const std::string& name);

// The tags of an MKV, for VideoWriterOptions::metadata: spares label_file its remux.
std::vector<std::pair<std::string, std::string>> label_metadata(const Label& label);

}  // namespace diptych
