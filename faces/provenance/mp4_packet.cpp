// XMP packets inside MP4 and MOV: top-level boxes of ISO/IEC 14496-12.
// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <fstream>

#include "faces/image/file_io.h"
#include "faces/provenance/xmp_packet.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

constexpr std::array<uint8_t, 16> kXmpUuid = {0xBE, 0x7A, 0xCF, 0xCB, 0x97, 0xA9, 0x42, 0xE8,
                                              0x9C, 0x71, 0x99, 0x94, 0x91, 0xE3, 0xAF, 0xAC};
constexpr uint64_t kMaxPacket = 64 << 20;

struct Box {
  std::string type;
  uint64_t offset = 0, size = 0, header = 8;
  bool to_end = false;  // size field 0: the box reaches to the end of the file
  bool xmp = false;
};

uint64_t big_endian(const uint8_t* bytes, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

std::array<uint8_t, 4> big_endian32(uint64_t value) {
  return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

bool read_at(std::istream& in, uint64_t offset, uint8_t* out, size_t count) {
  in.clear();
  in.seekg(static_cast<std::streamoff>(offset));
  in.read(reinterpret_cast<char*>(out), static_cast<std::streamsize>(count));
  return static_cast<size_t>(in.gcount()) == count;
}

std::vector<Box> list_boxes(std::istream& in, uint64_t file_size, const std::string& name) {
  std::vector<Box> boxes;
  for (uint64_t at = 0; at < file_size;) {
    uint8_t head[32] = {};
    const auto available = static_cast<size_t>(std::min<uint64_t>(sizeof(head), file_size - at));
    Box box;
    box.offset = at;
    bool sound = available >= 8 && read_at(in, at, head, available);
    if (sound) {
      box.type.assign(head + 4, head + 8);
      box.size = big_endian(head, 4);
      if (box.size == 1 && available >= 16) {
        box.header = 16;
        box.size = big_endian(head + 8, 8);
      } else if (box.size == 0) {
        box.to_end = true;
        box.size = file_size - at;
      }
      sound = box.size >= box.header && box.size <= file_size - at;
    }
    if (!sound) {
      throw InputError(name, str("is cut off or damaged: the box at byte ", at, " is not whole"),
                       "Write or copy the video again");
    }
    box.xmp = box.type == "uuid" && box.size >= box.header + kXmpUuid.size() &&
              std::equal(kXmpUuid.begin(), kXmpUuid.end(), head + box.header);
    boxes.push_back(box);
    at += box.size;
  }
  return boxes;
}

std::vector<uint8_t> make_xmp_box(const std::string& packet) {
  std::vector<uint8_t> box;
  const auto size = big_endian32(8 + kXmpUuid.size() + packet.size());
  box.insert(box.end(), size.begin(), size.end());
  for (const char c : {'u', 'u', 'i', 'd'}) box.push_back(static_cast<uint8_t>(c));
  box.insert(box.end(), kXmpUuid.begin(), kXmpUuid.end());
  box.insert(box.end(), packet.begin(), packet.end());
  return box;
}

uint64_t size_of_file(const std::filesystem::path& file, const std::string& name) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) throw file_error(name, "cannot be read", error.value());
  return size;
}

void write_at(std::ostream& out, uint64_t offset, std::span<const uint8_t> bytes) {
  out.seekp(static_cast<std::streamoff>(offset));
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

// A last box that reaches to the end of the file gets its size written down, so that a box can
// follow.
void close_last_box(std::ostream& out, const Box& last, const std::string& name) {
  if (!last.to_end) return;
  if (last.size > 0xFFFFFFFFu) {
    throw InputError(name, "its last box has no size and is too large to give it one",
                     "Remux the video first: ffmpeg -i IN -c copy OUT");
  }
  write_at(out, last.offset, big_endian32(last.size));
}

}  // namespace

std::optional<std::string> find_mp4_packet(const std::filesystem::path& file,
                                           const std::string& name) {
  std::ifstream in(file, std::ios::binary);
  for (const Box& box : list_boxes(in, size_of_file(file, name), name)) {
    const uint64_t skip = box.header + kXmpUuid.size();
    if (!box.xmp || box.size - skip > kMaxPacket) continue;
    std::vector<uint8_t> packet(box.size - skip);
    if (!read_at(in, box.offset + skip, packet.data(), packet.size())) {
      throw file_error(name, "cannot be read", EIO);
    }
    return std::string(packet.begin(), packet.end());
  }
  return {};
}

void put_mp4_packet(const std::filesystem::path& file,
                    const std::string& name,
                    const std::string& packet) {
  std::fstream io(file, std::ios::binary | std::ios::in | std::ios::out);
  const auto boxes = list_boxes(io, size_of_file(file, name), name);
  DIPTYCH_CHECK(!boxes.empty() && packet.size() < kMaxPacket, "put_mp4_packet: ", name, ": ",
                boxes.size(), " boxes, packet of ", packet.size(), " bytes");
  io.clear();
  constexpr std::array<uint8_t, 4> kFree = {'f', 'r', 'e', 'e'};
  for (const Box& box : boxes) {
    if (box.xmp) write_at(io, box.offset + 4, kFree);
  }
  // Everything stays where it is: sample offsets and fragment offsets hold. Only the random access
  // index of fragmented files has to be last, because readers look for it from the end.
  const Box& last = boxes.back();
  close_last_box(io, last, name);
  std::vector<uint8_t> tail = make_xmp_box(packet);
  const bool index_last = last.type == "mfra" && last.size <= kMaxPacket;
  uint64_t at = last.offset + last.size;
  if (index_last) {
    std::vector<uint8_t> index(last.size);
    if (!read_at(io, last.offset, index.data(), index.size())) {
      throw file_error(name, "cannot be read", EIO);
    }
    tail.insert(tail.end(), index.begin(), index.end());
    at = last.offset;
  }
  write_at(io, at, tail);
  io.flush();
  if (!io) throw file_error(name, "cannot be written", errno != 0 ? errno : EIO);
}

}  // namespace diptych
