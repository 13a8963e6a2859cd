/* tokenizer_out.c - see tokenizer_out.h. */
#include "run/models/tokenizer_out.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "data/tokenizer/alphabet.h"
#include "run/io/json_out.h"

#include <string.h>

static void print_byte_level(Json *json, const char *name) {
    json_open(json, name);
    json_string(json, "type", "ByteLevel");
    json_boolean(json, "add_prefix_space", false);
    json_boolean(json, "trim_offsets", true);
    json_boolean(json, "use_regex", false);
    json_close(json);
}

static void print_vocab(Json *json, const Vocab *vocab) {
    json_open(json, "vocab");
    for (size_t token = 0; token < vocab->size; token++) {
        char *text = NULL;
        alphabet_put(&text, vocab->byte_of[token]);
        arrput(text, '\0');
        json_integer(json, text, token);
        arrfree(text);
    }
    json_close(json);
}

static char *of_bytes(const Vocab *vocab, size_t *length) {
    TextOut text;
    Json json = {.out = text_begin(&text)};
    json_open(&json, NULL);
    json_string(&json, "version", "1.0");
    json_list_open(&json, "added_tokens");
    json_list_close(&json);
    print_byte_level(&json, "pre_tokenizer");
    print_byte_level(&json, "decoder");
    json_open(&json, "model");
    json_string(&json, "type", "BPE");
    print_vocab(&json, vocab);
    json_list_open(&json, "merges");
    json_list_close(&json);
    json_close(&json);
    json_close(&json);
    fputc('\n', json.out);
    char *contents = text_end(&text);
    *length = text.size;
    return contents;
}

char *tokenizer_out(const Vocab *vocab, size_t *length) {
    if (!vocab->size) return NULL;
    if (!vocab->tokenizer) return of_bytes(vocab, length);
    const char *json = tokenizer_json(vocab->tokenizer, length);
    char *contents = mem_alloc(*length + 1);
    memcpy(contents, json, *length);
    return contents;
}
