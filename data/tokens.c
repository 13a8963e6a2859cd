/* tokens.c - see tokens.h: finding files, detecting their format, reading tokens. */
#include "data/tokens.h"
#include "base/words.h"
#include "base/stb_ds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *data_format_name(int i) {
    static const char *const words[] = {
        [FORMAT_AUTO] = "auto",
        [FORMAT_TEXT] = "text",
        [FORMAT_LLMC] = "llmc",
        [FORMAT_RAW_U16] = "raw_u16",
    };
    return NAME_AT(words, i);
}

static const TokenKind kind_text = {.name = "text", .width = 1};
/* nanoGPT's train.bin and val.bin */
static const TokenKind kind_raw = {.name = "raw uint16 tokens", .width = 2};
/* llm.c's: 256 int32 numbers (magic, version, number of tokens, zeros), then the tokens */
static const TokenKind kinds_llmc[] = {
    {.name = "llm.c uint16 tokens", .width = 2, .header = 1024, .magic = 20240520, .version = 1},
    {.name = "llm.c uint32 tokens", .width = 4, .header = 1024, .magic = 20240801, .version = 7},
};
enum { LLMC_KINDS = sizeof kinds_llmc / sizeof kinds_llmc[0] };

/* Ends the program with the reason, in errno, why a file cannot be used. */
static _Noreturn void die_errno(const char *key, const char *name) {
    bool missing = errno == ENOENT || errno == ENOTDIR;
    die(missing ? EXIT_DATA : EXIT_IO, "%s = \"%s\": %s%s", key, name, strerror(errno),
        missing ? "; give a file, a folder or a pattern, or \"builtin:stories\", which needs none"
                : "");
}

static char *text_copy(const char *text) {
    return strcpy(mem_alloc(strlen(text) + 1), text);
}

static bool ends_with(const char *text, const char *ending) {
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

/* Whether the file `name` of a folder is data: by its suffix, and unless it is hidden. */
static bool is_shard(const char *name, DataFormat format) {
    bool text = format == FORMAT_AUTO || format == FORMAT_TEXT;
    bool numbers = format != FORMAT_TEXT;
    return name[0] != '.' &&
           ((text && ends_with(name, ".txt")) || (numbers && ends_with(name, ".bin")));
}

static char **list_folder(const char *key, const char *folder, DataFormat format) {
    DIR *stream = opendir(folder);
    if (!stream) die_errno(key, folder);
    char **names = NULL;
    const char *slash = ends_with(folder, "/") ? "" : "/";
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (!is_shard(entry->d_name, format)) continue;
        size_t size = strlen(folder) + strlen(entry->d_name) + 2;
        char *name = mem_alloc(size);
        snprintf(name, size, "%s%s%s", folder, slash, entry->d_name);
        struct stat status;
        if (stat(name, &status) != 0) die_errno(key, name);
        if (S_ISREG(status.st_mode)) {
            arrput(names, name);
        } else {
            mem_free(name);
        }
    }
    closedir(stream);
    if (!names) {
        die(EXIT_DATA,
            "%s = \"%s\": this folder has no .txt or .bin file for data.format = %s; use a "
            "pattern such as \"%s%s*.tok\" for other suffixes",
            key, folder, data_format_name((int)format), folder, slash);
    }
    return names;
}

static char **list_pattern(const char *key, const char *pattern) {
    glob_t found;
    int result = glob(pattern, GLOB_ERR, NULL, &found);
    if (result == GLOB_NOMATCH) {
        die(EXIT_DATA, "%s = \"%s\": no file matches this pattern", key, pattern);
    }
    if (result != 0) die_errno(key, pattern);
    char **names = NULL;
    for (size_t i = 0; i < found.gl_pathc; i++) arrput(names, text_copy(found.gl_pathv[i]));
    globfree(&found);
    return names;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* An existing file takes precedence over a pattern: its name may contain *, ? or [. */
static char **list_files(const char *key, const char *spec, DataFormat format) {
    struct stat status;
    char **names = NULL;
    if (stat(spec, &status) != 0) {
        if (!strpbrk(spec, "*?[")) die_errno(key, spec);
        names = list_pattern(key, spec);
    } else if (S_ISDIR(status.st_mode)) {
        names = list_folder(key, spec, format);
    } else {
        arrput(names, text_copy(spec));
    }
    qsort(names, arrlenu(names), sizeof *names, by_name);
    return names;
}

/* The little-endian number in `width` bytes. */
static uint32_t number_at(const unsigned char *bytes, size_t width) {
    uint32_t number = 0;
    for (size_t i = 0; i < width; i++) number |= (uint32_t)bytes[i] << 8 * i;
    return number;
}

/* The format that the header of the file declares; NULL without a header. */
static const TokenKind *header_kind(const TokenFile *file) {
    if (file->size < 8) return NULL;
    uint32_t magic = number_at(file->bytes, 4), version = number_at(file->bytes + 4, 4);
    for (int i = 0; i < LLMC_KINDS; i++) {
        const TokenKind *kind = &kinds_llmc[i];
        if (magic != kind->magic) continue;
        if (version != kind->version) {
            die(EXIT_DATA,
                "%s: version %" PRIu32 " of the llm.c header with magic %" PRIu32
                "; this program reads version %" PRIu32,
                file->name, version, magic, kind->version);
        }
        return kind;
    }
    return NULL;
}

static const TokenKind *file_kind(const TokenFile *file, DataFormat format) {
    const char *name = file->name;
    if (format == FORMAT_TEXT) return &kind_text;
    if (format == FORMAT_RAW_U16) return &kind_raw;
    if (format == FORMAT_AUTO && ends_with(name, ".txt")) return &kind_text;
    const TokenKind *kind = header_kind(file);
    if (kind) return kind;
    if (format == FORMAT_LLMC || ends_with(name, ".bin")) {
        die(EXIT_DATA,
            "%s: no llm.c header (magic %" PRIu32 " or %" PRIu32 ") ; for uint16 tokens without a "
            "header, as nanoGPT writes them, set data.format = raw_u16",
            name, kinds_llmc[0].magic, kinds_llmc[1].magic);
    }
    die(EXIT_DATA,
        "%s: the suffix is neither .txt nor .bin; set data.format to text, llmc or raw_u16", name);
}

/* The number of tokens of a file. Its size must agree with its format and header. */
static size_t file_count(const TokenFile *file) {
    const TokenKind *kind = file->kind;
    if (kind->header == 0) {
        if (file->size % kind->width != 0) {
            die(EXIT_DATA, "%s: truncated: %zu bytes are not a multiple of %s of %zu bytes",
                file->name, file->size, kind->name, kind->width);
        }
        return file->size / kind->width;
    }
    if (file->size < kind->header) {
        die(EXIT_DATA, "%s: truncated: %zu bytes, but the header alone has %zu", file->name,
            file->size, kind->header);
    }
    size_t count = number_at(file->bytes + 8, 4), size = kind->header + count * kind->width;
    if (file->size != size) {
        die(EXIT_DATA,
            "%s: %s: the header declares %zu %s, which is %zu bytes, but the file has %zu",
            file->name, file->size < size ? "truncated" : "too long", count, kind->name, size,
            file->size);
    }
    return count;
}

static TokenFile file_open(const char *key, char *name, DataFormat format) {
    struct stat status;
    if (stat(name, &status) != 0) die_errno(key, name);
    /* Checked before open, which would block on a FIFO until it has a writer. */
    if (!S_ISREG(status.st_mode)) {
        die(EXIT_DATA, "%s = \"%s\": not a regular file, so it has no random access", key, name);
    }
    if (status.st_size == 0) die(EXIT_DATA, "%s = \"%s\": the file is empty", key, name);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) die_errno(key, name);
    TokenFile file = {.name = name, .size = (size_t)status.st_size, .path = realpath(name, NULL)};
    void *bytes = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED || !file.path) die_errno(key, name);
    close(fd);
    file.bytes = bytes;
    file.kind = file_kind(&file, format);
    file.count = file_count(&file);
    return file;
}

TokenFile *tokens_open(const char *key, const char *spec, DataFormat format) {
    char **names = list_files(key, spec, format);
    TokenFile *files = NULL;
    for (size_t i = 0; i < arrlenu(names); i++) {
        TokenFile file = file_open(key, names[i], format);
        arrput(files, file);
        if (file.kind != files[0].kind) {
            die(EXIT_DATA,
                "%s = \"%s\": %s contains %s, but %s contains %s; use a pattern to select files of "
                "one "
                "format",
                key, spec, files[0].name, files[0].kind->name, file.name, file.kind->name);
        }
    }
    arrfree(names);
    return files;
}

void tokens_close(TokenFile *files) {
    for (size_t i = 0; i < arrlenu(files); i++) {
        munmap((void *)files[i].bytes, files[i].size);
        mem_free(files[i].name);
        mem_free(files[i].path);
    }
    arrfree(files);
}

void tokens_read(const TokenFile *file, size_t first, size_t count, const Vocab *vocab, size_t V,
                 int *tokens) {
    size_t header = file->kind->header, width = file->kind->width;
    for (size_t i = 0; i < count; i++) {
        uint32_t token = number_at(file->bytes + header + (first + i) * width, width);
        if (width == 1) {
            tokens[i] = vocab->token_of[token];
            if (tokens[i] >= 0) continue;
            die(EXIT_DATA,
                "%s: byte 0x%02" PRIX32 " at offset %zu is not a character of data.train; use "
                "data.vocab = bytes for arbitrary bytes",
                file->name, token, first + i);
        }
        if (token >= V) {
            die(EXIT_DATA,
                "%s: token %" PRIu32 " at position %zu (from 0) is not below data.vocab_size = %zu",
                file->name, token, first + i, V);
        }
        tokens[i] = (int)token;
    }
}

uint64_t tokens_hash(const TokenFile *files) {
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < arrlenu(files); i++) {
        uint64_t size = files[i].size;
        hash = hash_bytes(hash, &size, sizeof size);
        hash = hash_bytes(hash, files[i].bytes, files[i].size);
    }
    return hash;
}
