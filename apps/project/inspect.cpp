// Facts of projects, facesets, checkpoints and videos.
// SPDX-License-Identifier: MIT
#include "apps/project/inspect.h"

#include <array>
#include <cstring>
#include <fstream>
#include <map>

#include "apps/project/open_faceset.h"
#include "apps/project/project.h"
#include "apps/terminal/progress.h"
#include "apps/training/metrics.h"
#include "faces/faceset/faceset.h"
#include "faces/image/image.h"
#include "faces/provenance/label.h"
#include "faces/video/frame_source.h"
#include "kernels/common/check.h"
#include "models/saehd/trainer.h"
#include "tensor/safetensors.h"

namespace diptych {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {

constexpr char kSqliteMagic[16] = "SQLite format 3";

std::string bytes_of(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error ? "?" : format_bytes(static_cast<double>(size));
}

ordered_json inspect_faceset(const fs::path& file) {
  const Faceset faces = open_faceset_to_read(file);
  ordered_json facts = {{"kind", "faceset"},
                        {"file", file.string()},
                        {"bytes", fs::file_size(file)},
                        {"faces_active", faces.count(FaceState::kActive)},
                        {"faces_trash", faces.count(FaceState::kTrash)}};
  std::map<std::string, int64_t> types, sizes;
  for (const Face& face : faces.load_all(false, std::nullopt)) {
    ++types[std::string(name_of(face.type))];
    ++sizes[std::to_string(face.size)];
  }
  facts["face_types"] = types;
  facts["face_sizes"] = sizes;
  int64_t without = 0, several = 0, doubtful = 0;
  const std::vector<FrameRecord> frames = faces.frames();
  for (const FrameRecord& frame : frames) {
    without += frame.faces == 0 ? 1 : 0;
    several += frame.faces > 1 ? 1 : 0;
    doubtful += frame.note.empty() ? 0 : 1;
  }
  facts["frames"] = frames.size();
  facts["frames_without_face"] = without;
  facts["frames_with_several"] = several;
  facts["frames_in_doubt"] = doubtful;
  return facts;
}

ordered_json inspect_checkpoint(const fs::path& path) {
  const Safetensors file = Safetensors::open(path.string());
  ordered_json facts = {{"kind", "checkpoint"},
                        {"file", path.string()},
                        {"bytes", file.file_bytes()},
                        {"checksum", file.has_checksum() ? "good" : "none in the file"},
                        {"tensors", file.entries().size()}};
  int64_t parameters = 0;
  for (const auto& [name, entry] : file.entries()) {
    if (name.rfind("weight/", 0) == 0) parameters += entry.shape.numel();
  }
  const auto format = file.metadata().find("format");
  if (format == file.metadata().end() || format->second != "diptych-saehd") {
    facts["kind"] = "safetensors";
    facts["metadata"] = file.metadata();
    return facts;
  }
  facts["parameters"] = parameters;
  ordered_json settings;
  for (const auto& [key, value] : file.metadata()) {
    if (key.rfind("setting.", 0) == 0) {
      settings[key.substr(8)] = value;
    } else if (key != "checksum" && key.rfind("oversampling_", 0) != 0) {  // a line per face
      facts[key] = value;
    }
  }
  facts["settings"] = settings;
  return facts;
}

ordered_json inspect_media(const fs::path& path) {
  const std::unique_ptr<FrameSource> source = open_frame_source(path);
  const SourceInfo& info = source->info();
  ordered_json facts = {{"kind", info.is_video ? "video" : "pictures"},
                        {"file", path.string()},
                        {"width", info.width},
                        {"height", info.height},
                        {"codec", info.codec}};
  if (info.is_video) {
    facts["frames_per_second"] = info.fps.value();
    facts["seconds"] = info.duration;
    facts["pixel_format"] = info.pixel_format;
    facts["colour"] = info.colour_matrix + " " + info.colour_range +
                      (info.colour_tagged ? "" : " (not tagged, assumed)");
    facts["audio"] = info.has_audio;
    facts["rotation"] = info.rotation;
  }
  facts["frames"] = source->frame_pts().size();
  if (!fs::is_directory(path)) {
    facts["bytes"] = fs::file_size(path);
    try {
      const std::optional<Label> label = read_label(path);
      facts["label"] = label ? label->source_type : "none";
    } catch (const InputError&) {
      facts["label"] = "this format holds none";
    }
  }
  return facts;
}

template <class Facts>
ordered_json when_there(const fs::path& path, const Facts& facts) {
  std::error_code error;
  if (!fs::exists(path, error)) return "not there yet";
  try {
    return facts(path);
  } catch (const InputError& e) {
    return str("error: ", e.what());
  }
}

ordered_json inspect_project(const fs::path& dir) {
  const Project project = Project::open(dir);
  ordered_json facts = {{"kind", "project"}, {"folder", project.dir().string()}};
  for (const Side side : kSides) {
    const SourceRecord& r = project.record(side);
    const std::string name(name_of(side));
    std::error_code error;
    facts[name] = {{"source", r.origin},
                   {"state", fs::exists(project.dir() / r.file, error) ? "there" : "missing"},
                   {"size", format_bytes(static_cast<double>(r.size))},
                   {"xxh64", r.xxh64},
                   {"consent", r.consent + (r.recorded.empty() ? "" : ", recorded " + r.recorded)}};
    facts[name]["faces"] =
        when_there(project.faces(side), [](const fs::path& path) -> ordered_json {
          const Faceset faces = open_faceset_to_read(path);
          return str(format_count(faces.count(FaceState::kActive)), " active, ",
                     format_count(faces.count(FaceState::kTrash)), " in the trash");
        });
  }
  facts["model"] = when_there(project.checkpoint(), [](const fs::path& path) -> ordered_json {
    const Safetensors file = Safetensors::open(path.string());
    const SaehdConfig net = read_saehd_config(file);
    return str(net.archi(), ' ', net.resolution, ", iteration ", file.metadata().at("iteration"),
               ", ", bytes_of(path));
  });
  ordered_json runs = ordered_json::object();
  std::error_code error;
  for (const auto& run : fs::directory_iterator(project.dir() / "runs", error)) {
    const auto losses = read_losses(run.path() / "metrics.jsonl");
    if (losses.empty()) continue;
    runs[run.path().filename().string()] =
        str("iterations ", losses.front().iteration, " to ", losses.back().iteration,
            ", last loss src ", format_number(losses.back().src), " dst ",
            format_number(losses.back().dst));
  }
  facts["runs"] = runs;
  return facts;
}

bool has_pictures(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (is_image_name(entry.path())) return true;
  }
  return false;
}

std::string value_text(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float()) return format_number(value.get<double>());
  return value.dump();
}

void add_lines(const ordered_json& facts, const std::string& indent, std::string& text) {
  for (const auto& [key, value] : facts.items()) {
    if (value.is_object()) {
      if (value.empty()) continue;
      text += indent + key + ":\n";
      add_lines(value, indent + "  ", text);
    } else {
      text += indent + key + ": " + value_text(value) + "\n";
    }
  }
}

}  // namespace

FileKind kind_of(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error))
    throw InputError(file.string(), "there is no such file or folder", "Check the path");
  if (fs::is_directory(file, error)) {
    if (is_project(file)) return FileKind::kProject;
    if (has_pictures(file)) return FileKind::kMedia;
    throw InputError(file.string(), "is neither a project nor a folder of pictures",
                     "Give a project, a faceset, a checkpoint or a video");
  }
  std::array<char, 16> head{};
  std::ifstream in(file, std::ios::binary);
  in.read(head.data(), head.size());
  if (!in && in.gcount() == 0) {
    throw InputError(file.string(), fs::file_size(file, error) == 0 ? "is empty" : "cannot be read",
                     "Check the file");
  }
  if (std::memcmp(head.data(), kSqliteMagic, sizeof kSqliteMagic) == 0) return FileKind::kFaceset;
  // Nothing else of ours is binary with a name; a damaged file should still be called by its kind.
  const std::string extension = file.extension().string();
  if (extension == ".faces") return FileKind::kFaceset;
  if (extension == ".safetensors" || extension == ".prev") return FileKind::kCheckpoint;
  if (file.filename() == "project.toml") return FileKind::kProject;
  uint64_t length = 0;
  std::memcpy(&length, head.data(), 8);
  if (length < (1u << 30) && head[8] == '{') return FileKind::kCheckpoint;
  return FileKind::kMedia;
}

ordered_json inspect(const fs::path& file) {
  switch (kind_of(file)) {
    case FileKind::kProject:
      return inspect_project(file);
    case FileKind::kFaceset:
      return inspect_faceset(file);
    case FileKind::kCheckpoint:
      return inspect_checkpoint(file);
    case FileKind::kMedia:
      break;
  }
  return inspect_media(file);
}

std::string facts_as_text(const ordered_json& facts) {
  std::string text;
  add_lines(facts, "", text);
  return text;
}

}  // namespace diptych
