// dssim, step 1: a thread per map position walks its whole window.
//
//   forward   thread (n,p,q,c)   x, y [p..p+f, q..q+f, c]  -> moments -> l cs, and its partials
//   backward  thread (n,h,w,c)   saved [h-f+1..h, w-f+1..w]  -> dy
//
//   block of 16x16 positions of one sample and channel -> one partial sum of the mean
//
// Bound by the L1 cache: taps^2 loads of x and y per position, and each pixel is wanted by taps^2
// positions. Step 2 loads a pixel once per tile and filters rows before columns.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/reduce.cuh"
#include "kernels/dssim/dssim_map.cuh"

namespace diptych {

namespace {

__device__ __forceinline__ DssimMoments moments_at(const float* x,
                                                   const float* y,
                                                   const DssimSizes& d,
                                                   const DssimTaps& taps) {
  DssimMoments m{};
  for (int i = 0; i < taps.count; ++i)
    for (int j = 0; j < taps.count; ++j) {
      const int64_t at = (static_cast<int64_t>(taps.first + i) * d.w + taps.first + j) * d.c;
      const float weight = taps.weight[i] * taps.weight[j], u = x[at], v = y[at];
      m.a += weight * u;
      m.b += weight * v;
      m.xy += weight * (u * v);
      m.squares += weight * (u * u + v * v);
    }
  return m;
}

__global__ void __launch_bounds__(kDssimTile* kDssimTile) dssim_forward_naive_kernel(
    const float* x, const float* y, DssimSizes d, DssimTaps taps, float* saved, double* partial) {
  __shared__ double slots[kDssimTile * kDssimTile / 32];
  const int q = static_cast<int>(blockIdx.x * kDssimTile + threadIdx.x);
  const int p = static_cast<int>(blockIdx.y * kDssimTile + threadIdx.y);
  const int n = static_cast<int>(blockIdx.z) / d.c, c = static_cast<int>(blockIdx.z) % d.c;
  double value = 0;
  if (p < d.p && q < d.q) {
    const int64_t corner = ((static_cast<int64_t>(n) * d.h + p) * d.w + q) * d.c + c;
    const DssimSimilarity s = similarity(moments_at(x + corner, y + corner, d, taps));
    if (saved) save(saved, d, n, p, q, c, s);
    value = s.value;
  }
  value = simt::block_sum(value, slots);
  if (threadIdx.x == 0 && threadIdx.y == 0)
    partial[(static_cast<int64_t>(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] =
        value;
}

__global__ void __launch_bounds__(kDssimTile* kDssimTile)
    dssim_backward_naive_kernel(const float* x,
                                const float* y,
                                const float* saved,
                                const float* dloss,
                                DssimSizes d,
                                DssimTaps taps,
                                float* dy,
                                bool accumulate) {
  const int w = static_cast<int>(blockIdx.x * kDssimTile + threadIdx.x);
  const int h = static_cast<int>(blockIdx.y * kDssimTile + threadIdx.y);
  const int n = static_cast<int>(blockIdx.z) / d.c, c = static_cast<int>(blockIdx.z) % d.c;
  if (h >= d.h || w >= d.w) return;
  float filtered[3] = {};
  for (int i = 0; i < taps.count; ++i) {
    const int p = h - taps.first - i;
    if (p < 0 || p >= d.p) continue;
    for (int j = 0; j < taps.count; ++j) {
      const int q = w - taps.first - j;
      if (q < 0 || q >= d.q) continue;
      const float weight = taps.weight[i] * taps.weight[j];
#pragma unroll
      for (int k = 0; k < 3; ++k)
        filtered[k] +=
            weight * saved[((static_cast<int64_t>(n) * d.p + p) * 3 * d.q + k * d.q + q) * d.c + c];
    }
  }
  const int64_t at = ((static_cast<int64_t>(n) * d.h + h) * d.w + w) * d.c + c;
  const float factor = -dloss[blockIdx.z] / (2.0f * static_cast<float>(d.p) * d.q);
  const float value = factor * (filtered[0] + x[at] * filtered[1] + 2 * y[at] * filtered[2]);
  dy[at] = accumulate ? dy[at] + value : value;
}

// loss[n,c] = (1 - mean) / 2 from the partial sums: a block per (n,c).
__global__ void dssim_loss_kernel(const double* partial,
                                  int64_t parts,
                                  double positions,
                                  float* loss) {
  __shared__ double slots[32];
  const double* const mine = partial + static_cast<int64_t>(blockIdx.x) * parts;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < parts; i += blockDim.x) sum += mine[i];
  sum = block_combine<Reduction::kSum>(sum, slots);
  if (threadIdx.x == 0) loss[blockIdx.x] = static_cast<float>((1 - sum / positions) / 2);
}

}  // namespace

size_t dssim_workspace(const DssimProblem& p) {
  return static_cast<size_t>(p.n * p.c * dssim_parts(p)) * sizeof(double);
}

void finish_loss(CudaStream stream, const DssimProblem& p, const DssimForward& f) {
  simt::launch(dssim_loss_kernel,
               simt::Config{.grid = static_cast<unsigned>(p.n * p.c),
                            .block = kBlockThreads,
                            .smem = 0,
                            .stream = stream},
               static_cast<const double*>(f.workspace), dssim_parts(p),
               static_cast<double>(p.p()) * p.q(), static_cast<float*>(f.loss.data));
}

void dssim_forward_naive_cuda(CudaStream stream, const DssimProblem& p, const DssimForward& f) {
  simt::launch(dssim_forward_naive_kernel, dssim_tiles(p.n * p.c, p.p(), p.q(), stream),
               static_cast<const float*>(f.target.data),
               static_cast<const float*>(f.prediction.data), sizes_of(p), dssim_taps(p.window),
               static_cast<float*>(f.saved.data), static_cast<double*>(f.workspace));
  finish_loss(stream, p, f);
}

void dssim_backward_naive_cuda(CudaStream stream, const DssimProblem& p, const DssimBackward& b) {
  simt::launch(
      dssim_backward_naive_kernel, dssim_tiles(p.n * p.c, p.h, p.w, stream),
      static_cast<const float*>(b.target.data), static_cast<const float*>(b.prediction.data),
      static_cast<const float*>(b.saved.data), static_cast<const float*>(b.dloss.data), sizes_of(p),
      dssim_taps(p.window), static_cast<float*>(b.dprediction.data), b.dprediction.accumulate());
}

}  // namespace diptych
