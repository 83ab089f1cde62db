// The reconstruction loss of one side in lanes (models/saehd/losses.h): masked training, one window
// of DSSIM.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/blur/blur.h"
#include "tests/parity/lanes.h"

namespace diptych::parity {

// Data of one side, as f32 has it.
struct LaneTarget {
  Shape shape;                        // (N,R,R,3)
  std::vector<double> picture, mask;  // (N,R,R,3), (N,R,R,1)
  BlurBorder border;
};

// loss[n]; its backward pass is seeded with ones.
Map reconstruction_loss(LaneTape& tape,
                        const LaneTarget& target,
                        const Value& picture,
                        const Value& mask);

}  // namespace diptych::parity
