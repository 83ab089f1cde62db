// Which container, and the copy that takes the file's place.
// SPDX-License-Identifier: MIT
#include "faces/provenance/label.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

#include "faces/image/containers.h"
#include "faces/image/file_io.h"
#include "faces/provenance/xmp_packet.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

enum class Container { kImage, kMp4, kMatroska };

constexpr char kUseOther[] = "Labels go into JPEG, PNG, MP4, MOV and MKV";

Container container_of(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) throw file_error(file, "is a folder", EISDIR);
  std::array<uint8_t, 16> head{};
  std::ifstream in(file, std::ios::binary);
  if (!in) throw file_error(file, "cannot be opened", errno);
  in.read(reinterpret_cast<char*>(head.data()), head.size());
  const auto count = static_cast<size_t>(in.gcount());
  if (count == 0) throw InputError(file.string(), "is empty", kUseOther);
  if (image_format(std::span(head).first(count)) != ImageFormat::kOther) return Container::kImage;
  const std::string_view type(reinterpret_cast<const char*>(head.data()) + 4, 4);
  constexpr std::array<std::string_view, 6> kBoxes = {"ftyp", "moov", "mdat",
                                                      "free", "skip", "wide"};
  if (count >= 8 && std::find(kBoxes.begin(), kBoxes.end(), type) != kBoxes.end()) {
    return Container::kMp4;
  }
  constexpr std::array<uint8_t, 4> kEbml = {0x1A, 0x45, 0xDF, 0xA3};
  if (std::equal(kEbml.begin(), kEbml.end(), head.begin())) return Container::kMatroska;
  throw InputError(file.string(), "is of a kind that carries no label", kUseOther);
}

void check_image(std::span<const uint8_t> image, const std::string& name) {
  if (image_format(image) == ImageFormat::kOther) {
    throw InputError(name, "is neither JPEG nor PNG", kUseOther);
  }
}

void label_mp4(const std::filesystem::path& file, const PendingFile& pending, const Label& label) {
  const std::string existing = find_mp4_packet(file, file.string()).value_or("");
  std::error_code error;
  std::filesystem::copy_file(file, pending.path(),
                             std::filesystem::copy_options::overwrite_existing, error);
  if (error) throw file_error(file, "cannot be copied for labelling", error.value());
  put_mp4_packet(pending.path(), file.string(), packet_with_label(existing, label));
}

}  // namespace

bool Label::is_synthetic() const {
  constexpr std::array<std::string_view, 3> kTerms = {
      "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"};
  const std::string_view term = std::string_view(source_type).substr(source_type.rfind('/') + 1);
  return std::find(kTerms.begin(), kTerms.end(), term) != kTerms.end();
}

Label synthetic_label(const std::string& description) {
  return {kCompositeWithTrainedMedia, "diptych " DIPTYCH_VERSION, description};
}

std::optional<Label> read_image_label(std::span<const uint8_t> image, const std::string& name) {
  check_image(image, name);
  const auto packet = find_image_packet(image, name);
  return packet ? label_of_packet(*packet, name) : std::nullopt;
}

std::vector<uint8_t> label_image(std::span<const uint8_t> image,
                                 const std::string& name,
                                 const Label& label) {
  check_image(image, name);
  const std::string existing = find_image_packet(image, name).value_or("");
  return put_image_packet(image, name, packet_with_label(existing, label));
}

std::optional<Label> read_label(const std::filesystem::path& file) {
  switch (container_of(file)) {
    case Container::kImage:
      return read_image_label(read_file(file), file.string());
    case Container::kMatroska:
      return find_matroska_label(file);
    default: {
      const auto packet = find_mp4_packet(file, file.string());
      return packet ? label_of_packet(*packet, file.string()) : std::nullopt;
    }
  }
}

void label_file(const std::filesystem::path& file, const Label& label) {
  const Container container = container_of(file);
  if (container == Container::kImage) {
    write_file_atomic(file, label_image(read_file(file), file.string(), label));
    return;
  }
  PendingFile pending(file);
  if (container == Container::kMatroska) {
    put_matroska_label(file, pending.path(), label);
  } else {
    label_mp4(file, pending, label);
  }
  DIPTYCH_CHECK(read_label(pending.path()) == label, "label_file: ", file.string(),
                ": the label does not read back");
  pending.publish();
}

}  // namespace diptych
