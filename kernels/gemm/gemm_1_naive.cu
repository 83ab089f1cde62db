// gemm, rung 1: one thread per result, sums read straight from global memory.
//
// The idea: every result of every pass is an independent sum, so give each its own thread, and let
// neighbours in a warp be neighbours in the result's rows.
//
//   forward          y[m,o]   sum over i   lanes differ in o: w is 32 reads `in` elements apart
//   backward data    dx[m,i]  sum over o   lanes differ in i: w is one row's 32 neighbours
//   backward weight  dw[o,i]  sum over m   lanes differ in i: x is 32 neighbours, dy one broadcast
//   backward bias    db[o]    sum over m   lanes differ in o: dy is 32 neighbours
//
// What bounds it: w is fetched once per row of the batch, in forward by sectors of 32 bytes for the
// 4 or 2 that a step uses; caches may or may not help. And the chip is idle: 8 rows by 256 columns
// are 8 blocks, each thread with a serial sum of 32768 terms. The next rung fetches each weight
// once per block of 64 rows.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/gemm/gemm_rungs.cuh"

namespace diptych {

namespace {

template <class T>
__device__ __forceinline__ float f32(const T* from) {
  return static_cast<float>(__ldg(from));
}

template <class T, class Y>
__global__ void __launch_bounds__(kBlockThreads) dense_forward_naive_kernel(int rows,
                                                                            int in,
                                                                            int out,
                                                                            const T* __restrict__ x,
                                                                            const T* __restrict__ w,
                                                                            const float* b,
                                                                            Y* __restrict__ y) {
  const int64_t at = item_index();
  if (at >= int64_t{rows} * out) return;
  const int m = static_cast<int>(at / out), o = static_cast<int>(at % out);
  const T* const from = x + int64_t{m} * in;
  const T* const weight = w + int64_t{o} * in;
  float sum = 0;
  for (int i = 0; i < in; ++i) sum += f32(from + i) * f32(weight + i);
  y[at] = static_cast<Y>(b ? sum + b[o] : sum);
}

template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    dense_backward_data_naive_kernel(int rows,
                                     int in,
                                     int out,
                                     const T* __restrict__ dy,
                                     const T* __restrict__ w,
                                     T* __restrict__ dx,
                                     bool accumulate) {
  const int64_t at = item_index();
  if (at >= int64_t{rows} * in) return;
  const int m = static_cast<int>(at / in), i = static_cast<int>(at % in);
  const T* const from = dy + int64_t{m} * out;
  float sum = 0;
  for (int o = 0; o < out; ++o) sum += f32(from + o) * f32(w + int64_t{o} * in + i);
  dx[at] = static_cast<T>(accumulate ? static_cast<float>(dx[at]) + sum : sum);
}

template <class T>
__global__ void __launch_bounds__(kBlockThreads)
    dense_backward_weight_naive_kernel(int rows,
                                       int in,
                                       int out,
                                       const T* __restrict__ x,
                                       const T* __restrict__ dy,
                                       float* __restrict__ dw,
                                       bool accumulate) {
  const int64_t at = item_index();
  if (at >= int64_t{out} * in) return;
  const int o = static_cast<int>(at / in), i = static_cast<int>(at % in);
  float sum = 0;
  for (int m = 0; m < rows; ++m)
    sum += f32(dy + int64_t{m} * out + o) * f32(x + int64_t{m} * in + i);
  dw[at] = accumulate ? dw[at] + sum : sum;
}

template <class T>
__global__ void __launch_bounds__(kBlockThreads) dense_backward_bias_naive_kernel(
    int rows, int out, const T* __restrict__ dy, float* __restrict__ db, bool accumulate) {
  const int64_t o = item_index();
  if (o >= out) return;
  float sum = 0;
  for (int m = 0; m < rows; ++m) sum += f32(dy + int64_t{m} * out + o);
  db[o] = accumulate ? db[o] + sum : sum;
}

// Hosts.

void run_forward(const DenseCudaForward& a, void*, CudaStream stream) {
  const auto& t = a.problem;
  const simt::Config config = cover(int64_t{t.m} * t.out, stream);
  dispatch_device(a.dtype, [&]<class T>() {
    const auto start = [&](auto kernel, auto* y) {
      simt::launch(kernel, config, t.m, t.in, t.out, static_cast<const T*>(a.x),
                   static_cast<const T*>(a.w), a.b, y);
    };
    if (a.y_dtype == DType::kF32)
      start(dense_forward_naive_kernel<T, float>, static_cast<float*>(a.y));
    else
      start(dense_forward_naive_kernel<T, T>, static_cast<T*>(a.y));
  });
}

void run_backward_data(const DenseCudaBackwardData& a, void*, CudaStream stream) {
  const auto& t = a.problem;
  dispatch_device(a.dtype, [&]<class T>() {
    simt::launch(dense_backward_data_naive_kernel<T>, cover(int64_t{t.m} * t.in, stream), t.m, t.in,
                 t.out, static_cast<const T*>(a.dy), static_cast<const T*>(a.w),
                 static_cast<T*>(a.dx), a.accumulate);
  });
}

void run_backward_weight(const DenseCudaBackwardWeight& a, void*, CudaStream stream) {
  const auto& t = a.problem;
  dispatch_device(a.dtype, [&]<class T>() {
    simt::launch(dense_backward_weight_naive_kernel<T>, cover(int64_t{t.out} * t.in, stream), t.m,
                 t.in, t.out, static_cast<const T*>(a.x), static_cast<const T*>(a.dy), a.dw,
                 a.accumulate);
  });
}

void run_backward_bias(const DenseCudaBackwardBias& a, void*, CudaStream stream) {
  const auto& t = a.problem;
  dispatch_device(a.dtype, [&]<class T>() {
    simt::launch(dense_backward_bias_naive_kernel<T>, cover(t.out, stream), t.m, t.out,
                 static_cast<const T*>(a.dy), a.db, a.accumulate);
  });
}

}  // namespace

// Instantiations: 4 kernels x {f32, bf16}, and forward from bf16 to f32.

const GemmCudaRung<DenseCudaForward> kDenseForwardNaive = {"naive", accepts_any, suits_any,
                                                           needs_no_workspace, run_forward};
const GemmCudaRung<DenseCudaBackwardData> kDenseBackwardDataNaive = {
    "naive", accepts_any, suits_any, needs_no_workspace, run_backward_data};
const GemmCudaRung<DenseCudaBackwardWeight> kDenseBackwardWeightNaive = {
    "naive", accepts_any, suits_any, needs_no_workspace, run_backward_weight};
const GemmCudaRung<DenseCudaBackwardBias> kDenseBackwardBiasNaive = {
    "naive", accepts_any, suits_any, needs_no_workspace, run_backward_bias};

}  // namespace diptych
