// Tensor maps of the emulator: refuse what cuTensorMapEncodeTiled refuses.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/tensor_map.h"

#include "kernels/common/check.h"

namespace diptych::simt {

namespace {

constexpr unsigned kMaxBox = 256, kMaxStep = 8;
constexpr size_t kAlign = 16;
constexpr uint64_t kMaxSize = uint64_t{1} << 32, kMaxStride = uint64_t{1} << 40;

TensorMap make_map(const void* base, size_t element_bytes, const TensorBox& b) {
  DIPTYCH_CHECK(b.rank >= 1 && b.rank <= kMaxTensorRank, "tensor_map: rank ", b.rank);
  DIPTYCH_CHECK(reinterpret_cast<uintptr_t>(base) % kAlign == 0, "tensor_map: base ", base,
                " is not a multiple of ", kAlign);
  TensorMap m{
      const_cast<void*>(base), b.rank,          {1, 1, 1, 1, 1}, {element_bytes, 0, 0, 0, 0},
      {1, 1, 1, 1, 1},         {1, 1, 1, 1, 1}, b.swizzle};
  for (int i = 0; i < b.rank; ++i) {
    DIPTYCH_CHECK(b.box[i] >= 1 && b.box[i] <= kMaxBox && b.step[i] >= 1 && b.step[i] <= kMaxStep,
                  "tensor_map: dimension ", i, ": box ", b.box[i], ", step ", b.step[i]);
    DIPTYCH_CHECK(b.size[i] >= 1 && b.size[i] <= kMaxSize, "tensor_map: dimension ", i, " is ",
                  b.size[i], " long");
    m.size[i] = b.size[i];
    m.box[i] = b.box[i];
    m.step[i] = b.step[i];
    if (i == 0) continue;
    m.stride[i] = b.stride[i - 1];
    DIPTYCH_CHECK(m.stride[i] % kAlign == 0 && m.stride[i] < kMaxStride, "tensor_map: stride ",
                  m.stride[i], " of dimension ", i, " is not a multiple of ", kAlign,
                  " below 2^40");
    const uint64_t before = m.stride[i - 1];  // of dimension 0: an element
    DIPTYCH_CHECK(m.stride[i] >= before * m.size[i - 1] && m.stride[i] % before == 0,
                  "tensor_map: stride ", m.stride[i], " of dimension ", i, " does not hold ",
                  m.size[i - 1], " times ", before, " bytes");
  }
  DIPTYCH_CHECK(b.step[0] == 1, "tensor_map: step ", b.step[0],
                " of dimension 0, which the copy engine does not step over");
  const size_t inner = b.box[0] * element_bytes;
  DIPTYCH_CHECK(inner % kAlign == 0, "tensor_map: the box's innermost ", inner,
                " bytes are not a multiple of ", kAlign);
  DIPTYCH_CHECK(b.swizzle == Swizzle::kNone || inner <= kAlign << static_cast<int>(b.swizzle),
                "tensor_map: the box's innermost ", inner, " bytes are wider than its swizzle");
  return m;
}

}  // namespace

TensorMap tensor_map(const __nv_bfloat16* base, const TensorBox& box) {
  return make_map(base, sizeof(__nv_bfloat16), box);
}

TensorMap tensor_map(const float* base, const TensorBox& box) {
  return make_map(base, sizeof(float), box);
}

}  // namespace diptych::simt
