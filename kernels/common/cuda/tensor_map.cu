// Tensor maps of the driver, whose one function is found without linking libcuda.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/tensor_map.h"
#include "kernels/common/simt/launch.h"

namespace diptych::simt {

namespace {

TensorMap encode(CUtensorMapDataType type, const void* base, const TensorBox& b) {
  static const auto encode_tiled = [] {
    void* f = nullptr;
    cudaDriverEntryPointQueryResult found;
    check_cuda(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &f, 12000,
                                                cudaEnableDefault, &found),
               "tensor_map");
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(f);
  }();
  DIPTYCH_CHECK(encode_tiled, "tensor_map: the driver has no bulk tensor copies");
  TensorMap m;
  const CUresult result = encode_tiled(
      &m.map, type, static_cast<unsigned>(b.rank), const_cast<void*>(base), b.size, b.stride, b.box,
      b.step, CU_TENSOR_MAP_INTERLEAVE_NONE, static_cast<CUtensorMapSwizzle>(b.swizzle),
      CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  DIPTYCH_CHECK(result == CUDA_SUCCESS, "tensor_map: the driver refuses a map of rank ", b.rank,
                ", error ", static_cast<int>(result));
  return m;
}

}  // namespace

TensorMap tensor_map(const __nv_bfloat16* base, const TensorBox& box) {
  return encode(CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, base, box);
}

TensorMap tensor_map(const float* base, const TensorBox& box) {
  return encode(CU_TENSOR_MAP_DATA_TYPE_FLOAT32, base, box);
}

}  // namespace diptych::simt
