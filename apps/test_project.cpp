// Drawn faces, tiny projects and child processes for tests.
// SPDX-License-Identifier: MIT
#include "apps/test_project.h"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <opencv2/imgproc.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "faces/align/head_template.h"
#include "faces/image/image.h"
#include "kernels/common/check.h"
#include "kernels/common/rng.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

Landmarks frame_landmarks(int number) {
  Rng rng(7, 100, static_cast<uint64_t>(number));
  const double scale = 0.9 + 0.2 * rng.uniform(), turn = 0.3 * (rng.uniform() - 0.5);
  Landmarks out;
  for (size_t i = 0; i < out.size(); ++i) {
    const double u = scale * (kHeadTemplate[i][0] + turn * kHeadTemplate[i][2]);
    out[i] = {160 + u, 150 + scale * kHeadTemplate[i][1]};
  }
  return out;
}

cv::Point at(const Landmarks& l, size_t i) {
  return {static_cast<int>(l[i].x), static_cast<int>(l[i].y)};
}

cv::Mat draw(const Landmarks& l, int number, int side) {
  Rng rng(7, 101, static_cast<uint64_t>(number));
  cv::Mat picture(side, side, CV_8UC3, cv::Scalar(60 + 40 * rng.uniform(), 90, 70));
  const cv::Scalar skin(110 + 40 * rng.uniform(), 150, 200);
  std::vector<cv::Point> jaw;
  for (size_t i = 0; i <= 26; ++i) jaw.push_back(at(l, i <= 16 ? i : 43 - i));
  cv::fillPoly(picture, std::vector<std::vector<cv::Point>>{jaw}, skin, cv::LINE_AA);
  const int eye = std::max(2, side / 24);
  for (const size_t first : {36, 42}) {
    const cv::Point middle = (at(l, first) + at(l, first + 3)) / 2;
    cv::circle(picture, middle, eye, cv::Scalar(240, 240, 240), cv::FILLED, cv::LINE_AA);
    cv::circle(picture, middle, eye / 2, cv::Scalar(40, 30, 30), cv::FILLED, cv::LINE_AA);
  }
  cv::line(picture, at(l, 27), at(l, 30), skin * 0.8, 2, cv::LINE_AA);
  cv::line(picture, at(l, 48), at(l, 54), cv::Scalar(60, 60, 170), std::max(2, side / 32),
           cv::LINE_AA);
  return picture;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Face drawn_face(int number, int side) {
  Face f;
  f.type = FaceType::kWhole;
  f.size = side;
  f.frame_index = number;
  f.frame_seconds = number / 25.0;
  f.source_name = "drawn";
  f.source_landmarks = frame_landmarks(number);
  f.matrix = crop_matrix(f.source_landmarks, side, f.type);
  f.landmarks = transform(f.matrix, f.source_landmarks);
  f.pose = estimate_pose(f.landmarks, side);
  f.box = {60, 50, 200, 200};
  f.box_score = 1;
  f.sharpness = 10 + number;
  f.image = encode_png(draw(f.landmarks, number, side));
  return f;
}

void make_faceset(const fs::path& file, int faces, int first_number) {
  Faceset set = Faceset::create(file.string());
  for (int i = 0; i < faces; ++i) {
    Face face = drawn_face(first_number + i);
    face.frame_index = i;
    set.put_frame({i, i / 25.0, 320, 300, 1, ""}, {face});
  }
}

Settings tiny_settings() {
  Settings settings;
  for (const char* pair : {"resolution=64", "archi=df", "ae_dims=32", "e_dims=16", "d_dims=16",
                           "d_mask_dims=16", "batch_size=2", "preview_every=0", "preview_faces=1"})
    settings.assign(pair, "test");
  return settings;
}

Project make_project(const fs::path& dir, int faces) {
  ProjectPlan plan;
  plan.dir = dir;
  plan.copy = true;
  plan.settings = tiny_settings();
  for (const Side side : kSides) {
    const fs::path source = dir.parent_path() / (std::string(name_of(side)) + "-source.mp4");
    std::ofstream(source) << "not a video";
    SourceRecord& record = plan.sources[static_cast<size_t>(side)];
    measure_source(source, record);
    record.consent = "synthetic";
  }
  const Project project = Project::create(plan);
  make_faceset(project.faces(Side::kSrc), faces, 0);
  make_faceset(project.faces(Side::kDst), faces, 1000);
  return project;
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

RunningProgram::RunningProgram(const std::vector<std::string>& arguments, const fs::path& scratch)
    : out_(scratch / "stdout.txt"), err_(scratch / "stderr.txt") {
  std::vector<std::string> words = {DIPTYCH_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const std::vector<char*> argv = pointers(words);
  const std::string out = out_.string(), err = err_.string();
  pid_ = ::fork();
  DIPTYCH_CHECK(pid_ >= 0, "fork failed");
  if (pid_ == 0) {
    const int in_fd = ::open("/dev/null", O_RDONLY);
    const int out_fd = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const int err_fd = ::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::dup2(in_fd, 0);
    ::dup2(out_fd, 1);
    ::dup2(err_fd, 2);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
}

RunningProgram::~RunningProgram() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void RunningProgram::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

void RunningProgram::read_outputs() {
  result_.out = text_of(out_);
  result_.err = text_of(err_);
}

bool RunningProgram::ended() {
  if (pid_ < 0) return true;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  pid_ = -1;
  result_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

RunResult RunningProgram::wait() {
  if (pid_ >= 0) {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    result_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  read_outputs();
  return result_;
}

RunResult run_program(const std::vector<std::string>& arguments, const fs::path& scratch) {
  return RunningProgram(arguments, scratch).wait();
}

std::optional<std::string> python_with(const std::string& packages) {
  const char* set = std::getenv("DIPTYCH_TEST_PYTHON");
  const std::string python = set != nullptr ? set : "python3";
  const std::string ask = python + " -c 'import " + packages + "' >/dev/null 2>&1";
  return std::system(ask.c_str()) == 0 ? std::optional(python) : std::nullopt;
}

}  // namespace diptych
