// Importing pictures of faces that have no metadata.
// SPDX-License-Identifier: MIT
#include "faces/extract/import_pictures.h"

#include <algorithm>
#include <string_view>

#include "faces/extract/frame_faces.h"
#include "faces/image/file_io.h"
#include "faces/image/image.h"
#include "faces/video/image_folder.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

// How far the corners of the fitting crop may lie from those of the picture, as a part of its side.
constexpr double kCornerTolerance = 0.2;

std::vector<fs::path> sorted_pictures(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const bool hidden = it->path().filename().string().starts_with(".");
    if (!hidden && it->is_regular_file() && is_image_name(it->path())) files.push_back(it->path());
  }
  if (error) {
    throw InputError(folder.string(), "cannot be listed (" + error.message() + ")",
                     "Check the path and its permissions");
  }
  if (files.empty()) {
    throw InputError(folder.string(), "it holds no pictures", "Name a folder of face pictures");
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.filename().string(), b.filename().string());
  });
  return files;
}

// The file's own bytes where every decoder agrees on them, a PNG otherwise.
std::vector<uint8_t> storable(std::vector<uint8_t> bytes, const cv::Mat& picture) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const bool jpeg = text.starts_with("\xff\xd8\xff"), png = text.starts_with("\x89PNG");
  const bool exif = text.substr(0, 65536).find(std::string_view("Exif\0", 5)) != text.npos;
  return (jpeg && !exif) || png ? std::move(bytes) : encode_png(picture);
}

double worst_corner(const cv::Matx23d& matrix, int size) {
  double worst = 0;
  for (const cv::Point2d corner :
       {cv::Point2d(0, 0), cv::Point2d(size, 0), cv::Point2d(0, size), cv::Point2d(size, size)}) {
    worst = std::max(worst, cv::norm(transform(matrix, corner) - corner));
  }
  return worst;
}

Face face_from(const fs::path& file,
               FaceDetector& detector,
               const LandmarkPredictor& predictor,
               FaceType type) {
  std::vector<uint8_t> bytes = read_file(file);
  const cv::Mat picture = decode_image(bytes, file.string());
  const int size = picture.cols;
  DIPTYCH_CHECK(picture.rows == size, "the picture is not square (", size, "x", picture.rows, ")");
  const std::vector<Detection> found = detector.detect(picture);
  DIPTYCH_CHECK(!found.empty(), "no face was found");
  Face face;
  face.landmarks = predictor.landmarks(picture, found[0].box, found[0].rotation);
  const double off = worst_corner(crop_matrix(face.landmarks, size, type), size);
  DIPTYCH_CHECK(off <= kCornerTolerance * size, "the face is not cut as ", name_of(type),
                ": corners are off by ", static_cast<int>(100 * off / size), " % of the side");
  face.type = type;
  face.size = size;
  face.box = found[0].box;
  face.box_score = found[0].score;
  face.source_name = file.filename().string();
  face.source_landmarks = face.landmarks;
  face.matrix = cv::Matx23d(1, 0, 0, 0, 1, 0);
  face.pose = estimate_pose(face.landmarks, size);
  face.sharpness = face_sharpness(picture, face.landmarks);
  face.image = storable(std::move(bytes), picture);
  return face;
}

}  // namespace

PictureImport import_pictures(const fs::path& folder,
                              FaceDetector& detector,
                              const LandmarkPredictor& predictor,
                              Faceset& faceset,
                              const ExtractOptions& options) {
  const std::vector<fs::path> files = sorted_pictures(folder);
  if (!faceset.meta("extract.source") && !faceset.frames().empty()) {
    throw InputError(faceset.path(), "holds the frames of another source",
                     "Import into a new file");
  }
  claim(faceset, "extract.source", "pictures of " + fs::canonical(folder).filename().string());
  claim(faceset, "extract.face_type", std::string(name_of(options.face_type)));
  PictureImport result;
  ExtractProgress progress;
  progress.total = static_cast<int64_t>(files.size());
  for (size_t i = 0; i < files.size(); ++i) {
    if (options.stop != nullptr && options.stop->load()) {
      result.stopped = true;
      break;
    }
    const auto index = static_cast<int64_t>(i);
    if (!faceset.has_frame(index)) {
      FrameFaces entry;
      entry.frame.frame_index = index;
      try {
        Face face = face_from(files[i], detector, predictor, options.face_type);
        face.frame_index = index;
        entry.frame.width = entry.frame.height = face.size;
        entry.faces.push_back(std::move(face));
        ++result.faces;
      } catch (const Error& error) {
        entry.frame.note = error.what();
        result.left_out.push_back(files[i].filename().string() + ": " + error.what());
      }
      faceset.put_frames({entry});
    }
    ++progress.frames;
    progress.faces = result.faces;
    if (options.progress) options.progress(progress);
  }
  return result;
}

}  // namespace diptych
