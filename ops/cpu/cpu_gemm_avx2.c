/* cpu_gemm_avx2.c - products in 16 registers of 32 bytes: 12 of them hold the tile. */
#define ENGINE gemm_avx2
#define TARGET
#define VECTOR 32
#define MR 4
#include "ops/cpu/gemm_block.h"
