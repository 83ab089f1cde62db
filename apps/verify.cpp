// diptych verify: is this file labelled as synthetic, and is it whole?
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <memory>

#include "apps/command_line.h"
#include "apps/project/inspect.h"
#include "apps/project/open_faceset.h"
#include "apps/project/project.h"
#include "faces/faceset/faceset.h"
#include "faces/image/image.h"
#include "faces/provenance/label.h"
#include "kernels/common/check.h"
#include "tensor/safetensors.h"

namespace diptych {

namespace {

namespace fs = std::filesystem;

constexpr int kLabelled = 0, kNotLabelled = 1;

bool verify_one_label(const fs::path& file) {
  const std::optional<Label> label = read_label(file);
  if (!label || !label->is_synthetic()) {
    std::printf("%s: not labelled as synthetic%s\n", file.c_str(),
                label ? (" (" + label->source_type + ")").c_str() : "");
    return false;
  }
  std::printf("%s: labelled as synthetic\n  type  %s\n  tool  %s\n  says  %s\n", file.c_str(),
              label->source_type.c_str(), label->tool.c_str(), label->description.c_str());
  return true;
}

int verify_label(const fs::path& file) {
  if (!fs::is_directory(file)) return verify_one_label(file) ? kLabelled : kNotLabelled;
  std::vector<fs::path> pictures;
  for (const auto& entry : fs::directory_iterator(file)) {
    if (entry.is_regular_file() && is_image_name(entry.path())) pictures.push_back(entry.path());
  }
  std::sort(pictures.begin(), pictures.end());
  size_t labelled = 0;
  for (const fs::path& picture : pictures) {
    const std::optional<Label> label = read_label(picture);
    if (label && label->is_synthetic()) {
      ++labelled;
    } else {
      std::printf("%s: not labelled as synthetic\n", picture.c_str());
    }
  }
  std::printf("%s: %zu of %zu pictures labelled as synthetic\n", file.c_str(), labelled,
              pictures.size());
  return labelled == pictures.size() && labelled > 0 ? kLabelled : kNotLabelled;
}

void verify_checkpoint(const fs::path& path) {
  const Safetensors file = Safetensors::open(path.string());  // throws when the checksum is wrong
  std::printf("%s: whole, %zu tensors, checksum %s\n", path.c_str(), file.entries().size(),
              file.has_checksum() ? "good" : "not in the file");
}

void verify_faceset(const fs::path& path) {
  const Faceset faces = open_faceset_to_read(path);
  const std::vector<std::string> problems = faces.check();
  for (const std::string& problem : problems) std::printf("  %s\n", problem.c_str());
  if (!problems.empty()) {
    throw InputError(path.string(), str("has ", problems.size(), " problems, listed above"),
                     "Put these faces into the trash, or extract again");
  }
  std::printf("%s: whole, %lld faces\n", path.c_str(),
              static_cast<long long>(faces.count(std::nullopt)));
}

void verify_project(const fs::path& given) {
  const Project project = Project::open(given);
  const fs::path dir = project.dir();
  std::printf("%s: consent src %s, dst %s\n", project.toml().c_str(),
              project.record(Side::kSrc).consent.c_str(),
              project.record(Side::kDst).consent.c_str());
  std::error_code error;
  for (const Side side : kSides) {
    const SourceRecord& record = project.record(side);
    SourceRecord now;
    measure_source(project.source(side), now);
    if (now.xxh64 != record.xxh64 || now.size != record.size) {
      throw InputError((dir / record.file).string(),
                       "is not the source that the project was made with (its checksum differs)",
                       "Put the original back, or make a new project");
    }
    std::printf("%s: unchanged\n", (dir / record.file).c_str());
    if (fs::exists(project.faces(side), error)) verify_faceset(project.faces(side));
  }
  if (fs::exists(project.checkpoint(), error)) verify_checkpoint(project.checkpoint());
}

int verify(const std::string& file) {
  switch (kind_of(file)) {
    case FileKind::kProject:
      verify_project(file);
      return kExitOk;
    case FileKind::kCheckpoint:
      verify_checkpoint(file);
      return kExitOk;
    case FileKind::kFaceset:
      verify_faceset(file);
      return kExitOk;
    case FileKind::kMedia:
      break;
  }
  return verify_label(file);
}

}  // namespace

void add_verify_command(CLI::App& app, CommandChoice& choice) {
  auto file = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "verify", "read the synthetic label of a video or picture; check files of ours for damage");
  command->add_option("file", *file, "video, picture, faceset, checkpoint or project")
      ->required()
      ->type_name("FILE");
  command->footer("Exit code: 0 labelled, or whole; 1 not labelled; 2 damaged or unreadable.");
  command->callback([file, &choice] { choice.run = [file] { return verify(*file); }; });
}

}  // namespace diptych
