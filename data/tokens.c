/* tokens.c - see tokens.h: detecting the format of files, reading tokens. */
#include "data/tokens.h"
#include "data/find.h"
#include "base/words.h"
#include "base/stb_ds.h"
#include "base/text_out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

const TokenKind *tokens_kind(size_t V) {
    return &kinds_llmc[V > UINT16_MAX + (size_t)1];
}

void tokens_header(const TokenKind *kind, size_t count, uint64_t check,
                   unsigned char header[TOKENS_HEADER]) {
    const uint32_t numbers[] = {kind->magic, kind->version, (uint32_t)count, (uint32_t)check,
                                (uint32_t)(check >> 32)};
    memset(header, 0, TOKENS_HEADER);
    memcpy(header, numbers, sizeof numbers); /* little-endian, as is the machine */
}

/* The little-endian number in `width` bytes. */
static uint32_t number_at(const unsigned char *bytes, size_t width) {
    uint32_t number = 0;
    for (size_t i = 0; i < width; i++) number |= (uint32_t)bytes[i] << 8 * i;
    return number;
}

/* --- reading bytes --- */

/* Descriptors kept open: a quarter of what the process may have, for all files together. */
enum { KEPT_MAX = 64 };
static size_t kept;

static size_t kept_max(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 4 > KEPT_MAX) return KEPT_MAX;
    return (size_t)limit.rlim_cur / 4;
}

/* The descriptor of a file; the one of a file that is not kept open must be closed by fd_release. */
static int fd_acquire(const TokenFile *file) {
    if (file->fd >= 0) return file->fd;
    struct stat status;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        die(errno == ENOENT ? EXIT_DATA : EXIT_IO, "%s: cannot be read any more: %s", file->name,
            strerror(errno));
    }
    if (status.st_dev != file->device || status.st_ino != file->inode) {
        die(EXIT_DATA,
            "%s: another file has taken its place since the program started; restore it, and "
            "--resume continues from the last checkpoint",
            file->name);
    }
    return fd;
}

static void fd_release(const TokenFile *file, int fd) {
    if (fd != file->fd) close(fd);
}

static _Noreturn void die_shorter(const TokenFile *file, int fd) {
    struct stat status;
    long long now = fstat(fd, &status) == 0 ? (long long)status.st_size : 0;
    die(EXIT_DATA,
        "%s: the file has become shorter while it was in use: %zu bytes at the start, %lld now; "
        "restore it, and --resume continues from the last checkpoint",
        file->name, file->size, now);
}

static void bytes_at(const TokenFile *file, int fd, size_t offset, unsigned char *bytes,
                     size_t size) {
    while (size > 0) {
        ssize_t got = pread(fd, bytes, size, (off_t)offset);
        if (got == 0) die_shorter(file, fd);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            die(EXIT_IO, "%s: cannot read at offset %zu: %s", file->name, offset, strerror(errno));
        }
        bytes += got;
        offset += (size_t)got;
        size -= (size_t)got;
    }
}

void tokens_bytes(const TokenFile *file, size_t offset, void *bytes, size_t size) {
    int fd = fd_acquire(file);
    bytes_at(file, fd, offset, bytes, size);
    fd_release(file, fd);
}

/* --- opening --- */

/* The first bytes of a file, as far as it has them. */
enum { HEAD = 512 };
typedef struct {
    unsigned char bytes[HEAD];
    size_t size;
} Head;

/* The format that the header of the file declares; NULL without a header. */
static const TokenKind *header_kind(const TokenFile *file, const Head *head) {
    if (head->size < 12) return NULL;
    uint32_t magic = number_at(head->bytes, 4), version = number_at(head->bytes + 4, 4);
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

static const TokenKind *file_kind(const TokenFile *file, const Head *head, DataFormat format) {
    const char *name = file->name;
    if (format == FORMAT_TEXT) return &kind_text;
    if (format == FORMAT_RAW_U16) return &kind_raw;
    if (format == FORMAT_AUTO && name_ends_with(name, ".txt")) return &kind_text;
    const TokenKind *kind = header_kind(file, head);
    if (kind) return kind;
    if (format == FORMAT_LLMC || name_ends_with(name, ".bin")) {
        die(EXIT_DATA,
            "%s: no llm.c header (magic %" PRIu32 " or %" PRIu32 "); for uint16 tokens without a "
            "header, as nanoGPT writes them, set data.format = raw_u16",
            name, kinds_llmc[0].magic, kinds_llmc[1].magic);
    }
    die(EXIT_DATA,
        "%s: the suffix is neither .txt nor .bin; set data.format to text, llmc or raw_u16", name);
}

/* The number of tokens of a file. Its size must agree with its format and header. */
static size_t file_count(const TokenFile *file, const Head *head) {
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
    size_t count = number_at(head->bytes + 8, 4), size = kind->header + count * kind->width;
    if (file->size != size) {
        die(EXIT_DATA,
            "%s: %s: the header declares %zu %s, which is %zu bytes, but the file has %zu",
            file->name, file->size < size ? "truncated" : "too long", count, kind->name, size,
            file->size);
    }
    return count;
}

/* Data of another kind are refused, unless data.format says that any bytes are meant. */
static void check_foreign(const TokenFile *file, DataFormat format) {
    bool any = format == FORMAT_TEXT || format == FORMAT_RAW_U16;
    if (!file->foreign || any) return;
    die(EXIT_DATA,
        "%s: these are %s; convert them with: %s '%s' %s (or set data.format to take the bytes as "
        "they are)",
        file->name, file->foreign->name, file->foreign->command, file->name, file->foreign->output);
}

/* Checked before open, which would block on a FIFO until it has a writer. */
static void check_regular(const char *key, const char *name, const struct stat *status) {
    bool pipe = S_ISFIFO(status->st_mode) || S_ISSOCK(status->st_mode);
    if (!S_ISREG(status->st_mode)) {
        die(EXIT_DATA, "%s = \"%s\": not a regular file%s, so it has no random access%s", key, name,
            pipe ? " but a pipe or socket" : "",
            pipe ? "; write what comes out of it to a file and name that" : "");
    }
    if (status->st_size == 0) die(EXIT_DATA, "%s = \"%s\": the file is empty", key, name);
}

static TokenFile file_open(const char *key, char *name, DataFormat format) {
    struct stat status;
    Head head;
    if (stat(name, &status) != 0) find_failed(key, name);
    check_regular(key, name, &status);
    TokenFile file = {.name = name, .size = (size_t)status.st_size, .path = realpath(name, NULL)};
    file.fd = open(name, O_RDONLY | O_CLOEXEC);
    if (file.fd < 0 || !file.path || fstat(file.fd, &status) != 0) find_failed(key, name);
    file.device = status.st_dev;
    file.inode = status.st_ino;
    head.size = file.size < HEAD ? file.size : HEAD;
    bytes_at(&file, file.fd, 0, head.bytes, head.size);
    bool numbers = format == FORMAT_LLMC || format == FORMAT_RAW_U16 ||
                   (format == FORMAT_AUTO && name_ends_with(name, ".bin"));
    file.foreign = foreign_find(head.bytes, head.size, !numbers);
    file.bom = !numbers && head.size >= 3 && memcmp(head.bytes, "\xEF\xBB\xBF", 3) == 0;
    check_foreign(&file, format);
    file.kind = file_kind(&file, &head, format);
    file.count = file_count(&file, &head);
    if (kept < kept_max()) {
        kept++;
    } else {
        close(file.fd);
        file.fd = -1;
    }
    return file;
}

TokenFile *tokens_open(const char *key, const char *spec, DataFormat format) {
    char **names = find_files(key, spec, format);
    TokenFile *files = NULL;
    for (size_t i = 0; i < arrlenu(names); i++) {
        TokenFile file = file_open(key, names[i], format);
        arrput(files, file);
        if (file.kind != files[0].kind) {
            die(EXIT_DATA,
                "%s = \"%s\": %s contains %s, but %s contains %s; use a pattern to select files of "
                "one format",
                key, spec, files[0].name, files[0].kind->name, file.name, file.kind->name);
        }
    }
    arrfree(names);
    return files;
}

TokenFile *tokens_adopt(const char *name, const char *path, int fd) {
    struct stat status;
    Head head;
    TokenFile *file = mem_alloc(sizeof *file);
    if (fstat(fd, &status) != 0) die(EXIT_IO, "%s: %s", path, strerror(errno));
    *file = (TokenFile){.name = text_format("%s", name),
                        .path = text_format("%s", path),
                        .size = (size_t)status.st_size,
                        .fd = fd,
                        .device = status.st_dev,
                        .inode = status.st_ino};
    kept++;
    head.size = file->size < HEAD ? file->size : HEAD;
    bytes_at(file, fd, 0, head.bytes, head.size);
    file->kind = file_kind(file, &head, FORMAT_LLMC);
    file->count = file_count(file, &head);
    return file;
}

void tokens_release(TokenFile *file) {
    if (file->fd >= 0) {
        close(file->fd);
        kept--;
    }
    if (file->encoded) {
        tokens_release(file->encoded);
        mem_free(file->encoded);
    }
    mem_free(file->name);
    mem_free(file->path);
}

void tokens_close(TokenFile *files) {
    for (size_t i = 0; i < arrlenu(files); i++) tokens_release(&files[i]);
    arrfree(files);
}

const TokenFile *tokens_source(const TokenFile *file) {
    return file->encoded ? file->encoded : file;
}

/* --- reading tokens --- */

/* Tokens first .. first+count-1 from their bytes. */
static void decode(const TokenFile *file, const unsigned char *bytes, size_t first, size_t count,
                   const Vocab *vocab, size_t V, int *tokens) {
    size_t width = file->kind->width;
    for (size_t i = 0; i < count; i++) {
        uint32_t token = number_at(bytes + i * width, width);
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

void tokens_read(const TokenFile *file, size_t first, size_t count, const Vocab *vocab, size_t V,
                 int *tokens) {
    enum { PIECE = 1024 };
    unsigned char bytes[PIECE * sizeof(uint32_t)];
    file = tokens_source(file);
    size_t header = file->kind->header, width = file->kind->width;
    int fd = fd_acquire(file);
    for (size_t done = 0, here; done < count; done += here) {
        here = count - done < PIECE ? count - done : PIECE;
        bytes_at(file, fd, header + (first + done) * width, bytes, here * width);
        decode(file, bytes, first + done, here, vocab, V, tokens + done);
    }
    fd_release(file, fd);
}
