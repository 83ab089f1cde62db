// diptych train: trains the network of a project.
// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstdio>
#include <memory>

#include "apps/command_line.h"
#include "apps/terminal/stop_flag.h"
#include "apps/training/provoke.h"
#include "apps/training/train_from.h"
#include "apps/training/train_session.h"

namespace diptych {

namespace {

constexpr int64_t kProvokeAfter = 20;  // steps

struct TrainArguments {
  std::string project;
  std::string run = "main";
  int64_t iterations = 0;
  double minutes = 0;  // 0: no limit
  std::string provoke;
  std::string from;
  bool force = false;
  std::unique_ptr<SettingFlags> flags;
};

void begin_with_surgery(const Project& project, const Settings& settings, const TrainArguments& a) {
  const SurgeryReport report = start_from(project, settings, a.run, a.from, a.force);
  std::printf("started from %s, %s at iteration %s\n%s", a.from.c_str(),
              report.from.archi().c_str(), format_count(report.iteration).c_str(),
              surgery_table(report).c_str());
  std::fflush(stdout);
}

int train(const TrainArguments& a) {
  const Project project = Project::open(a.project);
  TrainRequest request;
  request.settings = a.flags->resolve(project.settings());
  request.run = a.run;
  request.iterations = a.iterations;
  if (a.force && a.from.empty())
    throw InputError("--force", "belongs to --from", "Leave it out: training goes on by itself");
  if (!a.provoke.empty()) check_provoke(a.provoke);
  if (!a.from.empty()) begin_with_surgery(project, request.settings, a);
  StopFlag stop;
  const auto start = std::chrono::steady_clock::now();
  request.stop = [&, start] {
    const std::chrono::duration<double, std::ratio<60>> spent =
        std::chrono::steady_clock::now() - start;
    return stop.requested() || (a.minutes > 0 && spent.count() >= a.minutes);
  };
  request.at_risk = [&](int64_t iteration, int64_t saved) {
    const int64_t lost = iteration - saved;
    stop.set_messages(
        "finishing this iteration, then saving; press Ctrl-C again to quit at once" +
            (lost > 0 ? str(" and lose ", lost, " iterations") : std::string()),
        lost > 0 ? str("quit without saving: the ", lost, " iterations after ", saved, " are lost")
                 : str("quit at once; iteration ", saved, " is saved, nothing is lost"));
  };
  if (!a.provoke.empty()) {
    request.disturb = [&](SaehdTrainer& trainer, int64_t attempt) {
      if (attempt != kProvokeAfter) return;
      std::fprintf(stderr, "provoked: %s\n", a.provoke.c_str());
      provoke(trainer, a.provoke);
    };
  }
  TrainSession session(project, request);
  const TrainResult result = session.run();
  std::printf("%s at iteration %s (%s new in %s), loss src %s dst %s\n",
              result.stopped ? "stopped" : "done", format_count(result.last).c_str(),
              format_count(result.last - result.first).c_str(),
              format_duration(result.seconds).c_str(), format_number(result.src).c_str(),
              format_number(result.dst).c_str());
  std::printf("  model    %s\n  preview  %s\n  losses   %s\n", project.checkpoint().c_str(),
              project.out("preview.png").c_str(), project.out("loss.png").c_str());
  return kExitOk;
}

}  // namespace

void add_train_command(CLI::App& app, CommandChoice& choice) {
  auto a = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "train the network; goes on where it stopped");
  command->add_option("project", a->project, "project folder")->required()->type_name("PROJECT");
  command->add_option("--iters", a->iterations, "iterations to do now; without it until stopped")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000000}))
      ->type_name("NUMBER");
  command->add_option("--minutes", a->minutes, "stop after this time, saved as with Ctrl-C")
      ->check(CLI::Range(0.01, 1e6))
      ->type_name("NUMBER");
  command
      ->add_option("--run", a->run, "name of the folder in runs/ for metrics and settings [main]")
      ->type_name("NAME");
  command
      ->add_option("--provoke", a->provoke,
                   "break the network after 20 iterations, to see training recover: nan, collapse")
      ->type_name("KIND");
  command
      ->add_option("--from", a->from,
                   "start a new model from another project's or checkpoint's weights")
      ->type_name("OTHER");
  command->add_flag("--force", a->force,
                    "with --from: replace the project's model; it is kept as .prev");
  a->flags = std::make_unique<SettingFlags>(*command, "train");
  command->footer(
      "Ctrl-C finishes the iteration, saves and ends with exit code 0. Example:\n"
      "diptych train me --iters 20000 --batch-size 4 --no-random-warp");
  command->callback([a, &choice] { choice.run = [a] { return train(*a); }; });
}

}  // namespace diptych
