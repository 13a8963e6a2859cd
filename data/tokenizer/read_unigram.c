/* read_unigram.c - see parts.h: vocabularies whose tokens are written as text, and the model Unigram. */
#include "data/tokenizer/read.h"

#include "base/stb_ds.h"

#include <math.h>
#include <string.h>

void read_written(Tokenizer *tokenizer, const char *text, size_t token, char *scratch) {
    const size_t length = strlen(text);
    unsigned char byte;
    if (!length) read_refuse(tokenizer, "model.vocab has an empty token");
    if (*bytemap_put(&tokenizer->vocab, text, length, (int64_t)token) != (int64_t)token)
        read_refuse(tokenizer, "model.vocab has a token twice: \"%.64s\"", text);
    if (tokenizer->byte_fallback && characters_byte(text, length, &byte))
        tokenizer->fallback[byte] = (int)token;
    read_text(tokenizer, token, scratch, characters_text(tokenizer, text, length, scratch));
}

void read_bytes(Tokenizer *tokenizer) {
    for (int byte = 0; byte < 256; byte++) {
        const char text = (char)byte;
        const bool mark = byte == ' ' && tokenizer->marks;
        const int64_t *token =
            bytemap_find(&tokenizer->vocab, mark ? MARK : &text, mark ? (size_t)MARK_LENGTH : 1);
        tokenizer->token_of[byte] = token ? (int)*token : tokenizer->fallback[byte];
    }
}

/* Entry `token` of the vocabulary, ["text", score]. */
static void add_scored(Tokenizer *tokenizer, const cJSON *json, size_t token, char *scratch) {
    const cJSON *text = cJSON_IsArray(json) ? json->child : NULL, *score = text ? text->next : NULL;
    if (!cJSON_IsString(text) || !cJSON_IsNumber(score) || score->next ||
        !isfinite(score->valuedouble))
        read_refuse(tokenizer, "model.vocab: entry %zu is not [\"text\", score]", token);
    read_written(tokenizer, text->valuestring, token, scratch);
    tokenizer->scores[token] = score->valuedouble;
    unigram_add(tokenizer, text->valuestring, strlen(text->valuestring), (int)token);
}

void read_unigram(Tokenizer *tokenizer, const cJSON *model) {
    static const char *const known[] = {"type", "unk_id", "vocab", "byte_fallback", NULL};
    const double penalty = 10;
    double lowest = INFINITY;
    size_t count = 0;
    read_members(tokenizer, model, "model", known);
    const cJSON *vocab = read_member(tokenizer, model, "model", "vocab"), *item;
    const cJSON *unknown = cJSON_GetObjectItemCaseSensitive(model, "unk_id");
    if (!cJSON_IsArray(vocab)) read_refuse(tokenizer, "model.vocab is not a list");
    tokenizer->byte_fallback = read_flag(tokenizer, model, "model", "byte_fallback", false);
    tokenizer->scores = mem_alloc(size_mul(tokenizer->size, sizeof *tokenizer->scores));
    char *scratch = mem_alloc(tokenizer->json_length + 1);
    cJSON_ArrayForEach(item, vocab) {
        add_scored(tokenizer, item, count, scratch);
        if (tokenizer->scores[count] < lowest) lowest = tokenizer->scores[count];
        count++;
    }
    mem_free(scratch);
    tokenizer->unknown_score = lowest - penalty;
    if (!unknown || cJSON_IsNull(unknown)) return;
    const size_t token = read_token(tokenizer, unknown, "model.unk_id");
    if (token >= count) read_refuse(tokenizer, "model.unk_id %zu is not in model.vocab", token);
    tokenizer->unknown = (int)token;
}
