/* config_keys.h - the table of config keys, shared by the files run/config*.c.
 *
 * One idea: what a key is stands in one row - path, type, default, range, choices, help - and the
 * path is the C field itself, so a key, its field and its type cannot disagree.
 * The table is constant; nothing here owns memory.
 * Read next: config_keys.c, then config_value.h. */
#ifndef RUN_CONFIG_CONFIG_KEYS_H
#define RUN_CONFIG_CONFIG_KEYS_H

#include "data/dataset.h"
#include "model/options.h"
#include "run/optim/schedule.h"
#include "run/optim/spike.h"

#include <stdio.h>

typedef struct {
    size_t steps, batch, accum;
    size_t seed;           /* 0 .. 2^32-1 */
    const char *init_from; /* a run directory whose weights a run begins with; "" = a draw */
    size_t eval_every, eval_rows;
    size_t sample_every;           /* 0 = only at the end */
    size_t checkpoint_every, keep; /* 0 = at the end only; checkpoints that stay */
    size_t threads;                /* 0 = all cores */
    bool recompute;                /* see MODEL_RECOMPUTE */
} TrainOptions;

typedef struct {
    size_t every;
    size_t layers_every; /* 0 = never */
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
    char **strings;  /* everything the pointers above point to (stb_ds array) */
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
    size_t offset;           /* of the field in Config */
    const char *standard;    /* the default as JSON text */
    double min, max;         /* of the number; for strings, of the length in bytes */
    bool open_min, open_max; /* the limit itself is not allowed */
    const char *(*choices)(int i);
    bool aside;    /* does not change the numbers of a run */
    bool machine;  /* how a run uses the machine: with another value it is the same run */
    bool may_grow; /* may differ when a run is resumed, though it does */
    const char *help;
} Key;

/* The i-th key in the order of the resolved config, NULL past the last one. */
const Key *key_at(size_t i);
/* The key with exactly this path, or NULL. */
const Key *key_find(const char *path);
/* Whether `path` names an object that holds keys ("model"). */
bool key_is_section(const char *path);

/* The path that the writer of the unknown `path` most likely meant, NULL without a good guess. */
const char *key_suggest(const char *path);

/* What a number may be, e.g. "1 to 1024" or "above 0". */
void key_range(const Key *key, char *text, size_t size);
/* The words that an enumerated key takes, separated by ", ". */
void key_choices(const Key *key, char *text, size_t size);
/* Its type with range or choices, e.g. "whole number 1 to 1024" or "one of gelu, swiglu". */
void key_takes(const Key *key, char *text, size_t size);

/* Every key with type, default, range and meaning, for --list keys. */
void config_list_keys(FILE *out);

/* The full path of the only key whose last word is `word` ("topology" -> "model.topology"), or of
 * the one in train or data where there are more ("steps", "order"); else NULL. The --topology sugar
 * of the command line. */
const char *config_key_of_word(const char *word);

#endif
