// diptych timeline: lists, restores and branches from the checkpoints that training kept.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <memory>

#include <opencv2/imgproc.hpp>
#include <unistd.h>

#include "apps/command_line.h"
#include "apps/project/open_faceset.h"
#include "apps/project/project_lock.h"
#include "apps/terminal/progress.h"
#include "apps/training/metrics.h"
#include "apps/training/timeline.h"
#include "faces/image/file_io.h"
#include "faces/image/image.h"
#include "faces/provenance/label.h"
#include "tensor/safetensors.h"

namespace diptych {

namespace fs = std::filesystem;

namespace {

struct TimelineArguments {
  std::string project, sheet, branch;
  int64_t iteration = 0;
  std::string run = "main";
};

void write_sheet(const std::vector<TimelineEntry>& entries, const fs::path& file) {
  std::vector<cv::Mat> strips;
  int width = 0;
  for (const TimelineEntry& e : entries) {
    std::error_code error;
    if (!fs::exists(e.strip, error)) continue;
    strips.push_back(read_image(e.strip));
    width = std::max(width, strips.back().cols);
  }
  if (strips.empty())
    throw InputError(file.string(), "there is no strip to draw", "Train until the next save");
  for (cv::Mat& strip : strips)
    cv::copyMakeBorder(strip, strip, 0, 4, 0, width - strip.cols, cv::BORDER_CONSTANT);
  cv::Mat sheet;
  cv::vconcat(strips, sheet);
  if (file.extension() != ".png")
    throw InputError(file.string(), "is not the name of a PNG", "Write for example timeline.png");
  write_file_atomic(file, label_image(encode_png(sheet), file.string(), synthetic_label()));
  std::printf("wrote %s: %zu strips\n", file.c_str(), strips.size());
}

int list(const TimelineArguments& a) {
  const Project project = Project::open(a.project);
  const Timeline timeline(project);
  const std::vector<TimelineEntry> entries = timeline.entries();
  double total = 0;
  std::printf("%12s  %12s  %10s  %10s  %21s  %10s\n", "iteration", "trained", "loss src",
              "loss dst", "held-out DSSIM src dst", "size");
  for (const TimelineEntry& e : entries) {
    const std::string scores =
        e.scores ? format_number(e.scores->src.dssim) + " " + format_number(e.scores->dst.dssim)
                 : "-";
    std::printf("%12s  %12s  %10s  %10s  %21s  %10s\n", format_count(e.iteration).c_str(),
                format_duration(e.trained_seconds).c_str(), format_number(e.src_loss).c_str(),
                format_number(e.dst_loss).c_str(), scores.c_str(),
                format_bytes(static_cast<double>(e.bytes)).c_str());
    total += static_cast<double>(e.bytes);
  }
  std::printf("%zu kept in %s, %s\n", entries.size(), timeline.folder().c_str(),
              format_bytes(total).c_str());
  if (!a.sheet.empty()) write_sheet(entries, a.sheet);
  return kExitOk;
}

// The state that is replaced is kept in the timeline first, so that every restore can be taken
// back.
int restore(const TimelineArguments& a) {
  const Project project = Project::open(a.project);
  const Timeline timeline(project);
  const TimelineEntry entry = timeline.at(a.iteration);
  const ProjectLock lock(project);
  project.make_folders(a.run);
  MetricsWriter metrics(project.run(a.run) / "metrics.jsonl");
  std::error_code error;
  if (fs::exists(project.checkpoint(), error)) {
    const Safetensors now = Safetensors::open(project.checkpoint().string());
    const auto it = now.metadata().find("iteration");
    const int64_t iteration = it == now.metadata().end() ? 0 : std::atoll(it->second.c_str());
    bool kept = false;
    for (const TimelineEntry& e : timeline.entries()) kept |= e.iteration == iteration;
    if (!kept) link_or_copy(project.checkpoint(), timeline.model_of(iteration));
    std::printf("iteration %s stays in the timeline\n", format_count(iteration).c_str());
  }
  metrics.event("restore", entry.iteration);
  restore_checkpoint(project, entry.model);
  std::printf("restored iteration %s: training and merging go on from it\n",
              format_count(entry.iteration).c_str());
  return kExitOk;
}

// A new project beside this one, made aside and renamed.
int branch(const TimelineArguments& a) {
  const Project project = Project::open(a.project);
  const TimelineEntry entry = Timeline(project).at(a.iteration);
  Safetensors::open(entry.model.string());
  const fs::path to = fs::absolute(a.branch).lexically_normal();
  std::error_code error;
  if (fs::exists(to, error) && !fs::is_empty(to, error))
    throw InputError(to.string(), "exists and is not empty", "Give the name of a new folder");
  const fs::path aside = to.string() + ".branching";
  fs::remove_all(aside, error);
  try {
    fs::create_directories(aside / "model");
    fs::copy_file(project.toml(), aside / "project.toml");
    for (const Side side : kSides) {
      if (fs::exists(project.faces(side), error))
        open_faceset_to_read(project.faces(side))
            .copy_to((aside / project.faces(side).filename()).string());
      const fs::path source = project.dir() / project.record(side).file;
      if (fs::exists(source, error))
        fs::create_symlink(fs::canonical(source), aside / project.record(side).file);
    }
    link_or_copy(entry.model, aside / "model" / project.checkpoint().filename());
    if (fs::exists(to, error)) fs::remove(to);
    fs::rename(aside, to);
  } catch (const fs::filesystem_error& e) {
    fs::remove_all(aside, error);
    throw file_error(to, "cannot be made", e.code().value());
  } catch (...) {
    fs::remove_all(aside, error);
    throw;
  }
  std::printf("made %s: a project with the faces of %s and the network of iteration %s\n",
              to.c_str(), project.dir().c_str(), format_count(entry.iteration).c_str());
  return kExitOk;
}

}  // namespace

void add_timeline_command(CLI::App& app, CommandChoice& choice) {
  auto a = std::make_shared<TimelineArguments>();
  CLI::App* command =
      app.add_subcommand("timeline", "the states of the network that training kept");
  command->require_subcommand(1);
  const auto project = [&](CLI::App* sub) {
    sub->add_option("project", a->project, "project folder")->required()->type_name("PROJECT");
  };
  const auto iteration = [&](CLI::App* sub) {
    sub->add_option("iteration", a->iteration, "one that list shows")
        ->required()
        ->type_name("ITERATION");
  };
  CLI::App* lists = command->add_subcommand("list", "a line per kept state, oldest first");
  project(lists);
  lists->add_option("--sheet", a->sheet, "draw the preview strips under each other")
      ->type_name("FILE.png");
  lists->callback([a, &choice] { choice.run = [a] { return list(*a); }; });
  CLI::App* restores = command->add_subcommand(
      "restore", "make a kept state the project's network; the one now there is kept");
  project(restores);
  iteration(restores);
  restores->add_option("--run", a->run, "run whose metrics note it [main]")->type_name("NAME");
  restores->callback([a, &choice] { choice.run = [a] { return restore(*a); }; });
  CLI::App* branches = command->add_subcommand(
      "branch", "make a new project with a copy of the faces and a kept state");
  project(branches);
  iteration(branches);
  branches->add_option("folder", a->branch, "the new project")->required()->type_name("FOLDER");
  branches->callback([a, &choice] { choice.run = [a] { return branch(*a); }; });
}

}  // namespace diptych
