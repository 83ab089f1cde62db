// All faces of a side made ready for sampling at once, and the order in which samples take them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "faces/sample/prepared_face.h"
#include "faces/sample/sample_order.h"
#include "faces/sample/sampler.h"

namespace diptych {

// Throws InputError when there are no faces. side: 0 src, 1 dst.
void check_faces(const std::vector<Face>& faces, int side);
// The same, and tells the user of small or many ones.
void announce_faces(const std::vector<Face>& faces, int resolution, int side);

// Calls body(i) for 0..count-1 on all cores; the error of the lowest index is rethrown.
void for_each_face(size_t count, const std::function<void(size_t)>& body);

// prepare_face of each; the encoded pictures of `given` are dropped as they are decoded.
std::vector<PreparedFace> prepare_faces(std::vector<Face>& given, const SampleOptions& options);

PrepareOptions prepare_options(const SampleOptions& options);

SampleOrder make_sample_order(const std::vector<Face>& faces,
                              const SampleOptions& options,
                              uint64_t seed,
                              int side);

}  // namespace diptych
