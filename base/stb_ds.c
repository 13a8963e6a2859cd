/* stb_ds.c - the one place that compiles the library's functions; see base/stb_ds.h. */
#define STB_DS_IMPLEMENTATION
#include "base/stb_ds.h"
