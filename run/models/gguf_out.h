/* gguf_out.h - the header of a GGUF file that is written: keys and tensors.
 *
 * One idea: the two lists grow as bytes, and the header is put together at the end, when their lengths are known.
 * The caller owns a GgufOut (gguf_out_free). Read next: gguf_write.c, gguf_file.h. */
#ifndef RUN_MODELS_GGUF_OUT_H
#define RUN_MODELS_GGUF_OUT_H

#include "base/base.h"
#include "run/models/gguf_file.h"

enum { GGUF_ALIGNMENT = 32 }; /* of the data of every tensor */

typedef struct GgufOut {
    char *keys, *tensors; /* stb_ds arrays */
    size_t key_count, tensor_count;
    uint64_t data; /* bytes of the tensors so far, padded */
} GgufOut;

void gguf_put_integer(GgufOut *out, const char *name, size_t value);
void gguf_put_number(GgufOut *out, const char *name, double value);
void gguf_put_flag(GgufOut *out, const char *name, bool value);
void gguf_put_string(GgufOut *out, const char *name, const char *text);
/* A list; its `count` items follow (gguf_put_text, gguf_put_i32). */
void gguf_put_list(GgufOut *out, const char *name, GgufType item, size_t count);
void gguf_put_text(GgufOut *out, const char *text);
void gguf_put_i32(GgufOut *out, int32_t value);

/* A tensor of `bytes` bytes after those before it; `columns` 0: a vector. `type` is F32 (0) or F16 (1). */
void gguf_put_tensor(GgufOut *out, const char *name, uint32_t type, size_t rows, size_t columns,
                     size_t bytes);

/* The header, padded, for arrfree. */
char *gguf_out_header(const GgufOut *out);
void gguf_out_free(GgufOut *out);

#endif
