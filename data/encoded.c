/* encoded.c - see encoded.h. A cache that cannot be read or written is done without. */
#define _GNU_SOURCE /* memfd_create */
#include "data/encoded.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "data/survey.h"
#include "data/tokenizer/regex.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CACHED_SIZE = 8 << 20, PIECE = 1 << 16 };

/* --- encoding --- */

static void append(void *context, const int *tokens, size_t count) {
    int **list = context;
    memcpy(arraddnptr(*list, count), tokens, count * sizeof *tokens);
}

int *encoded_tokens(Tokenizer *tokenizer, const char *text, size_t size, const char *name) {
    int *tokens = NULL;
    size_t bad;
    if (!tokenizer_encode(tokenizer, text, size, append, &tokens, &bad)) {
        const unsigned char byte = (unsigned char)text[bad];
        if (tokenizer_byte(tokenizer, byte) >= 0) /* of a character, or of a changed line */
            die(EXIT_DATA,
                "%s: the tokenizer lacks a token for the character at offset %zu, or for one that "
                "normalization makes of the line there",
                name, bad);
        die(EXIT_DATA,
            "%s: the tokenizer has no token for the byte 0x%02X at offset %zu; remove it from the "
            "text, or use a tokenizer with all 256 bytes",
            name, byte, bad);
    }
    if (arrlenu(tokens) > UINT32_MAX)
        die(EXIT_DATA, "%s: %zu tokens are too many for one file; split the text", name,
            arrlenu(tokens));
    return tokens;
}

void encoded_put(const int *tokens, size_t count, size_t V, uint64_t check, EncodedPut *put,
                 void *context) {
    unsigned char bytes[PIECE];
    const TokenKind *kind = tokens_kind(V);
    tokens_header(kind, count, check, bytes);
    put(context, bytes, kind->header);
    for (size_t done = 0, here; done < count; done += here) {
        const size_t most = PIECE / kind->width;
        here = count - done < most ? count - done : most;
        for (size_t i = 0; i < here; i++) { /* little-endian, as is the machine */
            const uint32_t token = (uint32_t)tokens[done + i];
            memcpy(bytes + i * kind->width, &token, kind->width);
        }
        put(context, bytes, here * kind->width);
    }
}

uint64_t encoded_check(const int *tokens, size_t count, size_t V) {
    const size_t width = tokens_kind(V)->width;
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < count; i++) hash = hash_bytes(hash, &tokens[i], width);
    return hash;
}

/* --- files --- */

typedef struct {
    int fd, error;
} Out;

static void put_bytes(void *context, const void *bytes, size_t size) {
    Out *out = context;
    const char *from = bytes;
    while (size && !out->error) {
        ssize_t wrote = write(out->fd, from, size);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) {
            out->error = errno;
            return;
        }
        from += wrote;
        size -= (size_t)wrote;
    }
}

/* The folder of the cache, which is made, for mem_free; NULL if the user has none. */
static char *cache_folder(void) {
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if ((!base || *base != '/') && (!home || *home != '/')) return NULL;
    char *folder = base && *base == '/' ? text_format("%s", base) : text_format("%s/.cache", home);
    static const char *const inside[] = {"", "/peri", "/tokens"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        char *next = text_format("%s%s", folder, inside[i]);
        mkdir(next, 0777);
        mem_free(folder);
        folder = next;
    }
    return folder;
}

/* The file of the cache for a text, for mem_free. */
static char *cache_path(TokenFile *file, const Tokenizer *tokenizer) {
    char *folder = cache_folder();
    if (!folder) return NULL;
    const char *unicode = regex_unicode();
    char *path =
        text_format("%s/%016" PRIx64 "-%zu-%016" PRIx64 "-%s.bin", folder, survey_file(file)->hash,
                    file->size, tokenizer_hash(tokenizer), unicode ? unicode : "none");
    mem_free(folder);
    return path;
}

/* Whether the file is complete: the hash in its header is that of its tokens. */
static bool is_intact(int fd, size_t V) {
    unsigned char bytes[PIECE], header[TOKENS_HEADER], wanted[TOKENS_HEADER];
    const TokenKind *kind = tokens_kind(V);
    struct stat status;
    uint64_t hash = HASH_START;
    if (fstat(fd, &status) != 0 || status.st_size < TOKENS_HEADER ||
        pread(fd, header, sizeof header, 0) != TOKENS_HEADER)
        return false;
    for (off_t at = TOKENS_HEADER; at < status.st_size;) {
        const ssize_t got = pread(fd, bytes, sizeof bytes, at);
        if (got <= 0) return false;
        hash = hash_bytes(hash, bytes, (size_t)got);
        at += got;
    }
    tokens_header(kind, ((size_t)status.st_size - TOKENS_HEADER) / kind->width, hash, wanted);
    return memcmp(header, wanted, TOKENS_HEADER) == 0;
}

static int open_cached(const char *path, size_t V) {
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || is_intact(fd, V)) return fd;
    close(fd);
    return -1;
}

/* Writes the tokens to a new file of the cache, and opens it; -1 if that fails. */
static int write_cached(const char *path, const int *tokens, size_t V) {
    char *temporary = text_format("%s.%ld", path, (long)getpid());
    const size_t count = arrlenu(tokens);
    Out out = {.fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    if (out.fd < 0) out.error = errno;
    if (!out.error) encoded_put(tokens, count, V, encoded_check(tokens, count, V), put_bytes, &out);
    if (!out.error && rename(temporary, path) != 0) out.error = errno;
    if (out.error) {
        fprintf(stderr,
                "train: note: the tokens of this text cannot be kept in %s (%s), so they are made "
                "again at the next start\n",
                path, strerror(out.error));
        if (out.fd >= 0) {
            unlink(temporary);
            close(out.fd);
        }
    }
    mem_free(temporary);
    return out.error ? -1 : out.fd;
}

static int write_memory(const TokenFile *file, const int *tokens, size_t V) {
    Out out = {.fd = memfd_create("tokens", MFD_CLOEXEC)};
    if (out.fd < 0) out.error = errno;
    if (!out.error) encoded_put(tokens, arrlenu(tokens), V, 0, put_bytes, &out);
    if (out.error)
        die(EXIT_IO, "%s: cannot keep its tokens in memory: %s", file->name, strerror(out.error));
    return out.fd;
}

static void encode_file(TokenFile *file, Tokenizer *tokenizer) {
    const size_t V = tokenizer_size(tokenizer);
    char *path = file->size >= CACHED_SIZE ? cache_path(file, tokenizer) : NULL;
    int fd = open_cached(path, V);
    if (fd < 0) {
        char *text = mem_alloc(file->size + 1);
        tokens_bytes(file, 0, text, file->size);
        int *tokens = encoded_tokens(tokenizer, text, file->size, file->name);
        mem_free(text);
        if (path) fd = write_cached(path, tokens, V);
        if (fd < 0) fd = write_memory(file, tokens, V);
        arrfree(tokens);
    }
    file->encoded = tokens_adopt(file->name, path ? path : file->path, fd);
    file->count = file->encoded->count;
    mem_free(path);
}

/* Tokens of another tokenizer would be read without a word. */
static void check_made(const TokenFile *file, const Tokenizer *tokenizer) {
    char *path = text_format("%s.json", file->path);
    if (!tokenizer_made(tokenizer, path))
        die(EXIT_DATA, "%s: %s says that another tokenizer than that of data.vocab made its tokens",
            file->name, path);
    mem_free(path);
}

void encoded_open(TokenFile *files, Tokenizer *tokenizer) {
    for (size_t i = 0; tokenizer && i < arrlenu(files); i++) {
        if (files[i].kind->width == 1)
            encode_file(&files[i], tokenizer);
        else
            check_made(&files[i], tokenizer);
    }
}
