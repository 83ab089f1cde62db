// image_warp on the CPU: colours of every source pixel, then every output, row by row.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/common/parallel.h"
#include "kernels/image_warp/image_warp.h"
#include "kernels/image_warp/warp_pixel.h"

namespace diptych {

namespace {

constexpr int64_t kGrain = 8;  // rows

struct Pictures {
  int w;
  const warp::Texel* target;  // (R,R)
  const warp::Texel* input;   // (R,R), the target's when there is no jitter
  const uint8_t* eyes;        // (R,R) or null
};

struct Rows {
  float *warped, *target, *mask, *eyes;  // of one sample; eyes may be null
};

void change_colours(const ImageWarpOptions& options,
                    const ImageWarpFaces& faces,
                    const ImageWarpSample& sample,
                    bool jittered,
                    warp::Texel* target,
                    warp::Texel* input) {
  const int64_t w = options.resolution, base = sample.face * w * w;
  parallel_for(w, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * w; i < end * w; ++i) {
      target[i] = warp::target_texel(faces, options.transfer, sample, base + i);
      if (jittered) input[i] = warp::jitter(sample.shift, target[i]);
    }
  });
}

void warp_row(const Pictures& p, const ImageWarpSample& sample, int y, const Rows& out) {
  const int w = p.w;
  const auto of = [w](const warp::Texel* picture) {
    return [=](int row, int column) { return picture[row * w + column]; };
  };
  for (int x = 0; x < w; ++x) {
    const int64_t i = static_cast<int64_t>(y) * w + x;
    const warp::Position place = warp::affine_position(sample.inverse, sample.last, x, y);
    const warp::Colour target = warp::sample_cubic(of(p.target), w, place);
    warp::store(out.target + 3 * i, target);
    if (sample.nodes == 0 && p.input == p.target) {
      warp::store(out.warped + 3 * i, target);
    } else {
      const warp::Position moved = sample.nodes
                                       ? warp::warped_position(sample.dx, sample.dy, sample.nodes,
                                                               sample.nodes_a_pixel, place)
                                       : place;
      warp::store(out.warped + 3 * i, warp::sample_cubic(of(p.input), w, moved));
    }
    const auto mask = [&](int row, int column) { return p.target[row * w + column].mask; };
    out.mask[i] = warp::sample_linear(mask, w, place);
    if (!out.eyes) continue;
    const auto eyes = [&](int row, int column) { return p.eyes[row * w + column]; };
    out.eyes[i] = warp::sample_linear(eyes, w, place);
  }
}

void divide_by_maximum(float* values, int64_t count) {
  const float largest = *std::max_element(values, values + count);
  if (!(largest > 0)) return;
  for (int64_t i = 0; i < count; ++i) values[i] /= largest;
}

}  // namespace

size_t image_warp_cpu_workspace(int resolution) {
  const auto w = static_cast<size_t>(resolution);
  return 2 * w * w * sizeof(warp::Texel);
}

// Sample n of the batch.
void image_warp_cpu(const ImageWarpOptions& options,
                    const ImageWarpFaces& faces,
                    const ImageWarpSample& sample,
                    int n,
                    const ImageWarpOutput& output,
                    void* workspace) {
  const int w = options.resolution;
  const int64_t area = static_cast<int64_t>(w) * w;
  const bool jittered = options.hsv_power > 0;
  auto* const target = static_cast<warp::Texel*>(workspace);
  auto* const input = jittered ? target + area : target;
  change_colours(options, faces, sample, jittered, target, input);
  const Pictures pictures{w, target, input,
                          faces.eyes_mouth ? faces.eyes_mouth + sample.face * area : nullptr};
  const Rows rows{output.warped.as<float>() + n * area * 3,
                  output.target.as<float>() + n * area * 3, output.mask.as<float>() + n * area,
                  output.eyes_mouth.defined() ? output.eyes_mouth.as<float>() + n * area : nullptr};
  parallel_for(w, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) warp_row(pictures, sample, static_cast<int>(y), rows);
  });
  if (rows.eyes) divide_by_maximum(rows.eyes, area);
}

}  // namespace diptych
