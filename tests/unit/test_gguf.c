/* test_gguf.c - GGUF files: tensors, config.json and tokenizer.json with those of Python.
 *
 * One idea: tests/oracle/gguf_files.py has written a file for each architecture with the package `gguf`, and
 * the hashes of what its own code decodes. */
#include "tests/lib/gguf_files.h"

#include "data/tokenizer/tokenizer.h"

#include <cJSON.h>

#define FOLDER "tests/oracle/"

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

/* Special tokens are those of the tokenizer.json that the vocabulary is from. */
static void check_added(const char *file, const char *json, const char *kind) {
    char path[128];
    snprintf(path, sizeof path, FOLDER "tokenizers/%s.json", kind);
    cJSON *own = cJSON_Parse(json), *want = read_json(path);
    const cJSON *at = cJSON_GetObjectItem(want, "added_tokens")->child, *item;
    CHECK(cJSON_GetArraySize(cJSON_GetObjectItem(own, "added_tokens")) == 3, "%s: added", file);
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(own, "added_tokens")) {
        const char *const members[] = {"id", "content", "special"};
        for (size_t i = 0; at && i < 3; i++)
            CHECK(cJSON_Compare(cJSON_GetObjectItem(item, members[i]),
                                cJSON_GetObjectItem(at, members[i]), true),
                  "%s: %s of an added token", file, members[i]);
        at = at ? at->next : NULL;
    }
    cJSON_Delete(own);
    cJSON_Delete(want);
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
    check_added(file, json, kind);
}

static void test_reference(void) {
    cJSON *cases = read_json(FOLDER "gguf_files/cases.json");
    const cJSON *file, *tensor;
    CHECK(cJSON_GetArraySize(cases) == 6, "files in cases.json");
    cJSON_ArrayForEach(file, cases) {
        char path[128];
        snprintf(path, sizeof path, FOLDER "gguf_files/%s.gguf", file->string);
        Opened opened = open_path(path);
        CHECK(!opened.error && !opened.tokenizer_error, "%s%s", opened.error ? opened.error : "",
              opened.tokenizer_error ? opened.tokenizer_error : "");
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

/* Every number of float16 with its definition. */
static void test_float16(void) {
    unsigned char bytes[1 << 17];
    real *values = mem_alloc((1 << 16) * sizeof *values);
    for (uint32_t i = 0; i < 1 << 16; i++) memcpy(bytes + 2 * i, &(uint16_t){(uint16_t)i}, 2);
    weight_kind(WEIGHT_F16)->decode(values, bytes, 1 << 16);
    for (int i = 0; i < 1 << 16; i++) {
        const int exponent = i >> 10 & 31, digits = i & 1023;
        double want = exponent == 31 ? digits ? (double)NAN : (double)INFINITY
                      : exponent     ? ldexp(1024 + digits, exponent - 25)
                                     : ldexp(digits, -24);
        if (i >> 15) want = -want;
        const double got = (double)values[i];
        CHECK(isnan(want) ? isnan(got) : got == want && !signbit(got) == !signbit(want),
              "%04x: %.9g, want %.9g", (unsigned)i, got, want);
    }
    mem_free(values);
}

static void test_sizes(void) {
    size_t size;
    CHECK(weights_size(WEIGHT_Q6_K, 2, (size_t[]){3, 512}, &size) && size == 6 * 210, "%zu", size);
    CHECK(weights_size(WEIGHT_F32, 1, (size_t[]){7}, &size) && size == 28, "%zu", size);
    CHECK(!weights_size(WEIGHT_F32, 2, (size_t[]){0, 4}, &size), "no rows");
    CHECK(!weights_size(WEIGHT_F32, 2, (size_t[]){4, 0}, &size), "no columns");
    CHECK(!weights_size(WEIGHT_F32, 0, (size_t[]){4, 4}, &size), "no dimensions");
    CHECK(!weights_size(WEIGHT_F32, 5, (size_t[]){1, 1, 1, 1, 1}, &size), "five dimensions");
    CHECK(!weights_size(WEIGHT_Q4_K, 2, (size_t[]){1, 288}, &size), "a part of a block");
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

/* Divisors of RoPE's frequencies that are nearly those of Llama 3. */
static void test_other_rope(void) {
    const float factor = 32, other = 32.3f;
    size_t size;
    char *file = contents(FOLDER "gguf_files/llama.gguf", &size), *at = file + size - 4;
    while (at > file + size - 64 && memcmp(at, &factor, sizeof factor) != 0) at--;
    memcpy(at, &other, sizeof other);
    Opened opened = open_bytes((unsigned char *)file, size);
    CHECK(opened.error && strstr(opened.error, "rope_freqs.weight: divisor 2 is"), "%s",
          opened.error);
    close_file(&opened);
    arrfree(file);
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
    {"gguf: every number of float16", test_float16},
    {"gguf: sizes of tensors", test_sizes},
    {"gguf: files cut anywhere", test_truncated},
    {"gguf: other frequencies of RoPE", test_other_rope},
    {"gguf: damaged files", test_damaged},
};
TEST_MAIN(tests)
