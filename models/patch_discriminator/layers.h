// Which layers the patch discriminator has for a wanted patch size (spec networks.md 5.1).
//
// 3x3 convolutions, the first of stride 2, every further one of stride 1 or 2, at most 9. The
// receptive field of a stride list s_0, s_1, .. is
//   field = 3 + sum over i >= 1 of 2 * s_0 * ... * s_(i-1)
// so the last stride has no part in it. Many lists share a field; the one taken has the fewest
// layers, then the largest sum of strides, then its stride-2 layers as late as possible.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

namespace diptych {

struct PatchLayers {
  std::vector<int> strides;
  int field = 0;  // side of the picture that one logit of the lowest map sees, in pixels

  // The resolution must be a multiple of this, or the way up does not meet the way down.
  int multiple() const;
};

constexpr int kSmallestPatch = 3, kLargestPatch = 640;

// The list whose field is nearest to patch_size, the smaller one on a tie.
const PatchLayers& patch_layers(int patch_size);

// The patch size nearest to `patch_size` whose layers fit the resolution, the smaller one on a tie;
// 0 when none does (odd resolutions).
int nearest_patch_size(int patch_size, int resolution);

}  // namespace diptych
