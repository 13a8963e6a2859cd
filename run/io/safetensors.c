/* safetensors.c - see safetensors.h. */
#include "run/io/safetensors.h"

#include "run/io/json_out.h"
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/files.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors files are little-endian");
_Static_assert(sizeof(size_t) == 8, "TENSOR_I64 is a size_t");

/* METADATA_MAX: the metadata is at most a config, whose length is limited to 1 MiB. */
enum { METADATA_MAX = 1 << 20, BLOCK = 4096 };

static const struct {
    const char *dtype;
    size_t bytes; /* of an element in the file */
} TYPES[] = {[TENSOR_REAL] = {"F32", 4}, [TENSOR_F64] = {"F64", 8}, [TENSOR_I64] = {"I64", 8}};

void tensor_add(Tensor **list, const char *prefix, const char *name, TensorType type, size_t rows,
                size_t columns, void *data) {
    Tensor tensor = {.type = type, .shape = {rows, columns}, .data = data};
    int length = snprintf(tensor.name, TENSOR_NAME, "%s%s", prefix, name);
    if (length < 0 || length >= TENSOR_NAME)
        die(EXIT_INTERNAL, "the name of tensor %s%s is too long", prefix, name);
    arrput(*list, tensor);
}

static size_t count_of(const Tensor *tensor) {
    return tensor->shape[1] ? tensor->shape[0] * tensor->shape[1] : tensor->shape[0];
}

/* --- writing --- */

static void print_size(Json *json, uint64_t size) {
    json_item(json);
    fprintf(json->out, "%llu", (unsigned long long)size);
}

/* The entry of a tensor that begins at `*at`, which becomes its end. */
static void print_tensor(Json *json, const Tensor *tensor, uint64_t *at) {
    json_open(json, tensor->name);
    json_string(json, "dtype", TYPES[tensor->type].dtype);
    json_list_open(json, "shape");
    print_size(json, tensor->shape[0]);
    if (tensor->shape[1]) print_size(json, tensor->shape[1]);
    json_list_close(json);
    json_list_open(json, "data_offsets");
    print_size(json, *at);
    *at += count_of(tensor) * TYPES[tensor->type].bytes;
    print_size(json, *at);
    json_list_close(json);
    json_close(json);
}

/* The padded header, for mem_free; `data` is the size of the tensors after it. */
static char *header_text(const Tensor *tensors, size_t n, const Metadata *metadata, size_t pairs,
                         size_t *size, uint64_t *data) {
    TextOut text;
    Json json = {.out = text_begin(&text), .layout = JSON_COMPACT};
    json_open(&json, NULL);
    json_open(&json, "__metadata__");
    for (size_t i = 0; i < pairs; i++) json_string(&json, metadata[i].key, metadata[i].value);
    json_close(&json);
    *data = 0;
    for (size_t i = 0; i < n; i++) print_tensor(&json, &tensors[i], data);
    json_close(&json);
    fflush(json.out);
    for (size_t i = text.size; i % 8; i++) fputc(' ', json.out);
    char *header = text_end(&text);
    *size = text.size;
    return header;
}

uint64_t safetensors_size(const Tensor *tensors, size_t n, const Metadata *metadata, size_t pairs) {
    size_t size;
    uint64_t data;
    mem_free(header_text(tensors, n, metadata, pairs, &size, &data));
    return 8 + size + data;
}

static void put_tensor(FileOut *file, const Tensor *tensor) {
    size_t count = count_of(tensor);
    if (tensor->type != TENSOR_REAL || sizeof(real) == sizeof(float)) {
        file_put(file, tensor->data, count * TYPES[tensor->type].bytes);
        return;
    }
    const real *values = tensor->data;
    float block[BLOCK];
    for (size_t first = 0; first < count; first += BLOCK) {
        size_t n = count - first < BLOCK ? count - first : BLOCK;
        for (size_t i = 0; i < n; i++) block[i] = (float)values[first + i];
        file_put(file, block, n * sizeof *block);
    }
}

int safetensors_write(const char *path, const Tensor *tensors, size_t n, const Metadata *metadata,
                      size_t pairs, uint64_t *bytes, uint64_t *hash) {
    size_t size;
    uint64_t data;
    char *header = header_text(tensors, n, metadata, pairs, &size, &data);
    uint64_t length = size;
    FileOut file = file_begin(path);
    file_put(&file, &length, sizeof length);
    file_put(&file, header, size);
    for (size_t i = 0; i < n; i++) put_tensor(&file, &tensors[i]);
    *bytes = file.bytes;
    *hash = file.hash;
    mem_free(header);
    return file_end(&file);
}

/* --- reading --- */

/* Reads exactly `size` bytes; false on an error or at the end of the file. */
static bool take(int fd, void *data, size_t size) {
    return fd_read(fd, data, size) == (int64_t)size;
}

static bool take_tensor(int fd, const Tensor *tensor) {
    size_t count = count_of(tensor);
    if (tensor->type != TENSOR_REAL || sizeof(real) == sizeof(float))
        return take(fd, tensor->data, count * TYPES[tensor->type].bytes);
    real *values = tensor->data;
    float block[BLOCK];
    for (size_t first = 0; first < count; first += BLOCK) {
        size_t n = count - first < BLOCK ? count - first : BLOCK;
        if (!take(fd, block, n * sizeof *block)) return false;
        for (size_t i = 0; i < n; i++) values[first + i] = (real)block[i];
    }
    return true;
}

/* Whether the next `size` bytes of the file are equal to `expected`. */
static bool matches(int fd, const char *expected, size_t size) {
    char block[BLOCK];
    for (size_t first = 0; first < size; first += BLOCK) {
        size_t n = size - first < BLOCK ? size - first : BLOCK;
        if (!take(fd, block, n) || memcmp(block, expected + first, n) != 0) return false;
    }
    return true;
}

static const char *read_all(int fd, const Tensor *tensors, size_t n, const char *header,
                            size_t size) {
    uint64_t length;
    char more;
    if (!take(fd, &length, sizeof length)) return "it is shorter than a header";
    if (length != size || !matches(fd, header, size))
        return "its header is not that of this run's tensors";
    for (size_t i = 0; i < n; i++) {
        if (!take_tensor(fd, &tensors[i])) return "it is shorter than its tensors";
    }
    return take(fd, &more, 1) ? "it is longer than its tensors" : NULL;
}

const char *safetensors_read(int fd, const Tensor *tensors, size_t n, const Metadata *metadata,
                             size_t pairs) {
    size_t size;
    uint64_t data;
    if (lseek(fd, 0, SEEK_SET) < 0) return strerror(errno);
    char *header = header_text(tensors, n, metadata, pairs, &size, &data);
    const char *error = read_all(fd, tensors, n, header, size);
    mem_free(header);
    return error;
}

/* The end of the JSON string at `text`, NULL if there is none. */
static const char *string_end(const char *text, const char *end) {
    if (text >= end || *text != '"') return NULL;
    for (text++; text < end && *text != '"'; text++) {
        if ((unsigned char)*text < 0x20) return NULL;
        if (*text == '\\') text++;
    }
    return text < end ? text + 1 : NULL;
}

/* The end of the object at `text` if all its members are strings, else NULL. */
static const char *object_end(const char *text, const char *end) {
    do { /* at the brace or at a comma */
        text = string_end(text + 1, end);
        if (!text || text >= end || *text != ':') return NULL;
        text = string_end(text + 1, end);
    } while (text && text < end && *text == ',');
    return text && text < end && *text == '}' ? text + 1 : NULL;
}

char *header_metadata(const char *header, size_t size, size_t *rows, const char **error) {
    static const char begin[] = "{\"__metadata__\":";
    const size_t length = sizeof begin - 1;
    *error = "its header does not begin with the metadata of this program";
    if (size <= length || memcmp(header, begin, length) != 0 || header[length] != '{') return NULL;
    const char *text = header + length, *end = object_end(text, header + size);
    if (!end || sscanf(end, ",\"tok_emb.weight\":{\"dtype\":\"F32\",\"shape\":[%9zu,", rows) != 1)
        return NULL;
    *error = NULL;
    return text_format("%.*s", (int)(end - text), text);
}

char *safetensors_metadata(int fd, size_t *rows, const char **error) {
    char *text = NULL, *header = NULL;
    uint64_t length;
    *error = "it is shorter than its header";
    if (lseek(fd, 0, SEEK_SET) == 0 && take(fd, &length, sizeof length)) {
        /* The header after the metadata is compared later, by safetensors_read. */
        size_t size = length < METADATA_MAX ? (size_t)length : METADATA_MAX;
        header = mem_alloc(size + 1);
        if (take(fd, header, size)) text = header_metadata(header, size, rows, error);
    }
    mem_free(header);
    return text;
}
