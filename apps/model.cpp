// diptych model: bringing a model over from DeepFaceLab, and taking one back.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <memory>

#include "apps/command_line.h"
#include "apps/exchange/model_transfer.h"
#include "apps/terminal/progress.h"

namespace diptych {

namespace {

struct ModelArguments {
  std::string project, format = "dfl";
  ModelTransfer transfer;
};

int import_model(const ModelArguments& a) {
  const Project project = Project::open(a.project);
  const ModelImport done = import_dfl_model(project, a.transfer);
  std::printf("imported %s at iteration %s, %s weights, %s\n", done.network.c_str(),
              format_count(done.iteration).c_str(), format_count(done.weights).c_str(),
              done.moments ? "with the optimizer's state" : "without the optimizer's state");
  for (const std::string& line : done.changed) std::printf("  project.toml: %s\n", line.c_str());
  for (const std::string& note : done.notes) std::printf("  note: %s\n", note.c_str());
  std::printf("  model    %s\n", project.checkpoint().c_str());
  return kExitOk;
}

int export_model(const ModelArguments& a) {
  const Project project = Project::open(a.project);
  for (const std::string& file : export_dfl_model(project, a.transfer))
    std::printf("wrote %s\n", (a.transfer.folder / file).c_str());
  return kExitOk;
}

CLI::App* add_sub(CLI::App& parent,
                  CommandChoice& choice,
                  const std::shared_ptr<ModelArguments>& a,
                  const char* name,
                  const char* help,
                  int (*run)(const ModelArguments&)) {
  CLI::App* command = parent.add_subcommand(name, help);
  command->add_option("project", a->project, "project folder")->required()->type_name("PROJECT");
  command->add_option("--format", a->format, "dfl (DeepFaceLab) [dfl]")
      ->check(CLI::IsMember({"dfl"}));
  command->callback([a, run, &choice] { choice.run = [a, run] { return run(*a); }; });
  return command;
}

}  // namespace

void add_model_command(CLI::App& app, CommandChoice& choice) {
  const auto a = std::make_shared<ModelArguments>();
  CLI::App* model = app.add_subcommand("model", "bring a model over, or take it elsewhere");
  model->require_subcommand(1);
  CLI::App* in = add_sub(*model, choice, a, "import", "make another program's model the project's",
                         import_model);
  in->add_option("folder", a->transfer.folder, "DeepFaceLab's model folder")
      ->required()
      ->type_name("FOLDER");
  in->add_option("--name", a->transfer.name, "model to take when the folder holds several")
      ->type_name("NAME");
  in->add_option("--archi", a->transfer.archi,
                 "architecture with its letters, when data.dat is missing or wrong")
      ->type_name("WORD");
  in->add_flag("--force", a->transfer.force, "replace the project's model; it is kept as .prev");
  CLI::App* out =
      add_sub(*model, choice, a, "export", "write the model for another program", export_model);
  out->add_option("-o,--output", a->transfer.folder, "model folder; made when it is missing")
      ->required()
      ->type_name("FOLDER");
  out->add_option("--name", a->transfer.name, "name of the model there [diptych]")
      ->type_name("NAME");
  out->add_flag("--force", a->transfer.force, "replace a model of that name");
}

}  // namespace diptych
