// AVX-512 pieces of the winograd variant of conv2d: F(4x4,3x3) transforms and the small GEMM
// between.
// SPDX-License-Identifier: MIT
//
// One 4x4 tile of outputs comes from one 6x6 tile of inputs:
//   Y = A^T [ (G g G^T) * (B^T d B) ] A      (* is elementwise, summed over the input channels)
// with the points 0, +-sqrt(1/2), +-sqrt(2), infinity (WINOGRAD_AMX.md says why these). Summed over
// channels, each of the 36 elements e is a matrix product, M_e = V_e U_e.
//
// Memory, all f32 and 64-byte lines; "block" is kBlock = 32 output channels, `vectors` counts 16s:
//   V  [tile group][e][vector][tile][16]   transformed inputs, groups of `rows` <= kMaxRows tiles
//   U  [e][channel][32]                    transformed weights of one block and one channel chunk
//   M  [e][tile][32]                       products, one tile group
// Each e carries one line of padding, so that the 36 streams do not share cache sets.
#pragma once

#include <cstdint>

#include "kernels/conv2d/conv2d.h"

namespace diptych::winograd {

constexpr int kTile = 4;       // outputs per side of a tile
constexpr int kElements = 36;  // of a transformed tile
constexpr int kLanes = 16;
constexpr int kBlock = 32;    // output channels per GEMM block: two vectors
constexpr int kMaxRows = 14;  // 28 accumulators, 2 weights and a broadcast fill 31 registers

inline int64_t padded(int64_t floats) {
  return floats + kLanes;
}

// Tiles of an image batch. The input side is (n,h,w), tile (tp,tq) reads from row tp*4 - pad_top
// on.
struct Tiles {
  int n = 0, down = 0, across = 0;

  int count() const { return n * down * across; }
};

// An image in NHWC.
struct Image {
  const float* data;
  int n, h, w, channels;
};

bool supported();  // this CPU has AVX-512F

// V for tiles [first, first+count) of one group: B^T d B.
void transform_input(const Image& x,
                     const Tiles& tiles,
                     int pad_top,
                     int pad_left,
                     int first,
                     int count,
                     int rows,
                     float* v);
// The same layout for output gradients: A dY A^T, 4x4 values to 36.
void transform_output_gradient(
    const Image& dy, const Tiles& tiles, int first, int count, int rows, float* v);

// U of output channels [k0, k0+32) and input channels [c0, c0+channels), channels a multiple of 16;
// beyond the sizes of w (K,3,3,C) it is 0.
void transform_weight(const float* w, int k, int c, int k0, int c0, int channels, float* u);
// The same for backward_data: the filter turned by 180 degrees, the roles of K and C exchanged.
void transform_weight_turned(const float* w, int k, int c, int c0, int k0, int channels, float* u);

// M_e[rows][32] = or += sum over vectors of 16 channels. `vectors` counts them in U; V has
// v_vectors.
void multiply(const float* v,
              int v_vectors,
              int first_vector,
              const float* u,
              int vectors,
              int rows,
              bool accumulate,
              float* m);

// What happens to one block of 32 output channels: Y = A^T M A, then the epilogue, then the store.
struct Output {
  float* y;
  const float* bias;      // nullptr: none
  const float* residual;  // nullptr: none; (N,P,Q,K)
  float slope = 1.0f;
  bool depth_to_space = false;
  bool accumulate = false;
  int n, p, q, k;
};

void transform_product(
    const float* m, const Output& out, const Tiles& tiles, int first, int count, int rows, int k0);

// dU -> dw for 8 channels k0.. and `vectors` (1..3) vectors of channels c0..: accumulates
// sum over tiles of dY_e[tile][k] V_e[tile][c] over `chunk` tiles, then dw (+)= G^T dU G.
// dy and v point at [e][vector][tile][16] blocks of the same tile chunk.
void weight_gradient_block(const float* dy,
                           int dy_vectors,
                           const float* v,
                           int v_vectors,
                           int tiles,
                           int k0,
                           int c0,
                           int vectors,
                           bool accumulate,
                           int k,
                           int c,
                           float* dw);

}  // namespace diptych::winograd
