/* test_gguf_refused.c - GGUF files that are refused, each with a message that names why.
 *
 * One idea: a small valid file is made byte by byte, with one key, tensor or tokenizer that is not. */
#include "tests/lib/gguf_files.h"

enum { U32 = 4, F32 = 6, STRING = 8, TEXTS = 9, UNKNOWN = 13, INTEGERS = 100, ENDLESS };

typedef struct {
    const char *name;
    int type; /* 0 = the key is left out */
    double number;
    const char *text; /* of TEXTS: one letter for each string; of INTEGERS: one digit for each */
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
    put_integer(file, key->type >= INTEGERS ? TEXTS : (uint64_t)key->type, 4);
    if (key->type == U32) put_integer(file, (uint64_t)key->number, 4);
    if (key->type == F32) put(file, &number, 4);
    if (key->type == STRING) put_text(file, key->text, strlen(key->text));
    if (key->type == ENDLESS) { /* as many numbers of 8 bytes as overflow a size */
        put_integer(file, 10, 4);
        put_integer(file, 1ULL << 61, 8);
    }
    if (key->type != TEXTS && key->type != INTEGERS) return;
    put_integer(file, key->type == TEXTS ? STRING : 5, 4);
    put_integer(file, strlen(key->text), 8);
    for (const char *letter = key->text; *letter; letter++) {
        if (key->type == TEXTS)
            put_text(file, letter, 1);
        else
            put_integer(file, (uint64_t)(*letter - '0'), 4);
    }
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
    const char *got = opened.error ? opened.error : opened.tokenizer_error;
    if (want)
        CHECK(got && strstr(got, want), "got \"%s\", want \"%s\"", got ? got : "", want);
    else
        CHECK(!got, "%s", got);
    CHECK(!opened.tokenizer_error || !opened.tokenizer, "a tokenizer that was refused");
    CHECK(!opened.error == (opened.config != NULL), "a model that was refused, or is not there");
    close_file(&opened);
    arrfree(file);
}

/* --- what is refused --- */

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
        {{"general.alignment", U32, 131072}, "general.alignment is 131072"},
        {{"any.list", ENDLESS}, "the file ends within its header"},
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
        {{"output.weight", {36, 5}, 8, 0}, "a shape that type Q8_0 cannot have"},
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
        Key key[5];
        size_t count;
        const char *want;
    } cases[] = {
        {{model, pre, tokens, merges}, 4, NULL},
        {{model, pre, merges, tokens, {"tokenizer.ggml.token_type", INTEGERS, .text = "135"}},
         5,
         NULL},
        {{model, pre, merges, tokens, {"tokenizer.ggml.token_type", INTEGERS, .text = "116"}},
         5,
         "token 2 has type 6"},
        {{model, pre, merges, tokens, {"tokenizer.ggml.token_type", INTEGERS, .text = "11"}},
         5,
         "has 2 items for 3 tokens"},
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

/* The last byte of the header is missing. */
static void test_cut_header(void) {
    unsigned char *made = make_file(NULL, 0, NULL, 0);
    size_t header = arrlenu(made) - 128;
    while (!made[header - 1]) header--; /* the type and the offset of the last tensor are 0 */
    Opened opened = open_bytes(made, header + 18);
    CHECK(opened.error && strstr(opened.error, "ends within its header"), "%s", opened.error);
    close_file(&opened);
    arrfree(made);
}

static const Test tests[] = {
    {"gguf: keys that are refused", test_refused_keys},
    {"gguf: tensors that are refused", test_refused_tensors},
    {"gguf: tokenizers that are refused", test_refused_tokenizers},
    {"gguf: a header without its last byte", test_cut_header},
};
TEST_MAIN(tests)
