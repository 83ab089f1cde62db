// conv2d on the device: which step runs.
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_device.h"

#include "kernels/common/device.h"
#include "kernels/common/stream.h"
#include "kernels/conv2d/conv2d_cuda.h"

#ifdef DIPTYCH_HAVE_CUDNN
#include "kernels/conv2d/conv2d_cudnn.h"
#endif

namespace diptych {

namespace {

template <class Args>
void run_rung(Stream& stream, const Args& args) {
#ifdef DIPTYCH_HAVE_CUDNN
  if constexpr (requires { conv2d_cudnn(stream, args); })  // all passes but the epilogue's
    if (stream.engine() == Engine::kCudnn) return conv2d_cudnn(stream, args);
#endif
  const auto& rung = pick_conv2d_cuda(args, device::info().chip);
  const size_t bytes = rung.workspace(args);
  rung.run(args, bytes > 0 ? stream.workspace(bytes) : nullptr, stream.cuda());
}

}  // namespace

void conv2d_forward_device(Stream& stream, const Conv2dForwardArgs& a) {
  run_rung(stream, Conv2dCudaForward{.problem = a.problem,
                                     .epilogue = a.epilogue,
                                     .dtype = a.x.dtype,
                                     .y_dtype = a.y.dtype,
                                     .x = a.x.data,
                                     .w = a.w.data,
                                     .b = static_cast<const float*>(a.b.data),
                                     .residual = a.residual.data,
                                     .y = a.y.data});
}

void conv2d_backward_epilogue_device(Stream& stream,
                                     const Conv2dProblem& problem,
                                     const Conv2dEpilogue& epilogue,
                                     View y,
                                     View dy,
                                     MutView da,
                                     GradView db) {
  const bool copies_nothing =
      da.data == dy.data && epilogue.leaky_slope == 1.0f && !epilogue.depth_to_space;
  run_rung(stream, Conv2dCudaBackwardEpilogue{.problem = problem,
                                              .epilogue = epilogue,
                                              .dtype = dy.dtype,
                                              .y = y.data,
                                              .dy = dy.data,
                                              .da = copies_nothing ? nullptr : da.data,
                                              .db = static_cast<float*>(db.data),
                                              .accumulate_db = db.accumulate()});
}

void conv2d_backward_data_device(Stream& stream, const Conv2dBackwardDataArgs& a) {
  run_rung(stream, Conv2dCudaBackwardData{.problem = a.problem,
                                          .dtype = a.da.dtype,
                                          .da = a.da.data,
                                          .w = a.w.data,
                                          .dx = a.dx.data,
                                          .before = a.dx.accumulate() ? a.dx.data : nullptr});
}

void conv2d_backward_data_below_device(
    Stream& stream, const Conv2dProblem& problem, View da, View w, const Conv2dBelow& below) {
  run_rung(stream, Conv2dCudaBackwardData{.problem = problem,
                                          .dtype = da.dtype,
                                          .da = da.data,
                                          .w = w.data,
                                          .dx = below.da.data,
                                          .before = below.before.data,
                                          .below = below.epilogue,
                                          .x = below.x.data});
}

void conv2d_backward_weight_device(Stream& stream, const Conv2dBackwardWeightArgs& a) {
  run_rung(stream, Conv2dCudaBackwardWeight{.problem = a.problem,
                                            .dtype = a.x.dtype,
                                            .x = a.x.data,
                                            .da = a.da.data,
                                            .dw = static_cast<float*>(a.dw.data),
                                            .accumulate = a.dw.accumulate(),
                                            .db = static_cast<float*>(a.db.data),
                                            .accumulate_db = a.db.accumulate()});
}

}  // namespace diptych
