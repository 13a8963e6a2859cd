/* weights.h - the tensors of a foreign model, in files that stay mapped.
 *
 * One idea: whatever the file format, a model is a list of named tensors whose bytes lie in mapped files. They are
 * decoded when they are read, a few rows at a time, so that no second copy of a model is in memory.
 * The caller owns the Weights (weights_free), which owns the names and the maps. A reader of a format (gguf.h) checks that
 * every tensor lies within its file before it adds the tensor.
 * Read next: weights.c, dequant.h. */
#ifndef RUN_MODELS_WEIGHTS_H
#define RUN_MODELS_WEIGHTS_H

#include "run/models/dequant.h"

enum { WEIGHT_RANK_MAX = 4 };

typedef struct {
    char *name; /* for mem_free */
    WeightType type;
    size_t rank, shape[WEIGHT_RANK_MAX]; /* row-major, the slowest first */
    const unsigned char *bytes;          /* in a map, at any address */
    size_t size;                         /* of `bytes` */
    /* The number of heads whose rows are kept in pairs (2i, 2i+1), as GGUF does it for q and k; reading puts
     * them back into halves (i, i+HS/2). 0 = none. */
    size_t pairs;
} WeightTensor;

typedef struct {
    unsigned char *bytes;
    size_t size;
} WeightMap;

typedef struct {
    WeightTensor *tensors; /* stb_ds array */
    WeightMap *maps;       /* stb_ds array */
} Weights;

/* Maps a regular file, which weights_free unmaps. Returns NULL, or an error message for mem_free. An empty file
 * is an error. */
char *weights_map(Weights *weights, const char *path, const unsigned char **bytes, size_t *size);

/* The bytes of a tensor of this shape in *size; false if they overflow a size_t, if a dimension is 0, or if the last
 * dimension is not a multiple of the type's block. */
bool weights_size(WeightType type, size_t rank, const size_t *shape, size_t *size);

/* The tensor of this name; NULL if there is none. */
const WeightTensor *weights_find(const Weights *weights, const char *name);

/* Numbers of a row, which is what one index of the first dimension holds: 1 for a vector. */
size_t weights_row(const WeightTensor *tensor);

/* Decodes `rows` rows from `first_row` on into `out` (rows, weights_row). A vector of a quantized type, which no
 * reader of a format adds, has no rows. */
void weights_read(real *out, const WeightTensor *tensor, size_t first_row, size_t rows);

void weights_free(Weights *weights);

#endif
