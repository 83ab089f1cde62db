// conv2d winograd variant: F(4x4,3x3) in f32 on AVX-512, all three passes. A quarter of the
// multiplications; what it costs in rounding and gains in time: WINOGRAD_AMX.md.
// SPDX-License-Identifier: MIT
//
// Forward, and backward_data with the filter turned:          backward_weight:
//   V = B^T x B of all tiles                                    for each chunk of tiles:
//   for each block of 32 outputs:                                 V = B^T x B, D = A dy A^T
//     for each chunk of channels:                                 for each block (8 k, 48 c):
//       U = G w G^T            (36,channels,32) stays in L2         dU = D^T V     (36,8,48) in L1
//       for each group of tiles: M (+)= V U                         dw += G^T dU G
//     Y = A^T M A, epilogue, store
// V streams from L3 once per block; the weights are transformed where they are used, so the 4 times
// larger U never reaches memory. Bound: multiply-adds, then V's stream for many channels.
#include <algorithm>

#include "kernels/common/parallel.h"
#include "kernels/conv2d/conv2d_variants.h"
#include "kernels/conv2d/conv2d_winograd_kernels.h"

namespace diptych {
namespace {

using namespace winograd;  // NOLINT: everything here is about it

constexpr int kChunkChannels = 256;  // U of a chunk is 1.2 MB: fits a 2 MB L2
constexpr int kChunkTiles = 96;      // backward_weight: 36 x 96 x 48 channels of V are 0.7 MB

int round_up(int value, int to) {
  return (value + to - 1) / to * to;
}

// Groups of tiles as even as possible, at most kMaxRows each.
struct Groups {
  int count, rows, tiles;

  explicit Groups(int tile_count) : tiles(tile_count) {
    count = (tiles + kMaxRows - 1) / kMaxRows;
    rows = (tiles + count - 1) / count;
    count = (tiles + rows - 1) / rows;
  }

  int first(int group) const { return group * rows; }

  int size(int group) const { return std::min(rows, tiles - first(group)); }
};

Tiles tiles_of(int n, int p, int q) {
  return {n, (p + kTile - 1) / kTile, (q + kTile - 1) / kTile};
}

using TransformWeight = void (*)(const float*, int, int, int, int, int, float*);

// One convolution with 3x3 filters: x (n,h,w,channels) -> out.
struct Pass {
  Image x;
  int pad_top, pad_left;
  Output out;
  const float* w;
  int w_k, w_c;
  TransformWeight transform;
};

void run_pass(Stream& stream, const Pass& pass) {
  const Tiles tiles = tiles_of(pass.x.n, pass.out.p, pass.out.q);
  const Groups groups(tiles.count());
  const int channels = round_up(pass.x.channels, kLanes), vectors = channels / kLanes;
  const int chunk = std::min(channels, kChunkChannels);
  const int64_t v_group = padded(int64_t{vectors} * groups.rows * kLanes) * kElements;
  const int64_t m_group = padded(int64_t{groups.rows} * kBlock) * kElements;
  const int64_t u_size = padded(int64_t{chunk} * kBlock) * kElements;
  const int kept_groups = chunk < channels ? groups.count : 1;  // M survives from chunk to chunk
  const int64_t per_thread = u_size + m_group * kept_groups;
  const int threads = std::max(1, stream.threads());
  float* v = static_cast<float*>(stream.workspace(
      sizeof(float) * static_cast<size_t>(v_group * groups.count + per_thread * threads)));
  float* scratch = v + v_group * groups.count;

  parallel_for(groups.count, 1, [&](int64_t begin, int64_t end) {
    for (int g = static_cast<int>(begin); g < end; ++g) {
      transform_input(pass.x, tiles, pass.pad_top, pass.pad_left, groups.first(g), groups.size(g),
                      groups.size(g), v + g * v_group);
    }
  });
  const int blocks = (pass.out.k + kBlock - 1) / kBlock;
  parallel_for(threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t thread = begin; thread < end; ++thread) {
      float* u = scratch + thread * per_thread;
      float* m = u + u_size;
      for (int block = static_cast<int>(blocks * thread / threads);
           block < blocks * (thread + 1) / threads; ++block) {
        for (int c = 0; c < channels; c += chunk) {
          const int now = std::min(chunk, channels - c);
          pass.transform(pass.w, pass.w_k, pass.w_c, block * kBlock, c, now, u);
          for (int g = 0; g < groups.count; ++g) {
            float* m_now = m + (kept_groups > 1 ? g : 0) * m_group;
            multiply(v + g * v_group, vectors, c / kLanes, u, now / kLanes, groups.size(g), c > 0,
                     m_now);
            if (c + now < channels) continue;
            transform_product(m_now, pass.out, tiles, groups.first(g), groups.size(g),
                              groups.size(g), block * kBlock);
          }
        }
      }
    }
  });
}

// in and out: channels that the pass reads and writes; p and q: its outputs.
bool pays(const Stream& stream,
          const Conv2dProblem& problem,
          DType dtype,
          int in,
          int out,
          int p,
          int q) {
  if (stream.engine() != Engine::kCpu || !supported() || dtype != DType::kF32) return false;
  if (problem.r != 3 || problem.s != 3 || problem.stride != 1) return false;
  if (problem.pad_top > 2 || problem.pad_left > 2) return false;
  // Blocks are 32 wide: 12 outputs of 128 at 64x64 reach 120 GFLOP/s, direct convolution 137.
  if (out < kLanes || in < kLanes) return false;
  // Below this the transforms and the V of a few tiles cost what the products save.
  constexpr double kSmallestFlops = 5e7;
  const double whole = 16.0 * tiles_of(problem.n, p, q).count(), used = 1.0 * problem.n * p * q;
  return problem.flops() >= kSmallestFlops && used >= 0.5 * whole;
}

bool accepts_forward(const Stream& stream, const Conv2dForwardArgs& args) {
  const Conv2dProblem& t = args.problem;
  return pays(stream, t, args.x.dtype, t.c, t.k, t.p(), t.q());
}

void run_forward(Stream& stream, const Conv2dForwardArgs& args) {
  const Conv2dProblem& problem = args.problem;
  Pass pass;
  pass.x = {args.x.as<float>(), problem.n, problem.h, problem.w, problem.c};
  pass.pad_top = problem.pad_top;
  pass.pad_left = problem.pad_left;
  pass.out.y = args.y.as<float>();
  pass.out.bias = args.epilogue.bias ? args.b.as<float>() : nullptr;
  pass.out.residual = args.epilogue.residual ? args.residual.as<float>() : nullptr;
  pass.out.slope = args.epilogue.leaky_slope;
  pass.out.depth_to_space = args.epilogue.depth_to_space;
  pass.out.n = problem.n;
  pass.out.p = problem.p();
  pass.out.q = problem.q();
  pass.out.k = problem.k;
  pass.w = args.w.as<float>();
  pass.w_k = problem.k;
  pass.w_c = problem.c;
  pass.transform = transform_weight;
  run_pass(stream, pass);
}

bool accepts_backward_data(const Stream& stream, const Conv2dBackwardDataArgs& args) {
  const Conv2dProblem& t = args.problem;
  return pays(stream, t, args.da.dtype, t.k, t.c, t.h, t.w);
}

void run_backward_data(Stream& stream, const Conv2dBackwardDataArgs& args) {
  const Conv2dProblem& problem = args.problem;
  Pass pass;
  pass.x = {args.da.as<float>(), problem.n, problem.p(), problem.q(), problem.k};
  pass.pad_top = 2 - problem.pad_top;
  pass.pad_left = 2 - problem.pad_left;
  pass.out.y = args.dx.as<float>();
  pass.out.bias = nullptr;
  pass.out.residual = nullptr;
  pass.out.accumulate = args.dx.accumulate();
  pass.out.n = problem.n;
  pass.out.p = problem.h;
  pass.out.q = problem.w;
  pass.out.k = problem.c;
  pass.w = args.w.as<float>();
  pass.w_k = problem.k;
  pass.w_c = problem.c;
  pass.transform = transform_weight_turned;
  run_pass(stream, pass);
}

bool accepts_backward_weight(const Stream& stream, const Conv2dBackwardWeightArgs& args) {
  const Conv2dProblem& t = args.problem;
  return pays(stream, t, args.x.dtype, t.c, t.k, t.p(), t.q());
}

void run_backward_weight(Stream& stream, const Conv2dBackwardWeightArgs& args) {
  const Conv2dProblem& problem = args.problem;
  const Tiles tiles = tiles_of(problem.n, problem.p(), problem.q());
  const Image x = {args.x.as<float>(), problem.n, problem.h, problem.w, problem.c};
  const Image da = {args.da.as<float>(), problem.n, problem.p(), problem.q(), problem.k};
  const int chunk = std::min(tiles.count(), kChunkTiles);
  const int x_vectors = round_up(problem.c, kLanes) / kLanes;
  const int da_vectors = round_up(problem.k, kLanes) / kLanes;
  const int64_t v_size = padded(int64_t{x_vectors} * chunk * kLanes) * kElements;
  const int64_t d_size = padded(int64_t{da_vectors} * chunk * kLanes) * kElements;
  float* v =
      static_cast<float*>(stream.workspace(sizeof(float) * static_cast<size_t>(v_size + d_size)));
  float* d = v + v_size;
  // Blocks of 3 vectors of c, but 2 and 2 rather than 3 and 1.
  const int columns = (x_vectors + 2) / 3;
  float* dw = args.dw.as<float>();
  for (int first = 0; first < tiles.count(); first += chunk) {
    const int count = std::min(chunk, tiles.count() - first);
    parallel_for(count, 1, [&](int64_t begin, int64_t end) {
      const int from = static_cast<int>(begin), size = static_cast<int>(end - begin);
      transform_input(x, tiles, problem.pad_top, problem.pad_left, first + from, size, count,
                      v + from * kLanes);
      transform_output_gradient(da, tiles, first + from, size, count, d + from * kLanes);
    });
    const bool accumulate = first > 0 || args.dw.accumulate();
    const int rows = (problem.k + 7) / 8;
    parallel_for(int64_t{columns} * rows, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int column = static_cast<int>(i / rows), k0 = static_cast<int>(i % rows) * 8;
        const int from = x_vectors * column / columns, to = x_vectors * (column + 1) / columns;
        weight_gradient_block(d, da_vectors, v, x_vectors, count, k0, from * kLanes, to - from,
                              accumulate, problem.k, problem.c, dw);
      }
    });
  }
}

}  // namespace

const Conv2dVariant<Conv2dForwardArgs> kConv2dForwardWinograd = {"winograd", accepts_forward,
                                                                 run_forward};
const Conv2dVariant<Conv2dBackwardDataArgs> kConv2dBackwardDataWinograd = {
    "winograd", accepts_backward_data, run_backward_data};
const Conv2dVariant<Conv2dBackwardWeightArgs> kConv2dBackwardWeightWinograd = {
    "winograd", accepts_backward_weight, run_backward_weight};

}  // namespace diptych
