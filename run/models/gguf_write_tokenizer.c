/* gguf_write_tokenizer.c - see gguf_parts.h: a tokenizer.json as the keys of a GGUF file.
 *
 * llama.cpp has a token for every row of the table of tokens, so rows without one get a name and the type "unused". */
#include "run/models/gguf_out.h"
#include "run/models/gguf_parts.h"

#include "base/text_out.h"

#include <cJSON.h>
#include <stdio.h>

typedef struct {
    const char *text;
    int32_t type;
} Token;

static void add_token(Token *tokens, size_t vocab, const cJSON *id, const char *text,
                      int32_t type) {
    if (cJSON_IsNumber(id) && id->valuedouble >= 0 && id->valuedouble < (double)vocab)
        tokens[(size_t)id->valuedouble] = (Token){text, type};
}

static void put_tokens(GgufOut *out, const Token *tokens, size_t vocab) {
    gguf_put_list(out, "tokenizer.ggml.tokens", GGUF_STRING, vocab);
    for (size_t i = 0; i < vocab; i++) {
        char unused[32];
        snprintf(unused, sizeof unused, "[PAD%zu]", i);
        gguf_put_text(out, tokens[i].text ? tokens[i].text : unused);
    }
    gguf_put_list(out, "tokenizer.ggml.token_type", GGUF_I32, vocab);
    for (size_t i = 0; i < vocab; i++)
        gguf_put_i32(out, tokens[i].text ? tokens[i].type : GGUF_TOKEN_UNUSED);
}

static void put_merges(GgufOut *out, const cJSON *merges) {
    const cJSON *merge;
    gguf_put_list(out, "tokenizer.ggml.merges", GGUF_STRING, (size_t)cJSON_GetArraySize(merges));
    cJSON_ArrayForEach(merge, merges) {
        const cJSON *first = merge->child;
        char *text = first ? text_format("%s %s", first->valuestring, first->next->valuestring)
                           : text_format("%s", merge->valuestring);
        gguf_put_text(out, text);
        mem_free(text);
    }
}

static void put_id(GgufOut *out, const cJSON *config, const char *field, const char *key) {
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(config, field);
    if (cJSON_IsNumber(id) && id->valuedouble >= 0)
        gguf_put_integer(out, key, (size_t)id->valuedouble);
}

/* The file was read by tokenizer_parse before, or written by tokenizer_out. */
char *gguf_put_tokenizer(GgufOut *out, const cJSON *config, const char *json, size_t vocab) {
    cJSON *root = cJSON_Parse(json);
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(root, "model"), *item;
    const char *pre = gguf_pre(root);
    Token *tokens = mem_alloc(size_mul(vocab, sizeof *tokens));
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(model, "vocab")) {
        add_token(tokens, vocab, item, item->string, GGUF_TOKEN_NORMAL);
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "added_tokens")) {
        const bool special = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "special"));
        add_token(tokens, vocab, cJSON_GetObjectItemCaseSensitive(item, "id"),
                  cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "content")),
                  special ? GGUF_TOKEN_CONTROL : GGUF_TOKEN_ADDED);
    }
    if (pre) {
        gguf_put_string(out, "tokenizer.ggml.model", "gpt2");
        gguf_put_string(out, "tokenizer.ggml.pre", pre);
        put_tokens(out, tokens, vocab);
        put_merges(out, cJSON_GetObjectItemCaseSensitive(model, "merges"));
        put_id(out, config, "bos_token_id", "tokenizer.ggml.bos_token_id");
        put_id(out, config, "eos_token_id", "tokenizer.ggml.eos_token_id");
        gguf_put_flag(out, "tokenizer.ggml.add_bos_token", false);
    }
    mem_free(tokens);
    cJSON_Delete(root);
    return pre ? NULL : text_format("its tokenizer splits text in a way that has no name in GGUF");
}
