/* cpu_gemm_neon_rounded.c - GEMM of operands rounded to bfloat16, for NEON. */
#include "ops/cpu/gemm.h"

#ifdef __aarch64__
#define KERNELS gemm_neon_rounded
#define ENGINE "neon_rounded"
#define TARGET
#define VECTOR 16
#define MR 8
#define ROUNDED 1
#include "ops/cpu/gemm_block.h"
#endif
