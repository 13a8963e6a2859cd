/* cpu_gemm_avx2.c - products in 16 registers of 32 bytes: 12 of them hold the tile. Floor 0. */
#define ENGINE gemm_avx2
#define TARGET
#define VECTOR 32
#define MR 4
#include "ops/gemm_block.h"
