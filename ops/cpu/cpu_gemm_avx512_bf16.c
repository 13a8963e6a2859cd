/* cpu_gemm_avx512_bf16.c - GEMM of operands rounded to bfloat16, for processors with vdpbf16ps. */
#include "ops/cpu/gemm.h"

#if !defined NO_AVX512 && !defined REAL_DOUBLE
#define KERNELS gemm_avx512_bf16
#define ENGINE "avx512_bf16"
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define VECTOR 64
#define MR 8
#define PAIRS 1
#include "ops/cpu/gemm_block.h"
#endif
