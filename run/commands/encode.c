/* encode.c - see encode.h. */
#include "run/commands/encode.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "data/encoded.h"
#include "data/tokenizer/nfc.h"
#include "data/tokenizer/regex.h"
#include "data/tokenizer/train.h"
#include "run/io/files.h"
#include "run/io/json_out.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char *read_all(const char *path, size_t *size) {
    char *text = file_contents(path, SIZE_MAX / 4, size);
    if (!text)
        die(errno == ENOENT || errno == EISDIR ? EXIT_DATA : EXIT_IO, "cannot read %s: %s", path,
            strerror(errno));
    return text;
}

static void refuse_existing(const char *path) {
    if (access(path, F_OK) == 0)
        die(EXIT_USAGE, "%s exists; choose another file, or remove it", path);
}

static void put(void *context, const void *bytes, size_t size) {
    file_put(context, bytes, size);
}

/* Returns the hash of the file. */
static uint64_t write_tokens(const char *path, const int *tokens, size_t V) {
    char *temporary = text_format("%s.tmp-%ld", path, (long)getpid());
    FileOut file = file_begin(temporary);
    encoded_put(tokens, arrlenu(tokens), V, 0, put, &file);
    const uint64_t hash = file.hash;
    int error = file_end(&file);
    if (error)
        path_unlink(temporary);
    else
        error = file_settle(temporary, path);
    if (error) die(EXIT_IO, "cannot write %s: %s", path, strerror(error));
    mem_free(temporary);
    return hash;
}

static void write_facts(const char *path, const Cli *cli, const Tokenizer *tokenizer, size_t tokens,
                        const uint64_t hashes[2], size_t bytes) {
    TextOut text;
    Json json = {.out = text_begin(&text)};
    json_open(&json, NULL);
    json_string(&json, "format_version", "1");
    json_integer(&json, "tokens", tokens);
    json_integer(&json, "vocab_size", tokenizer_size(tokenizer));
    json_hash(&json, "fnv1a64", hashes[1]);
    json_open(&json, "text");
    json_string(&json, "path", cli->text);
    json_integer(&json, "bytes", bytes);
    json_hash(&json, "fnv1a64", hashes[0]);
    json_close(&json);
    json_open(&json, "tokenizer");
    json_string(&json, "path", cli->tokenizer);
    json_hash(&json, "fnv1a64", tokenizer_hash(tokenizer));
    json_string(&json, "pcre2", regex_library() ? regex_library() : "none");
    json_string(&json, "utf8proc", nfc_library() ? nfc_library() : "none");
    json_close(&json);
    json_close(&json);
    fputc('\n', json.out);
    char *contents = text_end(&text);
    int error = file_replace(path, contents, text.size);
    if (error) die(EXIT_IO, "cannot write %s: %s", path, strerror(error));
    mem_free(contents);
}

void encode_text(const Cli *cli) {
    const size_t length = strlen(cli->file);
    if (length < 5 || strcmp(cli->file + length - 4, ".bin") != 0)
        die(EXIT_USAGE, "--encode writes OUT.bin, not %s", cli->file);
    char *facts = text_format("%s.json", cli->file);
    refuse_existing(cli->file);
    refuse_existing(facts);
    Tokenizer *tokenizer = tokenizer_open(cli->tokenizer);
    size_t size;
    char *text = read_all(cli->text, &size);
    uint64_t hashes[2] = {hash_bytes(HASH_START, text, size)};
    int *tokens = encoded_tokens(tokenizer, text, size, cli->text);
    mem_free(text);
    if (!arrlenu(tokens)) die(EXIT_DATA, "%s: the file is empty", cli->text);
    hashes[1] = write_tokens(cli->file, tokens, tokenizer_size(tokenizer));
    write_facts(facts, cli, tokenizer, arrlenu(tokens), hashes, size);
    printf("bytes=%zu tokens=%zu vocab_size=%zu bytes_per_token=%.4g\n", size, arrlenu(tokens),
           tokenizer_size(tokenizer), (double)size / (double)arrlenu(tokens));
    arrfree(tokens);
    mem_free(facts);
    tokenizer_free(tokenizer);
}

void encode_train(const Cli *cli) {
    size_t size, tokens;
    if (cli->vocab < TRAINED_MIN || cli->vocab > TRAINED_MAX)
        die(EXIT_USAGE, "--vocab must be %d to %d", TRAINED_MIN, TRAINED_MAX);
    refuse_existing(cli->file);
    char *text = read_all(cli->text, &size);
    char *json = tokenizer_train(text, size, cli->vocab, &tokens);
    int error = file_replace(cli->file, json, arrlenu(json));
    if (error) die(EXIT_IO, "cannot write %s: %s", cli->file, strerror(error));
    if (tokens < cli->vocab)
        fprintf(stderr,
                "train: note: the text has no more pairs to merge: %zu tokens instead of %zu\n",
                tokens, cli->vocab);
    printf("bytes=%zu vocab_size=%zu\n", size, tokens);
    arrfree(json);
    mem_free(text);
}
