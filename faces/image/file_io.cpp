// Whole-file reading and atomic writing on POSIX calls.
// SPDX-License-Identifier: MIT
#include "faces/image/file_io.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/common/log.h"

namespace diptych {

namespace {

// A file descriptor that closes itself.
struct Descriptor {
  int fd;

  explicit Descriptor(int value) : fd(value) {}

  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::string remedy_for(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "Check the path";
    case EACCES:
    case EPERM:
    case EROFS:
      return "Choose another folder or change its permissions";
    case ENOSPC:
    case EDQUOT:
      return "Free some space or choose another disk";
    case EFBIG:
      return "The file system or a limit of the shell (ulimit -f) does not allow larger files";
    case EISDIR:
      return "Give the name of a file";
    default:
      return "Check the disk and try again";
  }
}

void sync_path(const std::filesystem::path& path, const std::filesystem::path& blamed, int flags) {
  const Descriptor file(::open(path.c_str(), flags | O_CLOEXEC));
  if (file.fd < 0) throw file_error(blamed, "cannot be written", errno);
  // Some file systems cannot sync a folder and say EINVAL: nothing more can be done there.
  if (::fsync(file.fd) != 0 && errno != EINVAL)
    throw file_error(blamed, "cannot be written", errno);
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

InputError file_error(const std::filesystem::path& file, const std::string& doing, int error) {
  return {file.string(), doing + " (" + std::strerror(error) + ")", remedy_for(error)};
}

std::vector<uint8_t> read_file(const std::filesystem::path& file) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.fd < 0) throw file_error(file, "cannot be opened", errno);
  struct stat status = {};
  if (::fstat(in.fd, &status) != 0) throw file_error(file, "cannot be read", errno);
  if (S_ISDIR(status.st_mode)) throw file_error(file, "is a folder", EISDIR);
  std::vector<uint8_t> bytes(static_cast<size_t>(std::max<off_t>(0, status.st_size)));
  size_t done = 0;
  for (;;) {
    if (done == bytes.size()) bytes.resize(done + 4096);  // grown since, or no size known
    const ssize_t got = ::read(in.fd, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw file_error(file, "cannot be read", errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

PendingFile::PendingFile(const std::filesystem::path& target) : target_(target) {
  std::error_code ignored;
  if (std::filesystem::is_symlink(target, ignored)) {
    const auto resolved = std::filesystem::weakly_canonical(target, ignored);
    if (!ignored) target_ = resolved;
  }
  if (!target_.has_filename() || std::filesystem::is_directory(target_, ignored)) {
    throw file_error(target, "is a folder", EISDIR);
  }
  struct stat status = {};
  const bool replaces = ::stat(target_.c_str(), &status) == 0;
  static std::atomic<unsigned> counter{0};
  for (;;) {
    const std::string unique = std::to_string(::getpid()) + "-" + std::to_string(counter++);
    std::string name = ".";
    name.append(target_.stem().string()).append("-").append(unique).append(".part");
    path_ = folder_of(target_) / name.append(target_.extension().string());
    const Descriptor file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file.fd < 0 && errno == EEXIST) continue;
    if (file.fd < 0) throw file_error(target, "cannot be written", errno);
    if (replaces && ::fchmod(file.fd, status.st_mode & 07777) != 0) {
      log(LogLevel::kDebug, target_.string() + ": its permissions could not be kept");
    }
    return;
  }
}

PendingFile::~PendingFile() {
  if (!published_) ::unlink(path_.c_str());
}

void PendingFile::write(std::span<const uint8_t> bytes) {
  const Descriptor out(::open(path_.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (out.fd < 0) throw file_error(target_, "cannot be written", errno);
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t put = ::write(out.fd, bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw file_error(target_, "cannot be written", errno);
    done += static_cast<size_t>(put);
  }
}

void PendingFile::publish() {
  DIPTYCH_CHECK(!published_, "PendingFile::publish: ", target_.string(), " is published already");
  sync_path(path_, target_, O_RDONLY);
  if (::rename(path_.c_str(), target_.c_str()) != 0) {
    throw file_error(target_, "cannot be written", errno);
  }
  published_ = true;
  sync_path(folder_of(target_), target_, O_RDONLY | O_DIRECTORY);
}

void write_file_atomic(const std::filesystem::path& target, std::span<const uint8_t> bytes) {
  PendingFile pending(target);
  pending.write(bytes);
  pending.publish();
}

}  // namespace diptych
