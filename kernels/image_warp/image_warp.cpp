// image_warp: checks, dispatch, and the draws of a sample on the host.
// SPDX-License-Identifier: MIT
#include "kernels/image_warp/image_warp.h"

#include <cmath>

#include "kernels/image_warp/warp_sample.h"

namespace diptych {

void image_warp_cpu(const ImageWarpOptions& options,  // image_warp_cpu.cpp
                    const ImageWarpFaces& faces,
                    const ImageWarpSample& sample,
                    int n,
                    const ImageWarpOutput& output,
                    void* workspace);
size_t image_warp_cpu_workspace(int resolution);
void image_warp_device(Stream& stream,  // image_warp_device.cpp
                       const ImageWarpOptions& options,
                       const ImageWarpFaces& faces,
                       const ImageWarpOrder& order,
                       ImageWarpState* state,
                       const ImageWarpOutput& output);

namespace {

void check_options(const ImageWarpOptions& o) {
  DIPTYCH_CHECK(o.resolution >= 16 && o.resolution <= 16384, "image_warp: resolution ",
                o.resolution, " is outside 16..16384");
  const warp::GeometryRange& r = o.range;
  DIPTYCH_CHECK(std::isfinite(r.rotation_degrees) && std::isfinite(r.shift),
                "image_warp: rotation of ", r.rotation_degrees, " degrees, shift of ", r.shift);
  DIPTYCH_CHECK(r.scale_low < 1 && r.scale_high > -1 && std::isfinite(r.scale_low) &&
                    std::isfinite(r.scale_high),
                "image_warp: scale range ", r.scale_low, ", ", r.scale_high,
                " reaches zero or beyond");
  DIPTYCH_CHECK(o.hsv_power >= 0 && o.hsv_power <= 1, "image_warp: hsv_power ", o.hsv_power,
                " is outside 0..1");
  DIPTYCH_CHECK(o.side == 0 || o.side == 1, "image_warp: side ", o.side, ", expected 0 or 1");
}

void check_faces(ColourTransfer transfer, const ImageWarpFaces& f, const ImageWarpOrder& order) {
  DIPTYCH_CHECK(f.count >= 1, "image_warp: ", f.count, " faces; at least 1 is needed");
  const bool rct = transfer == ColourTransfer::kRct;
  DIPTYCH_CHECK(rct ? f.lab != nullptr : f.pictures != nullptr, "image_warp: no ",
                rct ? "Lab pictures, which rct needs" : "pictures");
  DIPTYCH_CHECK(order.face && order.period >= 1, "image_warp: no order of faces");
  if (transfer == ColourTransfer::kNone) return;
  DIPTYCH_CHECK(f.statistics && f.references && order.reference && f.reference_count >= 1,
                "image_warp: colour transfer without statistics of faces and references (",
                f.reference_count, " references)");
}

void check_output(const char* name, const MutView& y, const Shape& expected) {
  DIPTYCH_CHECK(y.defined() && y.shape == expected && y.dtype == DType::kF32, "image_warp: ", name,
                " is ", y, ", expected ", expected, " f32");
}

void check_entry(const char* name, int32_t entry, int count, uint64_t k) {
  DIPTYCH_CHECK(entry >= 0 && entry < count, "image_warp: the order gives sample ", k, " the ",
                name, " ", entry, " of ", count);
}

}  // namespace

int check_image_warp(const ImageWarpOptions& options,
                     const ImageWarpFaces& faces,
                     const ImageWarpOrder& order,
                     const ImageWarpState* state,
                     const ImageWarpOutput& output) {
  check_options(options);
  check_faces(options.transfer, faces, order);
  DIPTYCH_CHECK(state, "image_warp: no state");
  DIPTYCH_CHECK(output.target.shape.rank() == 4, "image_warp: target is ", output.target,
                ", expected (N,R,R,3) f32");
  const int64_t n = output.target.shape[0], r = options.resolution;
  DIPTYCH_CHECK(n <= kMaxImageWarpBatch, "image_warp: ", n, " samples; at most ",
                kMaxImageWarpBatch);
  DIPTYCH_CHECK(n <= order.period, "image_warp: ", n, " samples with an order of ", order.period);
  check_output("target", output.target, {n, r, r, 3});
  check_output("warped", output.warped, {n, r, r, 3});
  check_output("mask", output.mask, {n, r, r, 1});
  if (output.eyes_mouth.defined()) {
    DIPTYCH_CHECK(faces.eyes_mouth, "image_warp: eyes_mouth is asked of faces without");
    check_output("eyes_mouth", output.eyes_mouth, {n, r, r, 1});
  }
  return static_cast<int>(n);
}

ImageWarpSample draw_image_warp(const ImageWarpOptions& options,
                                const ImageWarpFaces& faces,
                                const ImageWarpOrder& order,
                                uint64_t k) {
  const auto entry = k % static_cast<uint64_t>(order.period);
  check_entry("face", order.face[entry], faces.count, k);
  if (options.transfer != ColourTransfer::kNone)
    check_entry("reference", order.reference[entry], faces.reference_count, k);
  ImageWarpSample sample{};
  warp::set_sample(options, faces, order, k, sample);
  return sample;
}

void image_warp(Stream& stream,
                const ImageWarpOptions& options,
                const ImageWarpFaces& faces,
                const ImageWarpOrder& order,
                ImageWarpState* state,
                const ImageWarpOutput& output) {
  const int count = check_image_warp(options, faces, order, state, output);
  if (stream.on_device()) {
    image_warp_device(stream, options, faces, order, state, output);
    return;
  }
  void* const workspace = stream.workspace(image_warp_cpu_workspace(options.resolution));
  for (int n = 0; n < count; ++n) {
    const auto sample =
        draw_image_warp(options, faces, order, state->next_sample + static_cast<uint64_t>(n));
    image_warp_cpu(options, faces, sample, n, output, workspace);
  }
  state->next_sample += static_cast<uint64_t>(count);
}

}  // namespace diptych
