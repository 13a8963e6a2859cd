/* parts.h - the parts of a Tokenizer, for the files of this folder only.
 *
 * One idea: read.c fills the parts from JSON, and encoding only reads them; what encoding changes is in
 * Work. Everything is owned by the Tokenizer.
 * Read next: read.c. */
#ifndef DATA_TOKENIZER_PARTS_H
#define DATA_TOKENIZER_PARTS_H

#include "data/tokenizer/bytemap.h"
#include "data/tokenizer/pairmap.h"
#include "data/tokenizer/regex.h"
#include "data/tokenizer/tokenizer.h"

enum { TOKEN_MAX = 1 << 24 }; /* larger numbers are refused */

/* The bytes of a token, in Tokenizer.bytes. */
typedef struct {
    size_t offset, length;
    bool known;
} TokenText;

typedef struct {
    char *content; /* (length) */
    size_t length;
    int token;
} AddedToken;

/* Sorted by first byte, and the longest first. */
typedef struct {
    AddedToken *list;  /* stb_ds array */
    size_t begin[257]; /* of those with a first byte; begin[256] is their number */
} AddedTokens;

/* A pair of neighbours that may be merged. */
typedef struct {
    int rank, token, position;
} Candidate;

/* A token of a piece that is being merged, in a list of those that are left. */
typedef struct {
    int token, before, after; /* -1 = none */
    bool merged;              /* into the one before */
} Symbol;

typedef struct {
    Symbol *symbols; /* stb_ds arrays */
    Candidate *heap;
    ByteMap pieces; /* piece -> index in `tokens` of its number of tokens, which follow */
    int *tokens;
} Work;

struct Tokenizer {
    char *name, *json;
    size_t json_length;
    uint64_t hash;
    size_t size;
    TokenText *texts;     /* (size) */
    char *bytes;          /* of all tokens (stb_ds array) */
    ByteMap vocab;        /* byte string -> token, of the tokens that merges make */
    int token_of[256];    /* byte -> token, -1 = none */
    PairMap merges;       /* pair -> rank << 32 | token */
    bool whole_pieces;    /* a piece that is a token is not merged (ignore_merges) */
    bool nfc;             /* text is normalized */
    Regex **splits;       /* applied one after the other (stb_ds array) */
    AddedTokens added[2]; /* [1]: looked for in normalized text */
    Work work;
};

/* read_model.c, read_rules.c: fill the Tokenizer from the members of the file. */
struct cJSON;
void read_model(Tokenizer *tokenizer, const struct cJSON *model);
void read_added(Tokenizer *tokenizer, const struct cJSON *added);
void read_normalizer(Tokenizer *tokenizer, const struct cJSON *normalizer);
void read_splits(Tokenizer *tokenizer, const struct cJSON *pre_tokenizer);
/* Gives a token its text; refuses a token that has another. */
void read_text(Tokenizer *tokenizer, size_t token, const char *bytes, size_t length);

/* merge.c: the tokens of a piece, from the cache if it is there. False, with the offset of the first byte
 * that has no token. The tokens are valid until the next call. */
bool merge_piece(Tokenizer *tokenizer, const char *piece, size_t length, const int **tokens,
                 size_t *count, size_t *bad_offset);
void merge_free(Work *work);

/* added.c: sorts the tokens; finds the first of them in a text, the longest at that place. Returns NULL,
 * or the token and its offset. */
void added_sort(AddedTokens *added);
const AddedToken *added_find(const AddedTokens *added, const char *text, size_t length, size_t *at);

/* pattern.c: what a regular expression has that PCRE2 reads differently than the `tokenizers` library's
 * Oniguruma does, or that this program does not read; NULL = nothing. */
const char *pattern_refused(const char *pattern);

#endif
