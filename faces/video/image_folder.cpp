// Sorted pictures of a folder, decoded one by one.
// SPDX-License-Identifier: MIT
#include "faces/video/image_folder.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <string_view>

#include "faces/image/image.h"
#include "kernels/common/check.h"
#include "kernels/common/log.h"

namespace diptych {

namespace {

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// The run of digits at `at` without leading zeros; moves `at` behind it.
std::string_view take_number(const std::string& text, size_t& at) {
  while (at < text.size() && text[at] == '0') ++at;
  const size_t begin = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return std::string_view(text).substr(begin, at - begin);
}

std::vector<std::filesystem::path> list_pictures(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  try {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const bool hidden = entry.path().filename().string().starts_with(".");
      if (!hidden && entry.is_regular_file() && is_image_name(entry.path())) {
        files.push_back(entry.path());
      }
    }
  } catch (const std::filesystem::filesystem_error& e) {
    throw InputError(folder.string(), "cannot be listed (" + e.code().message() + ")",
                     "Check the path and its permissions");
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return natural_less(a.filename().string(), b.filename().string());
  });
  return files;
}

}  // namespace

bool natural_less(const std::string& a, const std::string& b) {
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const std::string_view x = take_number(a, i), y = take_number(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  const size_t rest_a = a.size() - i, rest_b = b.size() - j;
  return rest_a != rest_b ? rest_a < rest_b : a < b;
}

ImageFolder::ImageFolder(const std::filesystem::path& path, const SourceOptions& options)
    : options_(options) {
  DIPTYCH_CHECK(options.folder_fps.num > 0 && options.folder_fps.den > 0,
                "ImageFolder: frame rate ", options.folder_fps.num, "/", options.folder_fps.den);
  if (std::filesystem::is_directory(path)) {
    files_ = list_pictures(path);
  } else {
    files_ = {path};
    options_.damage = DamagePolicy::kThrow;  // nothing is left to go on with
  }
  if (files_.empty()) {
    throw InputError(path.string(), "holds no pictures", "Put JPEG or PNG files into it");
  }
  pts_.resize(files_.size());
  std::iota(pts_.begin(), pts_.end(), int64_t{0});
  info_.path = path;
  info_.fps = options.folder_fps;
  info_.time_base = {options.folder_fps.den, options.folder_fps.num};
  info_.frames = static_cast<int64_t>(files_.size());
  info_.duration = static_cast<double>(files_.size()) / info_.fps.value();
  info_.codec = files_.front().extension().string().substr(1);
  info_.pixel_format = "bgr24";
  info_.colour_matrix = "rgb";
  info_.colour_range = "pc";
  Frame first;
  if (read(first)) {
    info_.width = first.bgr.cols;
    info_.height = first.bgr.rows;
  }
  next_ = 0;
}

bool ImageFolder::read(Frame& frame) {
  while (next_ < files_.size()) {
    const size_t at = next_++;
    frame.pts = pts_[at];
    frame.index = pts_[at];
    frame.duration = 1;
    frame.seconds = static_cast<double>(frame.pts) * info_.time_base.value();
    frame.damaged = false;
    frame.name = files_[at].filename().string();
    try {
      frame.bgr = read_image(files_[at]);
      return true;
    } catch (const InputError& e) {
      if (options_.damage == DamagePolicy::kThrow) throw;
      log(LogLevel::kWarning, std::string(e.what()) + ": left out");
    }
  }
  return false;
}

void ImageFolder::seek_pts(int64_t pts) {
  const int64_t last = static_cast<int64_t>(files_.size()) - 1;
  next_ = static_cast<size_t>(std::clamp<int64_t>(pts, 0, last));
}

}  // namespace diptych
