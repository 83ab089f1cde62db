// Tensor cores of sm_80 and the instructions that feed them: mma.sync, ldmatrix, stmatrix. Each is
// a function with two bodies: PTX for nvcc, plain C++ for the emulator.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/common/simt/simt.h"

namespace diptych::simt {

#ifdef __CUDACC__
__device__ inline unsigned smem_u32(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}
#else
void mma_emulated(float* d, const unsigned* a, const unsigned* b, Site at);
void ldmatrix_emulated(unsigned* r, const void* row, bool trans, Site at);
void stmatrix_emulated(const unsigned* r, void* row, bool trans, Site at);
#endif

// d += a b for a 16x16 (row major), b 16x8 (column major). With g = lane / 4, t = lane % 4:
//   a[0] = A[g][2t..]  a[1] = A[g+8][2t..]  a[2] = A[g][2t+8..]  a[3] = A[g+8][2t+8..]   (pairs)
//   b[0] = B[2t..][g]  b[1] = B[2t+8..][g]
//   d[0,1] = D[g][2t,2t+1]  d[2,3] = D[g+8][2t,2t+1]
__device__ __forceinline__ void mma_16816(float (&d)[4],
                                          const unsigned (&a)[4],
                                          const unsigned (&b)[2],
                                          [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  mma_emulated(d, a, b, at);
#endif
}

// Four 8x8 matrices of 16-bit elements. Lane l names row l%8 of matrix l/8 (16 bytes); it gets
// from matrix i the pair r[i] = M[l/4][2(l%4)..], or with Trans M[2(l%4)..][l/4].
template <bool Trans = false>
__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4],
                                            const void* row,
                                            [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  if constexpr (Trans)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(smem_u32(row))
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(smem_u32(row))
                 : "memory");
#else
  ldmatrix_emulated(r, row, Trans, at);
#endif
}

// The way back (sm_90): lane l names row l%8 of matrix l/8; its pairs go where ldmatrix took them.
template <bool Trans = false>
__device__ __forceinline__ void stmatrix_x4(void* row,
                                            const unsigned (&r)[4],
                                            [[maybe_unused]] Site at = Site::here()) {
#ifdef __CUDACC__
  if constexpr (Trans)
    asm volatile(
        "stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(smem_u32(row)),
        "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
        : "memory");
  else
    asm volatile(
        "stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(smem_u32(row)),
        "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
        : "memory");
#else
  stmatrix_emulated(r, row, Trans, at);
#endif
}

}  // namespace diptych::simt
