// diptych extract: finds the faces of both videos and stores them in the facesets.
// SPDX-License-Identifier: MIT
#include "faces/extract/extract.h"

#include <cstdio>
#include <memory>

#include "apps/command_line.h"
#include "apps/pictures/contact_sheet.h"
#include "apps/project/project.h"
#include "apps/terminal/progress.h"
#include "apps/terminal/stop_flag.h"
#include "faces/detect/dlib_detect.h"
#include "faces/image/image.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

namespace fs = std::filesystem;

constexpr size_t kSheetFaces = 240;

struct ExtractArguments {
  std::string project, side;
  std::unique_ptr<SettingFlags> flags;
};

// Opens the faceset, or makes it. Throws InputError when it was begun from another video;
// extract_faces() compares the settings.
Faceset open_faceset(const Project& project, Side side) {
  const std::string path = project.faces(side).string();
  const SourceRecord& source = project.record(side);
  std::error_code error;
  Faceset faces = fs::exists(path, error) ? Faceset::open(path) : Faceset::create(path);
  const std::optional<std::string> known = faces.meta("project.xxh64");
  if (known && *known != source.xxh64) {
    throw InputError(path, "was extracted from another video (checksum " + *known + ")",
                     "Move the file away to extract anew");
  }
  faces.set_meta("project.xxh64", source.xxh64);
  faces.set_meta("project.source", source.origin);
  faces.set_meta("project.consent", source.consent);
  return faces;
}

ExtractOptions extract_options(const Settings& s, const StopFlag& stop, Progress& progress) {
  const auto number = [&](const char* name) { return static_cast<int>(s.integer(name)); };
  ExtractOptions o;
  o.face_type = face_type_from(s.word("extract.face_type"));
  o.image_size = number("extract.image_size");
  o.jpeg_quality = number("extract.jpeg_quality");
  o.max_faces = number("extract.max_faces");
  o.min_face_px = number("extract.min_face");
  o.every = number("extract.every");
  o.threads = number("extract.threads");
  o.stop = &stop.flag();
  o.progress = [&](const ExtractProgress& state) {
    progress.set_total(state.total);
    progress.update(state.frames, format_count(state.faces) + " faces");
  };
  return o;
}

void write_sheet(const Project& project, Side side, const Faceset& faces) {
  const std::vector<int64_t> ids = spread(faces.ids(), kSheetFaces);
  const fs::path file = project.out(std::string(name_of(side)) + "_faces.png");
  SheetStyle style;
  style.columns = 16;
  style.title = str(name_of(side), ": ", ids.size(), " of ", format_count(faces.count()),
                    " faces, evenly chosen; below a face: its id, and its frame (f) or file");
  write_image(file, contact_sheet(faces, ids, style));
  std::printf("  look at %s\n", file.c_str());
}

// What one side came to.
struct Outcome {
  bool stopped = false;
  std::string cut_off;  // the video that ends too early, and where
};

Outcome extract_side(const Project& project,
                     Side side,
                     const Settings& settings,
                     const StopFlag& stop) {
  const std::string name(name_of(side));
  const fs::path video = project.source(side);
  const std::unique_ptr<FrameSource> source = open_frame_source(video);
  DlibDetectorOptions detect;
  detect.min_face = static_cast<int>(settings.integer("extract.min_face"));
  const std::unique_ptr<FaceDetector> detector = make_dlib_detector(detect);
  const std::unique_ptr<LandmarkPredictor> landmarks = make_dlib_landmarks();
  Faceset faces = open_faceset(project, side);
  Progress progress("extract " + name, "frames", 0);
  const ExtractSummary done = extract_faces(*source, *detector, *landmarks, faces,
                                            extract_options(settings, stop, progress));
  progress.finish();
  std::printf("%s: %s faces stored from %s frames (%s frames without a face, %s faces turned)%s\n",
              name.c_str(), format_count(done.faces).c_str(), format_count(done.frames).c_str(),
              format_count(done.frames - done.frames_with_faces).c_str(),
              format_count(done.turned).c_str(), done.stopped ? "; stopped" : "");
  if (done.skipped > 0)
    std::printf("  %s frames were there already\n", format_count(done.skipped).c_str());
  if (faces.count() > 0) write_sheet(project, side, faces);
  if (faces.count(std::nullopt) == 0 && !done.stopped) {
    throw InputError(
        video.string(),
        str("no face was found in ", format_count(done.frames + done.skipped), " frames"),
        "Use a video in which the face is larger and looks towards the camera, or try "
        "--min-face 20 after moving " +
            project.faces(side).string() + " away");
  }
  const std::optional<std::string> cut_off = source->cut_off();
  return {done.stopped, cut_off ? video.string() + " " + *cut_off : ""};
}

int extract(const ExtractArguments& a) {
  const Project project = Project::open(a.project);
  const Settings settings = a.flags->resolve(project.settings());
  project.make_folders("main");
  StopFlag stop;
  stop.set_messages("storing the frames under way; press Ctrl-C again to quit at once",
                    "quit: the frames under way are lost, the others are stored");
  Outcome all;
  for (const Side side : kSides) {
    if (all.stopped || (!a.side.empty() && side_from(a.side) != side)) continue;
    const Outcome one = extract_side(project, side, settings, stop);
    all.stopped = one.stopped;
    if (!one.cut_off.empty()) all.cut_off += (all.cut_off.empty() ? "" : "; ") + one.cut_off;
  }
  std::printf(all.stopped ? "go on with: diptych extract %s\n" : "next: diptych train %s\n",
              a.project.c_str());
  if (!all.cut_off.empty()) {
    throw InputError(a.project, all.cut_off + "; the faces up to there are stored",
                     "Copy the video again and make the project anew, or go on with these faces");
  }
  return kExitOk;
}

}  // namespace

void add_extract_command(CLI::App& app, CommandChoice& choice) {
  auto a = std::make_shared<ExtractArguments>();
  CLI::App* command =
      app.add_subcommand("extract", "find the faces of both videos; goes on where it stopped");
  command->add_option("project", a->project, "project folder")->required()->type_name("PROJECT");
  command->add_option("--side", a->side, "src or dst alone")->type_name("SIDE");
  a->flags = std::make_unique<SettingFlags>(*command, "extract");
  command->footer("Example: diptych extract me --side src --image-size 768");
  command->callback([a, &choice] { choice.run = [a] { return extract(*a); }; });
}

}  // namespace diptych
