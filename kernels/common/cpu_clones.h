// DIPTYCH_CPU_CLONES: put before a plain function with a hot loop; it is compiled for AVX-512, AVX2
// and the base instruction set, and the loader binds the one this CPU runs. Templates and lambdas
// do not take it: the loop goes into a function of its own. The wider clones contract a*b+c to one
// rounding.
// SPDX-License-Identifier: MIT
#pragma once

// The x86-64 levels are chosen by the CPU's features. A model name ("arch=skylake-avx512") is not:
// later models fall through to the default clone. GCC 11 has no levels; "fma" stands in for AVX2
// there, because a clone for "avx2" would not contract. ThreadSanitizer cannot start with ifuncs.
#if !defined(__x86_64__) || !defined(__GNUC__) || defined(__clang__) || defined(__SANITIZE_THREAD__)
#define DIPTYCH_CPU_CLONES
#elif __GNUC__ >= 12
#define DIPTYCH_CPU_CLONES [[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
#else
#define DIPTYCH_CPU_CLONES [[gnu::target_clones("avx512f", "fma", "default")]]
#endif
