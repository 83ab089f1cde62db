// Keeping, thinning and restoring checkpoints.
// SPDX-License-Identifier: MIT
#include "apps/training/timeline.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <set>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "faces/image/file_io.h"
#include "kernels/common/check.h"
#include "kernels/common/log.h"
#include "tensor/safetensors.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

using nlohmann::json;

constexpr const char* kModel = ".safetensors";

std::string stem_of(int64_t iteration) {
  char text[32];
  std::snprintf(text, sizeof text, "%010lld", static_cast<long long>(iteration));
  return text;
}

std::optional<int64_t> iteration_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  if (stem.size() != 10 || stem.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoll(stem);
}

void read_note(TimelineEntry& entry) {
  try {
    const std::vector<uint8_t> bytes = read_file(entry.note);
    const json note = json::parse(bytes.begin(), bytes.end());
    entry.trained_seconds = note.value("trained_seconds", 0.0);
    entry.src_loss = note.value("src", 0.0);
    entry.dst_loss = note.value("dst", 0.0);
    if (note.contains("holdout")) entry.scores = holdout_from_json(note.at("holdout").dump());
  } catch (const std::exception&) {
    // A note is a comfort: without it the checkpoint is as good.
  }
}

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

// Age with a floor: abandoned futures have a negative one, and the newest has none.
double age_of(const ThinningPoint& p, double now) {
  return std::max(1.0, std::abs(now - p.trained_seconds));
}

// The point whose neighbours are nearest in relative age; never the first or the last.
size_t most_crowded(const std::vector<size_t>& kept,
                    std::span<const ThinningPoint> points,
                    double now) {
  size_t best = 1;
  double narrowest = INFINITY;
  for (size_t i = 1; i + 1 < kept.size(); ++i) {
    const double gap =
        std::abs(std::log(age_of(points[kept[i - 1]], now) / age_of(points[kept[i + 1]], now)));
    if (gap < narrowest) {
      narrowest = gap;
      best = i;
    }
  }
  return best;
}

}  // namespace

std::vector<size_t> choose_to_thin(std::span<const ThinningPoint> points,
                                   double now,
                                   const ThinningSchedule& schedule) {
  DIPTYCH_CHECK(schedule.keep_seconds > 0 && schedule.per_doubling >= 1,
                "choose_to_thin: keep_seconds = ", schedule.keep_seconds,
                ", per_doubling = ", schedule.per_doubling, ", expected above 0 and 1 or more");
  std::vector<size_t> gone, kept;
  std::set<std::pair<int, int64_t>> taken;  // doubling, stretch
  for (size_t i = 0; i < points.size(); ++i) {
    const double age = age_of(points[i], now);
    bool keep = i == 0 || i + 1 == points.size() || age <= schedule.keep_seconds;
    if (!keep) {
      const int doubling = static_cast<int>(std::log2(age / schedule.keep_seconds));
      // Stretches stand on a fixed grid of time and double with age, so that a point that stays
      // alone in its stretch stays when the stretch grows.
      const double stretch = schedule.keep_seconds * std::exp2(doubling) / schedule.per_doubling;
      const auto place = static_cast<int64_t>(points[i].trained_seconds / stretch);
      keep = taken.insert({doubling, place}).second;
    }
    (keep ? kept : gone).push_back(i);
  }
  const auto total = [&] {
    uint64_t sum = 0;
    for (const size_t i : kept) sum += points[i].bytes;
    return sum;
  };
  while (schedule.most_bytes > 0 && kept.size() > 2 && total() > schedule.most_bytes) {
    const size_t at = most_crowded(kept, points, now);
    gone.push_back(kept[at]);
    kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(at));
  }
  std::sort(gone.begin(), gone.end());
  return gone;
}

Timeline::Timeline(const Project& project)
    : checkpoint_(project.checkpoint()), folder_(checkpoint_.parent_path() / "timeline") {}

fs::path Timeline::model_of(int64_t iteration) const {
  return folder_ / (stem_of(iteration) + kModel);
}

std::vector<TimelineEntry> Timeline::entries() const {
  std::vector<TimelineEntry> list;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder_, error)) {
    const auto iteration = iteration_of(file.path());
    if (!iteration || file.path().extension() != kModel) continue;
    TimelineEntry entry;
    entry.iteration = *iteration;
    entry.model = file.path();
    entry.strip = fs::path(file.path()).replace_extension(".png");
    entry.note = fs::path(file.path()).replace_extension(".json");
    const auto bytes = fs::file_size(file.path(), error);
    entry.bytes = error ? 0 : bytes;
    read_note(entry);
    list.push_back(std::move(entry));
  }
  std::sort(list.begin(), list.end(),
            [](const auto& a, const auto& b) { return a.iteration < b.iteration; });
  return list;
}

TimelineEntry Timeline::at(int64_t iteration) const {
  std::string known;
  for (TimelineEntry& entry : entries()) {
    if (entry.iteration == iteration) return std::move(entry);
    known += str(known.empty() ? "" : ", ", entry.iteration);
  }
  throw InputError(
      folder_.string(), str("keeps no checkpoint of iteration ", iteration),
      known.empty() ? "It is empty: training fills it with every save" : "There are: " + known);
}

void Timeline::keep(const TimelineEntry& entry, std::span<const uint8_t> strip) const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw file_error(folder_, "cannot be made", error.value());
  const fs::path base = model_of(entry.iteration);
  json note = {{"iteration", entry.iteration},
               {"trained_seconds", entry.trained_seconds},
               {"src", entry.src_loss},
               {"dst", entry.dst_loss}};
  if (entry.scores) note["holdout"] = json::parse(to_json(*entry.scores));
  const std::string text = note.dump() + "\n";
  write_file_atomic(fs::path(base).replace_extension(".png"), strip);
  write_file_atomic(fs::path(base).replace_extension(".json"),
                    {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  link_or_copy(checkpoint_, base);
}

std::vector<TimelineEntry> Timeline::to_thin(double now, const ThinningSchedule& schedule) const {
  std::vector<TimelineEntry> all = entries();
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.trained_seconds < b.trained_seconds; });
  std::vector<ThinningPoint> points;
  for (const TimelineEntry& e : all) points.push_back({e.trained_seconds, e.bytes});
  std::vector<TimelineEntry> gone;
  for (const size_t i : choose_to_thin(points, now, schedule)) gone.push_back(std::move(all[i]));
  return gone;
}

void Timeline::remove(const TimelineEntry& entry) const {
  for (const fs::path& file : {entry.model, entry.strip, entry.note}) {
    std::error_code error;
    fs::remove(file, error);
    if (error) throw file_error(file, "cannot be deleted", error.value());
  }
  sync_folder(folder_);
}

void Timeline::put_aside() const {
  std::error_code error;
  if (!fs::exists(folder_, error)) return;
  for (int i = 1;; ++i) {
    const fs::path aside = str(folder_.string(), '.', i);
    if (fs::exists(aside, error)) continue;
    fs::rename(folder_, aside, error);
    if (error) throw file_error(folder_, "cannot be renamed", error.value());
    sync_folder(folder_.parent_path());
    log(LogLevel::kInfo, "the old model's timeline is now " + aside.string());
    return;
  }
}

std::vector<fs::path> Timeline::leftovers() const {
  std::vector<fs::path> list;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder_, error)) {
    const fs::path& path = file.path();
    const std::string name = path.filename().string();
    const bool aside = name.ends_with(".linking") || name.find(".part.") != std::string::npos;
    const bool alone = iteration_of(path) && path.extension() != kModel &&
                       !fs::exists(fs::path(path).replace_extension(kModel), error);
    if (aside || alone) list.push_back(path);
  }
  std::sort(list.begin(), list.end());
  return list;
}

namespace {

class OpenFile {
 public:
  OpenFile(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}

  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int fd() const { return fd_; }

 private:
  int fd_;
};

// To the disk, not only to its cache; 0 or errno. std::filesystem::copy_file calls a full disk an
// input/output error.
int copy_bytes(const fs::path& from, const fs::path& to) {
  const OpenFile in(from, O_RDONLY), out(to, O_WRONLY | O_CREAT | O_TRUNC);
  if (in.fd() < 0 || out.fd() < 0) return errno;
  std::vector<char> block(size_t{1} << 20);
  while (true) {
    const ssize_t count = ::read(in.fd(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return ::fsync(out.fd()) == 0 ? 0 : errno;
    for (ssize_t at = 0; at < count;) {
      const ssize_t done = ::write(out.fd(), block.data() + at, static_cast<size_t>(count - at));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return done < 0 ? errno : EIO;
      at += done;
    }
  }
}

}  // namespace

void link_or_copy(const fs::path& from, const fs::path& to) {
  const fs::path aside = to.string() + ".linking";
  ::unlink(aside.c_str());
  if (::link(from.c_str(), aside.c_str()) != 0) {
    const int code = errno;
    const bool no_links = code == EPERM || code == EOPNOTSUPP || code == EXDEV || code == EMLINK;
    if (!no_links) throw file_error(to, "cannot be made", code);
    const int failed = copy_bytes(from, aside);
    if (failed != 0) {
      ::unlink(aside.c_str());
      throw file_error(to, "cannot be written", failed);
    }
  }
  // rename() does nothing when both are names of one file: then the second name goes.
  if (::rename(aside.c_str(), to.c_str()) != 0) {
    const int code = errno;
    ::unlink(aside.c_str());
    throw file_error(to, "cannot be replaced", code);
  }
  ::unlink(aside.c_str());
  sync_folder(to.parent_path());
}

void restore_checkpoint(const Project& project, const fs::path& model) {
  const Safetensors file = Safetensors::open(model.string());  // whole, or nothing happens
  const fs::path checkpoint = project.checkpoint();
  std::error_code error;
  if (fs::exists(checkpoint, error)) link_or_copy(checkpoint, checkpoint.string() + ".prev");
  link_or_copy(model, checkpoint);
}

}  // namespace diptych
