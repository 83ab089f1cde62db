// Matching names to frames.
// SPDX-License-Identifier: MIT
#include "faces/dfl/frame_names.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>

#include "faces/video/image_folder.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

std::optional<int64_t> number_of(const std::string& text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  const bool number = error == std::errc() && at == end && value >= 0 && value < 1'000'000'000;
  return number ? std::optional(value) : std::nullopt;
}

FrameRecord record_of(int64_t index, const SourceInfo& info, const std::vector<int64_t>& pts) {
  FrameRecord frame;
  frame.frame_index = index;
  frame.seconds = static_cast<double>(pts[static_cast<size_t>(index)]) * info.time_base.value();
  frame.width = info.width;
  frame.height = info.height;
  return frame;
}

// The frame on show at a time.
int64_t frame_at(double seconds, const SourceInfo& info, const std::vector<int64_t>& pts) {
  const double tick = seconds / info.time_base.value() + static_cast<double>(pts.front());
  const auto after =
      std::upper_bound(pts.begin(), pts.end(), static_cast<int64_t>(std::floor(tick + 0.5)));
  return std::max<int64_t>(0, after - pts.begin() - 1);
}

}  // namespace

std::string FrameNames::stem_of(const std::string& name) {
  return std::filesystem::path(name).stem().string();
}

FrameNames::FrameNames(const std::vector<std::string>& names,
                       const FrameNameOptions& options,
                       const std::string& what) {
  for (const std::string& name : names) frames_[stem_of(name)];
  const bool folder = options.source != nullptr && !options.source->info().is_video;
  const std::string fault = folder ? tie_to_folder(options) : tie_to_numbers(options);
  if (fault.empty()) return;
  if (options.must_tie) {
    throw InputError(what, fault,
                     "Import the faces of this video, and give --fps when DeepFaceLab did not take "
                     "every frame; faces that need no frame can be imported as src");
  }
  tied_ = false;
  number_in_order(options);
}

std::string FrameNames::tie_to_folder(const FrameNameOptions& options) {
  const ImageFolder folder(options.source->info().path);
  std::map<std::string, int64_t> index;
  const auto& files = folder.files();
  for (size_t i = 0; i < files.size(); ++i)
    index.emplace(files[i].stem().string(), static_cast<int64_t>(i));
  const std::vector<int64_t>& pts = options.source->frame_pts();
  for (auto& [stem, frame] : frames_) {
    const auto found = index.find(stem);
    if (found == index.end() || found->second >= static_cast<int64_t>(pts.size())) {
      return str("has a face of the frame '", stem, "', which is not in ",
                 options.source->info().path.string());
    }
    frame = record_of(found->second, options.source->info(), pts);
    frame.width = frame.height = 0;  // pictures of a folder may differ in size
  }
  return "";
}

std::string FrameNames::tie_to_numbers(const FrameNameOptions& options) {
  bool from_zero = false;
  for (const auto& [stem, frame] : frames_) {
    const std::optional<int64_t> number = number_of(stem);
    if (!number) return str("has a face of the frame '", stem, "', which is no number");
    from_zero |= *number == 0;
  }
  for (auto& [stem, frame] : frames_) {
    const int64_t number = *number_of(stem) - (from_zero ? 0 : 1);
    frame.frame_index = number;
    if (options.source == nullptr) continue;
    const SourceInfo& info = options.source->info();
    const std::vector<int64_t>& pts = options.source->frame_pts();
    const double taken = options.fps > 0 ? static_cast<double>(number) / options.fps : 0;
    const double length = static_cast<double>(pts.back() - pts.front()) * info.time_base.value();
    const bool beyond = options.fps > 0 ? taken > length + 1 / options.fps
                                        : number >= static_cast<int64_t>(pts.size());
    if (beyond) {
      return str("has a face of the frame '", stem, "', but ", info.path.string(), " has ",
                 pts.size(), " frames");
    }
    frame = record_of(options.fps > 0 ? frame_at(taken, info, pts) : number, info, pts);
  }
  return "";
}

void FrameNames::number_in_order(const FrameNameOptions& options) {
  std::vector<std::string> stems;
  for (const auto& [stem, frame] : frames_) stems.push_back(stem);
  std::sort(stems.begin(), stems.end(), natural_less);
  for (size_t i = 0; i < stems.size(); ++i) {
    FrameRecord frame;
    frame.frame_index = options.first_free + static_cast<int64_t>(i);
    frames_[stems[i]] = frame;
  }
}

}  // namespace diptych
