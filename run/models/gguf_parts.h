/* gguf_parts.h - what the files of gguf.h share.
 *
 * One idea: a row of a table is an architecture: how its metadata and its tensors are called in transformers. All
 * functions here report errors through the GgufFile, and return NULL or false then.
 * Texts are the caller's (mem_free).
 * Read next: gguf.c, gguf_config.c, gguf_tokenizer.c. */
#ifndef RUN_MODELS_GGUF_PARTS_H
#define RUN_MODELS_GGUF_PARTS_H

#include "run/models/gguf_file.h"
#include "run/models/weights.h"

typedef struct {
    const char *name;       /* general.architecture */
    const char *model_type; /* of config.json */
    const char *activation; /* hidden_act of config.json */
    bool pairs;             /* rows of q and k are in pairs (weights.h) */
} GgufArchitecture;

/* What config.json and the tensors both depend on. */
typedef struct {
    const GgufArchitecture *architecture;
    size_t blocks, heads, kv_heads, head_size, vocab;
    bool tied, attention_bias, mlp_bias;
    double rope_factor; /* of rope_freqs.weight; 1 = none */
} GgufModel;

typedef enum {
    GGUF_CONFIG_INTEGER,
    GGUF_CONFIG_NUMBER,
    GGUF_CONFIG_OTHER, /* read on its own, or of no effect */
} GgufKind;

/* A key of an architecture, without its name in front; `config` is the field of config.json. `only` is the one
 * architecture that has the key, `but` the one that has not. A key with `config` must be there, unless it is
 * `optional`. */
typedef struct {
    const char *key, *config;
    GgufKind kind;
    const char *only, *but;
    bool optional;
} GgufRow;

/* gguf_config.c: the i-th row that applies to an architecture; NULL after the last. */
const GgufRow *gguf_row(const GgufArchitecture *architecture, size_t i);
/* The architecture of this model_type; NULL if there is none. */
const GgufArchitecture *gguf_architecture(const char *model_type);

/* gguf_config.c: checks the keys of the architecture and fills `model`, whose fields from `vocab` on are the
 * caller's. */
bool gguf_model(GgufFile *gguf, GgufModel *model);
/* The text of config.json. */
char *gguf_config(GgufFile *gguf, const GgufModel *model);

/* gguf.c: the name in GGUF of a tensor of transformers, for mem_free; NULL if the architecture has none. */
char *gguf_own_name(const GgufArchitecture *architecture, const char *theirs);

/* The types of tokens. */
enum {
    GGUF_TOKEN_NORMAL = 1,
    GGUF_TOKEN_UNKNOWN,
    GGUF_TOKEN_CONTROL,
    GGUF_TOKEN_ADDED,
    GGUF_TOKEN_UNUSED,
};

/* gguf_rope.c: the waves of frequency i of a head in Llama 3's original context; the divisor of a frequency that has `waves` waves in the original context; the factor of Llama 3's scaling of RoPE that gives exactly these divisors (head_size / 2) of
 * the frequencies. */
double gguf_rope_waves(double theta, size_t i, size_t head_size);
double gguf_rope_divisor(double waves, double factor);
double gguf_rope_factor(GgufFile *gguf, const GgufModel *model, const WeightTensor *divisors);

/* gguf_tokenizer.c: the name of the split of a tokenizer.json (tokenizer.ggml.pre); NULL if it has none. */
struct cJSON;
const char *gguf_pre(const struct cJSON *tokenizer);

/* gguf_write_tokenizer.c: writes the keys of a tokenizer of `vocab` tokens. Returns NULL, or an error message for
 * mem_free. */
struct GgufOut;
char *gguf_put_tokenizer(struct GgufOut *out, const struct cJSON *config, const char *json,
                         size_t vocab);

/* gguf_tokenizer.c: the text of tokenizer.json; NULL without an error if the file has no tokenizer. */
char *gguf_tokenizer(GgufFile *gguf, size_t vocab);

#endif
