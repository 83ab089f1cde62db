// AVX-512 pieces of the winograd variant: the transforms of inputs, weights, products and
// gradients.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/conv2d/conv2d_winograd_kernels.h"
#include "kernels/conv2d/conv2d_winograd_vectors.h"

DIPTYCH_AVX512_BEGIN

namespace diptych::winograd {
namespace {

struct TileAt {
  int n, row, column;  // of its first output
};

TileAt locate(const Tiles& tiles, int index) {
  const int in_image = index % (tiles.down * tiles.across);
  return {index / (tiles.down * tiles.across), in_image / tiles.across * kTile,
          in_image % tiles.across * kTile};
}

// Loads size x size pixels from (row, column) on, 0 outside the image, and stores their 6x6
// transform.
template <int size, auto one_d>
void transform_pixels(
    const Image& x, const TileAt& at, int row, int column, int rows, int tile, float* v) {
  const int vectors = (x.channels + kLanes - 1) / kLanes;
  const int64_t pitch = padded(int64_t{vectors} * rows * kLanes);
  const int64_t origin = (int64_t{at.n} * x.h + row) * x.w + column;
  for (int cv = 0; cv < vectors; ++cv) {
    const __mmask16 mask = lanes(x.channels - cv * kLanes);
    __m512 d[size][size], t[6][6];
#pragma GCC unroll 6
    for (int i = 0; i < size; ++i) {
      const bool inside = row + i >= 0 && row + i < x.h;
#pragma GCC unroll 6
      for (int j = 0; j < size; ++j) {
        const bool valid = inside && column + j >= 0 && column + j < x.w;
        const int64_t pixel = valid ? origin + int64_t{i} * x.w + j : 0;
        d[i][j] =
            _mm512_maskz_loadu_ps(valid ? mask : 0, x.data + pixel * x.channels + cv * kLanes);
      }
    }
    transform_2d<one_d>(d, t);
    float* out = v + (int64_t{cv} * rows + tile) * kLanes;
#pragma GCC unroll 36
    for (int e = 0; e < kElements; ++e) _mm512_storeu_ps(out + e * pitch, t[e / 6][e % 6]);
  }
}

void store_weight(const __m512 (&g)[3][3], int64_t pitch, float* u) {
  __m512 t[6][6];
  transform_2d<weight_1d>(g, t);
#pragma GCC unroll 36
  for (int e = 0; e < kElements; ++e) _mm512_storeu_ps(u + e * pitch, t[e / 6][e % 6]);
}

void store_output(const Output& out, const Placement& to, int n, int p, int q, int k, __m512 a) {
  const __mmask16 mask = lanes(out.k - k);
  const int64_t pixel = (int64_t{n} * out.p + p) * out.q + q;
  if (out.residual) {
    a = _mm512_add_ps(a, _mm512_maskz_loadu_ps(mask, out.residual + pixel * out.k + k));
  }
  if (out.slope != 1.0f) {
    const __mmask16 negative = _mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_LT_OQ);
    a = _mm512_mask_mul_ps(a, negative, a, _mm512_set1_ps(out.slope));
  }
  float* y = out.y + to.base(n, p, q, out.p, out.q, out.k);
  for (int i = 0; i < to.pieces; ++i) {
    float* at = y + to.offset[i];
    if (out.accumulate) a = _mm512_add_ps(a, _mm512_maskz_loadu_ps(to.mask[i], at));
    _mm512_mask_storeu_ps(at, to.mask[i], a);
  }
}

}  // namespace

void transform_input(const Image& x,
                     const Tiles& tiles,
                     int pad_top,
                     int pad_left,
                     int first,
                     int count,
                     int rows,
                     float* v) {
  for (int t = 0; t < count; ++t) {
    const TileAt at = locate(tiles, first + t);
    transform_pixels<6, input_1d>(x, at, at.row - pad_top, at.column - pad_left, rows, t, v);
  }
}

void transform_output_gradient(
    const Image& dy, const Tiles& tiles, int first, int count, int rows, float* v) {
  for (int t = 0; t < count; ++t) {
    const TileAt at = locate(tiles, first + t);
    transform_pixels<4, output_gradient_1d>(dy, at, at.row, at.column, rows, t, v);
  }
}

void transform_weight(const float* w, int k, int c, int k0, int c0, int channels, float* u) {
  const int64_t pitch = padded(int64_t{channels} * kBlock);
  for (int half = 0; half < kBlock; half += kLanes) {
    for (int cv = 0; cv < channels; cv += kLanes) {
      const __mmask16 mask = lanes(c - c0 - cv);
      __m512i taps[9][kLanes];  // [tap][channel], lanes are output channels
      for (int tap = 0; tap < 9; ++tap) {
        __m512i in[kLanes];
        for (int i = 0; i < kLanes; ++i) {
          const int row = k0 + half + i;
          in[i] =
              _mm512_maskz_loadu_epi32(row < k ? mask : __mmask16{0},
                                       w + (int64_t{std::min(row, k - 1)} * 9 + tap) * c + c0 + cv);
        }
        transpose(in, taps[tap]);
      }
      for (int i = 0; i < kLanes; ++i) {
        __m512 g[3][3];
        for (int tap = 0; tap < 9; ++tap) g[tap / 3][tap % 3] = _mm512_castsi512_ps(taps[tap][i]);
        store_weight(g, pitch, u + int64_t{cv + i} * kBlock + half);
      }
    }
  }
}

void transform_weight_turned(const float* w, int k, int c, int c0, int k0, int channels, float* u) {
  const int64_t pitch = padded(int64_t{channels} * kBlock);
  for (int i = 0; i < channels; ++i) {
    const int row = std::min(k0 + i, k - 1);
    for (int half = 0; half < kBlock; half += kLanes) {
      const __mmask16 mask = k0 + i < k ? lanes(c - c0 - half) : __mmask16{0};
      __m512 g[3][3];
      for (int tap = 0; tap < 9; ++tap) {
        g[tap / 3][tap % 3] =
            _mm512_maskz_loadu_ps(mask, w + (int64_t{row} * 9 + 8 - tap) * c + c0 + half);
      }
      store_weight(g, pitch, u + int64_t{i} * kBlock + half);
    }
  }
}

void transform_product(
    const float* m, const Output& out, const Tiles& tiles, int first, int count, int rows, int k0) {
  const int64_t pitch = padded(int64_t{rows} * kBlock);
  for (int half = 0; half < kBlock && k0 + half < out.k; half += kLanes) {
    const int k = k0 + half;
    const Placement to = place(out.k, out.q, out.depth_to_space, k);
    const __m512 bias =
        out.bias ? _mm512_maskz_loadu_ps(lanes(out.k - k), out.bias + k) : _mm512_setzero_ps();
    for (int t = 0; t < count; ++t) {
      const float* in = m + int64_t{t} * kBlock + half;
      __m512 product[6][6], y[4][4];
#pragma GCC unroll 36
      for (int e = 0; e < kElements; ++e) product[e / 6][e % 6] = _mm512_loadu_ps(in + e * pitch);
      transform_2d<output_1d>(product, y);
      const TileAt at = locate(tiles, first + t);
      const int down = std::min(kTile, out.p - at.row), across = std::min(kTile, out.q - at.column);
      for (int i = 0; i < down; ++i) {
        for (int j = 0; j < across; ++j) {
          store_output(out, to, at.n, at.row + i, at.column + j, k, _mm512_add_ps(y[i][j], bias));
        }
      }
    }
  }
}

void weight_gradient_vector(
    const float* m, int64_t pitch, __mmask16 mask, bool accumulate, float* dw, int c) {
  __m512 product[6][6], g[3][3];
#pragma GCC unroll 36
  for (int e = 0; e < kElements; ++e) product[e / 6][e % 6] = _mm512_loadu_ps(m + e * pitch);
  transform_2d<weight_gradient_1d>(product, g);
#pragma GCC unroll 9
  for (int tap = 0; tap < 9; ++tap) {
    float* out = dw + int64_t{tap} * c;
    __m512 value = g[tap / 3][tap % 3];
    if (accumulate) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, out));
    _mm512_mask_storeu_ps(out, mask, value);
  }
}

}  // namespace diptych::winograd

DIPTYCH_AVX512_END
