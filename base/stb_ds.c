/* stb_ds.c - the implementation of the stb_ds library; see base/stb_ds.h. */
#define STB_DS_IMPLEMENTATION
#include "base/stb_ds.h"
