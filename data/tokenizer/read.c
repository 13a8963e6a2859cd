/* read.c - see read.h, tokenizer.h: from a file to a Tokenizer, and the tokens' bytes. */
#include "data/tokenizer/read.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- members --- */

void read_refuse(const Tokenizer *tokenizer, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    utf8_cut(message, sizeof message);
    die(EXIT_DATA, "%s: %s", tokenizer->name, message);
}

void read_members(const Tokenizer *tokenizer, const cJSON *object, const char *where,
                  const char *const *known) {
    const cJSON *member;
    if (!cJSON_IsObject(object)) read_refuse(tokenizer, "%s is not an object", where);
    cJSON_ArrayForEach(member, object) {
        bool found = false;
        for (size_t i = 0; known[i]; i++) found |= strcmp(known[i], member->string) == 0;
        if (!found)
            read_refuse(tokenizer, "%s has a member \"%.64s\", which this program does not know",
                        where, member->string);
    }
}

const cJSON *read_member(const Tokenizer *tokenizer, const cJSON *object, const char *where,
                         const char *name) {
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!member) read_refuse(tokenizer, "%s has no member \"%s\"", where, name);
    return member;
}

const char *read_string(const Tokenizer *tokenizer, const cJSON *object, const char *where,
                        const char *name) {
    const cJSON *member = read_member(tokenizer, object, where, name);
    if (!cJSON_IsString(member)) read_refuse(tokenizer, "%s: \"%s\" is not a string", where, name);
    return member->valuestring;
}

bool read_flag(const Tokenizer *tokenizer, const cJSON *object, const char *where, const char *name,
               bool missing) {
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!member || cJSON_IsNull(member)) return missing;
    if (!cJSON_IsBool(member))
        read_refuse(tokenizer, "%s: \"%s\" is neither true nor false", where, name);
    return cJSON_IsTrue(member);
}

void read_unused(const Tokenizer *tokenizer, const cJSON *object, const char *where,
                 const char *name) {
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    const bool unused = !member || cJSON_IsNull(member) || cJSON_IsFalse(member) ||
                        (cJSON_IsNumber(member) && member->valuedouble == 0) ||
                        (cJSON_IsString(member) && !*member->valuestring);
    if (!unused)
        read_refuse(tokenizer, "%s: \"%s\" is set, which this program does not compute", where,
                    name);
}

size_t read_token(const Tokenizer *tokenizer, const cJSON *json, const char *where) {
    const double number = cJSON_IsNumber(json) ? json->valuedouble : -1;
    if (!(number >= 0 && number < TOKEN_MAX && number == floor(number)))
        read_refuse(tokenizer, "%s: a token is not an integer from 0 to %d", where, TOKEN_MAX - 1);
    return (size_t)number;
}

/* --- the file --- */

/* cJSON would end a string at an escaped NUL. */
static bool has_escaped_nul(const char *json, size_t length) {
    for (size_t i = 0; i + 1 < length; i++) {
        if (json[i] != '\\') continue;
        if (i + 6 <= length && memcmp(json + i, "\\u0000", 6) == 0) return true;
        i++; /* the character that is escaped */
    }
    return false;
}

static bool is_utf8(const char *text, size_t length) {
    for (size_t i = 0, here; i < length; i += here) {
        if (!(here = utf8_length(text + i, length - i))) return false;
    }
    return true;
}

/* The size of the vocabulary. Numbers may have gaps, but a few tokens must not make a large table. */
static size_t size_of(const Tokenizer *tokenizer, const cJSON *vocab, const cJSON *added) {
    enum { GAPS = 4096 };
    size_t size = 0, count = 0;
    const cJSON *item;
    if (tokenizer->kind == MODEL_UNIGRAM) /* a list, whose entries are numbered */
        size = count = (size_t)cJSON_GetArraySize(vocab);
    else
        cJSON_ArrayForEach(item, vocab) {
            const size_t token = read_token(tokenizer, item, "model.vocab");
            if (token >= size) size = token + 1;
            count++;
        }
    cJSON_ArrayForEach(item, added) {
        const cJSON *id = read_member(tokenizer, item, "added_tokens", "id");
        const size_t token = read_token(tokenizer, id, "added_tokens");
        if (token >= size) size = token + 1;
        count++;
    }
    if (!size) read_refuse(tokenizer, "model.vocab has no tokens");
    if (size > TOKEN_MAX) read_refuse(tokenizer, "model.vocab has more than %d tokens", TOKEN_MAX);
    if (size > 2 * count + GAPS)
        read_refuse(tokenizer, "%zu tokens, but the largest is %zu: the numbers have too many gaps",
                    count, size - 1);
    return size;
}

static void read_root(Tokenizer *tokenizer, const cJSON *root) {
    static const char *const known[] = {
        "version",       "truncation",     "padding", "added_tokens", "normalizer",
        "pre_tokenizer", "post_processor", "decoder", "model",        NULL};
    read_members(tokenizer, root, "the file", known);
    const cJSON *model = read_member(tokenizer, root, "the file", "model");
    const cJSON *added = cJSON_GetObjectItemCaseSensitive(root, "added_tokens");
    const cJSON *vocab = cJSON_GetObjectItemCaseSensitive(model, "vocab");
    if (added && !cJSON_IsArray(added) && !cJSON_IsNull(added))
        read_refuse(tokenizer, "added_tokens is not a list");
    const char *type = read_string(tokenizer, model, "model", "type");
    const bool unigram = strcmp(type, "Unigram") == 0;
    if (!unigram && strcmp(type, "BPE") != 0)
        read_refuse(tokenizer,
                    "model.type is \"%.64s\": this program reads BPE and Unigram, no WordPiece or "
                    "WordLevel",
                    type);
    tokenizer->kind = unigram ? MODEL_UNIGRAM : MODEL_BYTES;
    read_normalizer(tokenizer, cJSON_GetObjectItemCaseSensitive(root, "normalizer"));
    read_splits(tokenizer, cJSON_GetObjectItemCaseSensitive(root, "pre_tokenizer"));
    tokenizer->size = size_of(tokenizer, vocab, added);
    tokenizer->texts = mem_alloc(size_mul(tokenizer->size, sizeof *tokenizer->texts));
    for (int byte = 0; byte < 256; byte++)
        tokenizer->token_of[byte] = tokenizer->fallback[byte] = -1;
    tokenizer->unknown = -1;
    (unigram ? read_unigram : read_model)(tokenizer, model);
    if (tokenizer->kind != MODEL_BYTES) read_bytes(tokenizer);
    read_added(tokenizer, added);
}

void read_text(Tokenizer *tokenizer, size_t token, const char *bytes, size_t length) {
    TokenText *text = &tokenizer->texts[token];
    if (text->known) read_refuse(tokenizer, "two tokens have the number %zu", token);
    *text = (TokenText){arrlenu(tokenizer->bytes), length, true};
    if (length) memcpy(arraddnptr(tokenizer->bytes, length), bytes, length);
}

Tokenizer *tokenizer_parse(const char *json, size_t length, const char *name) {
    Tokenizer *tokenizer = mem_alloc(sizeof *tokenizer);
    tokenizer->name = text_format("%s", name);
    tokenizer->json = mem_alloc(length + 1);
    if (length) memcpy(tokenizer->json, json, length);
    tokenizer->json_length = length;
    tokenizer->hash = hash_bytes(HASH_START, json, length);
    if (!is_utf8(json, length)) read_refuse(tokenizer, "the file is not UTF-8");
    if (has_escaped_nul(json, length))
        read_refuse(tokenizer, "the file has a string with the character U+0000");
    const char *end;
    cJSON *root = cJSON_ParseWithLengthOpts(json, length, &end, false);
    if (!root)
        read_refuse(tokenizer, "invalid JSON near offset %zu: a tokenizer.json is expected",
                    end >= json ? (size_t)(end - json) : 0);
    read_root(tokenizer, root);
    cJSON_Delete(root);
    return tokenizer;
}

Tokenizer *tokenizer_open(const char *path) {
    enum { FILE_MAX = 1 << 28, PIECE = 1 << 16 };
    char *json = NULL;
    size_t got;
    FILE *in = fopen(path, "rbe");
    if (!in) die(EXIT_DATA, "cannot open the tokenizer %s: %s", path, strerror(errno));
    do {
        char *to = arraddnptr(json, PIECE);
        got = fread(to, 1, PIECE, in);
        arrsetlen(json, arrlenu(json) - PIECE + got);
        if (arrlenu(json) > FILE_MAX)
            die(EXIT_DATA, "%s: longer than %d bytes: is it a tokenizer.json?", path, FILE_MAX);
    } while (got == PIECE);
    if (ferror(in)) die(EXIT_IO, "cannot read the tokenizer %s: %s", path, strerror(errno));
    fclose(in);
    Tokenizer *tokenizer = tokenizer_parse(json, arrlenu(json), path);
    arrfree(json);
    return tokenizer;
}

void tokenizer_free(Tokenizer *tokenizer) {
    if (!tokenizer) return;
    for (size_t i = 0; i < 2; i++) {
        AddedToken *list = tokenizer->added[i].list;
        for (size_t k = 0; k < arrlenu(list); k++) mem_free(list[k].content);
        arrfree(list);
    }
    for (size_t i = 0; i < arrlenu(tokenizer->splits); i++) regex_free(tokenizer->splits[i]);
    arrfree(tokenizer->splits);
    for (size_t i = 0; i < arrlenu(tokenizer->normal); i++) {
        mem_free(tokenizer->normal[i].from);
        mem_free(tokenizer->normal[i].to);
    }
    arrfree(tokenizer->normal);
    pairmap_free(&tokenizer->trie);
    mem_free(tokenizer->scores);
    arrfree(tokenizer->bytes);
    bytemap_free(&tokenizer->vocab);
    pairmap_free(&tokenizer->merges);
    merge_free(&tokenizer->work);
    mem_free(tokenizer->texts);
    mem_free(tokenizer->name);
    mem_free(tokenizer->json);
    mem_free(tokenizer);
}

/* --- what others ask --- */

bool tokenizer_made(const Tokenizer *tokenizer, const char *path) {
    enum { MAX = 1 << 16 };
    char *json = mem_alloc(MAX), own[17];
    FILE *in = fopen(path, "rbe");
    const size_t length = in ? fread(json, 1, MAX, in) : 0;
    if (in) fclose(in);
    cJSON *root = length ? cJSON_ParseWithLength(json, length) : NULL;
    const cJSON *made = cJSON_GetObjectItemCaseSensitive(root, "tokenizer");
    const char *hash = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(made, "fnv1a64"));
    snprintf(own, sizeof own, "%016" PRIx64, tokenizer->hash);
    const bool same = !hash || strcmp(hash, own) == 0;
    cJSON_Delete(root);
    mem_free(json);
    return same;
}

size_t tokenizer_size(const Tokenizer *tokenizer) {
    return tokenizer->size;
}

uint64_t tokenizer_hash(const Tokenizer *tokenizer) {
    return tokenizer->hash;
}

const char *tokenizer_json(const Tokenizer *tokenizer, size_t *length) {
    *length = tokenizer->json_length;
    return tokenizer->json;
}

const char *tokenizer_text(const Tokenizer *tokenizer, int token, size_t *length) {
    *length = 0;
    if (token < 0 || (size_t)token >= tokenizer->size) return "";
    const TokenText *text = &tokenizer->texts[token];
    *length = text->length;
    return text->length ? tokenizer->bytes + text->offset : "";
}

int tokenizer_byte(const Tokenizer *tokenizer, unsigned char byte) {
    return tokenizer->token_of[byte];
}
