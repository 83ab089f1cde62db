// Importing and exporting faces.
// SPDX-License-Identifier: MIT
#include "apps/exchange/faces_transfer.h"

#include <cstdio>

#include "apps/command_line.h"
#include "apps/exchange/face_folder.h"
#include "apps/exchange/face_ids.h"
#include "apps/terminal/progress.h"
#include "apps/terminal/stop_flag.h"
#include "faces/detect/dlib_detect.h"
#include "faces/dfl/transfer.h"
#include "faces/extract/import_pictures.h"
#include "kernels/common/check.h"
#include "kernels/common/log.h"

namespace diptych {

namespace {

namespace fs = std::filesystem;

// A faceset to import into. A new one has another name until keep() is called.
class Target {
 public:
  explicit Target(const fs::path& path) : path_(path) {
    std::error_code error;
    fresh_ = !fs::exists(path, error);
    working_ = fresh_ ? fs::path(path.string() + ".part") : path;
    if (fresh_) fs::remove(working_, error);
    faceset_.emplace(fresh_ ? Faceset::create(working_.string())
                            : Faceset::open(working_.string()));
  }

  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  ~Target() {
    faceset_.reset();
    std::error_code ignored;
    if (fresh_ && !kept_) fs::remove(working_, ignored);
  }

  Faceset& faceset() { return *faceset_; }

  void keep() {
    faceset_.reset();
    if (fresh_) fs::rename(working_, path_);
    kept_ = true;
  }

 private:
  fs::path path_, working_;
  bool fresh_ = false, kept_ = false;
  std::optional<Faceset> faceset_;
};

void print_skipped(const std::vector<int64_t>& frames) {
  if (frames.empty()) return;
  std::printf("left out %zu frames that are there already: %s\n", frames.size(),
              format_face_ids(frames).c_str());
}

int import_own(const FacesTransfer& t) {
  Target target(t.faceset);
  Progress progress("import", "faces", 0);
  const ImportResult result =
      import_faces(target.faceset(), t.path, [&](int64_t done, int64_t total) {
        progress.set_total(total);
        progress.update(done);
      });
  progress.finish();
  target.keep();
  std::printf("imported %s faces into %s\n", format_count(result.faces).c_str(), t.faceset.c_str());
  print_skipped(result.skipped_frames);
  return kExitOk;
}

// The source gives times and sizes. Faces that need no frame do without one that cannot be read.
std::unique_ptr<FrameSource> open_source(const FacesTransfer& t) {
  if (!t.source) return nullptr;
  try {
    return open_frame_source(*t.source);
  } catch (const InputError& e) {
    if (t.must_tie) throw;
    log(LogLevel::kInfo, str(e.what(), " (the faces get frame numbers, but no times)"));
    return nullptr;
  }
}

void print_left_out(const std::vector<std::string>& left_out) {
  constexpr size_t kShown = 20;
  if (left_out.empty()) return;
  std::printf("left out %zu pictures:\n", left_out.size());
  for (size_t i = 0; i < std::min(kShown, left_out.size()); ++i)
    std::printf("  %s\n", left_out[i].c_str());
  if (left_out.size() > kShown) std::printf("  and %zu more\n", left_out.size() - kShown);
}

void print_imported(const FacesTransfer& t, const DflImportResult& result, bool has_source) {
  std::printf("%s %s faces into %s", result.stopped ? "stopped after" : "imported",
              format_count(result.faces).c_str(), t.faceset.c_str());
  if (result.masks > 0) std::printf(", %s with masks", format_count(result.masks).c_str());
  if (result.polygons > 0) std::printf(", %s with polygons", format_count(result.polygons).c_str());
  std::printf("\n");
  if (!result.tied && has_source)
    std::printf("their frames are numbered in order: they are not frames of %s\n",
                t.source->c_str());
  print_left_out(result.left_out);
  print_skipped(result.skipped_frames);
  if (!result.skipped_frames.empty() && !result.tied)
    std::printf("if these are other faces, import with --append\n");
}

int import_from_dfl(const FacesTransfer& t) {
  const DflCollection from = DflCollection::open(t.path);
  const std::unique_ptr<FrameSource> source = open_source(t);
  Target target(t.faceset);
  StopFlag stop;
  stop.set_messages("storing the faces read so far; press Ctrl-C again to quit at once", "");
  Progress progress("import", "faces", static_cast<int64_t>(from.size()));
  DflImportOptions options;
  options.frames.source = source.get();
  options.frames.fps = t.fps;
  options.frames.must_tie = t.must_tie;
  if (t.append) {
    const std::vector<FrameRecord> frames = target.faceset().frames();
    options.frames.first_free = frames.empty() ? 0 : frames.back().frame_index + 1;
  }
  options.strict = t.strict;
  options.stop = [&] { return stop.requested(); };
  options.progress = [&](int64_t done, int64_t) { progress.update(done); };
  const DflImportResult result = import_dfl(from, target.faceset(), options);
  progress.finish();
  target.keep();
  print_imported(t, result, source != nullptr);
  return kExitOk;
}

// Bare pictures know no frame, so they serve the src side, or a faceset of one's own.
int import_from_pictures(const FacesTransfer& t) {
  if (t.must_tie) {
    throw InputError(t.path.string(), "bare pictures belong to no frame of the dst video",
                     "Use diptych extract for dst; import pictures for src");
  }
  const std::unique_ptr<FaceDetector> detector = make_dlib_detector({});
  const std::unique_ptr<LandmarkPredictor> landmarks = make_dlib_landmarks();
  Target target(t.faceset);
  StopFlag stop;
  stop.set_messages("storing this face; press Ctrl-C again to quit at once", "");
  Progress progress("import", "pictures", 0);
  ExtractOptions options;
  if (!t.face_type.empty()) options.face_type = face_type_from(t.face_type);
  options.stop = &stop.flag();
  options.progress = [&](const ExtractProgress& state) {
    progress.set_total(state.total);
    progress.update(state.frames, format_count(state.faces) + " faces");
  };
  const PictureImport result =
      import_pictures(t.path, *detector, *landmarks, target.faceset(), options);
  progress.finish();
  if (target.faceset().count(std::nullopt) > 0) target.keep();
  std::printf("%s %s faces into %s\n", result.stopped ? "stopped after" : "imported",
              format_count(result.faces).c_str(), t.faceset.c_str());
  print_left_out(result.left_out);
  if (result.faces == 0 && !result.stopped && !result.left_out.empty()) {
    throw InputError(t.path.string(), "holds no picture that can be used as it is",
                     "To cut faces out of photographs, make a project with this folder as --src, "
                     "then diptych extract");
  }
  return kExitOk;
}

}  // namespace

int import_faces_from(const FacesTransfer& t) {
  if (t.path.empty())
    throw InputError("diptych faces import", "nothing is named to import", "Give a PATH");
  if (t.format == "pictures") return import_from_pictures(t);
  return t.format == "dfl" ? import_from_dfl(t) : import_own(t);
}

int export_faces_to(const FacesTransfer& t, const Faceset& faces, const std::vector<int64_t>& ids) {
  Progress progress("export", "faces", static_cast<int64_t>(ids.size()));
  const auto advance = [&](int64_t done, int64_t) { progress.update(done); };
  if (t.format == "dfl") {
    DflExportOptions options;
    options.meta_dat = t.meta_dat;
    options.progress = advance;
    export_dfl(faces, ids, t.path, options);
  } else {
    export_faces(faces, ids, t.path, advance);
  }
  progress.finish();
  std::printf("wrote %zu faces to %s\n", ids.size(), t.path.c_str());
  return kExitOk;
}

}  // namespace diptych
