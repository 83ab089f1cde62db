// diptych init: makes a project folder from two videos.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <iostream>
#include <memory>

#include <unistd.h>

#include "apps/command_line.h"
#include "apps/project/project.h"
#include "apps/terminal/progress.h"
#include "apps/terminal/stop_flag.h"
#include "faces/video/frame_source.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

struct InitArguments {
  std::string project, src, dst, consent_src, consent_dst;
  bool copy = false;
  std::vector<std::string> pairs;
};

std::string ask_consent(Side side, const std::string& file) {
  std::cout << "Who is the person in " << file << " (" << name_of(side) << ")?\n";
  for (const ConsentKind& kind : consent_kinds())
    std::cout << "  " << kind.name << ": " << kind.meaning << "\n";
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::cout << "> " << std::flush;
    std::string answer;
    if (!std::getline(std::cin, answer)) break;
    for (const ConsentKind& kind : consent_kinds()) {
      if (answer == kind.name) return answer;
    }
    std::cout << "Please type one of the words above.\n";
  }
  return "";
}

// Asked before anything is read: nobody should wait for a checksum to be refused afterwards.
std::string settle_consent(Side side, const std::string& given, const std::string& file) {
  const std::string flag = str("--consent-", name_of(side));
  std::string consent = given;
  if (consent.empty() && ::isatty(STDIN_FILENO) != 0) consent = ask_consent(side, file);
  check_consent(consent, flag);
  return consent;
}

// Opens the source and decodes a frame: a file that cannot be used is refused now.
std::string probe(const std::string& path) {
  const std::unique_ptr<FrameSource> source = open_frame_source(path);
  Frame frame;
  if (!source->read(frame)) {
    throw InputError(path, "holds no frame that can be decoded",
                     "Play the file, or convert it with ffmpeg");
  }
  const SourceInfo& info = source->info();
  std::string text = str(frame.bgr.cols, "x", frame.bgr.rows, ", ", info.codec);
  if (info.is_video && info.duration > 0) text += ", " + format_duration(info.duration);
  if (info.frames) text += ", " + format_count(*info.frames) + " frames";
  return text;
}

int init(const InitArguments& a) {
  ProjectPlan plan;
  plan.dir = a.project;
  plan.copy = a.copy;
  for (const std::string& pair : a.pairs) plan.settings.assign(pair, "--set");
  plan.settings.validate("--set");
  const std::string files[] = {a.src, a.dst}, consents[] = {a.consent_src, a.consent_dst};
  for (const Side side : kSides) {
    const auto i = static_cast<size_t>(side);
    plan.sources[i].consent = settle_consent(side, consents[i], files[i]);
  }
  const StopFlag stop;
  for (const Side side : kSides) {
    const auto i = static_cast<size_t>(side);
    std::printf("%s: %s (%s)\n", std::string(name_of(side)).c_str(), files[i].c_str(),
                probe(files[i]).c_str());
    Progress progress(str("checksum ", name_of(side)), "MiB", 0);
    measure_source(files[i], plan.sources[i], [&](uint64_t bytes) {
      progress.update(static_cast<int64_t>(bytes >> 20));
      if (stop.requested())
        throw InputError(a.project, "stopped before the project was made", "Run the command again");
    });
  }
  const Project project = Project::create(plan);
  std::printf("made %s\n  consent: src %s, dst %s\nnext: diptych extract %s\n",
              project.toml().c_str(), project.record(Side::kSrc).consent.c_str(),
              project.record(Side::kDst).consent.c_str(), a.project.c_str());
  return kExitOk;
}

}  // namespace

void add_init_command(CLI::App& app, CommandChoice& choice) {
  auto a = std::make_shared<InitArguments>();
  CLI::App* command = app.add_subcommand("init", "make a project folder from two videos");
  command->add_option("project", a->project, "folder to make")->required()->type_name("PROJECT");
  command->add_option("--src", a->src, "video or picture folder of the face that is put on")
      ->required()
      ->type_name("FILE");
  command->add_option("--dst", a->dst, "video or picture folder it is put into")
      ->required()
      ->type_name("FILE");
  const std::string kinds = "self, synthetic, licensed or consented; asked on a terminal";
  command->add_option("--consent-src", a->consent_src, "who the src person is: " + kinds)
      ->type_name("WORD");
  command->add_option("--consent-dst", a->consent_dst, "who the dst person is: " + kinds)
      ->type_name("WORD");
  command->add_flag("--copy", a->copy, "copy the sources into the project instead of linking");
  command->add_option("--set", a->pairs, "settings to write into project.toml: key=value ...")
      ->type_name("KEY=VALUE");
  command->footer(
      "Example: diptych init me --src a.mp4 --dst b.mp4 --consent-src self "
      "--consent-dst licensed --set resolution=128 archi=liae-ud");
  command->callback([a, &choice] { choice.run = [a] { return init(*a); }; });
}

}  // namespace diptych
