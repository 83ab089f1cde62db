// conv2d, rung 1: one thread per result, sums read straight from global memory.
//
// The idea: every output of every pass is an independent sum, so give each its own thread. The
// passes differ only in which sum that is:
//
//   forward          y[n,p,q,k]    thread walks r,s,c     reads a patch of x and filter k
//   backward data    dx[n,h,w,c]   thread walks r,s,k     reads the outputs that saw this input
//   backward weight  dw[k,r,s,c]   thread walks n,p,q     reads all of da[..k] and shifted x[..c]
//
//   thread (n,p,q,k):   x  . . . . .        w[k]  o o o      32 threads of a warp share n,p,q:
//                          . o o o .   dot        o o o      x is one broadcast read, w is 32 reads
//                          . o o o .              o o o      R*S*C elements apart
//
// What bounds it: the load units. Two loads per multiply-add, none reused by the thread; caches
// are all that stands between it and R*S*K times the traffic needed. Backward weight also starves:
// a small filter has few threads, each with a long serial sum. The next rung loads a tile once per
// block and uses it many times.
// SPDX-License-Identifier: MIT
#include "kernels/common/simt/simt.h"
#include "kernels/conv2d/conv2d_device.cuh"
#include "kernels/conv2d/conv2d_rungs.cuh"

namespace diptych {

namespace {

constexpr int kThreads = 256;

__device__ int64_t global_thread() {
  return int64_t{blockIdx.x} * kThreads + threadIdx.x;
}

template <class T>
__global__ void __launch_bounds__(kThreads) conv2d_forward_naive_kernel(ConvDims d,
                                                                        const T* __restrict__ x,
                                                                        const T* __restrict__ w,
                                                                        ForwardStore<T> store) {
  const int64_t i = global_thread();
  if (i >= int64_t{d.pixels()} * d.k) return;
  const int m = static_cast<int>(i / d.k), k = static_cast<int>(i % d.k);
  const Pixel at = pixel_of(m, d.p, d.q);
  float sum = 0;
  for (int r = 0; r < d.r; ++r)
    for (int s = 0; s < d.s; ++s) {
      const int row = at.y * d.stride + r - d.pad_top, column = at.x * d.stride + s - d.pad_left;
      if (!inside(row, column, d.h, d.w)) continue;
      const T* const from = x + offset_of(at.n, row, column, d.h, d.w, d.c);
      const T* const filter = w + offset_of(k, r, s, d.r, d.s, d.c);
      for (int c = 0; c < d.c; ++c) sum += load_f32(from + c) * load_f32(filter + c);
    }
  store.put(d, m, k, sum);
}

template <class T>
__global__ void __launch_bounds__(kThreads) conv2d_backward_data_naive_kernel(
    ConvDims d, const T* __restrict__ da, const T* __restrict__ w, DataStore<T> store) {
  const int64_t i = global_thread();
  if (i >= int64_t{d.n} * d.h * d.w * d.c) return;
  const int c = static_cast<int>(i % d.c);
  const Pixel at = pixel_of(static_cast<int>(i / d.c), d.h, d.w);
  float sum = 0;
  for (int r = 0; r < d.r; ++r)
    for (int s = 0; s < d.s; ++s) {
      // p * stride + r - pad_top = h, solved for p: only every stride-th tap has a solution.
      const int row = at.y + d.pad_top - r, column = at.x + d.pad_left - s;
      if (row % d.stride || column % d.stride || row < 0 || column < 0) continue;
      if (!inside(row / d.stride, column / d.stride, d.p, d.q)) continue;
      const T* const from = da + offset_of(at.n, row / d.stride, column / d.stride, d.p, d.q, d.k);
      const T* const filter = w + (r * d.s + s) * d.c + c;
      for (int k = 0; k < d.k; ++k)
        sum += load_f32(from + k) * load_f32(filter + int64_t{k} * d.depth());
    }
  store.put(d, at, c, sum);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    conv2d_backward_weight_naive_kernel(ConvDims d,
                                        const T* __restrict__ x,
                                        const T* __restrict__ da,
                                        float* __restrict__ dw,
                                        bool accumulate) {
  const int64_t i = global_thread();
  if (i >= int64_t{d.k} * d.depth()) return;
  const int k = static_cast<int>(i / d.depth());
  const Tap tap = tap_of(static_cast<int>(i % d.depth()), d.s, d.c);
  float sum = 0;
  for (int n = 0; n < d.n; ++n)
    for (int p = 0; p < d.p; ++p)
      for (int q = 0; q < d.q; ++q) {
        const int row = p * d.stride + tap.r - d.pad_top;
        const int column = q * d.stride + tap.s - d.pad_left;
        if (!inside(row, column, d.h, d.w)) continue;
        sum += load_f32(da + offset_of(n, p, q, d.p, d.q, d.k) + k) *
               load_f32(x + offset_of(n, row, column, d.h, d.w, d.c) + tap.channel);
      }
  dw[i] = accumulate ? dw[i] + sum : sum;
}

// Gradient before the epilogue of element k of pixel m. `at` holds offset() and the slope.
template <class T>
__device__ float undo_epilogue(
    const ConvDims& d, const ForwardStore<T>& at, const T* y, const T* dy, int m, int k) {
  const int64_t i = at.offset(d, m, k);
  const float gradient = static_cast<float>(dy[i]);
  return !y || static_cast<float>(y[i]) >= 0.0f ? gradient : at.slope * gradient;
}

template <class T>
__global__ void __launch_bounds__(kThreads) conv2d_backward_epilogue_naive_kernel(
    ConvDims d, ForwardStore<T> at, const T* y, const T* dy, T* da) {
  const int64_t i = global_thread();
  if (i >= int64_t{d.pixels()} * d.k) return;
  const int m = static_cast<int>(i / d.k), k = static_cast<int>(i % d.k);
  da[i] = static_cast<T>(undo_epilogue(d, at, y, dy, m, k));
}

template <class T>
__global__ void __launch_bounds__(kThreads) conv2d_backward_bias_naive_kernel(
    ConvDims d, ForwardStore<T> at, const T* y, const T* dy, float* db, bool accumulate) {
  const int64_t k = global_thread();
  if (k >= d.k) return;
  float sum = 0;
  for (int m = 0; m < d.pixels(); ++m) sum += undo_epilogue(d, at, y, dy, m, static_cast<int>(k));
  db[k] = accumulate ? db[k] + sum : sum;
}

// Hosts.

template <class Args>
bool accepts(const Args& a, int) {
  return fits_int(a.problem);
}

simt::Config one_thread_each(int64_t count, CudaStream stream) {
  return {.grid = blocks_for(count, kThreads), .block = kThreads, .stream = stream};
}

template <class T>
void run_forward(const Conv2dCudaForward& a, CudaStream stream) {
  const ConvDims d = dims_of(a.problem);
  simt::launch(conv2d_forward_naive_kernel<T>, one_thread_each(int64_t{d.pixels()} * d.k, stream),
               d, static_cast<const T*>(a.x), static_cast<const T*>(a.w), store_of<T>(a));
}

template <class T>
void run_backward_data(const Conv2dCudaBackwardData& a, CudaStream stream) {
  const ConvDims d = dims_of(a.problem);
  simt::launch(conv2d_backward_data_naive_kernel<T>,
               one_thread_each(int64_t{d.n} * d.h * d.w * d.c, stream), d,
               static_cast<const T*>(a.da), static_cast<const T*>(a.w), store_of<T>(a));
}

// A store that undoes nothing but `epilogue`'s.
template <class T>
ForwardStore<T> store_of(const Conv2dEpilogue& epilogue) {
  return {.b = nullptr,
          .residual = nullptr,
          .y = nullptr,
          .slope = epilogue.leaky_slope,
          .depth_to_space = epilogue.depth_to_space,
          .y_f32 = false,
          .width = 1};
}

template <class T>
void run_backward_weight(const Conv2dCudaBackwardWeight& a, CudaStream stream) {
  const ConvDims d = dims_of(a.problem);
  if (a.db)
    simt::launch(conv2d_backward_bias_naive_kernel<T>, one_thread_each(d.k, stream), d,
                 store_of<T>(Conv2dEpilogue{}), nullptr, static_cast<const T*>(a.da), a.db,
                 a.accumulate_db);
  simt::launch(conv2d_backward_weight_naive_kernel<T>,
               one_thread_each(int64_t{d.k} * d.depth(), stream), d, static_cast<const T*>(a.x),
               static_cast<const T*>(a.da), a.dw, a.accumulate);
}

template <class T>
void run_backward_epilogue(const Conv2dCudaBackwardEpilogue& a, CudaStream stream) {
  const ConvDims d = dims_of(a.problem);
  const auto at = store_of<T>(a.epilogue);
  const T* const y = a.epilogue.leaky_slope == 1.0f ? nullptr : static_cast<const T*>(a.y);
  const T* const dy = static_cast<const T*>(a.dy);
  if (a.db)  // first: da may overwrite dy
    simt::launch(conv2d_backward_bias_naive_kernel<T>, one_thread_each(d.k, stream), d, at, y, dy,
                 a.db, a.accumulate_db);
  if (a.da)
    simt::launch(conv2d_backward_epilogue_naive_kernel<T>,
                 one_thread_each(int64_t{d.pixels()} * d.k, stream), d, at, y, dy,
                 static_cast<T*>(a.da));
}

}  // namespace

// Instantiations: 5 kernels x {f32, bf16}.

const Conv2dCudaRung<Conv2dCudaForward> kConv2dForwardNaive = {
    "naive", accepts, always_suits, no_workspace,
    [](const Conv2dCudaForward& a, void*, CudaStream stream) {
      a.dtype == DType::kF32 ? run_forward<float>(a, stream) : run_forward<simt::bf16>(a, stream);
    }};

const Conv2dCudaRung<Conv2dCudaBackwardEpilogue> kConv2dBackwardEpilogueNaive = {
    "naive", accepts, always_suits, no_workspace,
    [](const Conv2dCudaBackwardEpilogue& a, void*, CudaStream stream) {
      a.dtype == DType::kF32 ? run_backward_epilogue<float>(a, stream)
                             : run_backward_epilogue<simt::bf16>(a, stream);
    }};

const Conv2dCudaRung<Conv2dCudaBackwardData> kConv2dBackwardDataNaive = {
    "naive", accepts, always_suits, no_workspace,
    [](const Conv2dCudaBackwardData& a, void*, CudaStream stream) {
      a.dtype == DType::kF32 ? run_backward_data<float>(a, stream)
                             : run_backward_data<simt::bf16>(a, stream);
    }};

const Conv2dCudaRung<Conv2dCudaBackwardWeight> kConv2dBackwardWeightNaive = {
    "naive", accepts, always_suits, no_workspace,
    [](const Conv2dCudaBackwardWeight& a, void*, CudaStream stream) {
      a.dtype == DType::kF32 ? run_backward_weight<float>(a, stream)
                             : run_backward_weight<simt::bf16>(a, stream);
    }};

}  // namespace diptych
