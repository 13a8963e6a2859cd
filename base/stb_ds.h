/* stb_ds.h - dynamic arrays and maps: the stb library with our allocator under it.
 *
 * One idea: stb_ds does not check its realloc, so every file takes it from here, where running out
 * of memory ends the program with a sentence. Arrays move when they grow: keep indices while
 * building and take pointers only afterwards. Whoever holds an array owns it (arrfree, shfree).
 * Read next: the library's own documentation, https://nothings.org/stb_ds. */
#ifndef BASE_STB_DS_H
#define BASE_STB_DS_H

#include "base/base.h"

#define STBDS_REALLOC(context, pointer, bytes) mem_realloc(pointer, bytes)
#define STBDS_FREE(context, pointer) mem_free(pointer)
#include <stb_ds.h>

#endif
