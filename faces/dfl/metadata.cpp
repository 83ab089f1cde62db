// Reading and writing the dictionary of an aligned face.
// SPDX-License-Identifier: MIT
#include "faces/dfl/metadata.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "kernels/common/check.h"
#include "tensor/pickle/pickle_numbers.h"

namespace diptych {

namespace {

constexpr double kFarthest = 1e6;  // pixels; nothing is that far outside a picture
constexpr int64_t kMostPoints = 1 << 16;

struct FaceCode {
  const char* name;
  const char* member;  // of the enumeration
  int code;
};

constexpr std::array kFaceCodes = {FaceCode{"half_face", "HALF", 0},
                                   FaceCode{"midfull_face", "MID_FULL", 1},
                                   FaceCode{"full_face", "FULL", 2},
                                   FaceCode{"full_face_no_align", "FULL_NO_ALIGN", 3},
                                   FaceCode{"whole_face", "WHOLE_FACE", 4},
                                   FaceCode{"head", "HEAD", 10},
                                   FaceCode{"head_no_align", "HEAD_NO_ALIGN", 20},
                                   FaceCode{"mark_only", "MARK_ONLY", 100}};
constexpr std::array kKnownKeys = {"face_type",       "landmarks",   "source_landmarks",
                                   "source_filename", "source_rect", "image_to_face_mat",
                                   "seg_ie_polys",    "xseg_mask",   "eyebrows_expand_mod"};

// The value of a key unless it is missing or None; errors name the key.
template <class Read>
void read_key(const PickleValue& dict, const char* key, const Read& read) {
  const PickleValue* value = dict.find(key);
  if (value == nullptr || value->is_none()) return;
  try {
    read(*value);
  } catch (const Error& e) {
    throw Error(str("its '", key, "' ", e.what()));
  }
}

std::vector<double> finite_numbers(const PickleValue& value, std::vector<int64_t> shape) {
  int64_t count = 1;
  for (const int64_t side : shape) count *= side;
  PickleNumbers numbers;
  try {
    numbers = numbers_of(value, count);
  } catch (const Error& e) {
    throw Error(str("cannot be used: ", e.what()));
  }
  std::string wanted;
  for (const int64_t side : shape) wanted += str(wanted.empty() ? "" : "x", side);
  DIPTYCH_CHECK(numbers.shape == shape, "does not hold ", wanted, " numbers");
  for (const double v : numbers.values)
    DIPTYCH_CHECK(std::isfinite(v) && std::abs(v) < kFarthest, "holds the number ", v);
  return numbers.values;
}

Landmarks landmarks_from(const PickleValue& value) {
  const std::vector<double> numbers = finite_numbers(value, {68, 2});
  Landmarks out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = {numbers[2 * i], numbers[2 * i + 1]};
  return out;
}

// Detections in turned frames come with their corners swapped.
cv::Rect2d rect_from(const PickleValue& value) {
  const std::vector<double> n = finite_numbers(value, {4});
  const double left = std::min(n[0], n[2]), top = std::min(n[1], n[3]);
  return {left, top, std::max(n[0], n[2]) - left, std::max(n[1], n[3]) - top};
}

cv::Matx23d matrix_from(const PickleValue& value) {
  const std::vector<double> n = finite_numbers(value, {2, 3});
  const double area = n[0] * n[4] - n[1] * n[3];
  DIPTYCH_CHECK(std::abs(area) > 1e-12, "has no inverse");
  return {n[0], n[1], n[2], n[3], n[4], n[5]};
}

DflPolygon polygon_from(const PickleValue& type, const PickleValue& points) {
  DflPolygon polygon;
  const int64_t kind = type.kind() == PickleKind::kEnum ? type.enumeration().value : type.integer();
  DIPTYCH_CHECK(kind == 0 || kind == 1, "has a polygon of type ", kind);
  polygon.include = kind == 1;
  const PickleNumbers numbers = numbers_of(points, 2 * kMostPoints);
  if (numbers.values.empty()) return polygon;
  DIPTYCH_CHECK(numbers.shape.size() == 2 && numbers.shape[1] == 2,
                "has points that are not pairs");
  for (size_t i = 0; i < numbers.values.size(); i += 2) {
    const cv::Point2d p(numbers.values[i], numbers.values[i + 1]);
    DIPTYCH_CHECK(std::abs(p.x) < kFarthest && std::abs(p.y) < kFarthest, "has a point at ", p.x,
                  ", ", p.y);
    polygon.points.push_back(p);
  }
  return polygon;
}

// {'polys': [{'type', 'pts'}...]}, or the older list of pairs.
std::vector<DflPolygon> polygons_from(const PickleValue& value) {
  const bool dict = value.kind() == PickleKind::kDict;
  const PickleValue* list = dict ? value.find("polys") : &value;
  std::vector<DflPolygon> out;
  if (list == nullptr) return out;
  int64_t points = 0;
  for (const PickleValue& item : list->items()) {
    if (item.kind() == PickleKind::kDict) {
      const PickleValue *type = item.find("type"), *pts = item.find("pts");
      DIPTYCH_CHECK(type != nullptr && pts != nullptr, "has a polygon without type or points");
      out.push_back(polygon_from(*type, *pts));
    } else {
      DIPTYCH_CHECK(item.items().size() == 2, "has a polygon that is not a pair");
      out.push_back(polygon_from(item.items()[0], item.items()[1]));
    }
    points += static_cast<int64_t>(out.back().points.size());
    DIPTYCH_CHECK(points <= kMostPoints, "has more than ", kMostPoints, " points");
  }
  std::erase_if(out, [](const DflPolygon& p) { return p.points.empty(); });
  std::stable_sort(out.begin(), out.end(),
                   [](const DflPolygon& a, const DflPolygon& b) { return a.include > b.include; });
  return out;
}

std::string face_type_from_text(std::string_view text) {
  std::string name(text.substr(0, 64));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  dfl_face_code(name);
  return name;
}

// A name without folders and control characters; it becomes part of file names.
std::string base_name(std::string_view path) {
  const size_t slash = path.find_last_of("/\\");
  std::string name(slash == std::string_view::npos ? path : path.substr(slash + 1));
  DIPTYCH_CHECK(name.size() <= 255 && name != "." && name != "..", "is no file name");
  for (const char c : name)
    DIPTYCH_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "holds a control character");
  return name;
}

void write_points(PickleWriter& writer, const Landmarks& landmarks) {
  writer.begin_list();
  for (const cv::Point2d& p : landmarks) writer.begin_list().real(p.x).real(p.y).end_list();
  writer.end_list();
}

void write_rect(PickleWriter& writer, const cv::Rect2d& rect) {
  const double corners[] = {rect.x, rect.y, rect.x + rect.width, rect.y + rect.height};
  std::array<int32_t, 4> whole{};
  for (size_t i = 0; i < 4; ++i) whole[i] = static_cast<int32_t>(std::lround(corners[i]));
  const int64_t shape[] = {4};
  writer.array("i4", shape, {reinterpret_cast<const uint8_t*>(whole.data()), sizeof whole});
}

bool can_be_written(const PickleValue& value) {
  try {
    PickleWriter().value(value);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

bool operator==(const DflPolygon& a, const DflPolygon& b) {
  return a.include == b.include && a.points == b.points;
}

bool operator==(const DflMetadata& a, const DflMetadata& b) {
  return a.face_type == b.face_type && a.landmarks == b.landmarks &&
         a.source_landmarks == b.source_landmarks && a.source_filename == b.source_filename &&
         a.source_rect == b.source_rect && a.matrix == b.matrix && a.polygons == b.polygons &&
         a.mask == b.mask && a.eyebrow_factor == b.eyebrow_factor;
}

int dfl_face_code(const std::string& face_type) {
  for (const FaceCode& f : kFaceCodes) {
    if (face_type == f.name) return f.code;
  }
  throw Error(str("names the face type '", face_type, "', which does not exist"));
}

std::string dfl_face_type(const PickleEnum& code) {
  for (const FaceCode& f : kFaceCodes) {
    if (code.member.empty() ? code.value == f.code : code.member == f.member) return f.name;
  }
  throw Error(str("holds the face type ", code.value, " ", code.member, ", which does not exist"));
}

DflMetadata dfl_metadata_from(const PickleValue& dict) {
  DIPTYCH_CHECK(dict.kind() == PickleKind::kDict, "its metadata is ", name_of(dict.kind()),
                ", not a dict");
  DflMetadata m;
  read_key(dict, "face_type", [&](const PickleValue& v) {
    m.face_type = v.kind() == PickleKind::kEnum ? dfl_face_type(v.enumeration())
                                                : face_type_from_text(v.string());
  });
  read_key(dict, "landmarks", [&](const PickleValue& v) { m.landmarks = landmarks_from(v); });
  read_key(dict, "source_landmarks",
           [&](const PickleValue& v) { m.source_landmarks = landmarks_from(v); });
  read_key(dict, "source_filename",
           [&](const PickleValue& v) { m.source_filename = base_name(v.string()); });
  read_key(dict, "source_rect", [&](const PickleValue& v) { m.source_rect = rect_from(v); });
  read_key(dict, "image_to_face_mat", [&](const PickleValue& v) { m.matrix = matrix_from(v); });
  read_key(dict, "seg_ie_polys", [&](const PickleValue& v) { m.polygons = polygons_from(v); });
  const char* mask = dict.find("xseg_mask_compressed") != nullptr ? "xseg_mask_compressed"  // packs
                                                                  : "xseg_mask";
  read_key(dict, mask, [&](const PickleValue& v) { m.mask = bytes_of(v); });
  read_key(dict, "eyebrows_expand_mod", [&](const PickleValue& v) {
    m.eyebrow_factor = v.number();
    DIPTYCH_CHECK(std::abs(m.eyebrow_factor) <= 16, "is ", m.eyebrow_factor);
  });
  return m;
}

void write_dfl_polygons(PickleWriter& writer, const std::vector<DflPolygon>& polygons) {
  writer.begin_dict().string("polys").begin_list();
  for (const DflPolygon& polygon : polygons) {
    std::vector<float> points;
    for (const cv::Point2d& p : polygon.points) {
      points.push_back(static_cast<float>(p.x));
      points.push_back(static_cast<float>(p.y));
    }
    const int64_t shape[] = {static_cast<int64_t>(polygon.points.size()), 2};
    writer.begin_dict().string("type").integer(polygon.include ? 1 : 0);
    writer.string("pts").array(shape, points).end_dict();
  }
  writer.end_list().end_dict();
}

void write_dfl_fields(PickleWriter& writer, const DflMetadata& m, const PickleValue* keep) {
  writer.string("face_type").string(m.face_type);
  if (m.landmarks) write_points(writer.string("landmarks"), *m.landmarks);
  if (!m.source_filename.empty()) writer.string("source_filename").string(m.source_filename);
  if (m.source_rect) write_rect(writer.string("source_rect"), *m.source_rect);
  if (m.source_landmarks) write_points(writer.string("source_landmarks"), *m.source_landmarks);
  if (m.matrix) {
    const int64_t shape[] = {2, 3};
    writer.string("image_to_face_mat").array(shape, std::span<const double>(m.matrix->val, 6));
  }
  if (!m.polygons.empty()) write_dfl_polygons(writer.string("seg_ie_polys"), m.polygons);
  if (!m.mask.empty()) {
    const int64_t shape[] = {static_cast<int64_t>(m.mask.size())};
    writer.string("xseg_mask").array("u1", shape, m.mask);
  }
  if (m.eyebrow_factor != 1.0) writer.string("eyebrows_expand_mod").real(m.eyebrow_factor);
  if (keep == nullptr || keep->kind() != PickleKind::kDict) return;
  for (const PickleEntry& entry : keep->entries()) {
    const bool text = entry.key.kind() == PickleKind::kString;
    const bool known = text && std::find(kKnownKeys.begin(), kKnownKeys.end(),
                                         entry.key.string()) != kKnownKeys.end();
    if (text && !known && can_be_written(entry.value)) writer.value(entry.key).value(entry.value);
  }
}

cv::Mat draw_dfl_polygons(const std::vector<DflPolygon>& polygons, cv::Size size) {
  cv::Mat mask = cv::Mat::zeros(size, CV_8UC1);
  for (const DflPolygon& polygon : polygons) {
    std::vector<cv::Point> points;
    for (const cv::Point2d& p : polygon.points)
      points.emplace_back(static_cast<int>(p.x), static_cast<int>(p.y));
    if (points.empty()) continue;
    cv::fillPoly(mask, std::vector<std::vector<cv::Point>>{points},
                 cv::Scalar(polygon.include ? 255 : 0));
  }
  return mask;
}

}  // namespace diptych
