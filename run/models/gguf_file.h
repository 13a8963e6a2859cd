/* gguf_file.h - the container GGUF: metadata and a list of tensors, as they are in the file.
 *
 * One idea: the file is untrusted. Everything is a pointer into the mapped bytes that was checked against their end.
 * Nothing is allocated by a number that the file claims: the lists grow by what was read. The first error is
 * kept in the GgufFile, and every function does nothing after it, so a caller asks for the error once.
 * Format: versions 2 and 3, little-endian: "GGUF", version, number of tensors, number of keys, keys with
 * values, tensors (name, shape with the fastest dimension first, type, offset), and the data, aligned.
 * The caller owns the bytes and the lists (gguf_file_free).
 * Read next: gguf_file.c, then gguf.c. */
#ifndef RUN_MODELS_GGUF_FILE_H
#define RUN_MODELS_GGUF_FILE_H

#include "base/base.h"

#define GGUF_RANK_MAX 4

typedef struct {
    const char *at; /* not NUL-terminated */
    size_t length;
} GgufText;

/* The types of values, as the file numbers them. */
typedef enum {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_LIST,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_TYPES,
} GgufType;

typedef struct {
    GgufText name; /* printable ASCII */
    GgufType type, item;
    size_t count; /* of a list, whose items have the type `item` */
    const unsigned char *value;
} GgufKey;

typedef struct {
    GgufText name;                     /* printable ASCII */
    size_t rank, shape[GGUF_RANK_MAX]; /* the slowest dimension first */
    uint32_t type;
    uint64_t offset; /* from `data` */
} GgufTensor;

typedef struct {
    const char *name; /* of the file, for messages */
    const unsigned char *bytes;
    size_t size, data; /* data: where the tensors begin; it may be at the end of the file */
    size_t alignment;
    GgufKey *keys;       /* stb_ds array */
    GgufTensor *tensors; /* stb_ds array */
    char *error;         /* for mem_free; NULL = none */
} GgufFile;

/* Reads the keys and the tensors; gguf->error is set if they are not valid. */
void gguf_file_read(GgufFile *gguf, const char *name, const unsigned char *bytes, size_t size);
/* Frees the lists and the error. */
void gguf_file_free(GgufFile *gguf);

/* Keeps "NAME: message" as the error, if it is the first. */
void gguf_refuse(GgufFile *gguf, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool gguf_is(GgufText text, const char *other);
/* A copy that can be printed: cut after 64 bytes, with ? for what is not printable ASCII. For mem_free. */
char *gguf_printable(GgufText text);

/* The key of this name; NULL if there is none. */
const GgufKey *gguf_find(const GgufFile *gguf, const char *name);
/* An integer from 0 to 2^31 - 1, or `missing`; anything else is refused. */
size_t gguf_integer(GgufFile *gguf, const char *name, size_t missing);
/* A finite number of any type, or `missing`; anything else is refused. */
double gguf_number(GgufFile *gguf, const char *name, double missing);
/* A string; false if there is no such key. Another type is refused. */
bool gguf_string(GgufFile *gguf, const char *name, GgufText *text);
/* A list of strings or of I32 or U32; NULL if there is no such key. Another type is refused. */
const GgufKey *gguf_list(GgufFile *gguf, const char *name, GgufType item);

/* The strings of a list, one after the other; *at begins as list->value. */
GgufText gguf_next(const unsigned char **at);
/* An item of a list of I32 or U32. */
int64_t gguf_item(const GgufKey *list, size_t index);

#endif
