/* gguf_file.c - see gguf_file.h. */
#include "run/models/gguf_file.h"

#include "base/stb_ds.h"
#include "base/text_out.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* More than any model has, so that looking for double names is fast. */
enum { COUNT_MAX = 1 << 14, NAME_MAX_LENGTH = 256, ALIGNMENT_MAX = 1 << 16 };

static const size_t VALUE_BYTES[GGUF_TYPES] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
    [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

void gguf_refuse(GgufFile *gguf, const char *format, ...) {
    char message[512];
    va_list arguments;
    if (gguf->error) return;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    gguf->error = text_format("%s: %s", gguf->name, message);
}

bool gguf_is(GgufText text, const char *other) {
    return text.length == strlen(other) && memcmp(text.at, other, text.length) == 0;
}

static bool is_printable(char byte) {
    return byte >= 0x20 && byte < 0x7f;
}

char *gguf_printable(GgufText text) {
    const size_t shown = text.length < 64 ? text.length : 64;
    char *copy = mem_alloc(shown + 1);
    for (size_t i = 0; i < shown; i++) copy[i] = is_printable(text.at[i]) ? text.at[i] : '?';
    return copy;
}

/* --- reading --- */

typedef struct {
    GgufFile *gguf;
    size_t at;
} Cursor;

/* The next `size` bytes; NULL at the end of the file, which is an error. */
static const unsigned char *take(Cursor *cursor, uint64_t size) {
    GgufFile *gguf = cursor->gguf;
    if (size > gguf->size - cursor->at) gguf_refuse(gguf, "the file ends within its header");
    if (gguf->error) return NULL;
    cursor->at += size;
    return gguf->bytes + cursor->at - size;
}

static uint32_t take_u32(Cursor *cursor) {
    uint32_t value = 0;
    const unsigned char *bytes = take(cursor, sizeof value);
    if (bytes) memcpy(&value, bytes, sizeof value);
    return value;
}

static uint64_t take_u64(Cursor *cursor) {
    uint64_t value = 0;
    const unsigned char *bytes = take(cursor, sizeof value);
    if (bytes) memcpy(&value, bytes, sizeof value);
    return value;
}

static GgufText take_text(Cursor *cursor) {
    const uint64_t length = take_u64(cursor);
    const unsigned char *bytes = take(cursor, length);
    return (GgufText){bytes ? (const char *)bytes : "", bytes ? length : 0};
}

static GgufText take_name(Cursor *cursor, const char *what, size_t index) {
    const GgufText name = take_text(cursor);
    bool printable = name.length >= 1 && name.length <= NAME_MAX_LENGTH;
    for (size_t i = 0; printable && i < name.length; i++) printable = is_printable(name.at[i]);
    if (!printable)
        gguf_refuse(cursor->gguf, "the name of %s %zu is not 1 to %d characters of ASCII", what,
                    index, NAME_MAX_LENGTH);
    return name;
}

/* Skips a value, whose items all lie within the file. */
static void take_value(Cursor *cursor, GgufKey *key) {
    const size_t at = cursor->at;
    if (key->type == GGUF_LIST) {
        key->item = take_u32(cursor);
        key->count = take_u64(cursor);
        const unsigned char *const first = cursor->gguf->bytes + cursor->at;
        if (key->item == GGUF_STRING) {
            for (size_t i = 0; i < key->count && !cursor->gguf->error; i++) take_text(cursor);
        } else if (key->item >= GGUF_TYPES || !VALUE_BYTES[key->item]) {
            gguf_refuse(cursor->gguf,
                        "key %.*s is a list of type %u, which this program does not read",
                        (int)key->name.length, key->name.at, (unsigned)key->item);
        } else if (key->count > cursor->gguf->size) {
            take(cursor, key->count);
        } else {
            take(cursor, key->count * VALUE_BYTES[key->item]);
        }
        key->value = first;
        return;
    }
    if (key->type >= GGUF_TYPES)
        gguf_refuse(cursor->gguf,
                    "key %.*s has a value of type %u, which this program does not read",
                    (int)key->name.length, key->name.at, (unsigned)key->type);
    else if (key->type == GGUF_STRING)
        take_text(cursor);
    else
        take(cursor, VALUE_BYTES[key->type]);
    key->value = cursor->gguf->bytes + at;
}

static void take_key(Cursor *cursor, size_t index) {
    GgufFile *gguf = cursor->gguf;
    GgufKey key = {.name = take_name(cursor, "key", index)};
    key.type = take_u32(cursor);
    if (!gguf->error) take_value(cursor, &key);
    for (size_t i = 0; i < arrlenu(gguf->keys) && !gguf->error; i++) {
        const GgufText *other = &gguf->keys[i].name;
        if (other->length == key.name.length && !memcmp(other->at, key.name.at, other->length))
            gguf_refuse(gguf, "key %.*s is there twice", (int)key.name.length, key.name.at);
    }
    if (!gguf->error) arrput(gguf->keys, key);
}

static void take_tensor(Cursor *cursor, size_t index) {
    GgufFile *gguf = cursor->gguf;
    GgufTensor tensor = {.name = take_name(cursor, "tensor", index)};
    tensor.rank = take_u32(cursor);
    if (tensor.rank < 1 || tensor.rank > GGUF_RANK_MAX)
        gguf_refuse(gguf, "tensor %.*s has %zu dimensions; 1 to %d are read",
                    (int)tensor.name.length, tensor.name.at, tensor.rank, GGUF_RANK_MAX);
    for (size_t i = 0; i < tensor.rank && !gguf->error; i++)
        tensor.shape[tensor.rank - 1 - i] = take_u64(cursor);
    tensor.type = take_u32(cursor);
    tensor.offset = take_u64(cursor);
    if (!gguf->error) arrput(gguf->tensors, tensor);
}

/* Where the data begins: the end of the header, aligned. */
static void find_data(GgufFile *gguf, size_t end) {
    gguf->alignment = gguf_integer(gguf, "general.alignment", 32);
    const size_t mask = gguf->alignment - 1;
    if (gguf->alignment < 1 || gguf->alignment > ALIGNMENT_MAX || (gguf->alignment & mask))
        gguf_refuse(gguf, "general.alignment is %zu, not a power of two up to %d", gguf->alignment,
                    ALIGNMENT_MAX);
    if (gguf->error) return;
    gguf->data = (end + mask) & ~mask;
    if (gguf->data > gguf->size) gguf->data = gguf->size;
}

void gguf_file_read(GgufFile *gguf, const char *name, const unsigned char *bytes, size_t size) {
    *gguf = (GgufFile){.name = name, .bytes = bytes, .size = size};
    if (size < 4 || memcmp(bytes, "GGUF", 4) != 0) {
        gguf_refuse(gguf, "this is no GGUF file, as it does not begin with \"GGUF\", and no folder "
                          "of a Hugging Face model");
        return;
    }
    Cursor cursor = {gguf, 4};
    const uint32_t version = take_u32(&cursor);
    if (version != 2 && version != 3)
        gguf_refuse(gguf, "GGUF version %u; this program reads versions 2 and 3, little-endian",
                    version);
    const uint64_t tensors = take_u64(&cursor), keys = take_u64(&cursor);
    if (tensors > COUNT_MAX || keys > COUNT_MAX)
        gguf_refuse(gguf, "%llu tensors and %llu keys; the limit is %d of each",
                    (unsigned long long)tensors, (unsigned long long)keys, COUNT_MAX);
    for (size_t i = 0; i < keys && !gguf->error; i++) take_key(&cursor, i);
    for (size_t i = 0; i < tensors && !gguf->error; i++) take_tensor(&cursor, i);
    if (!gguf->error) find_data(gguf, cursor.at);
}

void gguf_file_free(GgufFile *gguf) {
    arrfree(gguf->keys);
    arrfree(gguf->tensors);
    mem_free(gguf->error);
    *gguf = (GgufFile){0};
}

/* --- values --- */

const GgufKey *gguf_find(const GgufFile *gguf, const char *name) {
    for (size_t i = 0; i < arrlenu(gguf->keys); i++) {
        if (gguf_is(gguf->keys[i].name, name)) return &gguf->keys[i];
    }
    return NULL;
}

static float f32_at(const unsigned char *at) {
    float value;
    memcpy(&value, at, sizeof value);
    return value;
}

static double f64_at(const unsigned char *at) {
    double value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* An integer of `bytes` bytes, without its sign. */
static uint64_t bits_at(const unsigned char *at, size_t bytes) {
    uint64_t value = 0;
    memcpy(&value, at, bytes);
    return value;
}

static double value_of(GgufType type, const unsigned char *at) {
    switch (type) {
    case GGUF_F32:
        return (double)f32_at(at);
    case GGUF_F64:
        return f64_at(at);
    case GGUF_I8:
        return (double)(int8_t)bits_at(at, 1);
    case GGUF_I16:
        return (double)(int16_t)bits_at(at, 2);
    case GGUF_I32:
        return (double)(int32_t)bits_at(at, 4);
    case GGUF_I64:
        return (double)(int64_t)bits_at(at, 8);
    case GGUF_U8:
    case GGUF_U16:
    case GGUF_U32:
    case GGUF_U64:
    case GGUF_BOOL:
        return (double)bits_at(at, VALUE_BYTES[type]);
    default:
        return NAN;
    }
}

double gguf_number(GgufFile *gguf, const char *name, double missing) {
    const GgufKey *key = gguf_find(gguf, name);
    if (!key) return missing;
    const double value = value_of(key->type, key->value);
    if (isfinite(value)) return value;
    gguf_refuse(gguf, "key %s is not a finite number", name);
    return missing;
}

size_t gguf_integer(GgufFile *gguf, const char *name, size_t missing) {
    const double value = gguf_number(gguf, name, (double)missing);
    if (value >= 0 && value <= INT32_MAX && value == floor(value)) return (size_t)value;
    gguf_refuse(gguf, "key %s is %.9g, not an integer from 0 to %d", name, value, INT32_MAX);
    return missing;
}

bool gguf_string(GgufFile *gguf, const char *name, GgufText *text) {
    const GgufKey *key = gguf_find(gguf, name);
    *text = (GgufText){"", 0};
    if (!key) return false;
    const unsigned char *at = key->value;
    if (key->type == GGUF_STRING)
        *text = gguf_next(&at);
    else
        gguf_refuse(gguf, "key %s is not a string", name);
    return true;
}

const GgufKey *gguf_list(GgufFile *gguf, const char *name, GgufType item) {
    const GgufKey *key = gguf_find(gguf, name);
    if (!key) return NULL;
    const bool integers = item == GGUF_I32 && (key->item == GGUF_I32 || key->item == GGUF_U32);
    if (key->type == GGUF_LIST && (key->item == item || integers)) return key;
    gguf_refuse(gguf, "key %s is not a list of %s", name,
                item == GGUF_STRING ? "strings" : "integers");
    return NULL;
}

GgufText gguf_next(const unsigned char **at) {
    const size_t length = bits_at(*at, 8);
    const GgufText text = {(const char *)*at + 8, length};
    *at += 8 + length;
    return text;
}

int64_t gguf_item(const GgufKey *list, size_t index) {
    return (int64_t)value_of(list->item, list->value + 4 * index);
}
