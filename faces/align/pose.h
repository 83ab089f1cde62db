// Head pose from landmarks (spec alignment.md 9.1), with a solver that rejects mirrored solutions.
// SPDX-License-Identifier: MIT
#pragma once

#include "faces/align/crop_matrix.h"

namespace diptych {

// Radians in [-pi/2, pi/2]. pitch > 0 looks up, yaw > 0 has the nose towards image left, roll > 0
// is clockwise.
struct Pose {
  double pitch = 0, yaw = 0, roll = 0;
};

// landmarks in a square picture of `size` pixels; the camera is taken as focal length = size,
// centre = size / 2.
Pose estimate_pose(const Landmarks& landmarks, int size);

}  // namespace diptych
