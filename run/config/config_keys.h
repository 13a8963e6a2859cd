/* config_keys.h - Config, and the table of its keys.
 *
 * One idea: one row defines a key: path, type, default, range, choices and help. The path is the C
 * field itself, so that a key, its field and its type cannot disagree.
 * The table is constant; nothing here owns memory.
 * Read next: config_keys.c, then config_value.h. */
#ifndef RUN_CONFIG_CONFIG_KEYS_H
#define RUN_CONFIG_CONFIG_KEYS_H

#include "base/words.h"
#include "data/dataset.h"
#include "model/options.h"
#include "run/optim/schedule.h"
#include "run/optim/spike.h"

#include <stdio.h>

typedef struct {
    size_t steps, batch, accum;
    size_t seed;           /* 0 .. 2^32-1 */
    const char *init_from; /* a run directory to take the initial weights from; "" = random */
    size_t eval_every, eval_rows;
    size_t sample_every;           /* 0 = only at the end */
    size_t checkpoint_every, keep; /* 0 = only at the end; number to keep */
    size_t keep_every;             /* 0 = none are kept for ever */
    bool keep_best;
    size_t threads; /* 0 = all cores */
    bool recompute; /* see MODEL_RECOMPUTE */
} TrainOptions;

typedef struct {
    size_t every;
    size_t layers_every; /* 0 = never */
    bool max_logit;
    const char *dir;
} LogOptions;

typedef struct {
    const char *name;
    ModelOptions model;
    GammaWarmup gamma_warmup;
    BranchWarmup branch_warmup;
    OptimOptions optim; /* run/optim/schedule.h */
    DataOptions data;
    TrainOptions train;
    SpikeOptions spike; /* run/optim/spike.h */
    LogOptions log;
    char **strings;  /* all strings that the pointers above refer to (stb_ds array) */
    WireEntry *wire; /* model.wire points here (stb_ds array) */
} Config;

typedef enum {
    TYPE_SIZE,   /* size_t */
    TYPE_FLOAT,  /* double */
    TYPE_BOOL,   /* bool */
    TYPE_STRING, /* const char *, kept by the Config */
    TYPE_ENUM,   /* int, an index into choices */
    TYPE_SLOTS,  /* unsigned, a set of bits 1 << index into choices */
    TYPE_WIRE,   /* model.wire */
} KeyType;

typedef struct {
    const char *path; /* "model.n_head" */
    KeyType type;
    size_t offset;                 /* of the field in Config */
    const char *default_json;      /* the default as JSON text */
    double min, max;               /* of the number; of the length in bytes for strings */
    bool open_min, open_max;       /* the limit itself is excluded */
    const char *(*choices)(int i); /* of the value; of each word of a string */
    const Synonym *synonyms;       /* other names of the choices, ended by {0}; NULL = none */
    bool aside;                    /* does not affect the results of a run */
    bool machine;  /* only how a run uses the machine: another value is still the same run */
    bool may_grow; /* affects the results, but may differ when a run is resumed */
    bool place;    /* says where the data are: the hash of the data decides whether it differs */
    const char *help;
} Key;

/* The i-th key in the order of the resolved config, NULL past the last. */
const Key *key_at(size_t i);
/* The key with exactly this path, or NULL. */
const Key *key_find(const char *path);
/* Whether `path` is a section, an object of keys ("model"). */
bool key_is_section(const char *path);

/* The path most likely meant by the unknown `path`; NULL without a good guess. */
const char *key_suggest(const char *path);

/* The range of a number, e.g. "1 to 1024" or "above 0". */
void key_range(const Key *key, char *text, size_t size);
/* The index of the choice that `word` means, -1 if it means none: see name_meant. */
int key_choice(const Key *key, const char *word);
/* The choices of a key, separated by ", ". */
void key_choices(const Key *key, char *text, size_t size);
/* Its type with range or choices, e.g. "integer 1 to 1024" or "one of gelu, swiglu". */
void key_takes(const Key *key, char *text, size_t size);

/* Prints every key with default, meaning, type and range, for --list keys. */
void config_list_keys(FILE *out);

/* The full path of the only key whose last word is `word` ("topology" -> "model.topology"). If
 * several sections have it ("steps", "order"), the one in train or data. Else NULL. This is what
 * makes flags such as --topology work. */
const char *config_key_of_word(const char *word);

#endif
