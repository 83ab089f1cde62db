// Export and import of facesets as folders.
// SPDX-License-Identifier: MIT
#include "apps/exchange/face_folder.h"

#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "faces/image/containers.h"
#include "faces/image/file_io.h"
#include "faces/image/image.h"
#include "kernels/common/check.h"

namespace diptych {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int kVersion = 1;
const std::string kFormat = "diptych-faces";

std::string stem_of(int64_t id) {
  char text[32];
  std::snprintf(text, sizeof text, "face_%06lld", static_cast<long long>(id));
  return text;
}

json points(const Landmarks& landmarks) {
  json list = json::array();
  for (const cv::Point2d& p : landmarks) list.push_back({p.x, p.y});
  return list;
}

json describe(const Face& f, const std::string& picture, const std::string& mask) {
  json matrix = json::array();
  for (int i = 0; i < 6; ++i) matrix.push_back(f.matrix.val[i]);
  return {{"id", f.id},
          {"picture", picture},
          {"mask", mask},
          {"state", f.state == FaceState::kTrash ? "trash" : "active"},
          {"size", f.size},
          {"type", name_of(f.type)},
          {"frame", f.frame_index},
          {"seconds", f.frame_seconds},
          {"source", f.source_name},
          {"box", {f.box.x, f.box.y, f.box.width, f.box.height}},
          {"box_score", f.box_score},
          {"source_landmarks", points(f.source_landmarks)},
          {"landmarks", points(f.landmarks)},
          {"matrix", matrix},
          {"pose", {f.pose.pitch, f.pose.yaw, f.pose.roll}},
          {"sharpness", f.sharpness},
          {"eyebrow_factor", f.eyebrow_factor},
          {"extra", f.extra}};
}

double finite(const json& value) {
  const double number = value.get<double>();
  if (!std::isfinite(number)) throw Error("a number is not finite");
  return number;
}

// A number such as 1e300 must not become an index by a cast.
int64_t whole(const json& value) {
  if (!value.is_number_integer()) throw Error("expected a whole number, found " + value.dump());
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX)
    throw Error(str(value.get<uint64_t>(), " is too large"));
  return value.get<int64_t>();
}

int pixels_from(const json& value) {
  const int64_t side = whole(value);
  if (side < 0 || side > 1 << 20) throw Error(str(side, " is no width or height"));
  return static_cast<int>(side);
}

template <size_t N>
std::array<double, N> numbers(const json& list) {
  if (!list.is_array() || list.size() != N) throw Error(str("expected ", N, " numbers"));
  std::array<double, N> out{};
  for (size_t i = 0; i < N; ++i) out[i] = finite(list[i]);
  return out;
}

Landmarks landmarks_from(const json& list) {
  if (!list.is_array() || list.size() != 68) throw Error("expected 68 landmarks");
  Landmarks out;
  for (size_t i = 0; i < 68; ++i) {
    const auto p = numbers<2>(list[i]);
    out[i] = {p[0], p[1]};
  }
  return out;
}

// Names in the file are file names in the folder, never paths.
std::vector<uint8_t> read_inside(const fs::path& folder, const std::string& name) {
  if (name.empty() || name[0] == '.' || name.find_first_of("/\\") != std::string::npos ||
      name.find('\0') != std::string::npos) {
    throw Error("'" + name + "' is not a file name");
  }
  return read_file(folder / name);
}

Face face_from(const json& j, const fs::path& folder) {
  Face f;
  f.image = read_inside(folder, j.at("picture").get<std::string>());
  const cv::Mat picture = decode_image(f.image, j.at("picture").get<std::string>());
  if (picture.cols != picture.rows) throw Error("the picture is not square");
  f.size = picture.cols;
  const double scale = f.size / finite(j.at("size"));  // the picture may have been resized
  if (!(scale > 0) || !std::isfinite(scale)) throw Error("size is not a size");
  if (const auto mask = j.at("mask").get<std::string>(); !mask.empty())
    f.mask = encode_png(decode_image(read_inside(folder, mask), mask, ImageMode::kGrey));
  f.state = j.at("state") == "trash" ? FaceState::kTrash : FaceState::kActive;
  f.type = face_type_from(j.at("type").get<std::string>());
  f.frame_index = whole(j.at("frame"));
  f.frame_seconds = finite(j.at("seconds"));
  f.source_name = j.at("source").get<std::string>();
  const auto box = numbers<4>(j.at("box"));
  f.box = {box[0], box[1], box[2], box[3]};
  f.box_score = finite(j.at("box_score"));
  f.source_landmarks = landmarks_from(j.at("source_landmarks"));
  f.landmarks = landmarks_from(j.at("landmarks"));
  for (cv::Point2d& p : f.landmarks) p *= scale;
  const auto matrix = numbers<6>(j.at("matrix"));
  for (size_t i = 0; i < 6; ++i) f.matrix.val[i] = matrix[i] * scale;
  const auto pose = numbers<3>(j.at("pose"));
  f.pose = {pose[0], pose[1], pose[2]};
  f.sharpness = finite(j.at("sharpness"));
  f.eyebrow_factor = finite(j.at("eyebrow_factor"));
  f.extra = j.at("extra").get<std::string>();
  return f;
}

json parse_list(const fs::path& file) {
  const std::vector<uint8_t> bytes = read_file(file);
  const json list = json::parse(bytes.begin(), bytes.end(), nullptr, false);
  const std::string remedy = "Give a folder that diptych faces export wrote";
  const bool ours = list.is_object() && list.contains("format") && list["format"] == kFormat;
  if (!ours) throw InputError(file.string(), "is not a list of faces", remedy);
  if (!list.contains("version") || list["version"] != kVersion)
    throw InputError(file.string(), "has another version than 1", "Update diptych");
  if (!list.contains("frames") || !list["frames"].is_array() || !list.contains("faces") ||
      !list["faces"].is_array()) {
    throw InputError(file.string(), "has no frames or no faces", remedy);
  }
  return list;
}

void check_empty(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) &&
      !(fs::is_directory(folder, error) && fs::is_empty(folder, error)))
    throw InputError(folder.string(), "exists and is not an empty folder", "Choose another folder");
  fs::create_directories(folder, error);
  if (error) throw file_error(folder, "cannot be made", error.value());
}

}  // namespace

void export_faces(const Faceset& faces,
                  const std::vector<int64_t>& ids,
                  const fs::path& folder,
                  const FolderAdvance& advance) {
  check_empty(folder);
  json list = {{"format", kFormat}, {"version", kVersion}};
  std::set<int64_t> frames;
  json face_list = json::array();
  int64_t done = 0;
  for (const int64_t id : ids) {
    const Face face = faces.load(id);
    const bool png = image_format(face.image) == ImageFormat::kPng;
    const std::string picture = stem_of(id) + (png ? ".png" : ".jpg");
    const std::string mask = face.mask.empty() ? "" : stem_of(id) + "_mask.png";
    write_file_atomic(folder / picture, face.image);
    if (!mask.empty()) write_file_atomic(folder / mask, face.mask);
    face_list.push_back(describe(face, picture, mask));
    frames.insert(face.frame_index);
    if (advance) advance(++done, static_cast<int64_t>(ids.size()));
  }
  json frame_list = json::array();
  for (const FrameRecord& f : faces.frames()) {
    if (frames.count(f.frame_index) == 0) continue;
    frame_list.push_back({{"frame", f.frame_index},
                          {"seconds", f.seconds},
                          {"width", f.width},
                          {"height", f.height},
                          {"note", f.note}});
  }
  list["frames"] = frame_list;
  list["faces"] = face_list;
  const std::string text = list.dump(1, ' ', false, json::error_handler_t::replace);
  write_file_atomic(folder / "faces.json",
                    {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

ImportResult import_faces(Faceset& faces, const fs::path& folder, const FolderAdvance& advance) {
  const fs::path file = folder / "faces.json";
  const json list = parse_list(file);
  std::map<int64_t, FrameRecord> frames;
  std::map<int64_t, std::vector<Face>> by_frame;
  int64_t number = 0;
  std::string what = "frame";
  try {
    for (const json& j : list["frames"]) {
      ++number;
      const auto index = whole(j.at("frame"));
      frames[index] = {index,
                       finite(j.at("seconds")),
                       pixels_from(j.at("width")),
                       pixels_from(j.at("height")),
                       0,
                       j.at("note").get<std::string>()};
    }
    number = 0;
    what = "face";
    for (const json& j : list["faces"]) {
      ++number;
      Face face = face_from(j, folder);
      if (frames.count(face.frame_index) == 0)
        throw Error(str("frame ", face.frame_index, " is not in the list of frames"));
      by_frame[face.frame_index].push_back(std::move(face));
      if (advance) advance(number, static_cast<int64_t>(list["faces"].size()));
    }
  } catch (const std::exception& e) {
    throw InputError(file.string(), str(what, " ", number, " of the list: ", e.what()),
                     "Mend the entry or take it out; nothing was imported");
  }
  ImportResult result;
  for (auto& [index, frame] : frames) {
    if (faces.has_frame(index)) {
      result.skipped_frames.push_back(index);
      continue;
    }
    frame.faces = static_cast<int>(by_frame[index].size());
    faces.put_frame(frame, by_frame[index]);
    result.faces += frame.faces;
  }
  return result;
}

}  // namespace diptych
