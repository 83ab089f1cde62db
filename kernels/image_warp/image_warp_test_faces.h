// Faces, orders and cases for the tests of image_warp.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "kernels/common/rng.h"
#include "kernels/image_warp/image_warp.h"

namespace diptych {

// Noise: every tap matters, and a step of a fraction shows.
struct NoiseFaces {
  int w, count;
  std::vector<FaceTexel> pictures;
  std::vector<LabTexel> lab;
  std::vector<uint8_t> eyes;
  std::vector<ColourStatistics> own, references;
  std::vector<int32_t> face, reference;  // the order

  NoiseFaces(int side, int faces, ColourTransfer transfer = ColourTransfer::kNone)
      : w(side), count(faces) {
    Rng rng(17, 0, static_cast<uint64_t>(side));
    const auto byte = [&] { return static_cast<uint8_t>(rng.next_u32()); };
    const auto coordinate = [&](int n) { return static_cast<int16_t>(rng.below(2u * 6000) - n); };
    for (int i = 0; i < faces * side * side; ++i) {
      pictures.push_back({byte(), byte(), byte(), byte()});
      lab.push_back({static_cast<int16_t>(rng.below(16385)), coordinate(6000), coordinate(6000),
                     pictures.back().mask});
      const uint8_t v = byte();
      eyes.push_back(v < 100 ? v : 0);
    }
    const bool rct = transfer == ColourTransfer::kRct;
    const auto statistics = [&] {
      ColourStatistics s{};
      for (double& m : s.mean) m = rct ? 20 * rng.uniform() : 0.3 + 0.4 * rng.uniform();
      for (double& f : s.factor) f = rct ? 20 + 20 * rng.uniform() : 0.3 * rng.uniform();
      if (!rct)
        for (const int i : {0, 4, 8}) s.factor[i] = 1;
      return s;
    };
    for (int i = 0; i < faces; ++i) own.push_back(statistics());
    for (int i = 0; i < 3; ++i) references.push_back(statistics());
    for (int i = 0; i < 7; ++i) {
      face.push_back(static_cast<int32_t>(rng.below(static_cast<uint32_t>(faces))));
      reference.push_back(static_cast<int32_t>(rng.below(3)));
    }
  }

  ImageWarpFaces view() const {
    return {count, pictures.data(), lab.data(), eyes.data(), own.data(), 3, references.data()};
  }

  ImageWarpOrder order() const {
    return {static_cast<int>(face.size()), face.data(), reference.data()};
  }
};

struct WarpCase {
  const char* name;
  ImageWarpOptions options;
};

// Sides around the tile (32 x 8) and around packs of 4; grids of 3 to 12 nodes.
inline std::vector<WarpCase> warp_cases() {
  const auto make = [](int w, ColourTransfer transfer, double hsv, bool warp, bool flip) {
    ImageWarpOptions o{.resolution = w,
                       .seed = 90u + static_cast<uint64_t>(w),
                       .side = w % 2,
                       .random_warp = warp};
    o.range.flip = flip;
    o.hsv_power = hsv;
    o.transfer = transfer;
    return o;
  };
  WarpCase wild{"wild", make(32, ColourTransfer::kNone, 0, true, true)};
  wild.options.range = {.rotation_degrees = 180, .scale_low = -1, .scale_high = 1, .shift = 0.4};
  return {{"plain", make(16, ColourTransfer::kNone, 0, true, false)},
          {"still", make(33, ColourTransfer::kNone, 0, false, true)},
          {"many_nodes", make(23, ColourTransfer::kNone, 0, true, true)},
          {"jitter", make(31, ColourTransfer::kNone, 0.2, true, true)},
          {"jitter_still", make(16, ColourTransfer::kNone, 0.2, false, false)},
          {"lct", make(32, ColourTransfer::kLct, 0, true, true)},
          {"lct_still", make(24, ColourTransfer::kLct, 0, false, true)},
          {"lct_jitter", make(32, ColourTransfer::kLct, 0.2, true, false)},
          {"rct_jitter", make(16, ColourTransfer::kRct, 0.1, false, false)},
          {"rct", make(36, ColourTransfer::kRct, 0, true, true)},
          wild};
}

}  // namespace diptych
