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

/* The best tokens of the bytes before a place of a piece (Unigram). */
typedef struct {
    double score;
    int before, token; /* where the last token begins, -1 = no path; which one it is */
} Node;

typedef struct {
    Symbol *symbols; /* stb_ds arrays */
    Candidate *heap;
    Node *nodes;
    char *piece;    /* with marks in place of blanks */
    ByteMap pieces; /* piece -> index in `tokens` of its number of tokens, which follow */
    int *tokens;
} Work;

/* Byte-level BPE; BPE of characters; Unigram. */
typedef enum { MODEL_BYTES, MODEL_CHARACTERS, MODEL_UNIGRAM } ModelKind;

typedef enum { NORMAL_NFC, NORMAL_NFKC, NORMAL_REPLACE, NORMAL_PREPEND } NormalKind;

/* One step of normalization. */
typedef struct {
    NormalKind kind;
    char *from, *to; /* of NORMAL_REPLACE; `to` of NORMAL_PREPEND too. `from` has no line break */
} NormalRule;

typedef enum { PREPEND_NEVER, PREPEND_FIRST, PREPEND_ALWAYS } PrependKind;

/* The pre_tokenizer Metaspace. */
typedef struct {
    bool used;
    bool split;          /* each blank begins a piece */
    PrependKind prepend; /* a mark before the text, before each stretch between added tokens */
} Metaspace;

struct Tokenizer {
    char *name, *json;
    size_t json_length;
    uint64_t hash;
    size_t size;
    TokenText *texts; /* (size) */
    char *bytes;      /* of all tokens (stb_ds array) */
    ModelKind kind;
    ByteMap vocab;        /* token as it is looked up -> token: byte strings, or text as written */
    int token_of[256];    /* byte -> token, -1 = none */
    int fallback[256];    /* byte -> token <0xNN>, -1 = none (byte_fallback) */
    bool byte_fallback;   /* whether <0xNN> stands for a byte */
    int unknown;          /* token of characters without one, -1 = none */
    bool fuse_unknown;    /* neighbouring ones have one token together */
    PairMap merges;       /* pair -> rank << 32 | token */
    bool whole_pieces;    /* a piece that is a token is not merged (ignore_merges) */
    bool cut_at_marks;    /* no token has a mark after another character: pieces may begin there */
    bool marks;           /* blanks are written as marks, so a mark is decoded as a blank */
    double *scores;       /* (size) of MODEL_UNIGRAM */
    double unknown_score; /* of a character without a token */
    PairMap trie;         /* (node, byte) -> node << 32 | token + 1, of MODEL_UNIGRAM */
    NormalRule *normal;   /* applied one after the other (stb_ds array) */
    Metaspace metaspace;
    Regex **splits;       /* applied one after the other (stb_ds array) */
    AddedTokens added[2]; /* [1]: looked for in normalized text */
    Work work;
};

/* The mark of SentencePiece for a blank, U+2581. */
#define MARK "\xE2\x96\x81"
enum { MARK_LENGTH = 3 };

/* read_model.c, read_unigram.c, read_added.c, read_normalizer.c, read_rules.c: fill the Tokenizer from the
 * members of the file. The rules are read before the model. */
struct cJSON;
void read_model(Tokenizer *tokenizer, const struct cJSON *model);
void read_unigram(Tokenizer *tokenizer, const struct cJSON *model);
void read_added(Tokenizer *tokenizer, const struct cJSON *added);
void read_normalizer(Tokenizer *tokenizer, const struct cJSON *normalizer);
void read_splits(Tokenizer *tokenizer, const struct cJSON *pre_tokenizer);
/* Gives a token its text; refuses a token that has another. */
void read_text(Tokenizer *tokenizer, size_t token, const char *bytes, size_t length);
/* read_unigram.c: adds a token that is written as text; `scratch` has at least its length. Then the tokens of
 * single bytes. */
void read_written(Tokenizer *tokenizer, const char *text, size_t token, char *scratch);
void read_bytes(Tokenizer *tokenizer);

/* merge.c: the tokens of a piece, from the cache if it is there. False, with the offset of the first byte
 * that has no token. The tokens are valid until the next call. */
bool merge_piece(Tokenizer *tokenizer, const char *piece, size_t length, const int **tokens,
                 size_t *count, size_t *bad_offset);
void merge_add_symbol(Work *work, int token);
void merge_free(Work *work);

/* characters.c: the characters of a piece as symbols, of MODEL_CHARACTERS; false, with the offset of a
 * character that has no token. What comes from a file that says how a token is written: whether one is
 * <0xNN>, with its byte, and the text that a token stands for, never longer than it. */
bool characters_add(Tokenizer *tokenizer, const char *piece, size_t length, size_t *bad_offset);
bool characters_byte(const char *written, size_t length, unsigned char *byte);
size_t characters_text(const Tokenizer *tokenizer, const char *written, size_t length, char *text);

/* unigram.c: the trie of the vocabulary; appends the tokens of a piece to work.tokens, as above. */
void unigram_add(Tokenizer *tokenizer, const char *written, size_t length, int token);
bool unigram_tokens(Tokenizer *tokenizer, const char *piece, size_t length, size_t *bad_offset);

/* normalize.c: appends a line of any bytes, normalized; `first`: of a stretch between added tokens. */
void normalize_line(const Tokenizer *tokenizer, char **out, const char *line, size_t length,
                    bool first);
/* Whether normalization may change a text. */
bool normalize_changes(const Tokenizer *tokenizer, const char *text, size_t length);
/* Whether a normalization form of Unicode is among the rules. */
bool normalize_has_form(const Tokenizer *tokenizer);
/* The length of the valid, or else of the invalid, UTF-8 at the start of a text. */
size_t normalize_stretch(const char *text, size_t length, bool valid);

/* added.c: sorts the tokens; finds the first of them in a text, the longest at that place. Returns NULL,
 * or the token and its offset. */
void added_sort(AddedTokens *added);
const AddedToken *added_find(const AddedTokens *added, const char *text, size_t length, size_t *at);

/* pattern.c: what a regular expression has that PCRE2 reads differently than the `tokenizers` library's
 * Oniguruma does, or that this program does not read; NULL = nothing. */
const char *pattern_refused(const char *pattern);

#endif
