// The loops of the amx variant's forward and backward_data: pack, multiply, epilogue.
// SPDX-License-Identifier: MIT
//
//   for each chunk of positions:  A = the source as [32 channels][position][32]  (stays in L2)
//     for each block of 32 outputs:  B = its weights in tiles                     (stays in L2)
//       for each 32 positions:  C (32,32) = sum over channels and taps of A(position + tap) B
//                               bias, residual, leaky, bf16, store of the positions that are pixels
//
// A tile of A is 16 rows of 64 bytes at any position, so a tap is a pointer. Bound: the tile unit.
#include "kernels/conv2d/conv2d_amx_gather.h"

#include <algorithm>

#include "kernels/common/parallel.h"
#include "kernels/conv2d/conv2d_avx512.h"

DIPTYCH_AVX512_BEGIN
#pragma GCC target("avx512bf16")

namespace diptych::amx {
namespace {

constexpr int kBlock = 32;  // positions and outputs of one product
constexpr int kGroup = 4;   // blocks of positions that share the B of 32 channels in L1
constexpr int64_t kChunkBytes = 768 << 10;  // of packed sources, at least

__mmask32 lanes32(int64_t left) {
  return left >= 32 ? ~__mmask32{0} : left <= 0 ? 0 : (__mmask32{1} << left) - 1;
}

// 32 positions of a source from f on -> [32 channels][position][32], `panel` elements apart.
void pack_source(const Line& line, const Source& source, int64_t f, int64_t panel, bf16* out) {
  const Pixels pixels(line, source, f);
  for (int c = 0; c < source.channels; c += kTileDepth, out += panel) {
    const __mmask32 mask = lanes32(source.channels - c);
    for (int i = 0; i < kTileDepth; ++i) {
      const int64_t pixel = pixels.at[i];
      const bf16* at = source.data + std::max<int64_t>(pixel, 0) * source.channels + c;
      _mm512_storeu_si512(out + i * kTileDepth, _mm512_maskz_loadu_epi16(pixel < 0 ? 0 : mask, at));
    }
  }
}

__m512 widen(__m256i values) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(values), 16));
}

// Stores 16 outputs of a pixel after another: the epilogue of channels k.. .
class Store {
 public:
  Store(const Gather& g, int k)
      : p_(g.p),
        q_(g.q),
        k_count_(g.k),
        k_(k),
        mask_(lanes(g.k - k)),
        f32_(g.y.dtype == DType::kF32),
        accumulate_(g.accumulate),
        y_(g.y.data),
        residual_(g.residual),
        bias_(g.bias ? _mm512_maskz_loadu_ps(mask_, g.bias + k) : _mm512_setzero_ps()),
        slope_(_mm512_set1_ps(g.slope)),
        to_(place(g.k, g.q, g.depth_to_space, k)) {}

  [[gnu::always_inline]] void operator()(int n, int p, int q, __m512 a) const {
    a = _mm512_add_ps(a, bias_);
    if (residual_) {
      const bf16* at = residual_ + ((int64_t{n} * p_ + p) * q_ + q) * k_count_ + k_;
      a = _mm512_add_ps(a, widen(_mm256_maskz_loadu_epi16(mask_, at)));
    }
    a = _mm512_mask_mul_ps(a, _mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_LT_OQ), a, slope_);
    const int64_t base = to_.base(n, p, q, p_, q_, k_count_);
    for (int i = 0; i < to_.pieces; ++i) {
      if (f32_) {
        float* at = static_cast<float*>(y_) + base + to_.offset[i];
        if (accumulate_) a = _mm512_add_ps(a, _mm512_maskz_loadu_ps(to_.mask[i], at));
        _mm512_mask_storeu_ps(at, to_.mask[i], a);
      } else {
        bf16* at = static_cast<bf16*>(y_) + base + to_.offset[i];
        if (accumulate_) a = _mm512_add_ps(a, widen(_mm256_maskz_loadu_epi16(to_.mask[i], at)));
        _mm256_mask_storeu_epi16(at, to_.mask[i], (__m256i)_mm512_cvtneps_pbh(a));
      }
    }
  }

 private:
  int p_, q_, k_count_, k_;
  __mmask16 mask_;
  bool f32_, accumulate_;
  void* y_;
  const bf16* residual_;
  __m512 bias_, slope_;
  Placement to_;
};

// The pixels among 32 positions from f on of one phase, 32 outputs from k on.
void store_block(const Gather& g, const GatherPhase& phase, int64_t f, int k, const float* block) {
  int column = static_cast<int>(f % g.line.pitch);
  int row = static_cast<int>(f / g.line.pitch % g.line.rows);
  int n = static_cast<int>(f / g.line.pitch / g.line.rows);
  const int images = g.sources.front().n, pitch = g.line.pitch, rows = g.line.rows;
  const int stride = g.stride, p_count = g.p, q_count = g.q;
  const bool two = k + 16 < g.k;
  const Store low(g, k), high(g, two ? k + 16 : k);
  for (int i = 0; i < kBlock && n < images; ++i) {
    const int p = row * stride + phase.row, q = column * stride + phase.column;
    if (p < p_count && q < q_count) {
      low(n, p, q, _mm512_loadu_ps(block + i * kBlock));
      if (two) high(n, p, q, _mm512_loadu_ps(block + i * kBlock + 16));
    }
    if (++column == pitch) column = 0, ++row;
    if (row == rows) row = 0, ++n;
  }
}

// Offsets of the tiles of one phase, channels outermost so that the taps find A in the L1.
struct Offsets {
  std::vector<int64_t> a, b;

  Offsets(const Gather& g, const GatherPhase& phase, int64_t panel) {
    const int blocks = ceil_div(g.sources.front().channels, kTileDepth);
    for (int c = 0; c < blocks; ++c) {
      for (const GatherTap& tap : phase.taps) {
        a.push_back((int64_t{tap.source} * blocks + c) * panel + tap.shift * kTileDepth);
        b.push_back((int64_t{tap.index} * blocks + c) * kTileSize);
      }
    }
  }
};

void multiply_chunk(const Gather& g,
                    const std::vector<Offsets>& offsets,
                    const bf16* a,
                    const bf16* b,
                    int64_t b_pitch,
                    int64_t first,
                    int64_t count,
                    int k) {
  alignas(64) float sums[kGroup][kBlock * kBlock];
  for (size_t i = 0; i < g.phases.size(); ++i) {
    const size_t taps = g.phases[i].taps.size();
    // A filter smaller than the stride leaves phases without a tap.
    if (taps == 0) std::fill(&sums[0][0], &sums[0][0] + kGroup * kBlock * kBlock, 0.0f);
    GatherProduct product;
    product.b = b;
    product.b_pitch = b_pitch;
    product.steps = static_cast<int>(taps);
    product.column_tiles = g.k - k > 16 ? 2 : 1;
    for (int64_t f = 0; f < count; f += kGroup * kBlock) {
      const int blocks = static_cast<int>(std::min<int64_t>(kGroup, (count - f) / kBlock));
      for (size_t step = 0; step < offsets[i].a.size(); step += taps) {
        product.a_offsets = offsets[i].a.data() + step;
        product.b_offsets = offsets[i].b.data() + step;
        product.accumulate = step > 0;
        for (int j = 0; j < blocks; ++j) {
          product.a = a + (f + j * kBlock) * kTileDepth;
          product.c = sums[j];
          multiply(product);
        }
      }
      for (int j = 0; j < blocks; ++j)
        store_block(g, g.phases[i], first + f + j * kBlock, k, sums[j]);
    }
  }
}

}  // namespace

void run_gather(Stream& stream, const Gather& g) {
  const Source& source = g.sources.front();
  const int c_blocks = ceil_div(source.channels, kTileDepth), k_blocks = ceil_div(g.k, kBlock);
  const int sources = static_cast<int>(g.sources.size());
  const int64_t total = g.line.positions(source.n);
  const int64_t reach = (g.reach + kBlock - 1) / kBlock * kBlock;
  const int64_t position_bytes = int64_t{sources} * c_blocks * kTileDepth * 2;
  // Every chunk packs the weights again: not less than twice their size.
  const int64_t chunk_bytes = std::max(kChunkBytes, int64_t{g.w_k} * g.w_taps * g.w_c * 2 * 2);
  const int64_t parts = (total * position_bytes + chunk_bytes - 1) / chunk_bytes;
  const int64_t chunk = (total / parts + kBlock) / kBlock * kBlock;
  const int64_t panel = (chunk + reach) * kTileDepth;
  const int64_t b_pitch = int64_t{g.w_taps} * c_blocks * kTileSize;
  const int threads = std::max(1, stream.threads());
  bf16* a = static_cast<bf16*>(
      stream.workspace(sizeof(bf16) * static_cast<size_t>(panel * sources * c_blocks +
                                                          2 * g.pack_blocks * b_pitch * threads)));
  bf16* b = a + panel * sources * c_blocks;
  std::vector<Offsets> offsets;
  for (const GatherPhase& phase : g.phases) offsets.emplace_back(g, phase, panel);

  for (int64_t first = 0; first < total; first += chunk) {
    const int64_t count = std::min(chunk, (total - first + kBlock - 1) / kBlock * kBlock);
    const int64_t blocks = (count + reach) / kBlock;
    parallel_for(blocks * sources, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t f = i % blocks * kBlock, s = i / blocks;
        pack_source(g.line, g.sources[static_cast<size_t>(s)], first + f, panel,
                    a + s * c_blocks * panel + f * kTileDepth);
      }
    });
    parallel_for(threads, 1, [&](int64_t begin, int64_t end) {
      const TileScope tiles;
      for (int64_t thread = begin; thread < end; ++thread) {
        bf16* own = b + 2 * g.pack_blocks * b_pitch * thread;
        const int64_t own_end = k_blocks * (thread + 1) / threads;
        for (int64_t i = k_blocks * thread / threads; i < own_end; i += g.pack_blocks) {
          const int together = static_cast<int>(std::min<int64_t>(g.pack_blocks, own_end - i));
          g.pack_weight(g.w, g.w_k, g.w_taps, g.w_c, static_cast<int>(i) * kBlock, 2 * together,
                        own);
          for (int j = 0; j < together; ++j) {
            multiply_chunk(g, offsets, a, own + 2 * j * b_pitch, b_pitch, first, count,
                           static_cast<int>(i + j) * kBlock);
          }
        }
      }
    });
  }
}

}  // namespace diptych::amx

DIPTYCH_AVX512_END
