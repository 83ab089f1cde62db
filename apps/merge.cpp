// diptych merge: puts the trained face into the dst video.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>

#include "apps/command_line.h"
#include "apps/project/open_faceset.h"
#include "apps/project/project.h"
#include "apps/terminal/progress.h"
#include "apps/terminal/stop_flag.h"
#include "apps/training/predictor.h"
#include "faces/faceset/faceset.h"
#include "faces/merge/merge_video.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

namespace fs = std::filesystem;

struct MergeArguments {
  std::string project, output;
  bool force = false, mask_only = false, no_audio = false;
  double from = -1e9, to = 1e9;
  std::unique_ptr<SettingFlags> flags;
};

MergeOptions merge_options(const Settings& s) {
  const auto number = [&](const char* name) { return static_cast<int>(s.integer(name)); };
  MergeOptions o;
  o.mode = merge_mode_from(s.word("merge.mode"));
  o.mask_mode = mask_mode_from(s.word("merge.mask"));
  o.erode = number("merge.erode");
  o.blur = number("merge.blur");
  o.output_face_scale = number("merge.face_scale");
  o.colour_transfer = s.word("merge.color_transfer");
  o.masked_hist_match = s.on("merge.masked_hist_match");
  o.hist_match_threshold = number("merge.hist_match_threshold");
  o.motion_blur_power = number("merge.motion_blur");
  o.sharpen_mode = sharpen_mode_from(s.word("merge.sharpen_mode"));
  o.sharpen = number("merge.sharpen");
  o.denoise = number("merge.denoise");
  o.bicubic_degrade = number("merge.bicubic_degrade");
  o.colour_degrade = number("merge.color_degrade");
  o.parity_dfl = s.word("merge.parity") == "dfl";
  check(o);
  return o;
}

// Before minutes of work, and by the name that was given.
void refuse_other_kinds(const fs::path& output) {
  std::string extension = output.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool known = extension == ".mp4" || extension == ".mov" || extension == ".m4v" ||
                     extension == ".mkv" || extension.empty();
  if (known) return;
  throw InputError(
      output.string(), "has no extension of a video that can be written",
      "Use .mp4, .mov, .m4v or .mkv, or a name without a dot for a folder of pictures");
}

void refuse_overwriting(const fs::path& output, const Project& project, bool force) {
  std::error_code error;
  for (const Side side : kSides) {
    if (fs::equivalent(output, project.dir() / project.record(side).file, error)) {
      throw InputError(output.string(), str("is the ", name_of(side), " video of the project"),
                       "Choose another name for the result");
    }
  }
  if (!fs::exists(output, error) ||
      (fs::is_directory(output, error) && fs::is_empty(output, error)))
    return;
  if (fs::is_directory(output, error))
    throw InputError(output.string(), "is a folder that is not empty", "Choose another name");
  if (!force) throw InputError(output.string(), "exists already", "Use --force to replace it");
}

MergeOutput output_of(const MergeArguments& a, const Settings& settings, const fs::path& path) {
  MergeOutput output;
  output.path = path;
  output.content = a.mask_only ? MergeContent::kMask : MergeContent::kPicture;
  // An exact mask fits into ordinary H.264; exact colours need RGB.
  output.codec =
      settings.on("merge.lossless") && !a.mask_only ? VideoCodec::kH264Rgb : VideoCodec::kH264;
  output.crf = settings.on("merge.lossless") ? 0 : static_cast<int>(settings.integer("merge.crf"));
  output.preset = settings.word("merge.preset");
  output.copy_audio = !a.no_audio && !a.mask_only;
  output.from = a.from;
  output.to = a.to;
  return output;
}

int merge(const MergeArguments& a) {
  const Project project = Project::open(a.project);
  const Settings settings = a.flags->resolve(project.settings());
  const fs::path path = a.output.empty() ? project.out("result.mp4") : fs::path(a.output);
  refuse_other_kinds(path);
  refuse_overwriting(path, project, a.force);
  const MergeOptions options = merge_options(settings);
  const Faceset faces = open_faceset_to_read(project.faces(Side::kDst));
  SwapPredictor predictor(project.checkpoint(), settings);
  const std::unique_ptr<FrameSource> source = open_frame_source(project.source(Side::kDst));

  StopFlag stop;
  stop.set_messages(
      "finishing this frame, then closing the video; press Ctrl-C again to quit at once",
      "quit: nothing was written");
  Progress progress("merge", "frames", 0);
  MergeOutput output = output_of(a, settings, path);
  output.stop = [&] { return stop.requested(); };
  output.progress = [&](const MergeProgress& state) {
    progress.set_total(state.total);
    progress.update(state.frames, format_count(state.merged) + " swapped");
  };
  const MergeSummary done = merge_video(*source, faces, predictor.model(), options, output);
  progress.finish();
  std::printf(
      "%s %s: %s frames, %s swapped, %s passed through, %s frames/s\n",
      done.stopped ? "stopped;" : "wrote", done.path.c_str(), format_count(done.frames).c_str(),
      format_count(done.merged).c_str(), format_count(done.passed_through).c_str(),
      format_number(static_cast<double>(done.frames) / std::max(done.seconds, 1e-9)).c_str());
  if (done.merged == 0 && !done.stopped) {
    std::printf("no frame has a face in %s; see: diptych faces list %s --side dst\n",
                project.faces(Side::kDst).c_str(), a.project.c_str());
  }
  if (const std::optional<std::string> cut_off = source->cut_off()) {
    throw InputError(project.source(Side::kDst).string(),
                     *cut_off + ", and so is the result " + done.path.string(),
                     "Copy the video again, or keep the result as it is");
  }
  return kExitOk;
}

}  // namespace

void add_merge_command(CLI::App& app, CommandChoice& choice) {
  auto a = std::make_shared<MergeArguments>();
  CLI::App* command = app.add_subcommand("merge", "put the trained face into the dst video");
  command->add_option("project", a->project, "project folder")->required()->type_name("PROJECT");
  command
      ->add_option("-o,--output", a->output,
                   "video (mp4 mov m4v mkv) or folder for pictures [PROJECT/out/result.mp4]")
      ->type_name("FILE");
  command->add_flag("--force", a->force, "replace the output when it exists");
  command->add_flag("--mask-only", a->mask_only, "write the mask of the swapped faces instead");
  command->add_flag("--no-audio", a->no_audio, "leave the sound out");
  command->add_option("--from", a->from, "first second of the source to merge")
      ->type_name("SECONDS");
  command->add_option("--to", a->to, "second at which to stop")->type_name("SECONDS");
  a->flags = std::make_unique<SettingFlags>(*command, "merge");
  command->footer(
      "The result is labelled as synthetic; see diptych verify. Example:\n"
      "diptych merge me -o me.mp4 --mode seamless --blur 60");
  command->callback([a, &choice] { choice.run = [a] { return merge(*a); }; });
}

}  // namespace diptych
