// gemm on the device: which rung runs.
// SPDX-License-Identifier: MIT
#include "kernels/gemm/gemm_device.h"

#include "kernels/common/device.h"
#include "kernels/gemm/gemm_cuda.h"

#ifdef DIPTYCH_HAVE_CUDNN
#include "kernels/gemm/gemm_cublas.h"
#endif

namespace diptych {

namespace {

template <class Args>
void run_rung(Stream& stream, const Args& args) {
#ifdef DIPTYCH_HAVE_CUDNN
  if constexpr (requires { dense_cublas(stream, args); })  // all passes but the bias's
    if (stream.engine() == Engine::kCudnn) return dense_cublas(stream, args);
#endif
  const auto& rung = pick_gemm_cuda(args, device::info().chip);
  const size_t bytes = rung.workspace(args);
  rung.run(args, bytes > 0 ? stream.workspace(bytes) : nullptr, stream.cuda());
}

}  // namespace

void dense_forward_device(Stream& stream, const DenseForwardArgs& a) {
  run_rung(stream, DenseCudaForward{.problem = a.problem,
                                    .dtype = a.x.dtype,
                                    .y_dtype = a.y.dtype,
                                    .x = a.x.data,
                                    .w = a.w.data,
                                    .b = static_cast<const float*>(a.b.data),
                                    .y = a.y.data});
}

void dense_backward_data_device(Stream& stream, const DenseBackwardDataArgs& a) {
  run_rung(stream, DenseCudaBackwardData{.problem = a.problem,
                                         .dtype = a.dy.dtype,
                                         .dy = a.dy.data,
                                         .w = a.w.data,
                                         .dx = a.dx.data,
                                         .accumulate = a.dx.accumulate()});
}

void dense_backward_weight_device(Stream& stream, const DenseBackwardWeightArgs& a) {
  run_rung(stream, DenseCudaBackwardWeight{.problem = a.problem,
                                           .dtype = a.x.dtype,
                                           .x = a.x.data,
                                           .dy = a.dy.data,
                                           .dw = static_cast<float*>(a.dw.data),
                                           .accumulate = a.dw.accumulate()});
}

void dense_backward_bias_device(Stream& stream, View dy, GradView db) {
  const DenseProblem sums = {.m = static_cast<int>(dy.shape[0]),
                             .out = static_cast<int>(dy.shape[1])};
  run_rung(stream, DenseCudaBackwardBias{.problem = sums,
                                         .dtype = dy.dtype,
                                         .dy = dy.data,
                                         .db = static_cast<float*>(db.data),
                                         .accumulate = db.accumulate()});
}

}  // namespace diptych
