// conv2d amx variant, forward and backward_data in bf16: the taps and weights of each pass.
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_amx_gather.h"
#include "kernels/conv2d/conv2d_avx512.h"
#include "kernels/conv2d/conv2d_variants.h"

DIPTYCH_AVX512_BEGIN

namespace diptych {
namespace {

using namespace amx;  // NOLINT: everything here is about it

// Forward: 32 k from `first` on, contraction over c. Tiles (16 pairs of c, 16 k, 2): pairs of c are
// neighbours in w, so a tile is a transpose of 32-bit elements.
void pack_weight_forward(const bf16* w, int k, int taps, int c, int first, int tiles, bf16* out) {
  for (int k0 = first; k0 < first + 16 * tiles; k0 += 16) {
    for (int tap = 0; tap < taps; ++tap) {
      for (int c0 = 0; c0 < c; c0 += kTileDepth, out += kTileSize) {
        const int left = c - c0;
        const __mmask32 mask = left >= 32 ? ~__mmask32{0} : (__mmask32{1} << left) - 1;
        __m512i in[16], tile[16];
        for (int i = 0; i < 16; ++i) {
          const int row = std::min(k0 + i, k - 1);
          in[i] = _mm512_maskz_loadu_epi16(k0 + i < k ? mask : 0,
                                           w + (int64_t{row} * taps + tap) * c + c0);
        }
        transpose(in, tile);
        for (int i = 0; i < 16; ++i) _mm512_storeu_si512(out + i * 32, tile[i]);
      }
    }
  }
}

// backward_data: contraction over k. Tiles (16 pairs of k, 16 c, 2): two rows of w side by side.
void pack_weight_backward(const bf16* w, int k, int taps, int c, int first, int tiles, bf16* out) {
  const int k_steps = ceil_div(k, kTileDepth);
  const int64_t row_pitch = int64_t{taps} * c;
  for (int k0 = 0; k0 < k_steps * kTileDepth; k0 += 2) {
    bf16* pairs = out + k0 / kTileDepth * kTileSize + k0 % kTileDepth * 16;
    const int64_t rows[2] = {std::min(k0, k - 1) * row_pitch, std::min(k0 + 1, k - 1) * row_pitch};
    for (int tap = 0; tap < taps; ++tap) {
      for (int i = 0; i < tiles; ++i) {
        const int64_t at = int64_t{tap} * c + first + i * 16;
        const __mmask16 mask = lanes(c - first - i * 16);
        const __m512i a = _mm512_cvtepu16_epi32(
            _mm256_maskz_loadu_epi16(k0 < k ? mask : __mmask16{0}, w + rows[0] + at));
        const __m512i b = _mm512_cvtepu16_epi32(
            _mm256_maskz_loadu_epi16(k0 + 1 < k ? mask : __mmask16{0}, w + rows[1] + at));
        _mm512_storeu_si512(pairs + (int64_t{i} * taps + tap) * k_steps * kTileSize,
                            _mm512_or_si512(a, _mm512_slli_epi32(b, 16)));
      }
    }
  }
}

// oneDNN's kernels reach 1600 to 1950 GFLOP/s on large stride-1 layers, these 1300 to 1500. On
// small images it falls to 330..800 because it reorders the weights at every call; WINOGRAD_AMX.md
// has both.
#ifdef DIPTYCH_HAVE_ONEDNN
constexpr bool kOnlyWhereFaster = true;
#else
constexpr bool kOnlyWhereFaster = false;
#endif
constexpr int64_t kSmallForward = 512, kSmallBackward = 1024;  // pixels of a batch

bool usable(const Stream& stream, DType dtype) {
  return stream.engine() == Engine::kCpu && dtype == DType::kBF16 && amx::supported();
}

// Fewer channels than half a tile row waste the tile: 3 channels reach 134 GFLOP/s, oneDNN 484.
bool accepts_forward(const Stream& stream, const Conv2dForwardArgs& args) {
  const Conv2dProblem& t = args.problem;
  if (!usable(stream, args.x.dtype) || t.c < kTileRows) return false;
  return !kOnlyWhereFaster || int64_t{t.n} * t.p() * t.q() <= kSmallForward;
}

void run_forward(Stream& stream, const Conv2dForwardArgs& args) {
  const Conv2dProblem& t = args.problem;
  const int st = t.stride;
  Gather gather{.line = Line({t.p(), (t.r - 1) / st, t.h, t.pad_top, st},
                             {t.q(), (t.s - 1) / st, t.w, t.pad_left, st}),
                .sources = {},
                .phases = {{0, 0, {}}},
                .reach = 0,
                .w = args.w.as<bf16>(),
                .w_k = t.k,
                .w_taps = t.r * t.s,
                .w_c = t.c,
                .pack_weight = pack_weight_forward,
                .pack_blocks = 1,
                .y = args.y,
                .p = t.p(),
                .q = t.q(),
                .k = t.k,
                .stride = 1,
                .bias = args.epilogue.bias ? args.b.as<float>() : nullptr,
                .residual = args.epilogue.residual ? args.residual.as<bf16>() : nullptr,
                .slope = args.epilogue.leaky_slope,
                .depth_to_space = args.epilogue.depth_to_space};
  for (int i = 0; i < st * st; ++i) {
    gather.sources.push_back(
        {args.x.as<bf16>(), t.n, t.h, t.w, t.c, st, i / st - t.pad_top, i % st - t.pad_left});
  }
  for (int r = 0; r < t.r; ++r) {
    for (int s = 0; s < t.s; ++s) {
      const int64_t shift = int64_t{r / st} * gather.line.pitch + s / st;
      gather.phases[0].taps.push_back({r % st * st + s % st, shift, r * t.s + s});
      gather.reach = std::max(gather.reach, shift);
    }
  }
  run_gather(stream, gather);
}

bool accepts_backward_data(const Stream& stream, const Conv2dBackwardDataArgs& args) {
  const Conv2dProblem& t = args.problem;
  if (!usable(stream, args.da.dtype) || t.k < kTileRows) return false;
  return !kOnlyWhereFaster || t.stride > 1 || int64_t{t.n} * t.h * t.w <= kSmallBackward;
}

// Along one dimension: input h = i * stride + phase gets tap r from output i + shift.
struct Reach {
  int first, last;  // shifts

  Reach(int filter, int pad, int stride)
      : first(-((filter - 1 - pad + stride - 1) / stride)), last((stride - 1 + pad) / stride) {
    first = std::min(first, 0);
  }
};

// dx of each phase (row, column) modulo the stride is a stride-1 convolution of da with the taps
// that fall on it.
void run_backward_data(Stream& stream, const Conv2dBackwardDataArgs& args) {
  const Conv2dProblem& t = args.problem;
  const int st = t.stride;
  const Reach down(t.r, t.pad_top, st), across(t.s, t.pad_left, st);
  Gather gather{
      .line = Line({ceil_div(t.h, st), down.last - down.first, t.p(), -down.first, 1},
                   {ceil_div(t.w, st), across.last - across.first, t.q(), -across.first, 1}),
      .sources = {{args.da.as<bf16>(), t.n, t.p(), t.q(), t.k, 1, down.first, across.first}},
      .phases = {},
      .reach = 0,
      .w = args.w.as<bf16>(),
      .w_k = t.k,
      .w_taps = t.r * t.s,
      .w_c = t.c,
      .pack_weight = pack_weight_backward,
      .pack_blocks = 4,
      .y = args.dx,
      .p = t.h,
      .q = t.w,
      .k = t.c,
      .stride = st,
      .accumulate = args.dx.accumulate()};
  for (int i = 0; i < st * st; ++i) {
    GatherPhase phase = {i / st, i % st, {}};
    for (int r = 0; r < t.r; ++r) {
      for (int s = 0; s < t.s; ++s) {
        const int h = phase.row + t.pad_top - r, w = phase.column + t.pad_left - s;
        if (h % st != 0 || w % st != 0) continue;
        const int64_t shift =
            int64_t{h / st - down.first} * gather.line.pitch + w / st - across.first;
        phase.taps.push_back({0, shift, r * t.s + s});
        gather.reach = std::max(gather.reach, shift);
      }
    }
    gather.phases.push_back(phase);
  }
  run_gather(stream, gather);
}

}  // namespace

const Conv2dVariant<Conv2dForwardArgs> kConv2dForwardAmx = {"amx", accepts_forward, run_forward};
const Conv2dVariant<Conv2dBackwardDataArgs> kConv2dBackwardDataAmx = {"amx", accepts_backward_data,
                                                                      run_backward_data};

}  // namespace diptych

DIPTYCH_AVX512_END
