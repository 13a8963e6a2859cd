/* cpu_gemm_avx512_rounded.c - GEMM of operands rounded to bfloat16, for AVX-512 without
 * instructions for bfloat16. */
#include "ops/cpu/gemm.h"

#ifndef NO_AVX512
#define KERNELS gemm_avx512_rounded
#define ENGINE "avx512_rounded"
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define VECTOR 64
#define MR 8
#define ROUNDED 1
#include "ops/cpu/gemm_block.h"
#endif
