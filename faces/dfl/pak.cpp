// Reading and writing faceset.pak.
// SPDX-License-Identifier: MIT
#include "faces/dfl/pak.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernels/common/check.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kVersion = 1;
constexpr uint64_t kFixed = 16;  // bytes before the list
constexpr uint64_t kLongestList = uint64_t{1} << 32;
const char* const kRemedy = "Unpack the faceset in DeepFaceLab and give the folder instead";

uint64_t little64(std::span<const uint8_t> bytes, uint64_t at) {
  uint64_t value = 0;
  for (uint64_t i = 8; i-- > 0;) value = value << 8 | bytes[static_cast<size_t>(at + i)];
  return value;
}

std::array<uint8_t, 8> little64(uint64_t value) {
  std::array<uint8_t, 8> bytes{};
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
  return bytes;
}

// A person's name becomes a folder, a picture's name a file.
std::string plain_name(const PickleValue* value) {
  if (value == nullptr || value->is_none()) return "";
  const std::string name(value->string());
  const bool plain = name.size() <= 255 && name != "." && name != ".." &&
                     name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
  DIPTYCH_CHECK(plain, "holds the name '", name.substr(0, 64), "', which is not a plain file name");
  return name;
}

DflPakEntry entry_from(const PickleValue& dict) {
  DflPakEntry entry;
  entry.name = plain_name(dict.find("filename"));
  entry.person = plain_name(dict.find("person_name"));
  try {
    entry.metadata = dfl_metadata_from(dict);
  } catch (const Error& e) {
    entry.fault = e.what();
  }
  return entry;
}

void place(std::vector<DflPakEntry>& entries,
           std::span<const uint8_t> table,
           uint64_t data,
           uint64_t file_size,
           const std::string& name) {
  for (size_t i = 0; i < entries.size(); ++i) {
    const uint64_t begin = little64(table, 8 * i);
    // The original's last offset counts from the start of the file; the file's end is meant.
    const bool last = i + 1 == entries.size();
    const uint64_t end = last ? file_size - data : little64(table, 8 * (i + 1));
    if (begin > end || end > file_size - data) {
      throw InputError(name,
                       str("is damaged: picture ", i + 1, " is said to lie at bytes ", begin,
                           " to ", end, " of ", file_size - data),
                       kRemedy);
    }
    entries[i].offset = data + begin;
    entries[i].size = end - begin;
  }
}

struct Head {
  uint64_t list = 0;  // bytes of the list
};

Head check_head(std::span<const uint8_t> fixed, uint64_t file_size, const std::string& name) {
  if (fixed.size() < kFixed) throw InputError(name, "is too short for a faceset.pak", kRemedy);
  const uint64_t version = little64(fixed, 0);
  if (version != kVersion) {
    throw InputError(name, "is not a faceset.pak of version 1",
                     "Give a faceset.pak that DeepFaceLab made");
  }
  const uint64_t list = little64(fixed, 8);
  if (list > file_size - kFixed || list > kLongestList) {
    throw InputError(
        name, str("is cut off: its list has ", list, " bytes, the file only ", file_size), kRemedy);
  }
  return {list};
}

std::vector<uint8_t> read_range(const fs::path& file, uint64_t offset, uint64_t size) {
  std::ifstream in(file, std::ios::binary);
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  in.seekg(static_cast<std::streamoff>(offset));
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!in) throw InputError(file.string(), "cannot be read", "Check the path and the disk");
  return bytes;
}

void write(std::ofstream& out, std::span<const uint8_t> bytes) {
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

std::vector<DflPakEntry> parse_dfl_pak(std::vector<uint8_t> head,
                                       uint64_t file_size,
                                       const std::string& name) {
  const uint64_t list = check_head(head, file_size, name).list;
  const uint64_t have = std::min<uint64_t>(list, head.size() - kFixed);
  const auto begin = head.begin() + static_cast<ptrdiff_t>(kFixed);
  PickleOptions options;
  options.name = name;
  options.remedy = kRemedy;
  const PickleDocument document =
      read_pickle({begin, begin + static_cast<ptrdiff_t>(have)}, options);
  std::vector<DflPakEntry> entries;
  try {
    for (const PickleValue& dict : document.root().items()) entries.push_back(entry_from(dict));
  } catch (const Error& e) {
    throw InputError(name, str("entry ", entries.size() + 1, " of its list ", e.what()), kRemedy);
  }
  const uint64_t table = kFixed + list, data = table + 8 * (entries.size() + 1);
  if (data > file_size || data > head.size()) {
    throw InputError(name, str("is cut off: it has no room for ", entries.size(), " pictures"),
                     kRemedy);
  }
  place(entries, std::span(head).subspan(static_cast<size_t>(table)), data, file_size, name);
  return entries;
}

DflPak DflPak::open(const fs::path& file) {
  std::error_code error;
  const uint64_t size = fs::file_size(file, error);
  if (error || !fs::is_regular_file(file, error))
    throw InputError(file.string(), "is not there, or not a file", "Check the path");
  const std::vector<uint8_t> fixed = read_range(file, 0, std::min(size, kFixed));
  const uint64_t list = check_head(fixed, size, file.string()).list;
  // The table has 8 bytes a picture, an entry of the list more than 8.
  const uint64_t head = std::min(size, kFixed + 2 * list + 8);
  DflPak pak;
  pak.file_ = file;
  pak.entries_ = parse_dfl_pak(read_range(file, 0, head), size, file.string());
  return pak;
}

std::vector<uint8_t> DflPak::read(size_t index) const {
  const DflPakEntry& entry = entries_.at(index);
  return read_range(file_, entry.offset, entry.size);
}

DflPakWriter::DflPakWriter(const fs::path& file)
    : pack_(file), pictures_(file), data_(pictures_.path(), std::ios::binary), list_(4) {
  list_.begin_list();
}

void DflPakWriter::check(const std::ofstream& out) const {
  if (!out) throw file_error(pack_.target(), "cannot be written", errno);
}

void DflPakWriter::add(const std::string& name,
                       const std::string& person,
                       const DflMetadata& m,
                       int size,
                       std::span<const uint8_t> jpeg) {
  write(data_, jpeg);
  check(data_);
  offsets_.push_back(offsets_.back() + jpeg.size());
  list_.begin_dict();
  list_.string("sample_type").enumeration("samplelib.Sample", "SampleType", 1);
  list_.string("filename").string(name);
  list_.string("face_type").enumeration("facelib.FaceType", "FaceType", dfl_face_code(m.face_type));
  list_.string("shape").begin_tuple().integer(size).integer(size).integer(3).end_tuple();
  list_.string("landmarks").begin_list();
  for (const cv::Point2d& p : m.landmarks.value_or(Landmarks{}))
    list_.begin_list().real(p.x).real(p.y).end_list();
  list_.end_list();
  write_dfl_polygons(list_.string("seg_ie_polys"), m.polygons);
  list_.string("xseg_mask").none().string("xseg_mask_compressed");
  if (m.mask.empty()) {
    list_.none();
  } else {
    const int64_t shape[] = {static_cast<int64_t>(m.mask.size())};
    list_.array("u1", shape, m.mask);
  }
  list_.string("eyebrows_expand_mod").real(m.eyebrow_factor);
  list_.string("source_filename");
  m.source_filename.empty() ? list_.none() : list_.string(m.source_filename);
  list_.string("person_name");
  person.empty() ? list_.none() : list_.string(person);
  list_.end_dict();
}

void DflPakWriter::finish() {
  data_.close();
  check(data_);
  const std::vector<uint8_t> list = list_.end_list().take();
  std::ofstream out(pack_.path(), std::ios::binary);
  write(out, little64(kVersion));
  write(out, little64(list.size()));
  write(out, list);
  const uint64_t data = kFixed + list.size() + 8 * offsets_.size();
  offsets_.back() += data;  // as the original has it: the last one counts from the file's start
  for (const uint64_t offset : offsets_) write(out, little64(offset));
  std::ifstream in(pictures_.path(), std::ios::binary);
  if (offsets_.size() > 1) out << in.rdbuf();
  out.close();
  check(out);
  pack_.publish();
}

}  // namespace diptych
