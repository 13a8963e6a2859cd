/* stb_ds.c - the one place that compiles the library's functions; see ops/stb_ds.h. */
#define STB_DS_IMPLEMENTATION
#include "ops/stb_ds.h"
