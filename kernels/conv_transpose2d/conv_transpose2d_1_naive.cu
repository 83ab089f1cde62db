// conv_transpose2d, rung 1: one thread per output element, gathering what reaches it.
//
// The idea: the formula scatters, each input adds to R*S*K outputs, and threads that scatter
// collide. Turned round it gathers: fix the output, and solve h*stride + r - pad_top = p for h.
//
//   p + pad_top = 5, stride 2, r = 0 1 2     r = 0: 5 / 2 leaves a remainder, no input
//                                            r = 1: h = 2     r = 2: remainder
//   thread (n,p,q,k) walks r,s,c: x is one broadcast read, w[c,r,s,..] 32 neighbours in k
//
// What bounds it: two loads per multiply-add, none used twice by the thread; and with stride 2
// three of four taps are looked at for nothing. The next rung hands the work to conv2d's ladder.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/dispatch.cuh"
#include "kernels/conv2d/conv2d_device.cuh"
#include "kernels/conv_transpose2d/conv_transpose2d_rungs.cuh"

namespace diptych {

namespace {

// d: the convolution from y to x, whose image (h,w,c) is y and whose result (p,q,k) is x.
template <class T, class Y>
__global__ void __launch_bounds__(kBlockThreads)
    conv_transpose2d_forward_naive_kernel(ConvDims d,
                                          const T* __restrict__ x,
                                          const T* __restrict__ w,
                                          const float* b,
                                          float slope,
                                          Y* __restrict__ y) {
  const int64_t i = item_index();
  if (i >= int64_t{d.n} * d.h * d.w * d.c) return;
  const int channel = static_cast<int>(i % d.c);
  const Pixel at = pixel_of(static_cast<int>(i / d.c), d.h, d.w);
  float sum = 0;
  for (int r = 0; r < d.r; ++r)
    for (int s = 0; s < d.s; ++s) {
      const int row = at.y + d.pad_top - r, column = at.x + d.pad_left - s;
      if (row < 0 || column < 0 || row % d.stride || column % d.stride) continue;
      if (!inside(row / d.stride, column / d.stride, d.p, d.q)) continue;
      const T* const from = x + offset_of(at.n, row / d.stride, column / d.stride, d.p, d.q, d.k);
      const T* const weight = w + (r * d.s + s) * d.c + channel;
      for (int c = 0; c < d.k; ++c)
        sum += load_f32(from + c) * load_f32(weight + int64_t{c} * d.depth());
    }
  if (b) sum += b[channel];
  y[i] = static_cast<Y>(sum >= 0.0f ? sum : slope * sum);
}

void run(const ConvTranspose2dCudaForward& a, void*, CudaStream stream) {
  const ConvDims d = dims_of(a.problem.conv2d());
  const simt::Config config = cover(int64_t{d.n} * d.h * d.w * d.c, stream);
  dispatch_device(a.dtype, [&]<class T>() {
    const auto start = [&](auto kernel, auto* y) {
      simt::launch(kernel, config, d, static_cast<const T*>(a.x), static_cast<const T*>(a.w),
                   a.epilogue.bias ? a.b : nullptr, a.epilogue.leaky_slope, y);
    };
    if (a.y_dtype == DType::kF32)
      start(conv_transpose2d_forward_naive_kernel<T, float>, static_cast<float*>(a.y));
    else
      start(conv_transpose2d_forward_naive_kernel<T, T>, static_cast<T*>(a.y));
  });
}

}  // namespace

// Instantiations: f32, bf16, and from bf16 to f32.

const ConvTranspose2dCudaRung kConvTranspose2dCudaNaive = {
    "naive", [](const ConvTranspose2dCudaForward& a, int) { return fits_int(a.problem.conv2d()); },
    always_suits, no_workspace, run};

}  // namespace diptych
