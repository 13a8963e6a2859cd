/* stb_ds.h - dynamic arrays and hash maps: the stb library with this program's allocator.
 *
 * One idea: stb_ds does not check its realloc, so every file includes it from here, where running
 * out of memory ends the program with an error message. Arrays move when they grow: while an array
 * grows, keep indices instead of pointers. Whoever creates an array or map frees it (arrfree,
 * shfree).
 * Read next: the library's own documentation, https://nothings.org/stb_ds. */
#ifndef BASE_STB_DS_H
#define BASE_STB_DS_H

#include "base/base.h"

#define STBDS_REALLOC(context, pointer, bytes) mem_realloc(pointer, bytes)
#define STBDS_FREE(context, pointer) mem_free(pointer)
#include <stb_ds.h>

#endif
