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

/* gguf_config.c: checks the keys of the architecture and fills `model`, whose fields from `vocab` on are the
 * caller's. */
bool gguf_model(GgufFile *gguf, GgufModel *model);
/* The text of config.json. */
char *gguf_config(GgufFile *gguf, const GgufModel *model);

/* gguf_rope.c: the factor of Llama 3's scaling of RoPE that gives exactly these divisors (head_size / 2) of
 * the frequencies. */
double gguf_rope_factor(GgufFile *gguf, const GgufModel *model, const WeightTensor *divisors);

/* gguf_tokenizer.c: the text of tokenizer.json; NULL without an error if the file has no tokenizer. */
char *gguf_tokenizer(GgufFile *gguf, size_t vocab);

#endif
