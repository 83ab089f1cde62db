// image_warp, step 1: the maths on a GPU.
//
//   thread n          draws sample n in order                       -> samples[n]   (workspace)
//   thread (n,y,x)    place -> 16 taps of the target, 4 of the masks
//                     place + grid -> 16 taps of the input
//                     every tap: bytes -> transfer -> jitter
//   thread (n,y,x)    eyes / their maximum
//
// Colours change anew at every tap: 32 times per source pixel, where once would do; with Lab or HSV
// that arithmetic binds, without colours the loads do. And 100 normals in a row keep one thread per
// sample busy while the rest of the chip waits. Step 2 ends both.
// SPDX-License-Identifier: MIT
#include "kernels/image_warp/warp_kernels.cuh"

namespace diptych {

namespace {

__global__ void image_warp_draws_naive_kernel(ImageWarpOptions options,
                                              ImageWarpFaces faces,
                                              ImageWarpOrder order,
                                              const ImageWarpState* state,
                                              int count,
                                              ImageWarpSample* samples) {
  const auto n = static_cast<int>(item_index());
  if (n >= count) return;
  warp::set_sample(options, faces, order, state->next_sample + static_cast<uint64_t>(n),
                   samples[n]);
}

__global__ void __launch_bounds__(kBlockThreads) image_warp_naive_kernel(ImageWarpFaces faces,
                                                                         ColourTransfer transfer,
                                                                         bool jittered,
                                                                         ImageWarpSample* samples,
                                                                         WarpOutputs out) {
  const int64_t i = item_index(), area = static_cast<int64_t>(out.w) * out.w;
  if (i == 0) move_on(out);
  if (i >= area * out.count) return;
  const int w = out.w, x = static_cast<int>(i % w), y = static_cast<int>(i / w % w);
  ImageWarpSample& sample = samples[i / area];
  const int64_t base = sample.face * area;
  const auto target = [&](int row, int column) {
    return warp::target_texel(faces, transfer, sample, base + row * w + column);
  };
  const auto input = [&](int row, int column) {
    const warp::Texel t = target(row, column);
    return jittered ? warp::jitter(sample.shift, t) : t;
  };
  const warp::Position place = warp::affine_position(sample.inverse, sample.last, x, y);
  const warp::Position moved =
      sample.nodes
          ? warp::warped_position(sample.dx, sample.dy, sample.nodes, sample.nodes_a_pixel, place)
          : place;
  warp::store(out.target + 3 * i, warp::sample_cubic(target, w, place));
  warp::store(out.warped + 3 * i, warp::sample_cubic(input, w, moved));

  const auto mask = [&](int row, int column) -> int {
    const int64_t at = base + row * w + column;
    return transfer == ColourTransfer::kRct ? faces.lab[at].mask : faces.pictures[at].mask;
  };
  out.mask[i] = warp::sample_linear(mask, w, place);
  if (!out.eyes) return;
  const auto eyes = [&](int row, int column) { return faces.eyes_mouth[base + row * w + column]; };
  const float value = warp::sample_linear(eyes, w, place);
  out.eyes[i] = value;
  if (value > 0) raise_maximum(&sample.eyes_maximum, value);
}

__global__ void __launch_bounds__(kBlockThreads)
    image_warp_eyes_naive_kernel(const ImageWarpSample* samples, WarpOutputs out) {
  const int64_t i = item_index(), area = static_cast<int64_t>(out.w) * out.w;
  if (i >= area * out.count) return;
  const float maximum = samples[i / area].eyes_maximum;
  if (maximum > 0) out.eyes[i] /= maximum;
}

}  // namespace

size_t image_warp_naive_workspace(const ImageWarpOptions&, int n) {
  return static_cast<size_t>(n) * sizeof(ImageWarpSample);
}

void image_warp_naive_cuda(CudaStream stream,
                           const ImageWarpOptions& options,
                           const ImageWarpFaces& faces,
                           const ImageWarpOrder& order,
                           ImageWarpState* state,
                           const ImageWarpOutput& output,
                           void* workspace) {
  const WarpOutputs out = warp_outputs(output, state);
  if (out.count == 0) return;
  auto* const samples = static_cast<ImageWarpSample*>(workspace);
  simt::launch(image_warp_draws_naive_kernel, cover(out.count, stream, 32), options, faces, order,
               state, out.count, samples);
  const simt::Config pixels = cover(int64_t{out.count} * out.w * out.w, stream);
  simt::launch(image_warp_naive_kernel, pixels, faces, options.transfer, options.hsv_power > 0,
               samples, out);
  if (out.eyes) simt::launch(image_warp_eyes_naive_kernel, pixels, samples, out);
}

}  // namespace diptych
