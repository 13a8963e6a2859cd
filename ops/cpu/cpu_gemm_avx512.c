/* cpu_gemm_avx512.c - GEMM for AVX-512: 32 registers of 64 bytes, of which 24 hold the tile. */
#include "ops/cpu/gemm.h"

#ifndef NO_AVX512
#define KERNELS gemm_avx512
#define ENGINE "avx512"
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define VECTOR 64
#define MR 8
#include "ops/cpu/gemm_block.h"
#endif
