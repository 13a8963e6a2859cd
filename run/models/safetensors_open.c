/* safetensors_open.c - see safetensors_open.h. */
#include "run/models/safetensors_open.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/models/json_document.h"

#include <cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* HEADER_MAX is the limit of the format's own library. */
enum { HEADER_MAX = 100000000, WORD_MAX = 255, SHARDS_MAX = 4096 };

/* Bytes of an element of every type of the format. */
static const struct {
    const char *name;
    size_t bytes;
} TYPES[] = {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F64", 8},     {"I64", 8},
             {"U64", 8}, {"I32", 4}, {"U32", 4},  {"I16", 2},     {"U16", 2},
             {"I8", 1},  {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
enum { TYPE_COUNT = sizeof TYPES / sizeof *TYPES };

/* --- the header --- */

/* The text that is left. Once `error` is set, nothing is read. */
typedef struct {
    const char *at, *end;
    const char *error;
} Scan;

/* One entry of the header. */
typedef struct {
    char name[WORD_MAX + 1];
    size_t type; /* of TYPES; TYPE_COUNT = not given */
    size_t rank, shape[WEIGHT_RANK_MAX];
    size_t begin, end;
    bool has_shape, has_offsets;
} Entry;

static void fail(Scan *scan, const char *error) {
    if (!scan->error) scan->error = error;
    scan->at = scan->end;
}

static void skip_space(Scan *scan) {
    while (scan->at < scan->end && strchr(" \t\r\n", *scan->at) && *scan->at) scan->at++;
}

/* Whether the next character is `c`, which is then consumed. */
static bool accept(Scan *scan, char c) {
    skip_space(scan);
    if (scan->at >= scan->end || *scan->at != c) return false;
    scan->at++;
    return true;
}

static void expect(Scan *scan, char c) {
    if (!accept(scan, c)) fail(scan, "its header is not what the format describes");
}

/* A string; `word` (WORD_MAX + 1) receives it, NULL: it may be of any length and have escapes. */
static void read_word(Scan *scan, char *word) {
    size_t length = 0;
    expect(scan, '"');
    for (; scan->at < scan->end && *scan->at != '"'; scan->at++) {
        const unsigned char c = (unsigned char)*scan->at;
        const bool escape = c == '\\';
        if (c < 0x20 || (word && (escape || c > 0x7e || length == WORD_MAX))) {
            fail(scan, "a name in its header is too long or not plain ASCII");
            return;
        }
        if (escape && ++scan->at >= scan->end) break;
        if (word) word[length++] = (char)c;
    }
    if (word) word[length] = '\0';
    expect(scan, '"');
}

static size_t read_size(Scan *scan) {
    size_t value = 0;
    const char *begin;
    skip_space(scan);
    begin = scan->at;
    for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; scan->at++) {
        if (__builtin_mul_overflow(value, (size_t)10, &value) ||
            __builtin_add_overflow(value, (size_t)(*scan->at - '0'), &value))
            fail(scan, "a number in its header is too large");
    }
    if (scan->at == begin) fail(scan, "a size in its header is not an integer");
    return value;
}

/* A list of sizes; at most `most` of them. Returns their number. */
static size_t read_sizes(Scan *scan, size_t *sizes, size_t most) {
    size_t count = 0;
    expect(scan, '[');
    if (accept(scan, ']')) return 0;
    do {
        const size_t size = read_size(scan);
        if (count == most) fail(scan, "a list in its header is too long");
        if (!scan->error) sizes[count++] = size;
    } while (accept(scan, ','));
    expect(scan, ']');
    return count;
}

static void read_type(Scan *scan, Entry *entry) {
    char word[WORD_MAX + 1] = "";
    read_word(scan, word);
    while (entry->type > 0 && strcmp(TYPES[entry->type - 1].name, word) != 0) entry->type--;
    if (!entry->type--) fail(scan, "a tensor has a type that this program does not know");
}

static void read_entry(Scan *scan, Entry *entry) {
    char key[WORD_MAX + 1] = "";
    size_t offsets[2] = {0};
    entry->type = TYPE_COUNT;
    expect(scan, '{');
    do {
        read_word(scan, key);
        expect(scan, ':');
        if (strcmp(key, "dtype") == 0 && entry->type == TYPE_COUNT) {
            read_type(scan, entry);
        } else if (strcmp(key, "shape") == 0 && !entry->has_shape) {
            entry->rank = read_sizes(scan, entry->shape, WEIGHT_RANK_MAX);
            entry->has_shape = true;
        } else if (strcmp(key, "data_offsets") == 0 && !entry->has_offsets) {
            if (read_sizes(scan, offsets, 2) != 2) fail(scan, "a tensor has not two data_offsets");
            entry->has_offsets = true;
        } else {
            fail(scan, "a tensor has a member that the format does not have, or has it twice");
        }
    } while (accept(scan, ','));
    expect(scan, '}');
    entry->begin = offsets[0];
    entry->end = offsets[1];
    if (entry->type >= TYPE_COUNT || !entry->has_shape || !entry->has_offsets)
        fail(scan, "a tensor lacks dtype, shape or data_offsets");
}

static void skip_metadata(Scan *scan) {
    expect(scan, '{');
    if (accept(scan, '}')) return;
    do {
        read_word(scan, NULL);
        expect(scan, ':');
        read_word(scan, NULL);
    } while (accept(scan, ','));
    expect(scan, '}');
}

static Entry *read_header(Scan *scan) {
    Entry *entries = NULL;
    if (scan->at < scan->end && *scan->at != '{') fail(scan, "its header does not begin with {");
    expect(scan, '{');
    if (accept(scan, '}')) return NULL;
    do {
        Entry entry = {.name = ""};
        read_word(scan, entry.name);
        expect(scan, ':');
        if (strcmp(entry.name, "__metadata__") == 0) {
            skip_metadata(scan);
        } else {
            read_entry(scan, &entry);
            if (!scan->error) arrput(entries, entry);
        }
    } while (accept(scan, ','));
    expect(scan, '}');
    skip_space(scan);
    if (scan->at != scan->end) fail(scan, "its header has text after its end");
    return entries;
}

/* --- the tensors --- */

static int by_begin(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Whether the shape has as many bytes as the offsets say. */
static bool size_fits(const Entry *entry) {
    size_t bytes = TYPES[entry->type].bytes;
    for (size_t i = 0; i < entry->rank; i++) {
        if (__builtin_mul_overflow(bytes, entry->shape[i], &bytes)) return false;
    }
    return entry->end >= entry->begin && entry->end - entry->begin == bytes;
}

static char *add_tensors(Weights *weights, Entry *entries, const unsigned char *data, size_t size) {
    size_t at = 0;
    if (entries) qsort(entries, arrlenu(entries), sizeof *entries, by_begin);
    for (size_t i = 0; i < arrlenu(entries); i++) {
        const Entry *entry = &entries[i];
        if (!size_fits(entry))
            return text_format("tensor %s: its data_offsets do not match its shape", entry->name);
        if (entry->begin != at)
            return text_format("tensor %s: its data overlap others, or follow a gap", entry->name);
        at = entry->end;
        if (at > size) return text_format("tensor %s: its data end after the file", entry->name);
        WeightTensor tensor = {.type = weight_type(TYPES[entry->type].name),
                               .rank = entry->rank,
                               .bytes = data + entry->begin,
                               .size = entry->end - entry->begin};
        if (!entry->rank || !tensor.size) tensor.type = WEIGHT_TYPES;
        memcpy(tensor.shape, entry->shape, sizeof tensor.shape);
        tensor.name = text_format("%s", entry->name);
        arrput(weights->tensors, tensor);
    }
    return at == size ? NULL : text_format("it is longer than its tensors");
}

char *safetensors_scan(Weights *weights, const unsigned char *bytes, size_t size) {
    uint64_t length = 0;
    if (size < sizeof length) return text_format("it is shorter than a header");
    memcpy(&length, bytes, sizeof length);
    bytes += sizeof length;
    size -= sizeof length;
    if (length > size || length > HEADER_MAX)
        return text_format("its header is longer than the file, or than %d bytes", HEADER_MAX);
    Scan scan = {.at = (const char *)bytes, .end = (const char *)bytes + length};
    Entry *entries = read_header(&scan);
    char *error = scan.error ? text_format("%s", scan.error)
                             : add_tensors(weights, entries, bytes + length, size - length);
    arrfree(entries);
    return error;
}

/* --- the files --- */

static char *open_file(const char *folder, const char *name, Weights *weights) {
    const unsigned char *bytes;
    size_t size;
    char *path = text_format("%s/%s", folder, name);
    char *error = weights_map(weights, path, &bytes, &size);
    char *wrong = error ? NULL : safetensors_scan(weights, bytes, size);
    if (wrong) error = text_format("%s: %s", path, wrong);
    mem_free(wrong);
    mem_free(path);
    return error;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The name that two tensors have, NULL if there is none. */
static const char *name_twice(const Weights *weights) {
    const char **names = NULL, *twice = NULL;
    for (size_t i = 0; i < arrlenu(weights->tensors); i++) arrput(names, weights->tensors[i].name);
    if (names) qsort(names, arrlenu(names), sizeof *names, by_name);
    for (size_t i = 1; !twice && i < arrlenu(names); i++) {
        if (strcmp(names[i - 1], names[i]) == 0) twice = names[i];
    }
    arrfree(names);
    return twice;
}

/* The names of the shards, each once (stb_ds array of strings of `map`). */
static char *shards_of(const cJSON *map, const char ***shards) {
    const cJSON *item;
    if (!cJSON_IsObject(map) || !map->child) return text_format("it has no \"weight_map\"");
    cJSON_ArrayForEach(item, map) {
        bool known = false;
        if (!cJSON_IsString(item) || !*item->valuestring || strchr(item->valuestring, '/'))
            return text_format("the file of tensor %s is not a name of a file in this folder",
                               item->string);
        for (size_t i = 0; !known && i < arrlenu(*shards); i++)
            known = strcmp((*shards)[i], item->valuestring) == 0;
        if (known) continue;
        if (arrlenu(*shards) == SHARDS_MAX) return text_format("it lists too many files");
        arrput(*shards, item->valuestring);
    }
    return NULL;
}

/* Every tensor of the index must be in a shard. */
static char *index_kept(const cJSON *map, const Weights *weights) {
    const cJSON *item;
    cJSON_ArrayForEach(item, map) {
        if (!weights_find(weights, item->string))
            return text_format("it lists the tensor %s, which is in none of its files",
                               item->string);
    }
    return NULL;
}

static char *open_shards(const char *folder, const char *index, Weights *weights) {
    const char **shards = NULL;
    char *wrong = NULL, *error = NULL;
    cJSON *json = json_document(index, &error);
    if (!json) return error;
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(json, "weight_map");
    wrong = shards_of(map, &shards);
    for (size_t i = 0; !wrong && !error && i < arrlenu(shards); i++)
        error = open_file(folder, shards[i], weights);
    if (!wrong && !error) wrong = index_kept(map, weights);
    if (wrong) error = text_format("%s: %s", index, wrong);
    mem_free(wrong);
    arrfree(shards);
    cJSON_Delete(json);
    return error;
}

char *safetensors_open(const char *folder, Weights *weights) {
    char *index = text_format("%s/model.safetensors.index.json", folder), *error;
    char *single = text_format("%s/model.safetensors", folder);
    const bool sharded = access(single, F_OK) != 0 && access(index, F_OK) == 0;
    error = sharded ? open_shards(folder, index, weights)
                    : open_file(folder, "model.safetensors", weights);
    const char *twice = error ? NULL : name_twice(weights);
    if (twice) error = text_format("%s has two tensors %s", folder, twice);
    mem_free(index);
    mem_free(single);
    return error;
}
