// image_warp: the augmentation of training. From 8-bit faces that stay in memory to a batch of
// warped inputs, targets and masks (spec samples.md 2 to 6), the numbers of the CPU sampler.
//
//   sample k = state->next_sample + i, i = 0..N-1, has face order.face[k mod period]
//   draws     rotation, scale, shift, flip, grid nodes, HSV shift: a pure function of
//             (seed, side, k), warp_draws.h
//   target    [n,y,x,:] = cubic(T, A(x,y))            T = transfer(picture)
//   warped    [n,y,x,:] = cubic(I, A(x,y) + D(A(x,y)))  I = jitter(T)
//   mask      [n,y,x]   = linear(mask, A(x,y)), 0 outside
//   eyes_mouth[n,y,x]   = linear(eyes, A(x,y)) / its maximum over the sample (when that is not 0)
//   A: pixel -> place, the inverse affine map, after the mirror; D: the grid's displacement.
//   warped, target (N,R,R,3) BGR, mask, eyes_mouth (N,R,R,1): f32 in [0,1]. Borders of pictures are
//   replicated. Fractions of a pixel are rounded to 1/1024 in cubic interpolation (a = -0.75).
//
// Each call moves state->next_sample on by N, so a captured CUDA graph replays with new samples.
// The owner keeps the order's entries ahead of it. Colour transfers that are not linear per colour
// (mkl's roots per pair, idt, sot) stay with the CPU sampler.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/common/stream.h"
#include "kernels/common/view.h"
#include "kernels/image_warp/warp_draws.h"

namespace diptych {

constexpr int kMaxImageWarpBatch = 65535;  // a GPU's limit on the grid

enum class ColourTransfer { kNone, kRct, kLct };

struct ImageWarpOptions {
  int resolution = 128;  // R, at least 16
  uint64_t seed = 0;
  int side = 0;  // 0 src, 1 dst: separates the random streams
  warp::GeometryRange range = {};
  bool random_warp = true;
  double hsv_power = 0;  // 0: no jitter
  ColourTransfer transfer = ColourTransfer::kNone;
};

// A pixel of a resident face with its face mask, 4 bytes: one load serves both.
struct alignas(4) FaceTexel {
  uint8_t b, g, r, mask;
};

// The same for rct, already in CIELAB: L = 100 l / 16384, a and b = value / 64. OpenCV's f32 Lab of
// an 8-bit picture lies on this grid, so nothing is lost, and the forward conversion is done once.
struct alignas(8) LabTexel {
  int16_t l, a, b, mask;
};

// rct: mean and deviation of L, a, b (deviations in factor[0..2]).
// lct: mean of B, G, R; factor (3,3), row by row: of a face the inverse symmetric root of its
// covariance, of a reference the root.
struct ColourStatistics {
  double mean[3];
  double factor[9];
};

// Faces as they stay in memory, prepared at resolution R. On a GPU all pointers are device memory.
struct ImageWarpFaces {
  int count = 0;
  const FaceTexel* pictures = nullptr;           // (F,R,R), null for rct
  const LabTexel* lab = nullptr;                 // (F,R,R), rct alone
  const uint8_t* eyes_mouth = nullptr;           // (F,R,R), null when not asked
  const ColourStatistics* statistics = nullptr;  // (F), for rct and lct
  int reference_count = 0;                       // G
  const ColourStatistics* references = nullptr;  // (G)
};

// Which face, and which reference of colour transfer, sample k takes: entry k mod period.
struct ImageWarpOrder {
  int period = 0;
  const int32_t* face = nullptr;       // (period), each in [0, F)
  const int32_t* reference = nullptr;  // (period), each in [0, G); null without transfer
};

// What changes from step to step, in the memory of the engine.
struct ImageWarpState {
  uint64_t next_sample;
};

struct ImageWarpOutput {
  MutView warped;      // (N,R,R,3)
  MutView target;      // (N,R,R,3)
  MutView mask;        // (N,R,R,1)
  MutView eyes_mouth;  // (N,R,R,1), or without data when not asked
};

// All numbers of one sample. Draws make it, warps read it.
struct ImageWarpSample {
  float inverse[6];  // (2,3) pixel -> place before the affine map
  float last;        // R - 1 of a mirrored sample, else -1
  int32_t face, reference;
  int32_t nodes;        // n of the grid, 0 without a warp
  float nodes_a_pixel;  // (n - 1) / R
  warp::ColourShift shift;
  float colour[12];  // rct: gain (3), offset (3); lct: matrix (3,3), offset (3)
  float dx[warp::kMaxNodes * warp::kMaxNodes];  // (n,n) pixels
  float dy[warp::kMaxNodes * warp::kMaxNodes];
  float eyes_maximum;  // before division; written by the warp
};

// The draws of sample k on the host. transfer statistics must be host memory.
ImageWarpSample draw_image_warp(const ImageWarpOptions& options,
                                const ImageWarpFaces& faces,
                                const ImageWarpOrder& order,
                                uint64_t k);

// Makes the next N samples and moves the state on. Throws Error for options, shapes or pointers
// that do not fit each other.
void image_warp(Stream& stream,
                const ImageWarpOptions& options,
                const ImageWarpFaces& faces,
                const ImageWarpOrder& order,
                ImageWarpState* state,
                const ImageWarpOutput& output);

// The checks of image_warp(), for callers of the launchers. Returns N.
int check_image_warp(const ImageWarpOptions& options,
                     const ImageWarpFaces& faces,
                     const ImageWarpOrder& order,
                     const ImageWarpState* state,
                     const ImageWarpOutput& output);

}  // namespace diptych
