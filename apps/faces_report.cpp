// diptych faces report: what two facesets hold and what that means for training.
// SPDX-License-Identifier: MIT
#include "faces/report/faces_report.h"

#include <cstdio>
#include <filesystem>

#include "apps/faces_command.h"
#include "apps/pictures/picture_file.h"
#include "apps/pictures/report_picture.h"
#include "apps/project/open_faceset.h"
#include "apps/project/project.h"
#include "apps/terminal/progress.h"
#include "apps/terminal/stop_flag.h"
#include "faces/image/file_io.h"
#include "faces/image/image.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

namespace fs = std::filesystem;

struct ReportArguments {
  std::string target, side, path;
  std::unique_ptr<SettingFlags> flags;
};

// What the report is about and where it goes.
struct ReportPlan {
  std::array<std::optional<fs::path>, 2> facesets;
  std::array<bool, 2> asked = {true, true};
  Settings settings;
  fs::path picture, data;
  std::string title;
};

fs::path json_beside(const fs::path& picture) {
  fs::path data = picture;
  return data.replace_extension(".json");
}

ReportPlan plan_file(const ReportArguments& a) {
  ReportPlan plan;
  if (a.path.empty()) {
    throw InputError(a.target, "is a faceset without a project: where should the report go?",
                     "Use -o REPORT.png");
  }
  const Side side = a.side.empty() ? Side::kSrc : side_from(a.side);
  plan.facesets[static_cast<size_t>(side)] = a.target;
  plan.asked[1 - static_cast<size_t>(side)] = false;
  plan.settings = a.flags->resolve({});
  plan.picture = a.path;
  plan.title = "Faceset report: " + fs::path(a.target).filename().string();
  return plan;
}

ReportPlan plan_project(const ReportArguments& a) {
  const Project project = Project::open(a.target);
  ReportPlan plan;
  plan.settings = a.flags->resolve(project.settings());
  std::error_code error;
  for (const Side side : kSides) {
    plan.asked[static_cast<size_t>(side)] = a.side.empty() || side_from(a.side) == side;
    if (!plan.asked[static_cast<size_t>(side)]) continue;
    if (fs::exists(project.faces(side), error))
      plan.facesets[static_cast<size_t>(side)] = project.faces(side);
  }
  if (!plan.facesets[0] && !plan.facesets[1])
    throw InputError(a.target, "there is no faceset yet", "Run diptych extract first");
  project.make_folders("main");
  plan.picture = a.path.empty() ? project.out("faces_report.png") : fs::path(a.path);
  plan.title =
      "Faceset report: " + fs::absolute(project.dir()).lexically_normal().filename().string();
  return plan;
}

ReportPlan plan_of(const ReportArguments& a) {
  if (!a.path.empty()) check_picture_name(a.path);
  std::error_code error;
  ReportPlan plan = fs::is_directory(a.target, error) ? plan_project(a) : plan_file(a);
  plan.data = json_beside(plan.picture);
  plan.title += str("; training at ", plan.settings.integer("train.resolution"),
                    " pixels, face type ", plan.settings.word("train.face_type"));
  return plan;
}

void print_findings(const FacesReport& report) {
  for (const Finding& f : report.findings) {
    std::printf("%-6s %s\n", name_of(f.kind), f.what.c_str());
    if (!f.remedy.empty()) std::printf("       -> %s\n", f.remedy.c_str());
  }
  std::printf("%s\n", report.verdict.c_str());
}

struct OpenSides {
  std::array<std::optional<Faceset>, 2> faces;
  std::array<std::optional<SideMeasures>, 2> measures;
  int64_t total = 0;
};

OpenSides open_sides(const ReportPlan& plan) {
  OpenSides sides;
  for (size_t i = 0; i < 2; ++i) {
    if (!plan.facesets[i]) continue;
    sides.faces[i].emplace(open_faceset_to_read(*plan.facesets[i]));
    sides.total += sides.faces[i]->count();
  }
  return sides;
}

// False when it was stopped.
bool measure(OpenSides& sides, MeasureOptions options, const StopFlag& stop) {
  Progress progress("report", "faces", sides.total);
  int64_t before = 0;
  options.stop = [&] { return stop.requested(); };
  options.progress = [&](int64_t done) { progress.update(before + done); };
  for (size_t i = 0; i < 2; ++i) {
    if (!sides.faces[i]) continue;
    sides.measures[i] = measure_faceset(*sides.faces[i], options);
    if (!sides.measures[i]) return false;
    before += static_cast<int64_t>(sides.measures[i]->faces.size());
  }
  progress.finish();
  return true;
}

int report(const ReportArguments& a) {
  const ReportPlan plan = plan_of(a);
  OpenSides sides = open_sides(plan);
  StopFlag stop;
  stop.set_messages("stopping: nothing was written yet", "quit: nothing was written");
  MeasureOptions options;
  options.resolution = static_cast<int>(plan.settings.integer("train.resolution"));
  options.type = face_type_from(plan.settings.word("train.face_type"));
  if (!measure(sides, options, stop)) {
    std::printf("stopped: no report was written\n");
    return kExitOk;
  }
  const FacesReport report =
      make_faces_report(sides.measures, options.resolution, options.type, plan.asked);
  std::array<ReportSide, 2> drawn;
  for (size_t i = 0; i < 2; ++i) {
    if (sides.faces[i]) drawn[i] = {&*sides.faces[i], &*sides.measures[i]};
  }
  write_image(plan.picture, draw_faces_report(report, drawn, plan.title));
  const std::string json = to_json(report, sides.measures);
  write_file_atomic(plan.data, {reinterpret_cast<const uint8_t*>(json.data()), json.size()});
  print_findings(report);
  std::printf("  look at %s\n  numbers %s\n", plan.picture.c_str(), plan.data.c_str());
  return kExitOk;
}

}  // namespace

void add_report_action(CLI::App& faces, CommandChoice& choice) {
  const auto a = std::make_shared<ReportArguments>();
  CLI::App* command = faces.add_subcommand(
      "report", "what the facesets hold, how they fit, and what that means for training");
  command->add_option("target", a->target, "project folder or .faces file")
      ->required()
      ->type_name("PROJECT|FILE");
  command->add_option("--side", a->side, "src or dst alone")->type_name("SIDE");
  command
      ->add_option("-o,--output", a->path,
                   "picture to write, the numbers go beside it as .json "
                   "[PROJECT/out/faces_report.png]")
      ->type_name("FILE");
  a->flags = std::make_unique<SettingFlags>(*command, "train");
  command->footer("Example: diptych faces report me --resolution 224");
  command->callback([a, &choice] { choice.run = [a] { return report(*a); }; });
}

}  // namespace diptych
