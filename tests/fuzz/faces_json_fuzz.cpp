// Any bytes as the faces.json of an exported faceset: it is refused and nothing is imported, or the
// faceset is sound afterwards.
// SPDX-License-Identifier: MIT
#include <optional>

#include <opencv2/core.hpp>

#include "apps/exchange/face_folder.h"
#include "faces/image/image.h"
#include "kernels/common/check.h"
#include "tests/fuzz/scratch_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace diptych;
  static const ScratchFolder folder;
  static const bool ready = [] {
    folder.write("a.png", encode_png(cv::Mat(4, 4, CV_8UC3, cv::Scalar(10, 20, 30))));
    return true;
  }();
  const std::string file = (folder.path() / "t.faces").string();
  static std::optional<Faceset> faces;
  if (!faces) {
    std::filesystem::remove(file);
    faces = Faceset::create(file);
  }
  folder.write("faces.json", {data, size});
  try {
    import_faces(*faces, folder.path());
  } catch (const InputError&) {
  }
  if (!ready || !faces->check().empty()) std::abort();
  if (faces->count() > 0 || !faces->frames().empty()) faces.reset();
  return 0;
}
