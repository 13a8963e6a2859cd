/* tokens.h - token files: found, mapped and checked once, read anywhere at any time.
 *
 * One idea: a file of tokens is an array that the system pages in, so its size does not matter and
 * reading needs no state. Whoever calls tokens_open owns the files until tokens_close.
 * Errors end the program: 3 where the data are wrong, 4 where the system refuses.
 * Read next: tokens.c, then dataset.c, which decides what is read when. */
#ifndef DATA_TOKENS_H
#define DATA_TOKENS_H

#include "data/vocab.h"

typedef enum { FORMAT_AUTO, FORMAT_TEXT, FORMAT_LLMC, FORMAT_RAW_U16 } DataFormat;
const char *data_format_name(int i); /* the i-th of: auto text llmc raw_u16; NULL past the end */

/* What a file holds. Numbers in files are little-endian. */
typedef struct {
    const char *name;
    size_t width;            /* bytes of a token; 1 = text, whose bytes a vocabulary translates */
    size_t header;           /* bytes before the first token */
    uint32_t magic, version; /* the header's first two numbers; 0 = no header */
} TokenKind;

typedef struct {
    char *name; /* as given, or as found in the folder or by the pattern; used in errors */
    char *path; /* absolute */
    const TokenKind *kind;
    const unsigned char *bytes; /* the whole file, mapped */
    size_t size;                /* of the file */
    size_t count;               /* tokens in it */
} TokenFile;

/* Opens a file, the .txt and .bin files of a folder, or the files matching a glob pattern: an
 * stb_ds array in order of their names, all of one kind and none empty. `key` is the config key
 * that named them, for the errors. */
TokenFile *tokens_open(const char *key, const char *spec, DataFormat format);
void tokens_close(TokenFile *files);

/* Tokens first .. first+count-1 of a file, which must have them, as numbers below V: bytes of a
 * text through `vocab`, others as they are. */
void tokens_read(const TokenFile *file, size_t first, size_t count, const Vocab *vocab, size_t V,
                 int *tokens);

#endif
