/* safetensors.h - writes and reads tensors in the safetensors format.
 *
 * One idea: the header of a file is determined by its tensors. The reader does not interpret a
 * header: it generates the header that this program would have written and compares the bytes. Any
 * difference is an error, and no size or offset from a file is ever used to allocate or address
 * memory.
 * Format: github.com/huggingface/safetensors: 8 bytes of header size (little-endian), a JSON header
 * padded with spaces to a multiple of 8, then the arrays in the order of the list without gaps.
 * Read next: run/store/checkpoint.h. */
#ifndef RUN_IO_SAFETENSORS_H
#define RUN_IO_SAFETENSORS_H

#include "base/base.h"

typedef enum {
    TENSOR_REAL, /* `real` in memory, always F32 in the file */
    TENSOR_F64,  /* double */
    TENSOR_I64,  /* size_t */
} TensorType;

enum { TENSOR_NAME = 96 };

typedef struct {
    char name[TENSOR_NAME];
    TensorType type;
    size_t shape[2]; /* (rows, columns); (n, 0) for a vector */
    void *data;      /* not owned */
} Tensor;

/* Appends a tensor to a list (stb_ds array). Its name is `prefix` followed by `name`. */
void tensor_add(Tensor **list, const char *prefix, const char *name, TensorType type, size_t rows,
                size_t columns, void *data);

typedef struct {
    const char *key, *value;
} Metadata;

/* The size of such a file in bytes. */
uint64_t safetensors_size(const Tensor *tensors, size_t n, const Metadata *metadata, size_t pairs);

/* Writes and syncs a new file; 0 or errno. Also returns its size and its hash (files.h). */
int safetensors_write(const char *path, const Tensor *tensors, size_t n, const Metadata *metadata,
                      size_t pairs, uint64_t *bytes, uint64_t *hash);

/* Fills the tensors from an open file. Returns NULL, or an error message about the file. */
const char *safetensors_read(int fd, const Tensor *tensors, size_t n, const Metadata *metadata,
                             size_t pairs);

/* The metadata of an open file as JSON text, an object of strings; free with mem_free. NULL with a
 * message in `error` on failure. `rows` is the first dimension of the first tensor, tok_emb.weight. */
char *safetensors_metadata(int fd, size_t *rows, const char **error);

/* The same for a header of `size` bytes in memory, NUL-terminated. */
char *header_metadata(const char *header, size_t size, size_t *rows, const char **error);

#endif
