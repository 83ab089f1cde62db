// Saving and opening safetensors files.
// SPDX-License-Identifier: MIT
#include "tensor/safetensors.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/hash.h"
#include "tensor/safetensors_header.h"

namespace diptych {

namespace {

constexpr uint64_t kMaxHeader = uint64_t{100} << 20;  // the limit of the reference reader
const std::string kWriter = "diptych";
const std::string kBlankChecksum = "xxh64:0000000000000000";

std::string checksum_text(uint64_t digest) {
  char text[32];
  std::snprintf(text, sizeof(text), "xxh64:%016llx", static_cast<unsigned long long>(digest));
  return text;
}

// The checksum covers the header with the checksum's own digits blanked, then the data.
size_t find_checksum(const std::string& header, const std::string& checksum) {
  return header.find("\"checksum\":\"" + checksum + "\"");
}

std::string blanked(std::string header, const std::string& checksum) {
  const size_t at = find_checksum(header, checksum);
  if (at != std::string::npos) header.replace(at + 12, checksum.size(), kBlankChecksum);
  return header;
}

// A file being written; closes and removes what is unfinished.
class Writer {
 public:
  explicit Writer(std::string path) : path_(std::move(path)) {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd_ < 0) fail("cannot be created");
  }

  ~Writer() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(path_.c_str());
  }

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void write(const void* data, size_t size) {
    const auto* p = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t done = ::write(fd_, p, std::min<size_t>(size, size_t{1} << 30));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) fail("cannot be written");
      p += done;
      size -= static_cast<size_t>(done);
    }
  }

  void sync() {
    if (::fsync(fd_) != 0) fail("cannot be flushed to the disk");
  }

  void close() {
    const int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0) {
      ::unlink(path_.c_str());
      fail("cannot be closed");
    }
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    const int code = errno;
    throw InputError(path_, str(what, ": ", std::strerror(code)),
                     code == ENOSPC
                         ? "Free some space and try again; the previous file is untouched"
                         : "Check the folder and its permissions; the previous file is untouched");
  }

  std::string path_;
  int fd_ = -1;
};

void sync_folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

struct Safetensors::Mapping {
  const unsigned char* data = nullptr;
  size_t size = 0;

  explicit Mapping(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      throw InputError(path, str("cannot be opened: ", std::strerror(errno)), "Check the path");
    struct stat info = {};
    void* p = MAP_FAILED;
    const bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    if (regular && info.st_size > 0) {
      p = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    }
    ::close(fd);
    if (!regular || info.st_size == 0) {
      throw InputError(path, "is empty or not a regular file", damaged_file_remedy(path));
    }
    if (p == MAP_FAILED)
      throw InputError(path, str("cannot be read: ", std::strerror(errno)), "Check the disk");
    data = static_cast<const unsigned char*>(p);
    size = static_cast<size_t>(info.st_size);
  }

  ~Mapping() { ::munmap(const_cast<unsigned char*>(data), size); }

  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
};

std::string damaged_file_remedy(const std::string& path) {
  const std::string previous = path + ".prev";
  return ::access(previous.c_str(), F_OK) == 0 ? "Copy the save before it over it: " + previous
                                               : "Put back a backup of it";
}

Safetensors::Safetensors() = default;
Safetensors::~Safetensors() = default;
Safetensors::Safetensors(Safetensors&&) noexcept = default;
Safetensors& Safetensors::operator=(Safetensors&&) noexcept = default;

uint64_t Safetensors::file_bytes() const {
  return mapping_->size;
}

Safetensors Safetensors::open(const std::string& path) {
  const std::string remedy = "The file is damaged. " + damaged_file_remedy(path);
  Safetensors file;
  file.path_ = path;
  file.mapping_ = std::make_unique<Mapping>(path);
  const unsigned char* bytes = file.mapping_->data;
  const uint64_t size = file.mapping_->size;
  uint64_t header_size = 0;
  if (size >= 8) std::memcpy(&header_size, bytes, 8);
  if (size < 8 || header_size > std::min<uint64_t>(size - 8, kMaxHeader)) {
    throw InputError(path, "is not a safetensors file or was cut off in its header", remedy);
  }
  const std::string header(reinterpret_cast<const char*>(bytes + 8), header_size);
  try {
    parse_safetensors_header(header, file.entries_, file.metadata_);
  } catch (const Error& e) {
    throw InputError(path, e.what(), remedy);
  }
  file.data_offset_ = 8 + header_size;
  const uint64_t data_size = size - file.data_offset_;
  uint64_t covered = 0;
  for (const auto& [name, entry] : file.entries_) {
    const uint64_t wanted = static_cast<uint64_t>(entry.shape.numel()) * size_of(entry.dtype);
    if (entry.end > data_size || entry.begin > entry.end || entry.end - entry.begin != wanted) {
      throw InputError(path, "was cut off or tensor " + name + " has wrong offsets", remedy);
    }
    covered += wanted;
  }
  if (covered != data_size) throw InputError(path, "has a data section of the wrong size", remedy);
  const auto writer = file.metadata_.find("writer");
  const auto it = file.metadata_.find("checksum");
  if (it == file.metadata_.end() && writer != file.metadata_.end() && writer->second == kWriter) {
    throw InputError(path, "has lost its checksum", remedy);
  }
  if (it != file.metadata_.end()) {
    Xxh64 hash;
    const std::string text = blanked(header, it->second);
    hash.update(text.data(), text.size());
    hash.update(bytes + file.data_offset_, data_size);
    if (checksum_text(hash.digest()) != it->second) {
      throw InputError(path, "does not match its checksum: a byte was changed", remedy);
    }
  }
  return file;
}

void Safetensors::read(const std::string& name, MutView out) const {
  const auto it = entries_.find(name);
  if (it == entries_.end()) {
    throw InputError(path_, "has no tensor " + name, "Use a file of the same kind and version");
  }
  const Entry& entry = it->second;
  if (entry.shape != out.shape || entry.dtype != out.dtype) {
    throw InputError(
        path_, str("tensor ", name, " is ", entry.shape, ' ', entry.dtype, ", expected ", out),
        "Use a file made with the same settings");
  }
  std::memcpy(out.data, mapping_->data + data_offset_ + entry.begin, entry.end - entry.begin);
}

void save_safetensors(const std::string& path,
                      const std::vector<NamedView>& tensors,
                      const Metadata& metadata) {
  Metadata with_checksum = metadata;
  with_checksum["checksum"] = kBlankChecksum;
  with_checksum["writer"] = kWriter;  // a file that says so must have a checksum
  std::string header = make_safetensors_header(tensors, with_checksum);
  Xxh64 hash;
  hash.update(header.data(), header.size());
  for (const NamedView& t : tensors) {
    hash.update(t.view.data, static_cast<size_t>(t.view.shape.numel()) * size_of(t.view.dtype));
  }
  const std::string checksum = checksum_text(hash.digest());
  header.replace(find_checksum(header, kBlankChecksum) + 12, checksum.size(), checksum);

  const std::string aside = path + ".tmp";
  {
    Writer writer(aside);
    const uint64_t header_size = header.size();
    writer.write(&header_size, 8);
    writer.write(header.data(), header.size());
    for (const NamedView& t : tensors) {
      writer.write(t.view.data, static_cast<size_t>(t.view.shape.numel()) * size_of(t.view.dtype));
    }
    writer.sync();
    writer.close();
  }
  const Safetensors check = Safetensors::open(aside);  // verifies the checksum of what was written
  const std::string previous = path + ".prev";
  if (::access(path.c_str(), F_OK) == 0) {
    // The second name appears before the first is replaced, so PATH exists at every moment.
    ::unlink(previous.c_str());
    if (::link(path.c_str(), previous.c_str()) != 0 && errno != EEXIST) {
      throw InputError(previous, str("cannot be created: ", std::strerror(errno)),
                       "Check the folder and its permissions");
    }
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) {
    throw InputError(path, str("cannot be replaced: ", std::strerror(errno)),
                     "Check the folder and its permissions");
  }
  sync_folder_of(path);
}

}  // namespace diptych
