// wgmma_m64k16: the multiplication itself, whose operand lists are long. Included by wgmma.cuh.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/cuda/wgmma.cuh"

namespace diptych::simt {

#ifdef __CUDACC__
// clang-format off
#define DIPTYCH_D8(i) \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), \
  "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])

template <int AmnMajor, int BmnMajor>
__device__ __forceinline__ void wgmma_ptx(float (&d)[32], uint64_t a, uint64_t b, int accumulate) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
      "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,"
      "%24,%25,%26,%27,%28,%29,%30,%31}, %32, %33, p, 1, 1, %35, %36;\n}"
      : DIPTYCH_D8(0), DIPTYCH_D8(8), DIPTYCH_D8(16), DIPTYCH_D8(24)
      : "l"(a), "l"(b), "r"(accumulate), "n"(AmnMajor), "n"(BmnMajor));
}

template <int AmnMajor, int BmnMajor>
__device__ __forceinline__ void wgmma_ptx(float (&d)[64], uint64_t a, uint64_t b, int accumulate) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,"
      "%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,"
      "%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, "
      "%64, %65, p, 1, 1, %67, %68;\n}"
      : DIPTYCH_D8(0), DIPTYCH_D8(8), DIPTYCH_D8(16), DIPTYCH_D8(24),
        DIPTYCH_D8(32), DIPTYCH_D8(40), DIPTYCH_D8(48), DIPTYCH_D8(56)
      : "l"(a), "l"(b), "r"(accumulate), "n"(AmnMajor), "n"(BmnMajor));
}

template <int AmnMajor, int BmnMajor>
__device__ __forceinline__ void wgmma_ptx(float (&d)[128], uint64_t a, uint64_t b, int accumulate) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 "
      "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,"
      "%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,"
      "%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,%64,%65,%66,%67,"
      "%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,"
      "%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,"
      "%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,"
      "%126,%127}, %128, %129, p, 1, 1, %131, %132;\n}"
      : DIPTYCH_D8(0), DIPTYCH_D8(8), DIPTYCH_D8(16), DIPTYCH_D8(24),
        DIPTYCH_D8(32), DIPTYCH_D8(40), DIPTYCH_D8(48), DIPTYCH_D8(56),
        DIPTYCH_D8(64), DIPTYCH_D8(72), DIPTYCH_D8(80), DIPTYCH_D8(88),
        DIPTYCH_D8(96), DIPTYCH_D8(104), DIPTYCH_D8(112), DIPTYCH_D8(120)
      : "l"(a), "l"(b), "r"(accumulate), "n"(AmnMajor), "n"(BmnMajor));
}
#undef DIPTYCH_D8
// clang-format on
#endif

// d (64xN, +)= A (64x16) B (16xN), A and B in shared memory, both K-major unless said otherwise.
// Warp w of the group holds rows 16w..16w+15 as mma_16816 does, 8 columns after 8 columns.
template <int N, bool AmnMajor = false, bool BmnMajor = false>
__device__ __forceinline__ void wgmma_m64k16(float (&d)[N / 2],
                                             uint64_t a,
                                             uint64_t b,
                                             bool accumulate,
                                             [[maybe_unused]] Site at = Site::here()) {
  static_assert(N == 64 || N == 128 || N == 256, "add the operand list for this width");
#ifdef __CUDACC__
  wgmma_ptx<AmnMajor, BmnMajor>(d, a, b, accumulate);
#else
  wgmma_issue({d, a, b, N, accumulate, AmnMajor, BmnMajor}, at);
#endif
}

}  // namespace diptych::simt
