// Importing DeepFaceLab's faces.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <future>
#include <map>
#include <span>
#include <unordered_set>
#include <utility>

#include <opencv2/core/utility.hpp>

#include "faces/dfl/convert.h"
#include "faces/dfl/transfer.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

// Faces that are decoded side by side, between two words to the user.
constexpr size_t kDecodedAtOnce = 128;
constexpr size_t kBytesAtOnce = size_t{1} << 27;  // twice in memory: one batch is stored meanwhile

// What the first look at a picture tells.
struct Look {
  std::string frame;  // name of its frame; of the picture itself when it does not say
  std::string fault;
  size_t bytes = 0;
};

// Calls body(i) for each i on all cores; body does not throw.
template <class Body>
void on_all_cores(size_t n, const Body& body) {
  cv::parallel_for_(cv::Range(0, static_cast<int>(n)), [&](const cv::Range& range) {
    for (int i = range.start; i < range.end; ++i) body(static_cast<size_t>(i));
  });
}

Look look_at(const DflCollection& from, size_t i) {
  try {
    const DflCollection::Item item = from.read(i);
    DIPTYCH_CHECK(item.metadata.face_type != "mark_only",
                  "it is a whole frame (mark_only), not a face that was cut out");
    DIPTYCH_CHECK(item.metadata.landmarks, "it has no landmarks");
    const std::string& name = item.metadata.source_filename;
    return {name.empty() ? item.name : name, "", item.jpeg.size()};
  } catch (const std::exception& e) {
    return {"", e.what(), 0};
  }
}

class Import {
 public:
  Import(const DflCollection& from, Faceset& faces, const DflImportOptions& options)
      : from_(from), faces_(faces), options_(options), total_(static_cast<int64_t>(from.size())) {}

  DflImportResult run() {
    look_at_all();
    const FrameNames frames = name_frames();
    result_.tied = frames.tied();
    std::map<int64_t, std::pair<FrameRecord, std::vector<size_t>>> by_frame;
    for (size_t i = 0; i < looks_.size(); ++i) {
      if (!looks_[i].fault.empty()) continue;
      const FrameRecord& frame = frames.of(looks_[i].frame);
      auto& entry = by_frame[frame.frame_index];
      entry.first = frame;
      entry.second.push_back(i);
    }
    std::unordered_set<int64_t> there;
    for (const FrameRecord& frame : faces_.frames()) there.insert(frame.frame_index);
    std::vector<FrameFaces> batch;
    std::vector<std::pair<size_t, size_t>> work;  // place in the batch, picture
    size_t bytes = 0;
    for (const auto& [index, entry] : by_frame) {
      if (options_.stop && options_.stop()) {
        result_.stopped = true;
        break;
      }
      if (there.contains(index)) {
        result_.skipped_frames.push_back(index);
        done_ += static_cast<int64_t>(entry.second.size());
        continue;
      }
      for (const size_t picture : entry.second) {
        work.emplace_back(batch.size(), picture);
        bytes += looks_[picture].bytes;
      }
      batch.push_back({entry.first, {}});
      if (work.size() < options_.faces_at_once && bytes < kBytesAtOnce) continue;
      store(batch, work);
      bytes = 0;
    }
    store(batch, work);
    wait_for_disk();
    return std::move(result_);
  }

 private:
  void look_at_all() {
    looks_.resize(from_.size());
    on_all_cores(from_.size(), [&](size_t i) { looks_[i] = look_at(from_, i); });
    for (size_t i = 0; i < looks_.size(); ++i) {
      if (looks_[i].fault.empty()) continue;
      leave_out(i, looks_[i].fault);
      ++done_;
    }
    const std::string first = result_.left_out.empty() ? "" : result_.left_out[0];
    if (result_.left_out.size() == looks_.size()) {
      throw InputError(from_.path().string(), "holds no face that can be used; " + first,
                       "Give a folder of aligned faces or a faceset.pak that DeepFaceLab made");
    }
    if (options_.strict && !first.empty()) {
      throw InputError(from_.path().string(),
                       str(result_.left_out.size(), " pictures cannot be used; ", first),
                       "Take them out of the folder, or import without --strict");
    }
  }

  FrameNames name_frames() const {
    std::vector<std::string> names;
    for (const Look& look : looks_) {
      if (look.fault.empty()) names.push_back(look.frame);
    }
    return {names, options_.frames, from_.path().string()};
  }

  void leave_out(size_t i, const std::string& reason) {
    const std::string& name = from_.name(i);
    const bool named = reason.rfind(name, 0) == 0;  // errors of files begin with the name
    result_.left_out.push_back(named ? reason : name + ": " + reason);
  }

  // Decodes a batch, hands it to a thread that keeps it in the faceset, and empties it. Batches are
  // stored one after the other in their order, each in one transaction, while the next is decoded.
  void store(std::vector<FrameFaces>& batch, std::vector<std::pair<size_t, size_t>>& work) {
    for (size_t begin = 0; begin < work.size(); begin += kDecodedAtOnce) {
      decode(batch, std::span(work).subspan(begin, std::min(kDecodedAtOnce, work.size() - begin)));
      if (options_.progress) options_.progress(done_, total_);
    }
    std::erase_if(batch, [](const FrameFaces& frame) { return frame.faces.empty(); });
    wait_for_disk();
    storing_ = std::async(std::launch::async, [this, full = std::exchange(batch, {})]() mutable {
      return keep(std::move(full));
    });
    work.clear();
  }

  // put_frames() replaces: frames that another program has stored since the import began stay, and
  // come back.
  std::vector<FrameRecord> keep(std::vector<FrameFaces> batch) {
    std::vector<FrameRecord> late;
    std::erase_if(batch, [&](const FrameFaces& frame) {
      const bool there = faces_.has_frame(frame.frame.frame_index);
      if (there) late.push_back(frame.frame);
      return there;
    });
    faces_.put_frames(batch);
    return late;
  }

  // Throws what storing the last batch threw.
  void wait_for_disk() {
    if (!storing_.valid()) return;
    for (const FrameRecord& late : storing_.get()) {
      result_.skipped_frames.push_back(late.frame_index);
      result_.faces -= late.faces;
    }
  }

  void decode(std::vector<FrameFaces>& batch, std::span<const std::pair<size_t, size_t>> work) {
    std::vector<Face> made(work.size());
    std::vector<std::string> faults(work.size());
    on_all_cores(work.size(), [&](size_t i) {
      try {
        DflCollection::Item item = from_.read(work[i].second);
        made[i] = face_from_dfl(std::move(item.jpeg), item.metadata, item.person, item.name);
      } catch (const std::exception& e) {
        faults[i] = e.what();
      }
    });
    for (size_t i = 0; i < work.size(); ++i) {
      if (faults[i].empty()) {
        add(batch[work[i].first], std::move(made[i]));
      } else {
        leave_out(work[i].second, faults[i]);
      }
    }
    done_ += static_cast<int64_t>(work.size());
  }

  void add(FrameFaces& frame, Face face) {
    face.frame_index = frame.frame.frame_index;
    face.frame_seconds = frame.frame.seconds;
    ++result_.faces;
    result_.masks += face.mask.empty() ? 0 : 1;
    result_.polygons += dfl_extra_of(face).polygons.empty() ? 0 : 1;
    frame.faces.push_back(std::move(face));
    frame.frame.faces = static_cast<int>(frame.faces.size());
  }

  const DflCollection& from_;
  Faceset& faces_;
  const DflImportOptions& options_;
  const int64_t total_;
  int64_t done_ = 0;
  std::vector<Look> looks_;
  DflImportResult result_;
  // Frames that were not stored; its end is waited for, also when an error leaves run().
  std::future<std::vector<FrameRecord>> storing_;
};

}  // namespace

DflImportResult import_dfl(const DflCollection& from,
                           Faceset& faces,
                           const DflImportOptions& options) {
  return Import(from, faces, options).run();
}

}  // namespace diptych
