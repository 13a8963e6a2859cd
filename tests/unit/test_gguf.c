/* test_gguf.c - GGUF files: tensors, config.json and tokenizer.json with those of Python, and what is refused.
 *
 * One idea: tests/oracle/gguf_files.py has written a file for each architecture with the package `gguf`, and
 * the hashes of what its own code decodes. Files that must be refused are made here, byte by byte. */
#define _GNU_SOURCE /* memfd_create */
#include "base/stb_ds.h"
#include "data/tokenizer/tokenizer.h"
#include "run/models/gguf.h"
#include "tests/lib/test.h"

#include <cJSON.h>
#include <sys/mman.h>
#include <unistd.h>

#define FOLDER "tests/oracle/"

typedef struct {
    Weights weights;
    char *config, *tokenizer, *error;
} Opened;

static Opened open_path(const char *path) {
    Opened opened;
    opened.error = gguf_open(path, &opened.weights, &opened.config, &opened.tokenizer);
    return opened;
}

static void close_file(Opened *opened) {
    weights_free(&opened->weights);
    mem_free(opened->config);
    mem_free(opened->tokenizer);
    mem_free(opened->error);
}

static Opened open_bytes(const unsigned char *bytes, size_t size) {
    char path[64];
    const int file = memfd_create("gguf", MFD_CLOEXEC);
    CHECK(write(file, bytes, size) == (ssize_t)size, "no file in memory");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    Opened opened = open_path(path);
    close(file);
    return opened;
}

static char *contents(const char *path, size_t *length) {
    FILE *in = fopen(path, "rb");
    CHECK(in, "no %s", path);
    char *text = NULL, piece[4096];
    size_t got;
    while (in && (got = fread(piece, 1, sizeof piece, in)) > 0)
        memcpy(arraddnptr(text, got), piece, got);
    if (in) fclose(in);
    *length = arrlenu(text);
    arrput(text, '\0');
    return text;
}

static cJSON *read_json(const char *path) {
    size_t length;
    char *text = contents(path, &length);
    cJSON *json = cJSON_ParseWithLength(text, length);
    CHECK(json, "%s is no JSON", path);
    arrfree(text);
    return json;
}

/* --- the reference --- */

/* The hash of the tensor in float32, read in runs of `step` rows. */
static uint64_t hash_tensor(const WeightTensor *tensor, size_t step) {
    const size_t row = weights_row(tensor);
    real *values = mem_alloc(step * row * sizeof *values);
    uint64_t hash = HASH_START;
    for (size_t first = 0; first < tensor->shape[0]; first += step) {
        const size_t left = tensor->shape[0] - first, rows = left < step ? left : step;
        weights_read(values, tensor, first, rows);
        for (size_t i = 0; i < rows * row; i++) {
            const float value = (float)values[i];
            hash = hash_bytes(hash, &value, sizeof value);
        }
    }
    mem_free(values);
    return hash;
}

static void check_tensor(const char *file, const WeightTensor *tensor, const cJSON *want) {
    const cJSON *dimension;
    size_t rank = 0;
    cJSON_ArrayForEach(dimension, cJSON_GetObjectItem(want, "shape")) {
        CHECK(rank < tensor->rank && tensor->shape[rank] == (size_t)dimension->valueint,
              "%s: shape of %s", file, tensor->name);
        rank++;
    }
    CHECK(rank == tensor->rank, "%s: rank of %s", file, tensor->name);
    CHECK(!strcmp(weight_kind(tensor->type)->name, cJSON_GetObjectItem(want, "type")->valuestring),
          "%s: type of %s", file, tensor->name);
    CHECK(tensor->pairs == (size_t)cJSON_GetObjectItem(want, "pairs")->valueint, "%s: pairs of %s",
          file, tensor->name);
    const char *hash = cJSON_GetObjectItem(want, "hash")->valuestring;
    const uint64_t wanted = strtoull(hash, NULL, 16);
    CHECK(hash_tensor(tensor, tensor->shape[0]) == wanted, "%s: values of %s", file, tensor->name);
    CHECK(hash_tensor(tensor, 3) == wanted, "%s: %s in parts", file, tensor->name);
}

static void check_config(const char *file, const char *text, const cJSON *want) {
    cJSON *config = cJSON_Parse(text);
    const cJSON *member;
    CHECK(config, "%s: %s", file, text);
    cJSON_ArrayForEach(member, want) {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(config, member->string);
        CHECK(cJSON_Compare(own, member, true), "%s: %s in %s", file, member->string, text);
    }
    CHECK(cJSON_GetArraySize(config) == cJSON_GetArraySize(want), "%s: members of %s", file, text);
    cJSON_Delete(config);
}

static void append(void *context, const int *tokens, size_t count) {
    int **list = context;
    memcpy(arraddnptr(*list, count), tokens, count * sizeof *tokens);
}

/* The tokens of all texts are those of the tokenizer.json that the vocabulary is from. */
static void check_tokenizer(const char *file, const char *json, const char *kind) {
    cJSON *cases = read_json(FOLDER "tokenizers/cases.json");
    Tokenizer *tokenizer = tokenizer_parse(json, strlen(json), file);
    const cJSON *text, *ids = cJSON_GetObjectItem(cases, kind)->child;
    cJSON_ArrayForEach(text, cJSON_GetObjectItem(cases, "texts")) {
        int *tokens = NULL;
        size_t bad, at = 0;
        tokenizer_encode(tokenizer, text->valuestring, strlen(text->valuestring), append, &tokens,
                         &bad);
        CHECK((size_t)cJSON_GetArraySize(ids) == arrlenu(tokens), "%s: %s", file,
              text->valuestring);
        const cJSON *id;
        cJSON_ArrayForEach(id, ids) {
            CHECK(at < arrlenu(tokens) && tokens[at] == id->valueint, "%s: %s", file,
                  text->valuestring);
            at++;
        }
        arrfree(tokens);
        ids = ids->next;
    }
    tokenizer_free(tokenizer);
    cJSON_Delete(cases);
}

static void test_reference(void) {
    cJSON *cases = read_json(FOLDER "gguf_files/cases.json");
    const cJSON *file, *tensor;
    CHECK(cJSON_GetArraySize(cases) == 6, "files in cases.json");
    cJSON_ArrayForEach(file, cases) {
        char path[128];
        snprintf(path, sizeof path, FOLDER "gguf_files/%s.gguf", file->string);
        Opened opened = open_path(path);
        CHECK(!opened.error, "%s", opened.error);
        if (opened.error) continue;
        const cJSON *tensors = cJSON_GetObjectItem(file, "tensors");
        CHECK((size_t)cJSON_GetArraySize(tensors) == arrlenu(opened.weights.tensors),
              "%s: number of tensors", path);
        cJSON_ArrayForEach(tensor, tensors) {
            const WeightTensor *own = weights_find(&opened.weights, tensor->string);
            CHECK(own, "%s: no %s", path, tensor->string);
            if (own) check_tensor(path, own, tensor);
        }
        check_config(path, opened.config, cJSON_GetObjectItem(file, "config"));
        const char *kind = cJSON_GetStringValue(cJSON_GetObjectItem(file, "tokenizer"));
        CHECK(!kind == !opened.tokenizer, "%s: tokenizer", path);
        if (kind && opened.tokenizer) check_tokenizer(path, opened.tokenizer, kind);
        close_file(&opened);
    }
    cJSON_Delete(cases);
}

/* --- files made here --- */

enum { U32 = 4, F32 = 6, STRING = 8, TEXTS = 9, UNKNOWN = 13 };

typedef struct {
    const char *name;
    int type; /* 0 = the key is left out */
    double number;
    const char *text; /* of TEXTS: one letter for each string */
} Key;

static const Key KEYS[] = {
    {"general.architecture", STRING, .text = "llama"},
    {"llama.embedding_length", U32, 4},
    {"llama.feed_forward_length", U32, 4},
    {"llama.block_count", U32, 1},
    {"llama.attention.head_count", U32, 2},
    {"llama.context_length", U32, 8},
    {"llama.attention.layer_norm_rms_epsilon", F32, 1e-5},
};
enum { KEY_COUNT = sizeof KEYS / sizeof *KEYS };

typedef struct {
    const char *name;
    uint64_t shape[4]; /* the fastest first; ended by 0 */
    uint32_t type;
    uint64_t offset;
} Entry;

static void put(unsigned char **file, const void *bytes, size_t size) {
    if (size) memcpy(arraddnptr(*file, size), bytes, size);
}

static void put_integer(unsigned char **file, uint64_t value, size_t bytes) {
    put(file, &value, bytes);
}

static void put_text(unsigned char **file, const char *text, size_t length) {
    put_integer(file, length, 8);
    put(file, text, length);
}

static void put_key(unsigned char **file, const Key *key) {
    const float number = (float)key->number;
    put_text(file, key->name, strlen(key->name));
    put_integer(file, (uint64_t)key->type, 4);
    if (key->type == U32) put_integer(file, (uint64_t)key->number, 4);
    if (key->type == F32) put(file, &number, 4);
    if (key->type == STRING) put_text(file, key->text, strlen(key->text));
    if (key->type != TEXTS) return;
    put_integer(file, STRING, 4);
    put_integer(file, strlen(key->text), 8);
    for (const char *letter = key->text; *letter; letter++) put_text(file, letter, 1);
}

/* A model of one tensor, the embedding (5, 4), with other keys in place of KEYS or after them, and other tensors after
 * it. */
static unsigned char *make_file(const Key *keys, size_t key_count, const Entry *tensors,
                                size_t tensor_count) {
    unsigned char *file = NULL, *body = NULL;
    static const Entry table = {"token_embd.weight", {4, 5}, 0, 0};
    size_t written = 0;
    for (size_t i = 0; i < KEY_COUNT + key_count; i++) {
        const Key *key = i < KEY_COUNT ? &KEYS[i] : &keys[i - KEY_COUNT];
        bool replaced = !key->type;
        for (size_t k = 0; i < KEY_COUNT && k < key_count; k++)
            replaced |= !strcmp(keys[k].name, key->name);
        if (replaced && i < KEY_COUNT) continue;
        if (!key->type) continue;
        put_key(&body, key);
        written++;
    }
    for (size_t i = 0; i <= tensor_count; i++) {
        const Entry *entry = i ? &tensors[i - 1] : &table;
        size_t rank = 0;
        while (rank < 4 && entry->shape[rank]) rank++;
        put_text(&body, entry->name, strlen(entry->name));
        put_integer(&body, rank, 4);
        for (size_t k = 0; k < rank; k++) put_integer(&body, entry->shape[k], 8);
        put_integer(&body, entry->type, 4);
        put_integer(&body, entry->offset, 8);
    }
    put(&file, "GGUF", 4);
    put_integer(&file, 3, 4);
    put_integer(&file, 1 + tensor_count, 8);
    put_integer(&file, written, 8);
    put(&file, body, arrlenu(body));
    arrfree(body);
    while (arrlenu(file) % 32) arrput(file, 0);
    for (size_t i = 0; i < 128; i++) arrput(file, 0);
    return file;
}

static void check_refused(const Key *keys, size_t key_count, const Entry *tensors,
                          size_t tensor_count, const char *want) {
    unsigned char *file = make_file(keys, key_count, tensors, tensor_count);
    Opened opened = open_bytes(file, arrlenu(file));
    if (want)
        CHECK(opened.error && strstr(opened.error, want), "got \"%s\", want \"%s\"", opened.error,
              want);
    else
        CHECK(!opened.error, "%s", opened.error);
    close_file(&opened);
    arrfree(file);
}

static void test_refused_keys(void) {
    static const struct {
        Key key;
        const char *want;
    } cases[] = {
        {{"general.name", STRING, .text = "any"}, NULL},
        {{"general.architecture", STRING, .text = "gpt9\x1b"}, "general.architecture is \"gpt9?\""},
        {{"general.architecture"}, "no key general.architecture"},
        {{"general.architecture", U32, 1}, "not a string"},
        {{"general.type", STRING, .text = "adapter"}, "general.type is \"adapter\""},
        {{"general.alignment", U32, 24}, "general.alignment is 24"},
        {{"general.alignment", U32, 0}, "general.alignment is 0"},
        {{"split.count", U32, 2}, "one of several files"},
        {{"llama.attention.window", U32, 2}, "llama.attention.window is set"},
        {{"llama.logit_scale", F32, 2}, "llama.logit_scale is set"},
        {{"llama.embedding_length"}, "no key llama.embedding_length"},
        {{"llama.embedding_length", F32, 4.5}, "not an integer"},
        {{"llama.embedding_length", F32, NAN}, "not a finite number"},
        {{"llama.embedding_length", TEXTS, .text = "ab"}, "not a finite number"},
        {{"llama.embedding_length", U32, 5}, "a width of 5"},
        {{"llama.block_count", U32, 4e9}, "not an integer"},
        {{"llama.block_count", U32, 2e9}, "block_count is 2000000000, but the file has 1 tensors"},
        {{"llama.attention.head_count", U32, 0}, "is 0"},
        {{"llama.attention.value_length", U32, 1}, "value_length is 1"},
        {{"llama.rope.dimension_count", U32, 1}, "dimension_count is 1"},
        {{"llama.rope.scaling.type", STRING, .text = "yarn"}, "rope.scaling.type is \"yarn\""},
        {{"llama.expert_count", U32, 8}, "expert_count is 8"},
        {{"tokenizer.ggml.model", STRING, .text = "llama"}, "tokenizer.ggml.model is \"llama\""},
        {{"tokenizer.ggml.model", STRING, .text = "gpt2"}, "no key tokenizer.ggml.pre"},
        {{"any.key", UNKNOWN}, "any.key has a value of type 13"},
        {{"\x01", U32, 1}, "the name of key 7"},
        {{"", U32, 1}, "the name of key 7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(&cases[i].key, 1, NULL, 0, cases[i].want);
    const Key twice[] = {{"a", U32, 1}, {"a", U32, 1}};
    check_refused(twice, 2, NULL, 0, "key a is there twice");
}

static void test_refused_tensors(void) {
    static const struct {
        Entry entry;
        const char *want;
    } cases[] = {
        {{"blk.0.attn_q.weight", {4, 4}, 0, 0}, NULL},
        {{"blk.0.attn_q.bias", {4}, 0, 0}, NULL},
        {{"blk.0.attn_q.weight", {4, 5}, 0, 0}, "has 5 rows, not those of 2 heads"},
        {{"blk.1.attn_q.weight", {4, 4}, 0, 0}, "tensor blk.1.attn_q.weight is not one"},
        {{"blk.00.attn_q.weight", {4, 4}, 0, 0},
         "is not one that architecture llama with 1 blocks"},
        {{"blk..attn_q.weight", {4, 4}, 0, 0}, "is not one"},
        {{"blk.0attn_q.weight", {4, 4}, 0, 0}, "is not one"},
        {{"blk.0.attn_q", {4, 4}, 0, 0}, "is not one"},
        {{"blk.0.attn_q_norm.weight", {4}, 0, 0}, "is not one"},
        {{"token_embd.weight", {4, 5}, 0, 0}, "token_embd.weight is there twice"},
        {{"output.weight", {4, 5}, 10, 0}, "type 10 (Q2_K)"},
        {{"output.weight", {4, 5}, 4, 0}, "type 4 (unknown)"},
        {{"output.weight", {4, 5}, 4000000000, 0}, "type 4000000000 (unknown)"},
        {{"output.weight", {4, 5}, 8, 0}, "a shape that type Q8_0 cannot have"},
        {{"output.weight", {1ULL << 62, 1ULL << 62}, 0, 0}, "a shape that type F32 cannot have"},
        {{"output.weight", {0}, 0, 0}, "has 0 dimensions"},
        {{"blk.0.attn_norm.weight", {32}, 8, 0}, "is a vector of type Q8_0"},
        {{"output.weight", {4, 5}, 0, 8}, "offset 8, not a multiple of 32"},
        {{"output.weight", {4, 5}, 0, 64}, "ends after the end"},
        {{"output.weight", {4, 5}, 0, 1ULL << 63}, "ends after the end"},
        {{"rope_freqs.weight", {2}, 0, 0}, "not a vector of 1 numbers"},
        {{"rope_freqs.weight", {1}, 0, 0}, "divisor 0 is 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(NULL, 0, &cases[i].entry, 1, cases[i].want);
}

static void test_refused_tokenizers(void) {
    const Key pre = {"tokenizer.ggml.pre", STRING, .text = "gpt-2"};
    const Key model = {"tokenizer.ggml.model", STRING, .text = "gpt2"};
    const Key tokens = {"tokenizer.ggml.tokens", TEXTS, .text = "abc"};
    const Key merges = {"tokenizer.ggml.merges", TEXTS, .text = ""};
    const struct {
        Key key[4];
        size_t count;
        const char *want;
    } cases[] = {
        {{model, pre, tokens, merges}, 4, NULL},
        {{model, {"tokenizer.ggml.pre", STRING, .text = "tekken"}, tokens, merges},
         4,
         "tokenizer.ggml.pre is \"tekken\""},
        {{model, pre, tokens}, 3, "no tokenizer.ggml.tokens or tokenizer.ggml.merges"},
        {{model, pre, {"tokenizer.ggml.tokens", TEXTS, .text = "abcdef"}, merges},
         4,
         "has 6 tokens"},
        {{model, pre, {"tokenizer.ggml.tokens", TEXTS, .text = "ab\xff"}, merges},
         4,
         "string 2 of tokenizer.ggml.tokens is not UTF-8"},
        {{model, pre, {"tokenizer.ggml.tokens", U32, 1}, merges}, 4, "not a list of strings"},
        {{model, pre, tokens, {"tokenizer.ggml.merges", TEXTS, .text = "\x80"}}, 4, "is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(cases[i].key, cases[i].count, NULL, 0, cases[i].want);
}

/* --- damaged files --- */

static void test_truncated(void) {
    size_t size;
    char *file = contents(FOLDER "gguf_files/llama.gguf", &size);
    for (size_t end = 1; end < size; end += end < 4096 ? 1 : 61) {
        Opened opened = open_bytes((unsigned char *)file, end);
        CHECK(opened.error, "%zu of %zu bytes", end, size);
        close_file(&opened);
    }
    Opened opened = open_bytes((unsigned char *)file, 0);
    CHECK(opened.error && strstr(opened.error, "is empty"), "%s", opened.error);
    close_file(&opened);
    arrfree(file);
    opened = open_path("tests");
    CHECK(opened.error && strstr(opened.error, "is a folder"), "%s", opened.error);
    close_file(&opened);
}

/* Some bytes of the header changed: an error message, or a model whose every tensor can be read. */
static void test_damaged(void) {
    size_t size, header = 4096, read = 0;
    char *file = contents(FOLDER "gguf_files/types.gguf", &size);
    uint64_t state = 1;
    for (int trial = 0; trial < 3000; trial++) {
        char kept[3];
        size_t at[3];
        for (int i = 0; i < 3; i++) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            at[i] = (state >> 33) % (trial % 2 ? header : 1400);
            kept[i] = file[at[i]];
            file[at[i]] = (char)(state >> 25 & 7 ? state >> 56 : 255);
        }
        Opened opened = open_bytes((unsigned char *)file, size);
        for (size_t i = 0; i < arrlenu(opened.weights.tensors); i++)
            hash_tensor(&opened.weights.tensors[i], opened.weights.tensors[i].shape[0]);
        read += !opened.error;
        close_file(&opened);
        for (int i = 2; i >= 0; i--) file[at[i]] = kept[i];
    }
    CHECK(read > 100 && read < 2900, "%zu of 3000 were read", read);
    arrfree(file);
}

static const Test tests[] = {
    {"gguf: tensors, configs and tokenizers with those of Python", test_reference},
    {"gguf: keys that are refused", test_refused_keys},
    {"gguf: tensors that are refused", test_refused_tensors},
    {"gguf: tokenizers that are refused", test_refused_tokenizers},
    {"gguf: files cut anywhere", test_truncated},
    {"gguf: damaged files", test_damaged},
};
TEST_MAIN(tests)
