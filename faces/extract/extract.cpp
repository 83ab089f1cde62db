// The pipeline: this thread reads frames and stores results, others detect.
// SPDX-License-Identifier: MIT
#include "faces/extract/extract.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <unordered_set>

#include "faces/extract/frame_faces.h"
#include "faces/extract/worker_pool.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

constexpr size_t kAheadPerThread = 4;  // frames decoded and waiting
constexpr size_t kLargestBatch = 16;   // frames in a transaction

void check_options(const ExtractOptions& options) {
  DIPTYCH_CHECK(options.image_size >= 64 && options.image_size <= 4096,
                "extract_faces: image_size ", options.image_size, " must be 64..4096");
  DIPTYCH_CHECK(options.jpeg_quality >= 0 && options.jpeg_quality <= 100,
                "extract_faces: jpeg_quality ", options.jpeg_quality, " must be 0..100");
  DIPTYCH_CHECK(options.max_faces >= 0 && options.min_face_px >= 0 && options.every >= 1 &&
                    options.threads >= 0,
                "extract_faces: max_faces ", options.max_faces, ", min_face_px ",
                options.min_face_px, ", every ", options.every, " and threads ", options.threads,
                " must not be negative, every at least 1");
}

std::vector<WorkerPool::Work> make_workers(const std::string& source_name,
                                           const FaceDetector& detector,
                                           const LandmarkPredictor& predictor,
                                           const ExtractOptions& options) {
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<WorkerPool::Work> workers;
  for (int i = 0; i < (options.threads > 0 ? options.threads : cores); ++i) {
    workers.emplace_back([own = std::shared_ptr<FaceDetector>(detector.clone()), &predictor,
                          &options, source_name](const Frame& frame) {
      return faces_of_frame(frame, source_name, *own, predictor, options);
    });
  }
  return workers;
}

class Extraction {
 public:
  Extraction(FrameSource& source, Faceset& faceset, const ExtractOptions& options, WorkerPool& pool)
      : source_(source), faceset_(faceset), options_(options), pool_(pool) {
    for (const FrameRecord& frame : faceset.frames()) stored_.insert(frame.frame_index);
    if (source.info().frames) total_ = (*source.info().frames + options.every - 1) / options.every;
    start();
  }

  ExtractSummary run(size_t ahead) {
    try {
      while (!ended_ || pool_.under_way() > 0) {
        while (!ended_ && pool_.under_way() < ahead) read_one();
        if (pool_.under_way() > 0) store(pool_.take());
      }
    } catch (...) {
      // A source that fails must not take with it what was read before.
      store_rest_quietly();
      throw;
    }
    return summary_;
  }

 private:
  // Goes to the first frame that is still to do; reads from the beginning when none is stored.
  void start() {
    if (stored_.empty()) return source_.seek_pts(source_.info().start_pts);
    const std::vector<int64_t>& pts = source_.frame_pts();
    int64_t first = 0;
    while (first < static_cast<int64_t>(pts.size()) && !wanted(first)) ++first;
    for (int64_t i = 0; i < first; i += options_.every) ++summary_.skipped;
    if (first == static_cast<int64_t>(pts.size())) {
      ended_ = true;
    } else {
      source_.seek_pts(pts[static_cast<size_t>(first)]);
    }
  }

  bool wanted(int64_t index) const {
    return index % options_.every == 0 && stored_.count(index) == 0;
  }

  void read_one() {
    if (options_.stop != nullptr && options_.stop->load()) {
      summary_.stopped = true;
      ended_ = true;
      return;
    }
    Frame frame;
    if (!source_.read(frame)) {
      ended_ = true;
    } else if (wanted(frame.index)) {
      stored_.insert(frame.index);
      pool_.submit(std::move(frame));
    } else if (frame.index % options_.every == 0) {
      ++summary_.skipped;
    }
  }

  void store(const std::vector<FrameFaces>& results) {
    for (size_t begin = 0; begin < results.size(); begin += kLargestBatch) {
      const auto first = results.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto last = begin + kLargestBatch < results.size()
                            ? first + static_cast<std::ptrdiff_t>(kLargestBatch)
                            : results.end();
      faceset_.put_frames({first, last});
    }
    for (const FrameFaces& result : results) {
      ++summary_.frames;
      summary_.frames_with_faces += result.faces.empty() ? 0 : 1;
      summary_.faces += static_cast<int64_t>(result.faces.size());
      if (result.frame.note.find("turned by") != std::string::npos) {
        summary_.turned += static_cast<int64_t>(result.faces.size());
      }
    }
    if (options_.progress) {
      options_.progress({summary_.frames + summary_.skipped, total_, summary_.faces});
    }
  }

  void store_rest_quietly() {
    try {
      while (pool_.under_way() > 0) store(pool_.take());
    } catch (...) {  // the first error is the one to report
    }
  }

  FrameSource& source_;
  Faceset& faceset_;
  const ExtractOptions& options_;
  WorkerPool& pool_;
  std::unordered_set<int64_t> stored_;
  ExtractSummary summary_;
  int64_t total_ = 0;
  bool ended_ = false;
};

}  // namespace

void claim(Faceset& faceset, const std::string& key, const std::string& value) {
  const std::optional<std::string> before = faceset.meta(key);
  if (!before) {
    faceset.set_meta(key, value);
  } else if (*before != value) {
    throw InputError(
        faceset.path(),
        str("it was extracted with ", key.substr(key.find('.') + 1), " ", *before, ", not ", value),
        "Use the same setting to go on, or extract into a new file");
  }
}

ExtractSummary extract_faces(FrameSource& source,
                             const FaceDetector& detector,
                             const LandmarkPredictor& predictor,
                             Faceset& faceset,
                             const ExtractOptions& options) {
  check_options(options);
  const auto begin = std::chrono::steady_clock::now();
  const std::string source_name = source.info().path.filename().string();
  claim(faceset, "extract.source", source_name);
  claim(faceset, "extract.face_type", std::string(name_of(options.face_type)));
  claim(faceset, "extract.image_size", std::to_string(options.image_size));
  std::vector<WorkerPool::Work> workers = make_workers(source_name, detector, predictor, options);
  const size_t ahead = kAheadPerThread * workers.size();
  WorkerPool pool(std::move(workers));
  ExtractSummary summary = Extraction(source, faceset, options, pool).run(ahead);
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return summary;
}

}  // namespace diptych
