// XMP packets as text, and where each container keeps one.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "faces/provenance/label.h"

namespace diptych {

// A packet with the label, on top of what `existing` (a packet, or empty) says. A packet that is
// not XML is replaced.
std::string packet_with_label(const std::string& existing, const Label& label);
// Nothing when the packet has no DigitalSourceType. InputError when it is not XML.
std::optional<Label> label_of_packet(const std::string& packet, const std::string& name);

// JPEG: APP1 "http://ns.adobe.com/xap/1.0/". PNG: iTXt "XML:com.adobe.xmp". The file must be sound.
std::optional<std::string> find_image_packet(std::span<const uint8_t> image,
                                             const std::string& name);
std::vector<uint8_t> put_image_packet(std::span<const uint8_t> image,
                                      const std::string& name,
                                      const std::string& packet);

// MP4 and MOV: top-level uuid box BE7ACFCB-97A9-42E8-9C71-999491E3AFAC. `name` is for errors.
std::optional<std::string> find_mp4_packet(const std::filesystem::path& file,
                                           const std::string& name);
// Changes the file in place: appends the box, and turns an older one into free space.
void put_mp4_packet(const std::filesystem::path& file,
                    const std::string& name,
                    const std::string& packet);

// MKV: tags of the segment.
std::optional<Label> find_matroska_label(const std::filesystem::path& file);
// Copies all streams, chapters and tags of `file` to `out`.
void put_matroska_label(const std::filesystem::path& file,
                        const std::filesystem::path& out,
                        const Label& label);

}  // namespace diptych
