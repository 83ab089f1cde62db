// diptych faces: looking at facesets and tidying them up.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <tuple>

#include <nlohmann/json.hpp>

#include "apps/exchange/face_ids.h"
#include "apps/faces_command.h"
#include "apps/pictures/contact_sheet.h"
#include "apps/project/open_faceset.h"
#include "apps/project/project.h"
#include "apps/terminal/progress.h"
#include "apps/training/train_data.h"
#include "faces/image/image.h"
#include "faces/sample/sample_sheet.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

namespace fs = std::filesystem;

std::optional<FaceState> wanted_state(const FacesArguments& a) {
  if (a.all) return std::nullopt;
  return a.trash ? FaceState::kTrash : FaceState::kActive;
}

// The ids on the command line, or all in the wanted state.
std::vector<int64_t> chosen_ids(const FacesArguments& a, const Faceset& faces) {
  if (a.ids.empty()) return faces.ids(wanted_state(a));
  return parse_face_ids(a.ids, sorted_ids(faces, std::nullopt), faces.path());
}

double degrees(double radians) {
  return radians * 57.29577951308232;
}

// A face and what training has learned about it.
struct Row {
  Face face;
  FaceLoss loss;
};

std::vector<Row> read_rows(const Faceset& faceset, std::optional<FaceState> state) {
  std::map<int64_t, FaceLoss> losses;
  for (const FaceLoss& loss : faceset.losses()) losses[loss.id] = loss;
  std::vector<Row> rows;
  for (Face& face : faceset.load_all(false, state)) {
    const FaceLoss loss = losses[face.id];
    rows.push_back({std::move(face), loss});
  }
  return rows;
}

const char* name_of(FaceState state) {
  return state == FaceState::kTrash ? "trash" : "active";
}

void print_list(const std::vector<Row>& rows) {
  std::printf("%8s %8s %9s  %-18s %5s %6s %6s %6s %10s %8s  %s\n", "id", "frame", "seconds", "type",
              "size", "pitch", "yaw", "roll", "sharpness", "loss", "state");
  for (const auto& [f, loss] : rows) {
    std::printf("%8lld %8lld %9.3f  %-18s %5d %6.1f %6.1f %6.1f %10s %8s  %s\n",
                static_cast<long long>(f.id), static_cast<long long>(f.frame_index),
                f.frame_seconds, std::string(name_of(f.type)).c_str(), f.size,
                degrees(f.pose.pitch), degrees(f.pose.yaw), degrees(f.pose.roll),
                format_number(f.sharpness).c_str(),
                loss.count > 0 ? format_number(loss.mean).c_str() : "-", name_of(f.state));
  }
}

void print_json(const std::vector<Row>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& [f, loss] : rows) {
    nlohmann::ordered_json entry = {{"id", f.id},
                                    {"frame", f.frame_index},
                                    {"seconds", f.frame_seconds},
                                    {"type", name_of(f.type)},
                                    {"size", f.size},
                                    {"pitch", f.pose.pitch},
                                    {"yaw", f.pose.yaw},
                                    {"roll", f.pose.roll},
                                    {"sharpness", f.sharpness},
                                    {"state", name_of(f.state)},
                                    {"times_trained", loss.count}};
    if (loss.count > 0) entry["loss"] = loss.mean;
    list.push_back(entry);
  }
  std::cout << list.dump(1) << "\n";
}

const std::vector<std::string> kOrders = {"id",  "frame", "name", "sharpness",
                                          "yaw", "pitch", "loss"};

void sort_rows(std::vector<Row>& rows, const std::string& by) {
  if (by == "name") {
    std::stable_sort(rows.begin(), rows.end(), [](const Row& x, const Row& y) {
      return std::tie(x.face.source_name, x.face.frame_index) <
             std::tie(y.face.source_name, y.face.frame_index);
    });
    return;
  }
  const auto key = [&](const Row& row) {
    if (by == "sharpness") return row.face.sharpness;
    if (by == "yaw") return row.face.pose.yaw;
    if (by == "pitch") return row.face.pose.pitch;
    if (by == "frame") return static_cast<double>(row.face.frame_index);
    if (by == "loss") return row.loss.count > 0 ? -row.loss.mean : 1.0;  // worst first
    return static_cast<double>(row.face.id);
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Row& x, const Row& y) { return key(x) < key(y); });
}

int list_faces(const FacesArguments& a) {
  const Faceset faceset = open_faceset_to_read(faceset_path(a));
  std::vector<Row> rows = read_rows(faceset, wanted_state(a));
  sort_rows(rows, a.sort);
  if (a.json) {
    print_json(rows);
  } else {
    print_list(rows);
    std::printf("%s active, %s in the trash\n",
                format_count(faceset.count(FaceState::kActive)).c_str(),
                format_count(faceset.count(FaceState::kTrash)).c_str());
  }
  return kExitOk;
}

// The ids in the order that --sort asks for; as they are without it.
std::vector<int64_t> in_order(const FacesArguments& a,
                              const Faceset& faceset,
                              const std::vector<int64_t>& ids) {
  if (a.sort.empty()) return ids;
  const std::set<int64_t> wanted(ids.begin(), ids.end());
  std::vector<Row> rows = read_rows(faceset, std::nullopt);
  sort_rows(rows, a.sort);
  std::vector<int64_t> ordered;
  for (const Row& row : rows) {
    if (wanted.count(row.face.id) != 0) ordered.push_back(row.face.id);
  }
  return ordered;
}

int sheet(const FacesArguments& a) {
  constexpr size_t kPerPage = 300;
  const Faceset faceset = open_faceset_to_read(faceset_path(a));
  const std::vector<int64_t> ids = in_order(a, faceset, chosen_ids(a, faceset));
  if (ids.empty()) throw InputError(faceset.path(), "holds no such face", "Use --all");
  const fs::path out = a.path;
  for (size_t page = 0; page * kPerPage < ids.size(); ++page) {
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(page * kPerPage);
    const auto end =
        ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), (page + 1) * kPerPage));
    fs::path file = out;
    if (ids.size() > kPerPage)
      file.replace_filename(str(out.stem().string(), "-", page + 1, out.extension().string()));
    SheetStyle style;
    style.columns = a.columns;
    style.side = a.thumb;
    write_image(file, contact_sheet(faceset, {begin, end}, style));
    std::printf("wrote %s: %zu faces\n", file.c_str(), static_cast<size_t>(end - begin));
  }
  return kExitOk;
}

FacesTransfer transfer_of(const FacesArguments& a) {
  FacesTransfer t = a.transfer;
  t.faceset = faceset_path(a);
  t.path = a.path;
  std::error_code error;
  if (!fs::is_directory(a.target, error)) return t;
  const Side side = side_from(a.side);
  const Project project = Project::open(a.target);
  t.source = project.source(side);
  t.must_tie = side == Side::kDst;
  if (t.face_type.empty()) t.face_type = project.settings().word("extract.face_type");
  return t;
}

int export_command(const FacesArguments& a) {
  const Faceset faceset = open_faceset_to_read(faceset_path(a));
  return export_faces_to(transfer_of(a), faceset, chosen_ids(a, faceset));
}

int import_command(const FacesArguments& a) {
  return import_faces_from(transfer_of(a));
}

int samples(const FacesArguments& a) {
  const Project project = Project::open(a.target);
  if (a.side.empty()) throw InputError("--side", "is missing", "Use --side src or --side dst");
  const Side side = side_from(a.side);
  const Settings settings = a.flags->resolve(project.settings());
  const SampleOptions options = sample_options(settings, side);
  std::vector<Face> reference;
  if (options.ct_mode != "none")
    reference = load_faces(project.faces(Side::kDst), options.face_type);
  Sampler sampler(load_faces(project.faces(side), options.face_type), std::move(reference), options,
                  a.count, static_cast<uint64_t>(settings.integer("train.seed")),
                  static_cast<int>(side), 0, 0);
  const fs::path out = a.path.empty() ? project.out(a.side + "_samples.png") : fs::path(a.path);
  write_image(out, sample_sheet(sampler.next()));
  std::printf("wrote %s: target | warped input | mask%s\n", out.c_str(),
              options.eyes_mouth ? " | eyes and mouth" : "");
  return kExitOk;
}

void add_sort(CLI::App& command, FacesArguments& a, const std::string& usual) {
  command
      .add_option("--sort", a.sort,
                  "id, frame, name, sharpness, yaw, pitch or loss (worst first) " + usual)
      ->check(CLI::IsMember(kOrders));
}

void add_states(CLI::App& command, FacesArguments& a) {
  command.add_flag("--trash", a.trash, "faces in the trash");
  command.add_flag("--all", a.all, "active faces and trash");
}

void add_format(CLI::App& command,
                FacesArguments& a,
                const std::vector<std::string>& formats,
                const std::string& help) {
  a.transfer.format = formats[0];
  command.add_option("--format", a.transfer.format, help)->check(CLI::IsMember(formats));
}

void add_export(CLI::App& command, FacesArguments& a) {
  add_id_arguments(command, a, false);
  add_states(command, a);
  add_format(command, a, kFaceFormats, "diptych or dfl (DeepFaceLab) [diptych]");
  command.add_option("-o,--output", a.path, "folder to make; with --format dfl also NAME.pak")
      ->required()
      ->type_name("PATH");
  command.add_flag("--meta-dat", a.transfer.meta_dat, "write DeepFaceLab's meta.dat too");
}

void add_import(CLI::App& command, FacesArguments& a) {
  command
      .add_option("path,--from", a.path,
                  "folder that faces export wrote; with --format dfl a folder of aligned faces or "
                  "a faceset.pak; with --format pictures a folder of square face pictures")
      ->required()
      ->type_name("PATH");
  add_format(command, a, kImportFormats,
             "diptych, dfl (DeepFaceLab), or pictures (without metadata) [diptych]");
  command
      .add_option("--face-type", a.transfer.face_type,
                  "pictures: how they are cut: h, mf, f, wf, head [extract.face_type]")
      ->check(CLI::IsMember({"h", "mf", "f", "wf", "head"}));
  command
      .add_option("--fps", a.transfer.fps,
                  "dfl: rate at which frames were taken, if not every frame was")
      ->check(CLI::Range(0.001, 1000.0));
  command.add_flag("--append", a.transfer.append,
                   "dfl: number faces that belong to no frame behind those that are there");
  command.add_flag("--strict", a.transfer.strict,
                   "dfl: import nothing when a picture cannot be used");
}

}  // namespace

fs::path faceset_path(const FacesArguments& a) {
  std::error_code error;
  if (!fs::is_directory(a.target, error)) return a.target;
  const Project project = Project::open(a.target);
  if (a.side.empty()) {
    throw InputError(a.target, "has two facesets", "Say which one with --side src or --side dst");
  }
  return project.faces(side_from(a.side));
}

std::vector<int64_t> sorted_ids(const Faceset& faces, std::optional<FaceState> state) {
  std::vector<int64_t> ids = faces.ids(state);
  std::sort(ids.begin(), ids.end());
  return ids;
}

CLI::App* add_faces_action(CLI::App& faces,
                           CommandChoice& choice,
                           const std::shared_ptr<FacesArguments>& a,
                           const char* name,
                           const char* help,
                           int (*run)(const FacesArguments&)) {
  CLI::App* command = faces.add_subcommand(name, help);
  command->add_option("target", a->target, "project folder or .faces file")
      ->required()
      ->type_name("PROJECT|FILE");
  command->add_option("--side", a->side, "src or dst, when a project is given")->type_name("SIDE");
  command->callback([a, run, &choice] { choice.run = [a, run] { return run(*a); }; });
  return command;
}

void add_id_arguments(CLI::App& command, FacesArguments& a, bool required) {
  command.add_option("ids", a.ids, "face ids and ranges: 12 15-20")
      ->type_name("IDS")
      ->required(required);
}

void add_faces_command(CLI::App& app, CommandChoice& choice) {
  const auto a = std::make_shared<FacesArguments>();
  CLI::App* faces = app.add_subcommand("faces", "look at the extracted faces and tidy them up");
  faces->require_subcommand(1);
  CLI::App* list = add_faces_action(*faces, choice, a, "list", "print a line per face", list_faces);
  add_states(*list, *a);
  add_sort(*list, *a, "[id]");
  list->add_flag("--json", a->json, "as JSON");

  CLI::App* picture = add_faces_action(*faces, choice, a, "sheet", "draw a contact sheet", sheet);
  add_id_arguments(*picture, *a, false);
  add_states(*picture, *a);
  add_sort(*picture, *a, "[frame]");
  picture->add_option("-o,--output", a->path, "picture to write")->required()->type_name("FILE");
  picture->add_option("--columns", a->columns, "faces in a row [12]")->check(CLI::Range(1, 100));
  picture->add_option("--thumb", a->thumb, "pixels of a thumbnail [96]")
      ->check(CLI::Range(16, 512));

  add_state_actions(*faces, choice, a);
  add_worst_action(*faces, choice, a);
  add_report_action(*faces, choice);

  add_export(
      *add_faces_action(*faces, choice, a, "export", "write faces into a folder", export_command),
      *a);
  add_import(
      *add_faces_action(*faces, choice, a, "import", "add faces from a folder", import_command),
      *a);

  CLI::App* batch =
      add_faces_action(*faces, choice, a, "samples", "draw what training sees of them", samples);
  batch->add_option("-o,--output", a->path, "picture to write [PROJECT/out/SIDE_samples.png]")
      ->type_name("FILE");
  batch->add_option("--count", a->count, "samples to draw [8]")->check(CLI::Range(1, 64));
  a->flags = std::make_unique<SettingFlags>(*batch, "train");
}

}  // namespace diptych
