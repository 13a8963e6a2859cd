/* cpu_gemm_avx2_rounded.c - GEMM of operands rounded to bfloat16, for AVX2. */
#define KERNELS gemm_avx2_rounded
#define ENGINE "avx2_rounded"
#define TARGET
#define VECTOR 32
#define MR 4
#define ROUNDED 1
#include "ops/cpu/gemm_block.h"
