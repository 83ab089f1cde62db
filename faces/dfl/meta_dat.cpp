// Reading and writing meta.dat.
// SPDX-License-Identifier: MIT
#include "faces/dfl/meta_dat.h"

#include <cmath>

#include "faces/image/file_io.h"
#include "kernels/common/check.h"
#include "tensor/pickle/pickle_numbers.h"

namespace diptych {

namespace {

DflSavedFace saved_from(const PickleValue& pair) {
  DIPTYCH_CHECK(pair.items().size() == 2, "is not a pair");
  const PickleNumbers shape = numbers_of(pair.items()[0], 3);
  DIPTYCH_CHECK(shape.values.size() == 3 && shape.values[0] >= 1 && shape.values[0] <= 65535 &&
                    shape.values[1] >= 1 && shape.values[1] <= 65535,
                "has no size");
  DflSavedFace face;
  face.size = {static_cast<int>(shape.values[1]), static_cast<int>(shape.values[0])};
  face.metadata = dfl_metadata_from(pair.items()[1]);
  return face;
}

}  // namespace

std::map<std::string, DflSavedFace> read_meta_dat(const std::filesystem::path& file,
                                                  std::vector<std::string>* faults) {
  PickleOptions options;
  options.remedy = "Take meta.dat out of the folder";
  const PickleDocument document = read_pickle_file(file, options);
  std::map<std::string, DflSavedFace> out;
  try {
    for (const PickleEntry& entry : document.root().entries()) {
      const std::string name(entry.key.string());
      try {
        out[name] = saved_from(entry.value);
      } catch (const Error& e) {
        if (faults != nullptr) faults->push_back(name + ": " + e.what());
      }
    }
  } catch (const Error& e) {
    throw InputError(file.string(), str("is not a list of metadata: ", e.what()), options.remedy);
  }
  return out;
}

void write_meta_dat(const std::filesystem::path& file,
                    const std::map<std::string, DflSavedFace>& faces) {
  PickleWriter writer(3);
  writer.begin_dict();
  for (const auto& [name, face] : faces) {
    writer.string(name).begin_tuple();
    writer.begin_tuple().integer(face.size.height).integer(face.size.width).integer(3).end_tuple();
    writer.begin_dict();
    write_dfl_fields(writer, face.metadata);
    writer.end_dict().end_tuple();
  }
  write_file_atomic(file, writer.end_dict().take());
}

DflMetadata scaled_metadata(const DflSavedFace& saved, cv::Size size) {
  const double x = static_cast<double>(size.width) / saved.size.width;
  const double y = static_cast<double>(size.height) / saved.size.height;
  DIPTYCH_CHECK(std::abs(x - y) < 1e-3 * x, "it was ", saved.size.width, "x", saved.size.height,
                " when its metadata was saved and is ", size.width, "x", size.height, " now");
  DflMetadata m = saved.metadata;
  if (size == saved.size) return m;
  if (m.landmarks) {
    for (cv::Point2d& p : *m.landmarks) p *= x;
  }
  for (DflPolygon& polygon : m.polygons) {
    for (cv::Point2d& p : polygon.points) p *= x;
  }
  if (m.matrix) *m.matrix = *m.matrix * x;
  return m;
}

}  // namespace diptych
