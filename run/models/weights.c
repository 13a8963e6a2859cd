/* weights.c - see weights.h. */
#include "run/models/weights.h"

#include "base/stb_ds.h"
#include "base/text_out.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- files --- */

/* Maps an open file; NULL or why not. */
static const char *map_open(int fd, WeightMap *map) {
    struct stat status;
    if (fstat(fd, &status) != 0) return strerror(errno);
    if (S_ISDIR(status.st_mode)) return "is a folder";
    if (!S_ISREG(status.st_mode)) return "is not a regular file";
    if (status.st_size <= 0) return "is empty";
    map->size = (size_t)status.st_size;
    map->bytes = mmap(NULL, map->size, PROT_READ, MAP_PRIVATE, fd, 0);
    return map->bytes == MAP_FAILED ? strerror(errno) : NULL;
}

char *weights_map(Weights *weights, const char *path, const unsigned char **bytes, size_t *size) {
    WeightMap map;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *error = fd < 0 ? strerror(errno) : map_open(fd, &map);
    if (fd >= 0) close(fd);
    if (error) return text_format("%s: %s", path, error);
    arrput(weights->maps, map);
    *bytes = map.bytes;
    *size = map.size;
    return NULL;
}

void weights_free(Weights *weights) {
    for (size_t i = 0; i < arrlenu(weights->tensors); i++) mem_free(weights->tensors[i].name);
    for (size_t i = 0; i < arrlenu(weights->maps); i++)
        munmap(weights->maps[i].bytes, weights->maps[i].size);
    arrfree(weights->tensors);
    arrfree(weights->maps);
    *weights = (Weights){0};
}

/* --- tensors --- */

bool weights_size(WeightType type, size_t rank, const size_t *shape, size_t *size) {
    const WeightKind *kind = weight_kind(type);
    if (rank < 1 || rank > WEIGHT_RANK_MAX || shape[rank - 1] % kind->elements) return false;
    *size = kind->bytes;
    for (size_t i = 0; i < rank; i++) {
        const size_t count = i == rank - 1 ? shape[i] / kind->elements : shape[i];
        if (!count || __builtin_mul_overflow(*size, count, size)) return false;
    }
    return true;
}

const WeightTensor *weights_find(const Weights *weights, const char *name) {
    for (size_t i = 0; i < arrlenu(weights->tensors); i++) {
        if (strcmp(weights->tensors[i].name, name) == 0) return &weights->tensors[i];
    }
    return NULL;
}

size_t weights_row(const WeightTensor *tensor) {
    size_t row = 1;
    for (size_t i = 1; i < tensor->rank; i++) row *= tensor->shape[i];
    return row;
}

/* Where a row is in the file. */
static size_t stored_row(const WeightTensor *tensor, size_t row) {
    if (!tensor->pairs) return row;
    const size_t head_size = tensor->shape[0] / tensor->pairs, half = head_size / 2;
    const size_t within = row % head_size;
    return row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
}

void weights_read(real *out, const WeightTensor *tensor, size_t first_row, size_t rows) {
    const WeightKind *kind = weight_kind(tensor->type);
    const size_t row = weights_row(tensor);
    if (!tensor->pairs) { /* one run of blocks */
        const size_t first = first_row * row / kind->elements;
        kind->decode(out, tensor->bytes + first * kind->bytes, rows * row / kind->elements);
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        const size_t first = stored_row(tensor, first_row + i) * row / kind->elements;
        kind->decode(out + i * row, tensor->bytes + first * kind->bytes, row / kind->elements);
    }
}
