// diptych verify-run: repeats the first steps of a run from its receipt and compares bits.
// SPDX-License-Identifier: MIT
#include <cstdio>
#include <memory>

#include "apps/command_line.h"
#include "apps/terminal/progress.h"
#include "apps/training/receipt.h"
#include "apps/training/train_steps.h"

namespace diptych {

namespace {

struct VerifyRunArguments {
  std::string project;
  std::string run = "main";
};

void check_faces(const std::filesystem::path& file,
                 const std::vector<Face>& faces,
                 const std::string& digest) {
  if (faces_digest(faces) == digest) return;
  throw InputError(file.string(),
                   "is not as it was when the run was trained (faces, masks or landmarks differ)",
                   "Take the edits back (diptych faces undo), or train again for a new receipt");
}

InputError differs(const std::filesystem::path& file, const std::string& what) {
  return {file.string(), what,
          "The same program, engine, machine and thread count give the same bits: see what of them "
          "the receipt names"};
}

int verify_run(const VerifyRunArguments& a) {
  const Project project = Project::open(a.project);
  const std::filesystem::path file = project.run(a.run) / "receipt.json";
  const Receipt receipt = read_receipt(file);
  if (!receipt.replay) {
    throw InputError(file.string(), "has no steps to repeat: " + receipt.why_no_replay,
                     "Only a run that starts afresh and stays healthy can be repeated");
  }
  Settings settings = settings_of(receipt, file.string());
  settings.set("train.engine", receipt.engine, file.string());
  const Engine engine = engine_of(settings, "train");
  if (receipt.program != "diptych " DIPTYCH_VERSION)
    std::printf("note: made by %s, this is diptych " DIPTYCH_VERSION "\n", receipt.program.c_str());
  TrainingFaces faces = load_training_faces(project, settings);
  std::vector<Face>&src = faces.src, &dst = faces.dst;
  take_holdout(src, settings.integer("train.holdout_every"));
  take_holdout(dst, settings.integer("train.holdout_every"));
  check_faces(faces.src_file, src, receipt.src_digest);
  check_faces(faces.dst_file, dst, receipt.dst_digest);
  Stream stream(engine, receipt.threads);
  const StreamGuard guard(stream);
  TrainSteps steps(settings, src, dst);
  steps.start({});
  const auto count = static_cast<int64_t>(receipt.replay->losses.size());
  Progress progress("verify-run", "it", count);
  for (int64_t i = 0; i < count; ++i) {
    const StepOutcome outcome = steps.next(count);
    if (!outcome.step ||
        losses_digest(*outcome.step) != receipt.replay->losses[static_cast<size_t>(i)])
      throw differs(file, str("the losses of iteration ", i + 1, " are not those of the run"));
    progress.update(i + 1);
  }
  progress.finish();
  if (weights_digest(steps.trainer()) != receipt.replay->weights)
    throw differs(file, str("the weights after iteration ", count, " are not those of the run"));
  std::printf(
      "%s: repeated %s iterations on engine %s with %d threads: losses and weights are the "
      "same, bit for bit\n",
      file.c_str(), format_count(count).c_str(), receipt.engine.c_str(), receipt.threads);
  return kExitOk;
}

}  // namespace

void add_verify_run_command(CLI::App& app, CommandChoice& choice) {
  auto a = std::make_shared<VerifyRunArguments>();
  CLI::App* command = app.add_subcommand(
      "verify-run", "repeat the first iterations of a run from its receipt and compare bits");
  command->add_option("project", a->project, "project folder")->required()->type_name("PROJECT");
  command->add_option("--run", a->run, "name of the run [main]")->type_name("NAME");
  command->footer("Changes nothing in the project. Exit code: 0 the same, 1 not.");
  command->callback([a, &choice] { choice.run = [a] { return verify_run(*a); }; });
}

}  // namespace diptych
