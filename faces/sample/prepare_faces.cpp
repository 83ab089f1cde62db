// Preparing all faces of a side.
// SPDX-License-Identifier: MIT
#include "faces/sample/prepare_faces.h"

#include <algorithm>
#include <exception>
#include <mutex>

#include "kernels/common/check.h"
#include "kernels/common/log.h"
#include "kernels/common/parallel.h"

namespace diptych {

namespace {

constexpr size_t kManyFaces = 500;  // from here preparing takes seconds and is announced

const char* side_name(int side) {
  return side == 0 ? "src faceset" : "dst faceset";
}

}  // namespace

void check_faces(const std::vector<Face>& faces, int side) {
  if (!faces.empty()) return;
  throw InputError(side_name(side), "it holds no active face",
                   "Extract faces first, or take some back from the trash");
}

void announce_faces(const std::vector<Face>& faces, int resolution, int side) {
  check_faces(faces, side);
  const auto small = std::count_if(faces.begin(), faces.end(),
                                   [&](const Face& face) { return face.size < resolution; });
  if (small > 0) {
    log(LogLevel::kInfo, str(side_name(side), ": ", small, " of ", faces.size(),
                             " faces are smaller than ", resolution, " pixels and are enlarged"));
  }
  if (faces.size() >= kManyFaces)
    log(LogLevel::kInfo, str(side_name(side), ": preparing ", faces.size(), " faces"));
}

void for_each_face(size_t count, const std::function<void(size_t)>& body) {
  std::mutex mutex;
  size_t first = count;
  std::exception_ptr error;
  parallel_for(static_cast<int64_t>(count), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      try {
        body(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < first) {
          first = i;
          error = std::current_exception();
        }
        return;
      }
    }
  });
  if (error) std::rethrow_exception(error);
}

PrepareOptions prepare_options(const SampleOptions& options) {
  return {options.resolution, options.face_type, options.eyes_mouth};
}

std::vector<PreparedFace> prepare_faces(std::vector<Face>& given, const SampleOptions& options) {
  std::vector<PreparedFace> faces(given.size());
  for_each_face(given.size(), [&](size_t i) {
    faces[i] = prepare_face(given[i], prepare_options(options));
    given[i] = {};
  });
  return faces;
}

SampleOrder make_sample_order(const std::vector<Face>& faces,
                              const SampleOptions& options,
                              uint64_t seed,
                              int side) {
  if (!options.uniform_yaw) return {static_cast<int>(faces.size()), seed, side};
  std::vector<double> yaw;
  for (const Face& face : faces) yaw.push_back(face.pose.yaw);
  return {yaw, seed, side};
}

}  // namespace diptych
