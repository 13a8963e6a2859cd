/* cpu_gemm_avx2.c - GEMM for AVX2: 16 registers of 32 bytes, of which 12 hold the tile. */
#define KERNELS gemm_avx2
#define ENGINE "avx2"
#define TARGET
#define VECTOR 32
#define MR 4
#include "ops/cpu/gemm_block.h"
