// The lock of a project's model.
// SPDX-License-Identifier: MIT
#include "apps/project/project_lock.h"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "faces/image/file_io.h"
#include "kernels/common/check.h"
#include "kernels/common/log.h"

namespace diptych {

ProjectLock::ProjectLock(const Project& project) {
  const std::filesystem::path file = project.checkpoint().parent_path() / ".lock";
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) throw file_error(file, "cannot be opened", errno);
  const bool held = ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
  // A disk that cannot lock is no reason not to train.
  if (!held && errno != EWOULDBLOCK) return;
  char pid[32] = {};
  if (held) {  // who holds it is a comfort for messages
    const std::string mine = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, mine.data(), mine.size(), 0) < 0)
      log(LogLevel::kDebug, file.string() + ": the process could not be noted");
    return;
  }
  const ssize_t got = ::pread(fd_, pid, sizeof pid - 1, 0);
  ::close(fd_);
  std::string who(pid, got > 0 ? static_cast<size_t>(got) : 0);
  while (!who.empty() && (who.back() == '\n' || who.back() == '\0')) who.pop_back();
  throw InputError(project.dir().string(),
                   "is being trained or restored by another diptych" +
                       (who.empty() ? "" : " (process " + who + ")"),
                   "Wait for it, or stop it with Ctrl-C");
}

ProjectLock::~ProjectLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace diptych
