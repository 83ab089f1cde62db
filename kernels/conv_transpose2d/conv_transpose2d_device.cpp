// conv_transpose2d on the device: which rung runs.
// SPDX-License-Identifier: MIT
#include "kernels/conv_transpose2d/conv_transpose2d_device.h"

#include "kernels/common/device.h"
#include "kernels/conv_transpose2d/conv_transpose2d_cuda.h"

namespace diptych {

void conv_transpose2d_forward_device(Stream& stream, const ConvTranspose2dForwardArgs& a) {
  const ConvTranspose2dCudaForward args = {.problem = a.problem,
                                           .epilogue = a.epilogue,
                                           .dtype = a.x.dtype,
                                           .y_dtype = a.y.dtype,
                                           .x = a.x.data,
                                           .w = a.w.data,
                                           .b = static_cast<const float*>(a.b.data),
                                           .y = a.y.data};
  const auto& rung = pick_conv_transpose2d_cuda(args, device::info().chip);
  const size_t bytes = rung.workspace(args);
  rung.run(args, bytes > 0 ? stream.workspace(bytes) : nullptr, stream.cuda());
}

}  // namespace diptych
