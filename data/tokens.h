/* tokens.h - token files: found and checked once, then read at any position.
 *
 * One idea: a token file is an array on disk, of which only the tokens of a sequence are read. So its
 * size does not matter. Nothing is mapped: a file that became shorter, or a disk that fails, is then
 * an error with a message instead of a SIGBUS, and no limit of the system on mappings or descriptors
 * limits the number of files.
 * The caller of tokens_open owns the files until tokens_close.
 * Errors end the program: exit code 3 where the data are invalid, 4 where the system refuses.
 * Read next: tokens.c, then survey.h, then dataset.c, which decides what is read when. */
#ifndef DATA_TOKENS_H
#define DATA_TOKENS_H

#include "data/foreign.h"
#include "data/vocab.h"

#include <sys/types.h>

typedef enum { FORMAT_AUTO, FORMAT_TEXT, FORMAT_LLMC, FORMAT_RAW_U16 } DataFormat;
const char *data_format_name(int i); /* entry i of: auto text llmc raw_u16; NULL past the end */

/* The format of a file. Numbers in files are little-endian. */
typedef struct {
    const char *name;
    size_t width;            /* bytes of a token; 1 = text, whose bytes the vocabulary encodes */
    size_t header;           /* bytes before the first token */
    uint32_t magic, version; /* the header's first two numbers; 0 = no header */
} TokenKind;

/* What one pass over a whole file finds (survey.h). */
typedef struct {
    bool done;
    uint64_t hash;    /* FNV-1a of all bytes, header included */
    bool occurs[256]; /* of a text: which bytes occur */
    size_t nuls, returns;
    uint32_t largest; /* of a token file: its largest token */
} Survey;

typedef struct TokenFile {
    char *name; /* as given, or as found in the folder or by the pattern; for errors */
    char *path; /* absolute */
    const TokenKind *kind;
    size_t size;  /* of the file, in bytes */
    size_t count; /* of tokens, also if they are in `encoded` */
    int fd;       /* -1 = opened for each read, because there are many files */
    dev_t device; /* device and inode identify the file */
    ino_t inode;
    bool bom; /* begins with the byte order mark of UTF-8 */
    const Foreign
        *foreign; /* what it seems to be, if neither text nor tokens; NULL = no surprise */
    Survey survey;
    struct TokenFile *encoded; /* the tokens of a text, by a tokenizer; NULL = its bytes */
} TokenFile;

/* A run of tokens within one file. */
typedef struct {
    const TokenFile *file;
    size_t begin, count;
} Piece;

/* Opens a file, the .txt and .bin files of a folder, or the files that match a glob pattern. Returns
 * an stb_ds array, sorted by name, of files of one format, none of them empty. `key` is the config
 * key that named them, for errors. */
TokenFile *tokens_open(const char *key, const char *spec, DataFormat format);
void tokens_close(TokenFile *files);
/* A file with llm.c's header that is open as `fd`, which the result owns and keeps. `name` and `path` are
 * copied. For mem_free, after tokens_release. */
TokenFile *tokens_adopt(const char *name, const char *path, int fd);
void tokens_release(TokenFile *file);
/* The file whose tokens these are: `encoded`, or the file itself. */
const TokenFile *tokens_source(const TokenFile *file);

/* The kind of llm.c file for tokens below V, and the header of one with `count` tokens, to which `check` is
 * added (0 = none). */
const TokenKind *tokens_kind(size_t V);
enum { TOKENS_HEADER = 1024 };
void tokens_header(const TokenKind *kind, size_t count, uint64_t check,
                   unsigned char header[TOKENS_HEADER]);

/* Reads `size` bytes of a file from `offset` on. Ends the program if they are no longer there. */
void tokens_bytes(const TokenFile *file, size_t offset, void *bytes, size_t size);

/* Reads tokens first .. first+count-1 of a file, which must exist, as numbers below V: the bytes of
 * a text encoded by `vocab`, other tokens as they are. */
void tokens_read(const TokenFile *file, size_t first, size_t count, const Vocab *vocab, size_t V,
                 int *tokens);

#endif
