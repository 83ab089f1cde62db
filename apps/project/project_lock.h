// ProjectLock: one program at a time changes the model of a project.
// SPDX-License-Identifier: MIT
#pragma once

#include "apps/project/project.h"

namespace diptych {

// Held from construction to destruction, or to the end of the process, however it ends. The file
// model/.lock stays; it means nothing by itself.
class ProjectLock {
 public:
  // Throws InputError when another one is held: which process has it, and what to do.
  explicit ProjectLock(const Project& project);
  ~ProjectLock();
  ProjectLock(const ProjectLock&) = delete;
  ProjectLock& operator=(const ProjectLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace diptych
