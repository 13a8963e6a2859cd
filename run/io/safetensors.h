/* safetensors.h - named arrays in a file that every tool of the field reads.
 *
 * One idea: what a file must look like follows from what it holds, so a reader does not interpret a
 * header - it makes the header that this program would have written and compares the bytes. A file
 * that differs anywhere is not ours, and nothing is ever allocated or addressed by its numbers.
 * Format: github.com/huggingface/safetensors: 8 bytes of header size (little-endian), a JSON header
 * padded with spaces to a multiple of 8, then the arrays in the order of the list without gaps.
 * Read next: run/store/checkpoint.h. */
#ifndef RUN_IO_SAFETENSORS_H
#define RUN_IO_SAFETENSORS_H

#include "base/base.h"

typedef enum {
    TENSOR_REAL, /* `real` in memory, F32 in the file */
    TENSOR_F64,  /* double */
    TENSOR_I64,  /* size_t */
} TensorType;

enum { TENSOR_NAME = 96 };

typedef struct {
    char name[TENSOR_NAME];
    TensorType type;
    size_t shape[2]; /* (rows, columns); (n, 0) of a vector */
    void *data;      /* someone else's */
} Tensor;

/* Appends to a list (stb_ds array); the name is made of both words. */
void tensor_add(Tensor **list, const char *prefix, const char *name, TensorType type, size_t rows,
                size_t columns, void *data);

typedef struct {
    const char *key, *value;
} Metadata;

/* The bytes that such a file takes. */
uint64_t safetensors_size(const Tensor *tensors, size_t n, const Metadata *metadata, size_t pairs);

/* Writes and syncs a new file; 0 or errno. Notes its size and its hash (files.h). */
int safetensors_write(const char *path, const Tensor *tensors, size_t n, const Metadata *metadata,
                      size_t pairs, uint64_t *bytes, uint64_t *hash);

/* Fills the arrays from a file. NULL, or what is wrong with it. */
const char *safetensors_read(const char *path, const Tensor *tensors, size_t n,
                             const Metadata *metadata, size_t pairs);

/* The metadata of a file, values by key: the text of a JSON object of strings, for mem_free; NULL
 * with what is wrong in `error`. `rows` is the first extent of the file's first array. */
char *safetensors_metadata(const char *path, size_t *rows, const char **error);

/* The same of a header of `size` bytes that lies in memory, closed by a NUL. */
char *header_metadata(const char *header, size_t size, size_t *rows, const char **error);

#endif
