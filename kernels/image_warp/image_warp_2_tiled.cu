// image_warp, step 2: nothing twice.
//
// New over step 1: a block draws a sample (normals side by side, as counters allow: a cut one only
// shifts the ranks behind it); colours change once per source pixel; a tile of 32 x 8 pixels keeps
// the grid in shared memory, takes the mask from the target's own taps (it lies in their fourth
// byte), and hands its rows to memory whole.
//
//   block n            candidate c: words 2c+1, 2c+2 -> normal -> within the cut? rank -> node
//   thread (n,pixel)   bytes or Lab -> T, I                          (workspace, float4, if any)
//   block (n,tile)     [ nodes ] [ warped 8 x 96 ] [ target 8 x 96 ]  in shared memory
//                      thread: 16 taps target + mask, 16 taps input, 4 taps eyes
//                      then 16-byte stores of whole rows
//   thread (n,4 pixels) eyes / their maximum
//
// Bound by the L1 cache: 32 loads of 4 or 16 bytes per pixel, of which neighbours share most.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/pack.cuh"
#include "kernels/image_warp/warp_kernels.cuh"

namespace diptych {

namespace {

constexpr int kTileWide = 32, kTileHigh = 8;
constexpr int kRowFloats = 3 * kTileWide;
constexpr int kDrawThreads = 128;  // 9 x 9 nodes have 98 inner shifts: mostly one round

struct DrawSlots {
  int accepted[kDrawThreads / 32];
};

// Rank of this thread among those of the block that pass; total: how many pass.
__device__ int rank_in_block(bool passes, DrawSlots& slots, int& total) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const unsigned votes = __ballot_sync(~0u, passes);
  if (lane == 0) slots.accepted[warp] = __popc(votes);
  __syncthreads();  // all counts are written before any is read
  int rank = __popc(votes & ((1u << lane) - 1u));
  total = 0;
  for (int i = 0; i < kDrawThreads / 32; ++i) {
    rank += i < warp ? slots.accepted[i] : 0;
    total += slots.accepted[i];
  }
  __syncthreads();  // read before the next round writes
  return rank;
}

// warp::set_grid by a block: draw_nodes takes normals in order and skips those beyond the cut, so
// the one of rank r goes to node r.
__device__ void set_grid_in_block(const ImageWarpOptions& options,
                                  uint64_t k,
                                  DrawSlots& slots,
                                  ImageWarpSample& sample) {
  const uint32_t stream = sample_stream(options.side, SamplePurpose::kWarp);
  const int thread = static_cast<int>(threadIdx.x);
  const auto word = [&](uint32_t i) {
    return warp::random_block(options.seed, stream, k, i / 4).w[i % 4];
  };
  const int cell = options.resolution / (2 << warp::below_of(word(0), 3));
  const int n = warp::nodes_of(options.resolution, cell), inner = (n - 2) * (n - 2);
  for (int i = thread; i < n * n; i += kDrawThreads) {
    const bool outer = i < n || i >= n * (n - 1) || i % n == 0 || i % n == n - 1;
    if (outer) sample.dx[i] = sample.dy[i] = 0;
  }
  for (int first = 0, given = 0; given < 2 * inner; first += kDrawThreads) {
    const auto candidate = static_cast<uint32_t>(first + thread);
    const double normal = warp::normal_of(word(2 * candidate + 1), word(2 * candidate + 2));
    const bool passes = warp::within_cut(normal);
    int total;
    const int rank = given + rank_in_block(passes, slots, total);
    given += total;
    if (!passes || rank >= 2 * inner) continue;
    const int at = rank % inner, node = (at / (n - 2) + 1) * n + at % (n - 2) + 1;
    (rank < inner ? sample.dx : sample.dy)[node] = warp::node_shift(cell, normal / warp::kNoiseCut);
  }
  if (thread == 0) warp::set_grid_size(options, n, sample);
}

__global__ void __launch_bounds__(kDrawThreads)
    image_warp_draws_tiled_kernel(ImageWarpOptions options,
                                  ImageWarpFaces faces,
                                  ImageWarpOrder order,
                                  const ImageWarpState* state,
                                  ImageWarpSample* samples) {
  auto& slots = simt::shared<DrawSlots>();
  const uint64_t k = state->next_sample + blockIdx.x;
  ImageWarpSample& sample = samples[blockIdx.x];
  if (threadIdx.x == 0) warp::set_affine(options, k, sample);  // each in a warp of its own
  if (threadIdx.x == 32) warp::set_shift(options, k, sample);
  if (threadIdx.x == 64) warp::set_colours(options, faces, order, k, sample);
  if (options.random_warp) {
    set_grid_in_block(options, k, slots, sample);
  } else if (threadIdx.x == 96) {
    sample.nodes = 0;
  }
}

// Pictures after transfer and jitter: null where the bytes serve.
struct Changed {
  warp::Texel *target, *input;  // (N,R,R)
};

__global__ void __launch_bounds__(kBlockThreads)
    image_warp_colours_tiled_kernel(ImageWarpFaces faces,
                                    ColourTransfer transfer,
                                    const ImageWarpSample* samples,
                                    int64_t area,
                                    Changed changed) {
  const int64_t pixel = item_index();
  if (pixel >= area) return;
  const ImageWarpSample& sample = samples[blockIdx.y];
  const warp::Texel t = warp::target_texel(faces, transfer, sample, sample.face * area + pixel);
  const int64_t at = blockIdx.y * area + pixel;
  if (changed.target) store_whole(changed.target + at, t);
  if (changed.input) store_whole(changed.input + at, warp::jitter(sample.shift, t));
}

// A resident or a changed picture. Bytes stay bytes until they are summed: kScale then.
template <class T>
struct Picture {
  static constexpr bool kBytes = sizeof(T) == sizeof(FaceTexel);
  static constexpr float kScale = kBytes ? 1.0f / 255 : 1.0f;
  const T* pixels;  // (R,R)

  __device__ __forceinline__ warp::Texel at(int i) const {
    const T t = load_whole(pixels + i);
    return {static_cast<float>(t.b), static_cast<float>(t.g), static_cast<float>(t.r),
            static_cast<float>(t.mask)};
  }
};

// Pixel and weights on both axes.
struct Taps {
  int i, j;
  float fx, fy;
  warp::CubicWeights wx, wy;

  __device__ __forceinline__ Taps(warp::Position p, int w) {
    i = warp::split(p.x, w, fx);
    j = warp::split(p.y, w, fy);
    wx = warp::cubic_weights(fx);
    wy = warp::cubic_weights(fy);
  }
};

// The colour, as warp::sample_cubic; and when asked the mask of the four middle taps, as
// warp::sample_linear.
// kInner: no column lies outside, so a row is read from one address.
template <bool kMask, bool kInner, class T>
__device__ __forceinline__ warp::Colour read_taps_at(const Picture<T>& picture,
                                                     int w,
                                                     const Taps& taps,
                                                     float& mask) {
  float b = 0, g = 0, r = 0, side[2] = {0, 0};
#pragma unroll
  for (int v = 0; v < 4; ++v) {
    const int row = taps.j + v - 1;
    const int first = warp::limit(row, 0, w - 1) * w;
    float row_b = 0, row_g = 0, row_r = 0, near[2] = {0, 0};
#pragma unroll
    for (int u = 0; u < 4; ++u) {
      const int column = taps.i + u - 1;
      const warp::Texel t = picture.at(first + (kInner ? column : warp::limit(column, 0, w - 1)));
      row_b += taps.wx.w[u] * t.b;
      row_g += taps.wx.w[u] * t.g;
      row_r += taps.wx.w[u] * t.r;
      if (kMask && (u == 1 || u == 2))
        near[u - 1] = kInner || (column >= 0 && column < w) ? t.mask : 0.0f;
    }
    b += taps.wy.w[v] * row_b;
    g += taps.wy.w[v] * row_g;
    r += taps.wy.w[v] * row_r;
    if (kMask && (v == 1 || v == 2))
      side[v - 1] = row >= 0 && row < w ? warp::blend(near[0], near[1], taps.fx) : 0.0f;
  }
  if (kMask) mask = warp::blend(side[0], side[1], taps.fy) * (1.0f / 255);
  constexpr float kScale = Picture<T>::kScale;
  return {warp::unit(b * kScale), warp::unit(g * kScale), warp::unit(r * kScale)};
}

template <bool kMask, class T>
__device__ __forceinline__ warp::Colour read_taps(const Picture<T>& picture,
                                                  int w,
                                                  const Taps& taps,
                                                  float& mask) {
  return taps.i >= 1 && taps.i + 2 < w ? read_taps_at<kMask, true>(picture, w, taps, mask)
                                       : read_taps_at<kMask, false>(picture, w, taps, mask);
}

struct WarpTile {
  float2 nodes[warp::kMaxNodes * warp::kMaxNodes];  // (n,n) shifts along x and y
  alignas(16) float warped[kTileHigh][kRowFloats];  // (8,32,3)
  alignas(16) float target[kTileHigh][kRowFloats];  // (8,32,3)
};

__device__ __forceinline__ warp::Position moved_position(const WarpTile& tile,
                                                         const ImageWarpSample& sample,
                                                         warp::Position p) {
  const int n = sample.nodes;
  const warp::GridCell cell = warp::grid_cell(n, sample.nodes_a_pixel, p);
  const float2* const top = tile.nodes + cell.node;
  const float2 a = top[0], b = top[1], c = top[n], d = top[n + 1];
  const auto shift = [&](float upper_left, float upper_right, float lower_left, float lower_right) {
    return warp::blend(warp::blend(upper_left, upper_right, cell.s),
                       warp::blend(lower_left, lower_right, cell.s), cell.t);
  };
  return {p.x + shift(a.x, b.x, c.x, d.x), p.y + shift(a.y, b.y, c.y, d.y)};
}

// Rows of a tile to (R,R,3), 16 bytes a thread where rows start whole packs.
__device__ __forceinline__ void store_rows(
    const float (&rows)[kTileHigh][kRowFloats], float* out, int w, int x0, int y0) {
  const int thread = static_cast<int>(threadIdx.x + kTileWide * threadIdx.y);
  const int floats = 3 * min(kTileWide, w - x0), high = min(kTileHigh, w - y0);
  float* const corner = out + (static_cast<int64_t>(y0) * w + x0) * 3;
  if (w % 4 == 0) {
    for (int i = thread; i < high * (kRowFloats / 4); i += kTileWide * kTileHigh) {
      const int row = i / (kRowFloats / 4), at = i % (kRowFloats / 4) * 4;
      if (at >= floats) continue;
      const auto* const pack = packs_of<const Pack<float>>(&rows[row][at]);
      store_whole(packs_of<Pack<float>>(corner + static_cast<int64_t>(row) * w * 3 + at),
                  load_whole(pack));
    }
  } else {
    for (int i = thread; i < high * kRowFloats; i += kTileWide * kTileHigh) {
      const int row = i / kRowFloats, at = i % kRowFloats;
      if (at < floats) corner[static_cast<int64_t>(row) * w * 3 + at] = rows[row][at];
    }
  }
}

// The eyes mask of a pixel; the warp's largest goes to the sample's maximum.
__device__ __forceinline__ void warp_eyes(
    const uint8_t* eyes, warp::Position place, int w, bool inside, float* out, float* maximum) {
  float value = 0;
  if (inside) {
    const auto tap = [&](int row, int column) {
      return eyes[static_cast<int64_t>(row) * w + column];
    };
    value = warp::sample_linear(tap, w, place);
    *out = value;
  }
  unsigned bits = __float_as_uint(value);
  for (int d = 16; d; d /= 2) bits = max(bits, __shfl_xor_sync(~0u, bits, d));
  if (threadIdx.x == 0 && bits) raise_maximum(maximum, __uint_as_float(bits));
}

// Target, Input: FaceTexel or warp::Texel. same: the input is the target's picture.
template <class Target, class Input>
__global__ void __launch_bounds__(kTileWide* kTileHigh)
    image_warp_tiled_kernel(const Target* targets,
                            const Input* inputs,
                            const uint8_t* eyes,
                            bool same,
                            ImageWarpSample* samples,
                            WarpOutputs out) {
  auto& tile = simt::shared<WarpTile>();
  const int w = out.w, tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const int x0 = static_cast<int>(blockIdx.x) * kTileWide,
            y0 = static_cast<int>(blockIdx.y) * kTileHigh, x = x0 + tx, y = y0 + ty;
  const int64_t area = static_cast<int64_t>(w) * w, n = blockIdx.z;
  ImageWarpSample& sample = samples[n];
  const int nodes = sample.nodes * sample.nodes, thread = tx + kTileWide * ty;
  if (thread < nodes)
    store_whole(&tile.nodes[thread], float2{sample.dx[thread], sample.dy[thread]});
  if (thread == 0 && x0 == 0 && y0 == 0 && n == 0) move_on(out);
  __syncthreads();  // the grid is there

  // Resident pictures are found by face, changed ones by sample.
  const auto base_of = [&](auto* pictures) {
    return pictures + (sizeof(*pictures) == sizeof(FaceTexel) ? sample.face : n) * area;
  };
  const bool inside = x < w && y < w;
  const warp::Position place = warp::affine_position(sample.inverse, sample.last, x, y);
  const int64_t pixel = n * area + static_cast<int64_t>(y) * w + x;
  if (inside) {
    const Taps taps(place, w);
    float mask;
    const auto target = read_taps<true>(Picture<Target>{base_of(targets)}, w, taps, mask);
    warp::store(&tile.target[ty][3 * tx], target);
    out.mask[pixel] = mask;
    warp::Colour input = target;
    if (sample.nodes || !same) {
      const Taps moved(sample.nodes ? moved_position(tile, sample, place) : place, w);
      input = read_taps<false>(Picture<Input>{base_of(inputs)}, w, moved, mask);
    }
    warp::store(&tile.warped[ty][3 * tx], input);
  }
  if (out.eyes) {
    warp_eyes(eyes + sample.face * area, place, w, inside, out.eyes + pixel, &sample.eyes_maximum);
  }
  __syncthreads();  // the tile is complete
  store_rows(tile.target, out.target + n * area * 3, w, x0, y0);
  store_rows(tile.warped, out.warped + n * area * 3, w, x0, y0);
}

__global__ void __launch_bounds__(kBlockThreads)
    image_warp_eyes_tiled_kernel(const ImageWarpSample* samples, float* eyes, int64_t area) {
  const float maximum = samples[blockIdx.y].eyes_maximum;
  float* const values = eyes + blockIdx.y * area;
  const int64_t p = item_index();
  if (!(maximum > 0)) return;
  if (area % 4 == 0) {
    if (4 * p >= area) return;
    Pack<float> pack = load_pack(values, p, area);
    for (float& v : pack.v) v /= maximum;
    store_pack(values, p, area, pack);
  } else {
    for (int64_t i = p; i < area; i += int64_t{gridDim.x} * blockDim.x) values[i] /= maximum;
  }
}

size_t pictures_of(const ImageWarpOptions& options) {
  return (options.transfer != ColourTransfer::kNone ? 1u : 0u) + (options.hsv_power > 0 ? 1u : 0u);
}

simt::Config per_sample(int64_t items, int samples, CudaStream stream) {
  simt::Config config = cover(items, stream);
  config.grid.y = static_cast<unsigned>(samples);
  return config;
}

template <class Target, class Input>
void launch_tiles(CudaStream stream,
                  const Target* targets,
                  const Input* inputs,
                  const uint8_t* eyes,
                  ImageWarpSample* samples,
                  const WarpOutputs& out) {
  const auto across = [&](int tile) { return static_cast<unsigned>((out.w + tile - 1) / tile); };
  const bool same = static_cast<const void*>(targets) == static_cast<const void*>(inputs);
  simt::launch(image_warp_tiled_kernel<Target, Input>,
               {.grid = {across(kTileWide), across(kTileHigh), static_cast<unsigned>(out.count)},
                .block = {kTileWide, kTileHigh},
                .smem = sizeof(WarpTile),
                .stream = stream},
               targets, inputs, eyes, same, samples, out);
}

}  // namespace

size_t image_warp_tiled_workspace(const ImageWarpOptions& options, int n) {
  const auto w = static_cast<size_t>(options.resolution);
  const size_t draws = (sizeof(ImageWarpSample) * static_cast<size_t>(n) + 15) / 16 * 16;
  return draws + pictures_of(options) * static_cast<size_t>(n) * w * w * sizeof(warp::Texel);
}

void image_warp_tiled_cuda(CudaStream stream,
                           const ImageWarpOptions& options,
                           const ImageWarpFaces& faces,
                           const ImageWarpOrder& order,
                           ImageWarpState* state,
                           const ImageWarpOutput& output,
                           void* workspace) {
  const WarpOutputs out = warp_outputs(output, state);
  if (out.count == 0) return;
  const int64_t area = static_cast<int64_t>(out.w) * out.w;
  auto* const samples = static_cast<ImageWarpSample*>(workspace);
  simt::launch(image_warp_draws_tiled_kernel,
               {.grid = static_cast<unsigned>(out.count),
                .block = kDrawThreads,
                .smem = sizeof(DrawSlots),
                .stream = stream},
               options, faces, order, state, samples);

  auto* next = reinterpret_cast<warp::Texel*>(
      static_cast<unsigned char*>(workspace) +
      (sizeof(ImageWarpSample) * static_cast<size_t>(out.count) + 15) / 16 * 16);
  Changed changed{nullptr, nullptr};
  if (options.transfer != ColourTransfer::kNone) {
    changed.target = next;
    next += out.count * area;
  }
  if (options.hsv_power > 0) changed.input = next;
  if (changed.target || changed.input)
    simt::launch(image_warp_colours_tiled_kernel, per_sample(area, out.count, stream), faces,
                 options.transfer, samples, area, changed);

  if (changed.target) {
    launch_tiles<warp::Texel, warp::Texel>(stream, changed.target,
                                           changed.input ? changed.input : changed.target,
                                           faces.eyes_mouth, samples, out);
  } else if (changed.input) {
    launch_tiles<FaceTexel, warp::Texel>(stream, faces.pictures, changed.input, faces.eyes_mouth,
                                         samples, out);
  } else {
    launch_tiles<FaceTexel, FaceTexel>(stream, faces.pictures, faces.pictures, faces.eyes_mouth,
                                       samples, out);
  }
  if (out.eyes)
    simt::launch(image_warp_eyes_tiled_kernel, per_sample((area + 3) / 4, out.count, stream),
                 samples, out.eyes, area);
}

}  // namespace diptych
