// For tests: a project whose facesets hold drawn faces, settings of a tiny network, and running the
// real program.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "apps/project/project.h"
#include "faces/faceset/faceset.h"

namespace diptych {

// A drawn face, `side` pixels, whole_face; `number` varies pose, place and colours.
Face drawn_face(int number, int side = 96);

// A faceset with drawn faces, one per frame.
void make_faceset(const std::filesystem::path& file, int faces, int first_number);

// Legal settings of the smallest network: resolution 64, ae 32, e 16, d 16, mask 16, batch 2.
Settings tiny_settings();

// DIR with two sources that are not videos, drawn faces on both sides and the tiny settings.
Project make_project(const std::filesystem::path& dir, int faces = 6);

struct RunResult {
  int exit_code = -1;  // 128 + signal when it was killed
  std::string out, err;
};

// A run of the real program in the background.
class RunningProgram {
 public:
  RunningProgram(const std::vector<std::string>& arguments, const std::filesystem::path& scratch);
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram();  // kills it when it still runs

  void signal(int number) const;
  RunResult wait();
  bool ended();

 private:
  void read_outputs();

  pid_t pid_ = -1;
  std::filesystem::path out_, err_;
  RunResult result_;
};

RunResult run_program(const std::vector<std::string>& arguments,
                      const std::filesystem::path& scratch);

// The Python that tests compare with: DIPTYCH_TEST_PYTHON, or python3. Nothing where it lacks one
// of the packages, given as "numpy, safetensors".
std::optional<std::string> python_with(const std::string& packages);

// Whole text of a file, empty when it is missing.
std::string text_of(const std::filesystem::path& file);

}  // namespace diptych
