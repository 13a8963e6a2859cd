/* cpu_gemm_neon.c - GEMM for NEON: 32 registers of 16 bytes, of which 24 hold the tile. */
#include "ops/cpu/gemm.h"

#ifdef __aarch64__
#define KERNELS gemm_neon
#define ENGINE "neon"
#define TARGET
#define VECTOR 16
#define MR 8
#include "ops/cpu/gemm_block.h"
#endif
