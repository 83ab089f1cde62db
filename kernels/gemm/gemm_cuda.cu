// gemm on the GPU: the rungs in order, and the choice among them. No kernels.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/rungs.h"
#include "kernels/gemm/gemm_cuda.h"
#include "kernels/gemm/gemm_rungs.cuh"

namespace diptych {

std::span<const GemmCudaRung<DenseCudaForward>> dense_cuda_forward_rungs() {
  static const GemmCudaRung<DenseCudaForward> rungs[] = {kDenseForwardMma, kDenseForwardStream,
                                                         kDenseForwardTiled, kDenseForwardNaive};
  return rungs;
}

std::span<const GemmCudaRung<DenseCudaBackwardData>> dense_cuda_backward_data_rungs() {
  static const GemmCudaRung<DenseCudaBackwardData> rungs[] = {
      kDenseBackwardDataMma, kDenseBackwardDataStream, kDenseBackwardDataTiled,
      kDenseBackwardDataNaive};
  return rungs;
}

std::span<const GemmCudaRung<DenseCudaBackwardWeight>> dense_cuda_backward_weight_rungs() {
  static const GemmCudaRung<DenseCudaBackwardWeight> rungs[] = {
      kDenseBackwardWeightMma, kDenseBackwardWeightStream, kDenseBackwardWeightTiled,
      kDenseBackwardWeightNaive};
  return rungs;
}

std::span<const GemmCudaRung<DenseCudaBackwardBias>> dense_cuda_backward_bias_rungs() {
  static const GemmCudaRung<DenseCudaBackwardBias> rungs[] = {kDenseBackwardBiasStream,
                                                              kDenseBackwardBiasNaive};
  return rungs;
}

const GemmCudaRung<DenseCudaForward>& pick_gemm_cuda(const DenseCudaForward& args, int chip) {
  return pick_rung("dense_forward", dense_cuda_forward_rungs(), args, chip);
}

const GemmCudaRung<DenseCudaBackwardData>& pick_gemm_cuda(const DenseCudaBackwardData& args,
                                                          int chip) {
  return pick_rung("dense_backward_data", dense_cuda_backward_data_rungs(), args, chip);
}

const GemmCudaRung<DenseCudaBackwardWeight>& pick_gemm_cuda(const DenseCudaBackwardWeight& args,
                                                            int chip) {
  return pick_rung("dense_backward_weight", dense_cuda_backward_weight_rungs(), args, chip);
}

const GemmCudaRung<DenseCudaBackwardBias>& pick_gemm_cuda(const DenseCudaBackwardBias& args,
                                                          int chip) {
  return pick_rung("dense_backward_bias", dense_cuda_backward_bias_rungs(), args, chip);
}

}  // namespace diptych
