// conv2d amx variant, backward_weight in bf16: dw[k,r,s,c] as products over flat positions.
// SPDX-License-Identifier: MIT
//
// Both operands are laid on one line of positions f = (n * rows + p) * pitch + q, with zeros
// between the image rows, wide enough that tap (r,s) of every position is f + (r/stride)*pitch +
// s/stride of phase (r%stride, s%stride) of x:
//
//   dw[:,r,s,:] = sum over f of  da[f, :]^T  x_phase[f + shift(r,s), :]
//                    A: (16 k, 32 f) tiles        B: (16 pairs of f, 16 c, 2) tiles
//
// B exists for pairs that start at even and at odd positions, so an odd shift is also a pointer. da
// is transposed once, x interleaved twice; the rest is tile loads that hit contiguous KiB and
// products. Sums live in f32 tiles and go to dw directly. Bound: the tile unit, then L1.
#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/common/parallel.h"
#include "kernels/conv2d/conv2d_amx_line.h"
#include "kernels/conv2d/conv2d_avx512.h"
#include "kernels/conv2d/conv2d_variants.h"

DIPTYCH_AVX512_BEGIN

namespace diptych {
namespace {

using namespace amx;  // NOLINT: everything here is about it

constexpr int kBlock = 32;        // k and c of one 2x2 tile product
constexpr int kInnerSteps = 9;    // of 32 positions: A and B of two tiles stay in a 48 KiB L1
constexpr int kOuterSteps = 100;  // each pass over dw costs, so nearly always the whole line
constexpr int64_t kBlockBytes = 1 << 20;  // of packed x that stays in L2

// The line, in steps of 32 positions. Its pitch is even so that a tap's parity is that of its
// column.
struct Steps {
  Line line;
  int count;  // steps of da
  int reach;  // steps that the taps of a step may read beyond it

  explicit Steps(const Conv2dProblem& p)
      : line({p.p(), (p.r - 1) / p.stride, p.h, p.pad_top, p.stride},
             {p.q(), (p.s - 1) / p.stride, p.w, p.pad_left, p.stride}) {
    line.pitch += line.pitch % 2;
    count = static_cast<int>((line.positions(p.n) + kTileDepth - 1) / kTileDepth);
    reach = ceil_div((p.r - 1) / p.stride * line.pitch + (p.s - 1) / p.stride + 1, kTileDepth);
  }
};

// 16 channels from c on of a pixel, each in the lower half of a lane; 0 where there is none.
__m512i load_channels(const Source& x, int64_t pixel, int c) {
  const __mmask16 mask = pixel < 0 ? __mmask16{0} : lanes(x.channels - c);
  return _mm512_cvtepu16_epi32(
      _mm256_maskz_loadu_epi16(mask, x.data + std::max<int64_t>(pixel, 0) * x.channels + c));
}

// Puts b above a in every lane.
__m512i pair(__m512i a, __m512i b) {
  return _mm512_or_si512(a, _mm512_slli_epi32(b, 16));
}

// One step of da, all channels -> (16 k, 32 positions) tiles, `panel` elements apart.
void pack_gradient(const Line& line, const Source& da, int64_t step, int64_t panel, bf16* out) {
  const Pixels pixels(line, da, step * kTileDepth);
  for (int k = 0; k < da.channels; k += kTileRows, out += panel) {
    __m512i pairs[16], tile[16];
    for (int i = 0; i < 16; ++i) {
      pairs[i] =
          pair(load_channels(da, pixels.at[2 * i], k), load_channels(da, pixels.at[2 * i + 1], k));
    }
    transpose(pairs, tile);
    for (int i = 0; i < 16; ++i) _mm512_storeu_si512(out + i * kTileDepth, tile[i]);
  }
}

// 32 positions from f on of one phase of x, all channels -> (16 pairs, 16 c, 2) tiles, `panel`
// elements apart. Pair i of `even` starts at position f + 2i, of `odd` at f + 2i - 1.
void pack_input(
    const Line& line, const Source& x, int64_t f, int64_t panel, bf16* even, bf16* odd) {
  const Pixels pixels(line, x, f), earlier(line, x, std::max<int64_t>(f - 1, 0));
  for (int c = 0; c < x.channels; c += kTileRows, even += panel, odd += panel) {
    __m512i previous = load_channels(x, earlier.at[0], c);
    for (int i = 0; i < 16; ++i) {
      const __m512i a = load_channels(x, pixels.at[2 * i], c);
      const __m512i b = load_channels(x, pixels.at[2 * i + 1], c);
      _mm512_storeu_si512(odd + i * 32, pair(previous, a));
      _mm512_storeu_si512(even + i * 32, pair(a, b));
      previous = b;
    }
  }
}

// dw (+)= the part of a 32x32 block that exists.
void add_block(const float* block, int k, int c, int64_t pitch, bool accumulate, float* dw) {
  for (int i = 0; i < k; ++i) {
    for (int j = 0; j < c; j += 16) {
      const __mmask16 mask = lanes(c - j);
      float* out = dw + i * pitch + j;
      __m512 value = _mm512_loadu_ps(block + i * kBlock + j);
      if (accumulate) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, out));
      _mm512_mask_storeu_ps(out, mask, value);
    }
  }
}

// Where a tap reads the packed x, sorted by what it reads so that the L1 keeps it.
struct Tap {
  int index;       // r * S + s
  int64_t panel;   // first c tile of its phase and parity
  int64_t offset;  // elements
};

struct Packed {
  bf16* a;          // [k tile][step][16][32]
  bf16* b;          // [phase][parity][c tile][pair][16][2]
  int64_t a_panel;  // elements of a k tile
  int64_t b_panel;  // elements of a c tile
  int c_tiles;
  std::vector<Tap> taps;
};

std::vector<Tap> taps_of(const Conv2dProblem& p, const Line& line, int c_tiles) {
  std::vector<Tap> taps;
  for (int r = 0; r < p.r; ++r) {
    for (int s = 0; s < p.s; ++s) {
      const int phase = r % p.stride * p.stride + s % p.stride;
      const int shift = r / p.stride * line.pitch + s / p.stride;
      taps.push_back(
          {r * p.s + s, (int64_t{phase} * 2 + shift % 2) * c_tiles, int64_t{(shift + 1) / 2} * 32});
    }
  }
  std::sort(taps.begin(), taps.end(), [](const Tap& a, const Tap& b) {
    return std::pair(a.panel, a.offset) < std::pair(b.panel, b.offset);
  });
  return taps;
}

// `steps` packed steps for one block of up to 32 k and 32 c, all taps. The sums of a tap are a
// (32,32) block in `sums`: in dw itself their rows would share a few sets of the L1.
void add_steps(const Conv2dProblem& p,
               const Packed& packed,
               int k,
               int c,
               int steps,
               bool accumulate,
               float* sums,
               float* dw) {
  const int k_left = std::min(kBlock, p.k - k), c_left = std::min(kBlock, p.c - c);
  TileProduct product;
  product.a_step = product.b_step = kTileSize;
  product.a_pitch = packed.a_panel;
  product.b_pitch = packed.b_panel;
  product.row_tiles = ceil_div(k_left, kTileRows);
  product.column_tiles = ceil_div(c_left, kTileRows);
  product.c_pitch = kBlock;
  const int parts = ceil_div(steps, kInnerSteps);
  for (int part = 0; part < parts; ++part) {
    const int from = steps * part / parts;
    product.steps = steps * (part + 1) / parts - from;
    product.a = packed.a + k / kTileRows * packed.a_panel + int64_t{from} * kTileSize;
    product.accumulate = part > 0;
    for (const Tap& tap : packed.taps) {
      product.b = packed.b + (tap.panel + c / kTileRows) * packed.b_panel +
                  int64_t{from} * kTileSize + tap.offset;
      product.c = sums + tap.index * kBlock * kBlock;
      multiply(product);
    }
  }
  const int64_t pitch = int64_t{p.r} * p.s * p.c;
  for (int tap = 0; tap < p.r * p.s; ++tap) {
    add_block(sums + tap * kBlock * kBlock, k_left, c_left, pitch, accumulate,
              dw + k * pitch + int64_t{tap} * p.c + c);
  }
}

// Packs steps [first, first+steps) of the line.
void pack(const Conv2dBackwardWeightArgs& args,
          const Steps& line,
          const Packed& packed,
          int first,
          int steps) {
  const Conv2dProblem& p = args.problem;
  const Source da = {args.da.as<bf16>(), p.n, p.p(), p.q(), p.k, 1, 0, 0};
  parallel_for(steps, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      pack_gradient(line.line, da, first + i, packed.a_panel, packed.a + i * kTileSize);
  });
  const int x_steps = steps + line.reach;
  parallel_for(int64_t{p.stride} * p.stride * x_steps, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int phase = static_cast<int>(i / x_steps), step = static_cast<int>(i % x_steps);
      const Source x = {args.x.as<bf16>(),
                        p.n,
                        p.h,
                        p.w,
                        p.c,
                        p.stride,
                        phase / p.stride - p.pad_top,
                        phase % p.stride - p.pad_left};
      bf16* even = packed.b + int64_t{phase} * 2 * packed.c_tiles * packed.b_panel +
                   int64_t{step} * kTileSize;
      pack_input(line.line, x, int64_t{first + step} * kTileDepth, packed.b_panel, even,
                 even + packed.c_tiles * packed.b_panel);
    }
  });
}

// A quarter of a tile and less is waste: 3 channels reach 171 GFLOP/s, oneDNN 186.
bool accepts(const Stream& stream, const Conv2dBackwardWeightArgs& args) {
  return stream.engine() == Engine::kCpu && args.x.dtype == DType::kBF16 &&
         args.da.dtype == DType::kBF16 && amx::supported() && args.problem.c >= kTileRows &&
         args.problem.k >= kTileRows / 2;
}

void run(Stream& stream, const Conv2dBackwardWeightArgs& args) {
  const Conv2dProblem& p = args.problem;
  const Steps line(p);
  const int outer = ceil_div(line.count, ceil_div(line.count, kOuterSteps));
  Packed packed;
  packed.c_tiles = ceil_div(p.c, kTileRows);
  packed.taps = taps_of(p, line.line, packed.c_tiles);
  packed.a_panel = int64_t{outer} * kTileSize;
  packed.b_panel = int64_t{outer + line.reach} * kTileSize;
  const int phases = p.stride * p.stride;
  const int64_t a_size = ceil_div(p.k, kTileRows) * packed.a_panel;
  const int64_t b_size = int64_t{phases} * 2 * packed.c_tiles * packed.b_panel;
  const int threads = std::max(1, stream.threads()), k_blocks = ceil_div(p.k, kBlock);
  const int64_t sums_size = int64_t{p.r} * p.s * kBlock * kBlock;
  float* sums = static_cast<float*>(
      stream.workspace(sizeof(bf16) * static_cast<size_t>(a_size + b_size) +
                       sizeof(float) * static_cast<size_t>(sums_size * threads)));
  packed.a = reinterpret_cast<bf16*>(sums + sums_size * threads);
  packed.b = packed.a + a_size;

  const int64_t c_bytes = int64_t{phases} * 2 * kBlock * outer * kTileDepth * 2;
  const int c_block = static_cast<int>(std::max<int64_t>(1, kBlockBytes / c_bytes)) * kBlock;
  float* dw = args.dw.as<float>();
  for (int first = 0; first < line.count; first += outer) {
    const int steps = std::min(outer, line.count - first);
    const bool accumulate = first > 0 || args.dw.accumulate();
    pack(args, line, packed, first, steps);
    parallel_for(threads, 1, [&](int64_t begin, int64_t end) {
      const TileScope tiles;
      for (int64_t thread = begin; thread < end; ++thread) {
        const int k_begin = static_cast<int>(k_blocks * thread / threads) * kBlock;
        const int k_end = static_cast<int>(k_blocks * (thread + 1) / threads) * kBlock;
        for (int c0 = 0; c0 < p.c; c0 += c_block) {
          for (int k = k_begin; k < std::min(p.k, k_end); k += kBlock) {
            for (int c = c0; c < std::min(p.c, c0 + c_block); c += kBlock)
              add_steps(p, packed, k, c, steps, accumulate, sums + thread * sums_size, dw);
          }
        }
      }
    });
  }
}

}  // namespace

const Conv2dVariant<Conv2dBackwardWeightArgs> kConv2dBackwardWeightAmx = {"amx", accepts, run};

}  // namespace diptych

DIPTYCH_AVX512_END
