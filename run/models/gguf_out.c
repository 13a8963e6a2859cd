/* gguf_out.c - see gguf_out.h. */
#include "run/models/gguf_out.h"

#include "base/stb_ds.h"

#include <string.h>

enum { VERSION = 3 };

static void put(char **list, const void *bytes, size_t size) {
    if (size) memcpy(arraddnptr(*list, size), bytes, size);
}

static void put_u32(char **list, uint32_t value) {
    put(list, &value, sizeof value);
}

static void put_u64(char **list, uint64_t value) {
    put(list, &value, sizeof value);
}

static void put_text(char **list, const char *text) {
    put_u64(list, strlen(text));
    put(list, text, strlen(text));
}

static void put_name(GgufOut *out, const char *name, GgufType type) {
    put_text(&out->keys, name);
    put_u32(&out->keys, type);
    out->key_count++;
}

void gguf_put_integer(GgufOut *out, const char *name, size_t value) {
    put_name(out, name, GGUF_U32);
    put_u32(&out->keys, (uint32_t)value);
}

void gguf_put_number(GgufOut *out, const char *name, double value) {
    const float number = (float)value;
    put_name(out, name, GGUF_F32);
    put(&out->keys, &number, sizeof number);
}

void gguf_put_flag(GgufOut *out, const char *name, bool value) {
    put_name(out, name, GGUF_BOOL);
    arrput(out->keys, (char)value);
}

void gguf_put_string(GgufOut *out, const char *name, const char *text) {
    put_name(out, name, GGUF_STRING);
    put_text(&out->keys, text);
}

void gguf_put_list(GgufOut *out, const char *name, GgufType item, size_t count) {
    put_name(out, name, GGUF_LIST);
    put_u32(&out->keys, item);
    put_u64(&out->keys, count);
}

void gguf_put_text(GgufOut *out, const char *text) {
    put_text(&out->keys, text);
}

void gguf_put_i32(GgufOut *out, int32_t value) {
    put(&out->keys, &value, sizeof value);
}

void gguf_put_tensor(GgufOut *out, const char *name, uint32_t type, size_t rows, size_t columns,
                     size_t bytes) {
    put_text(&out->tensors, name);
    put_u32(&out->tensors, columns ? 2 : 1);
    if (columns) put_u64(&out->tensors, columns);
    put_u64(&out->tensors, rows);
    put_u32(&out->tensors, type);
    put_u64(&out->tensors, out->data);
    out->data += (bytes + GGUF_ALIGNMENT - 1) / GGUF_ALIGNMENT * GGUF_ALIGNMENT;
    out->tensor_count++;
}

char *gguf_out_header(const GgufOut *out) {
    char *header = NULL;
    put(&header, "GGUF", 4);
    put_u32(&header, VERSION);
    put_u64(&header, out->tensor_count);
    put_u64(&header, out->key_count);
    put(&header, out->keys, arrlenu(out->keys));
    put(&header, out->tensors, arrlenu(out->tensors));
    while (arrlenu(header) % GGUF_ALIGNMENT) arrput(header, '\0');
    return header;
}

void gguf_out_free(GgufOut *out) {
    arrfree(out->keys);
    arrfree(out->tensors);
    *out = (GgufOut){0};
}
