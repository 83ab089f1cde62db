// diptych plan: what training will take, before it begins.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <memory>

#include "apps/command_line.h"
#include "apps/terminal/stop_flag.h"
#include "apps/training/train_plan.h"

namespace diptych {

namespace {

struct PlanArguments {
  std::string project;
  double memory_gib = 0, disk_gib = 0;
  bool no_measure = false, json = false;
  std::unique_ptr<SettingFlags> flags;
};

int plan(const PlanArguments& a) {
  constexpr double kGibibyte = 1 << 30;
  const Project project = Project::open(a.project);
  const StopFlag stop;
  const TrainPlan plan = plan_training(project, {.settings = a.flags->resolve(project.settings()),
                                                 .measure = !a.no_measure,
                                                 .memory_bytes = a.memory_gib * kGibibyte,
                                                 .disk_bytes = a.disk_gib * kGibibyte,
                                                 .stop = [&] { return stop.requested(); }});
  std::fputs((a.json ? plan_json(plan) : plan_text(plan)).c_str(), stdout);
  return kExitOk;
}

}  // namespace

void add_plan_command(CLI::App& app, CommandChoice& choice) {
  auto a = std::make_shared<PlanArguments>();
  CLI::App* command = app.add_subcommand(
      "plan", "memory, disk and time of training with these settings, before it begins");
  command->add_option("project", a->project, "project folder")->required()->type_name("PROJECT");
  command->add_flag("--json", a->json, "as JSON");
  command->add_flag("--no-measure", a->no_measure, "foretell alone, without ten real iterations");
  command->add_option("--memory", a->memory_gib, "GiB to fit into [what is free here]")
      ->check(CLI::Range(0.001, 1e6))
      ->type_name("GIB");
  command->add_option("--disk", a->disk_gib, "GiB to fit onto [what is free here]")
      ->check(CLI::Range(0.001, 1e6))
      ->type_name("GIB");
  a->flags = std::make_unique<SettingFlags>(*command, "train");
  command->footer(
      "Changes nothing in the project: the ten iterations stay in memory. Example:\n"
      "diptych plan me --resolution 256 --batch-size 4 --memory 24");
  command->callback([a, &choice] { choice.run = [a] { return plan(*a); }; });
}

}  // namespace diptych
