// Faces from DeepFaceLab's metadata, and back.
// SPDX-License-Identifier: MIT
#include "faces/dfl/convert.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

#include "faces/dfl/jpeg_metadata.h"
#include "faces/extract/extract.h"
#include "faces/image/containers.h"
#include "faces/image/image.h"
#include "faces/image/jpeg_codec.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

using nlohmann::json;

constexpr int kLargestSide = 8192;
constexpr size_t kMaskLimit = 50000;  // bytes of a mask in DeepFaceLab since 2021
constexpr int kUsualMaskSide = 256;

void check_side(const std::vector<uint8_t>& encoded, const char* what) {
  const std::optional<cv::Size> size = encoded_size(encoded);
  DIPTYCH_CHECK(size && size->width > 0 && size->height > 0 && size->width <= kLargestSide &&
                    size->height <= kLargestSide,
                "its ", what, " has no usable size");
}

bool is_grey_png(const std::vector<uint8_t>& encoded) {
  constexpr size_t kDepth = 24, kColour = 25;  // bytes of the header chunk
  return image_format(encoded) == ImageFormat::kPng && encoded.size() > kColour &&
         encoded[kDepth] == 8 && encoded[kColour] == 0;
}

// Masks are kept as grey PNG. One that is coded otherwise is read by its first channel, as the
// original does.
std::vector<uint8_t> as_grey_png(const std::vector<uint8_t>& encoded) {
  if (encoded.empty()) return {};
  check_side(encoded, "mask");
  cv::Mat mask =
      decode_image(encoded, "its mask", is_grey_png(encoded) ? ImageMode::kGrey : ImageMode::kBgr);
  if (mask.channels() == 1) return encoded;
  cv::extractChannel(mask, mask, 0);
  return encode_png(mask);
}

json points_json(const std::vector<cv::Point2d>& points) {
  json list = json::array();
  for (const cv::Point2d& p : points) list.push_back({p.x, p.y});
  return list;
}

std::string extra_text(const DflExtra& extra) {
  json out = json::object();
  for (const DflPolygon& polygon : extra.polygons)
    out["polygons"].push_back(
        {{"include", polygon.include}, {"points", points_json(polygon.points)}});
  json dfl = json::object();
  if (!extra.person.empty()) dfl["person"] = extra.person;
  if (extra.no_source) dfl["no_source"] = true;
  out["dfl"] = dfl;
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Name of the frame, as DeepFaceLab's extraction from a video would have called it.
std::string frame_name(const Face& face) {
  if (is_image_name(face.source_name)) return face.source_name;
  char text[32];
  std::snprintf(text, sizeof text, "%05lld.png", static_cast<long long>(face.frame_index + 1));
  return text;
}

// The mask as DeepFaceLab takes it: PNG, smaller or as JPEG where it would be too large.
std::vector<uint8_t> fitting_mask(const std::vector<uint8_t>& png) {
  if (png.size() <= kMaskLimit) return png;
  cv::Mat mask = decode_image(png, "mask", ImageMode::kGrey);
  if (mask.cols > kUsualMaskSide) {
    cv::resize(mask, mask, {kUsualMaskSide, kUsualMaskSide}, 0, 0, cv::INTER_AREA);
    const std::vector<uint8_t> smaller = encode_png(mask, 9);
    if (smaller.size() <= kMaskLimit) return smaller;
  }
  for (int quality = 100; quality > 5; quality -= 5) {
    std::vector<uint8_t> jpeg = compress_jpeg(mask, quality, true);
    if (jpeg.size() <= kMaskLimit) return jpeg;
  }
  return compress_jpeg(mask, 5, true);
}

// Both as they come out of a Face, so that equal ones compare equal however they were written.
bool same_in_meaning(const DflMetadata& stored, const DflMetadata& wanted) {
  DflMetadata a = stored, b = wanted;
  if (a.mask != b.mask) {
    a.mask = as_grey_png(a.mask);
    b.mask = as_grey_png(b.mask);
  }
  if (!a.matrix) b.matrix.reset();  // it was fitted
  if (!a.source_rect) b.source_rect.reset();
  if (a.source_filename.empty()) b.source_filename.clear();
  return a == b;
}

bool carries(const std::vector<uint8_t>& jpeg, const DflMetadata& wanted, const std::string& name) {
  if (!dfl_jpeg_fault(jpeg).empty()) return false;
  try {
    const std::optional<DflMetadata> stored = read_dfl_metadata(jpeg, name);
    return stored && same_in_meaning(*stored, wanted);
  } catch (const Error&) {
    return false;  // damaged: it is written anew
  }
}

void place_in_frame(Face& face, const DflMetadata& m, bool& no_source) {
  no_source = !m.source_landmarks;
  face.source_landmarks = m.source_landmarks.value_or(face.landmarks);
  if (m.matrix && !no_source) {
    face.matrix = *m.matrix;
  } else {
    face.matrix = no_source ? cv::Matx23d(1, 0, 0, 0, 1, 0)
                            : fit_similarity(face.source_landmarks, face.landmarks);
  }
  if (m.source_rect) {
    face.box = *m.source_rect;
    return;
  }
  std::vector<cv::Point2f> points(face.source_landmarks.begin(), face.source_landmarks.end());
  const cv::Rect box = cv::boundingRect(points);
  face.box = cv::Rect2d(box.x, box.y, box.width, box.height);
}

}  // namespace

cv::Matx23d fit_similarity(const Landmarks& from, const Landmarks& to) {
  cv::Point2d a(0, 0), b(0, 0);
  for (size_t i = 0; i < from.size(); ++i) {
    a += from[i] / static_cast<double>(from.size());
    b += to[i] / static_cast<double>(to.size());
  }
  double square = 0, cosine = 0, sine = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    const cv::Point2d p = from[i] - a, q = to[i] - b;
    square += p.dot(p);
    cosine += p.dot(q);
    sine += p.cross(q);
  }
  DIPTYCH_CHECK(square > 1e-9 && cosine * cosine + sine * sine > 1e-12,
                "its landmarks lie on one point");
  const double c = cosine / square, s = sine / square;
  return {c, -s, b.x - c * a.x + s * a.y, s, c, b.y - s * a.x - c * a.y};
}

DflExtra dfl_extra_of(const Face& face) {
  DflExtra extra;
  const json j = json::parse(face.extra, nullptr, false);
  if (!j.is_object()) return extra;
  try {
    for (const json& polygon : j.value("polygons", json::array())) {
      DflPolygon& p = extra.polygons.emplace_back();
      p.include = polygon.at("include").get<bool>();
      for (const json& point : polygon.at("points"))
        p.points.emplace_back(point.at(0).get<double>(), point.at(1).get<double>());
    }
    const json dfl = j.value("dfl", json::object());
    extra.person = dfl.value("person", "");
    extra.no_source = dfl.value("no_source", false);
  } catch (const json::exception& e) {
    throw Error(str("the notes of face ", face.id, " are damaged: ", e.what()));
  }
  return extra;
}

Face face_from_dfl(std::vector<uint8_t> jpeg,
                   const DflMetadata& m,
                   const std::string& person,
                   const std::string& name) {
  DIPTYCH_CHECK(m.face_type != "mark_only",
                "it is a whole frame (mark_only), not a face that was cut out");
  DIPTYCH_CHECK(m.landmarks, "it has no landmarks");
  check_side(jpeg, "picture");
  DIPTYCH_CHECK(exif_orientation(jpeg) == 1, "it is turned by its EXIF data");
  const cv::Mat picture = decode_image(jpeg, name);
  DIPTYCH_CHECK(picture.cols == picture.rows, "it is not square (", picture.cols, "x", picture.rows,
                ")");
  Face face;
  face.size = picture.cols;
  face.type = face_type_from(m.face_type);
  face.landmarks = *m.landmarks;
  face.source_name = m.source_filename;
  DflExtra extra{m.polygons, person, false};
  place_in_frame(face, m, extra.no_source);
  face.pose = estimate_pose(face.landmarks, face.size);
  face.sharpness = face_sharpness(picture, face.landmarks);
  face.eyebrow_factor = m.eyebrow_factor;
  face.mask = as_grey_png(m.mask);
  face.extra = extra_text(extra);
  face.image = std::move(jpeg);
  return face;
}

DflMetadata dfl_metadata_of(const Face& face) {
  const DflExtra extra = dfl_extra_of(face);
  DflMetadata m;
  m.face_type = name_of(face.type);
  m.landmarks = face.landmarks;
  m.source_filename = frame_name(face);
  m.polygons = extra.polygons;
  m.mask = face.mask;
  m.eyebrow_factor = face.eyebrow_factor;
  if (extra.no_source) return m;
  m.source_landmarks = face.source_landmarks;
  m.matrix = face.matrix;
  m.source_rect = face.box;
  return m;
}

std::vector<uint8_t> dfl_jpeg_of(const Face& face, const std::string& name) {
  DflMetadata wanted = dfl_metadata_of(face);
  const bool jpeg = image_format(face.image) == ImageFormat::kJpeg;
  if (jpeg && carries(face.image, wanted, name)) return face.image;
  wanted.mask = fitting_mask(wanted.mask);
  if (jpeg) return with_dfl_metadata(face.image, wanted, name);
  const JpegOptions finest{100, true};
  return with_dfl_metadata(encode_jpeg(decode_image(face.image, name), finest), wanted, name);
}

}  // namespace diptych
