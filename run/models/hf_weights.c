/* hf_weights.c - see hf_weights.h. */
#include "run/models/hf_weights.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/words.h"
#include "run/models/hf_own.h"

#include <stdlib.h>
#include <string.h>

/* The places of our tensors within a block or the model, by the first part of their names. A norm and a linear layer
 * are several tensors. */
static const struct {
    const char *name;
    Place place;
} OURS[] = {
    {"tok_emb.", PLACE_TOKENS},
    {"pos_emb.", PLACE_POSITIONS},
    {"emb_norm.", PLACE_EMBED_NORM},
    {"attn.norm_in.", PLACE_ATTN_IN},
    {"attn.norm_out.", PLACE_ATTN_OUT},
    {"attn.norm_post.", PLACE_ATTN_POST},
    {"attn.qkv.", PLACE_QKV},
    {"attn.norm_q.", PLACE_Q_NORM},
    {"attn.norm_k.", PLACE_K_NORM},
    {"attn.proj.", PLACE_PROJ},
    {"mlp.norm_in.", PLACE_MLP_IN},
    {"mlp.norm_out.", PLACE_MLP_OUT},
    {"mlp.norm_post.", PLACE_MLP_POST},
    {"mlp.gate.", PLACE_GATE},
    {"mlp.up.", PLACE_UP},
    {"mlp.down.", PLACE_DOWN},
    {"final_norm.", PLACE_FINAL},
    {"head.", PLACE_HEAD},
};

/* Tensors of old files that are no weights: masks, and frequencies that follow from the config. */
static const char *const IGNORED[] = {".attn.bias",           ".attn.masked_bias",
                                      ".attention.bias",      ".attention.masked_bias",
                                      ".rotary_emb.inv_freq", ".attn.attention.masked_bias"};

typedef struct {
    const HfModel *model;
    const Weights *weights;
    bool *used;  /* (tensors) */
    char *error; /* the first; nothing is read after it */
} Reader;

static void fail(Reader *reader, char *error) {
    if (reader->error)
        mem_free(error);
    else
        reader->error = error;
}

/* --- their tensors --- */

/* The tensor `name` with `suffix` in block i; names may lack the prefix. */
static const WeightTensor *find_named(const Reader *reader, const char *name, size_t length,
                                      const char *suffix, size_t block, bool prefixed) {
    const char *number = memchr(name, '{', length);
    const char *prefix = prefixed ? reader->model->architecture->prefix : "";
    char *full = number ? text_format("%s%.*s%zu%.*s%s", prefix, (int)(number - name), name, block,
                                      (int)(name + length - number - 3), number + 3, suffix)
                        : text_format("%s%.*s%s", prefix, (int)length, name, suffix);
    const WeightTensor *tensor = weights_find(reader->weights, full);
    mem_free(full);
    return tensor;
}

/* The tensor at a place, which must have this shape (N 0: a vector); NULL after an error. */
static const WeightTensor *find(Reader *reader, Place place, const char *suffix, size_t block,
                                size_t M, size_t N) {
    const char *names = reader->model->architecture->tensor[place];
    const WeightTensor *tensor = NULL;
    if (reader->error) return NULL;
    for (const char *at = names; !tensor && *at;) {
        const size_t length = strcspn(at, " ");
        tensor = find_named(reader, at, length, suffix, block, place != PLACE_HEAD);
        if (!tensor) tensor = find_named(reader, at, length, suffix, block, false);
        at += length + strspn(at + length, " ");
    }
    if (!tensor) {
        fail(reader, text_format("it has no tensor %s%s of block %zu", names, suffix, block));
        return NULL;
    }
    reader->used[tensor - reader->weights->tensors] = true;
    if (tensor->type >= WEIGHT_TYPES) {
        fail(reader, text_format("tensor %s is of a type that cannot be read", tensor->name));
    } else if (tensor->rank != (N ? 2u : 1u) || tensor->shape[0] != M ||
               (N && tensor->shape[1] != N)) {
        fail(reader, text_format("tensor %s has another shape than its config.json says: %zu x %zu",
                                 tensor->name, M, N ? N : 1));
    }
    return reader->error ? NULL : tensor;
}

/* --- rows --- */

/* Rows of a linear layer of ours (or elements of its bias), which is made of several of theirs. */
typedef struct {
    real *out; /* the first row that is set */
    size_t N;  /* columns; 1 for a bias */
    size_t block;
    const char *suffix;
} Target;

/* Copies `rows` rows of a tensor with `all` rows, from row `first` on. */
static void read_rows(Reader *reader, const Target *target, Place place, size_t all, size_t first,
                      size_t rows, size_t to) {
    const bool vector = strcmp(target->suffix, ".bias") == 0;
    const bool transposed = reader->model->architecture->transposed && !vector &&
                            place != PLACE_TOKENS && place != PLACE_POSITIONS &&
                            place != PLACE_HEAD;
    const size_t N = target->N;
    real *out = target->out + to * N;
    const WeightTensor *tensor =
        find(reader, place, target->suffix, target->block, transposed ? N : all,
             vector       ? 0
             : transposed ? all
                          : N);
    if (!tensor) return;
    if (!transposed) {
        weights_read(out, tensor, first, rows);
        return;
    }
    real *line = mem_alloc(size_mul(all, sizeof *line));
    for (size_t n = 0; n < N; n++) {
        weights_read(line, tensor, n, 1);
        for (size_t m = 0; m < rows; m++) out[m * N + n] = line[first + m];
    }
    mem_free(line);
}

/* Queries, keys and values: all of each, one below the other. */
static void read_qkv(Reader *reader, const Target *target) {
    const HfModel *m = reader->model;
    const Architecture *row = m->architecture;
    const size_t Q = m->NH * m->HS, K = m->NKV * m->HS, all = Q + 2 * K, HS = m->HS;
    if (!row->tensor[PLACE_QKV]) {
        read_rows(reader, target, PLACE_Q, Q, 0, Q, 0);
        read_rows(reader, target, PLACE_K, K, 0, K, Q);
        read_rows(reader, target, PLACE_V, K, 0, K, Q + K);
        return;
    }
    if (!row->grouped) {
        read_rows(reader, target, PLACE_QKV, all, 0, all, 0);
        return;
    }
    const size_t heads = m->NH / m->NKV;
    for (size_t g = 0; g < m->NKV; g++) {
        const size_t first = g * (heads + 2) * HS;
        read_rows(reader, target, PLACE_QKV, all, first, heads * HS, g * heads * HS);
        read_rows(reader, target, PLACE_QKV, all, first + heads * HS, HS, Q + g * HS);
        read_rows(reader, target, PLACE_QKV, all, first + (heads + 1) * HS, HS, Q + K + g * HS);
    }
}

static void read_mlp(Reader *reader, const Target *target, Place place) {
    const size_t F = reader->model->F;
    if (reader->model->architecture->tensor[PLACE_GATE_UP])
        read_rows(reader, target, PLACE_GATE_UP, 2 * F, place == PLACE_UP ? F : 0, F, 0);
    else
        read_rows(reader, target, place, F, 0, F, 0);
}

/* --- rotary position encoding --- */

/* Ours rotate in pairs (i, i+HS/2), the first r/2 of them. */
size_t hf_feature(const HfModel *m, size_t i) {
    const size_t half = m->HS / 2, r = m->rotary / 2, pair = i % half;
    const bool second = i >= half;
    if (m->architecture->rotation == ROTATE_OPPOSITE) return (i + half) % m->HS;
    if (pair >= r) return 2 * r + (pair - r) + (second ? half - r : 0);
    if (m->architecture->rotation == ROTATE_PAIRS) return 2 * pair + second;
    return pair + (second ? r : 0);
}

/* Puts the rows (N wide) of `heads` heads in our order. */
static void reorder(const HfModel *m, real *rows, size_t heads, size_t N) {
    const size_t HS = m->HS;
    if (m->architecture->rotation == ROTATE_NONE) return;
    real *head = mem_alloc(size_mul(size_mul(HS, N), sizeof *head));
    for (size_t h = 0; h < heads; h++) {
        real *own = rows + h * HS * N;
        copy(head, own, HS * N);
        for (size_t i = 0; i < HS; i++) copy(own + i * N, head + hf_feature(m, i) * N, N);
    }
    mem_free(head);
}

/* --- our parameters --- */

static void read_linear(Reader *reader, const Target *target, Place place, const Param *param) {
    const HfModel *m = reader->model;
    const size_t rows = param->shape[0], Q = m->NH * m->HS;
    switch (place) {
    case PLACE_QKV:
        read_qkv(reader, target);
        if (reader->error) return;
        reorder(m, target->out, m->NH + m->NKV, target->N);
        /* A norm of the queries would undo the factor, which is then in its gain. */
        if (!m->architecture->tensor[PLACE_Q_NORM] && !m->architecture->qk_norms)
            scale(target->out, (real)m->score, Q * target->N);
        return;
    case PLACE_GATE:
    case PLACE_UP:
        read_mlp(reader, target, place);
        return;
    case PLACE_POSITIONS: {
        const size_t before = m->architecture->position_offset;
        read_rows(reader, target, place, m->positions + before, before, rows, 0);
        return;
    }
    default:
        read_rows(reader, target, place, rows, 0, rows, 0);
    }
}

static void read_norm(Reader *reader, const Target *target, Place place, const Param *param) {
    const HfModel *m = reader->model;
    const Architecture *row = m->architecture;
    const bool gain = param->kind != PARAM_BETA,
               ours_plus_one = strcmp(row->norm, "rmsnorm_plus1") == 0;
    const size_t n = param->count;
    const Target vector = {target->out, 1, target->block, gain ? ".weight" : ".bias"};
    const WeightTensor *tensor = NULL;
    if (row->tensor[place]) {
        tensor = find(reader, place, vector.suffix, vector.block, n, 0);
        if (tensor) weights_read(vector.out, tensor, 0, n);
    } else {
        for (size_t i = 0; i < n; i++) vector.out[i] = 1; /* the class has no gains */
    }
    if (reader->error) return;
    const double factor = place == PLACE_Q_NORM ? m->score : place == PLACE_FINAL ? m->logit : 1;
    const double plus = gain && row->plus_one && tensor ? 1 : 0,
                 own = gain && ours_plus_one ? 1 : 0;
    if (factor != 1 || plus != 0) {
        for (size_t i = 0; i < n; i++)
            vector.out[i] = (real)(factor * ((double)vector.out[i] + plus + own) - own);
    }
}

/* The place of a parameter and its block; PLACES if it is of no kind that an import has. */
static Place place_of(const char *name, size_t *block) {
    static const char blocks[] = "blocks.";
    *block = 0;
    if (strncmp(name, blocks, sizeof blocks - 1) == 0) {
        char *rest;
        *block = (size_t)strtoul(name + sizeof blocks - 1, &rest, 10);
        name = rest + 1;
    }
    for (size_t i = 0; i < sizeof OURS / sizeof *OURS; i++) {
        if (strncmp(name, OURS[i].name, strlen(OURS[i].name)) == 0) return OURS[i].place;
    }
    return PLACES;
}

static void read_param(Reader *reader, const Param *param, real *values) {
    size_t block;
    const Place place = place_of(param->name, &block);
    if (place == PLACES) die(EXIT_INTERNAL, "no import sets %s", param->name);
    const bool bias = param->kind == PARAM_BIAS, matrix = param->kind == PARAM_MATRIX;
    const Target target = {values, bias ? 1 : param->shape[1], block, bias ? ".bias" : ".weight"};
    if (bias || matrix)
        read_linear(reader, &target, place, param);
    else
        read_norm(reader, &target, place, param);
}

/* --- what is left over --- */

static bool is_ignored(const HfModel *model, const char *name) {
    bool ignored = model->tied && (strcmp(name, "lm_head.weight") == 0);
    for (size_t i = 0; i < sizeof IGNORED / sizeof *IGNORED; i++)
        ignored |= name_ends_with(name, IGNORED[i]);
    return ignored;
}

static void check_left(Reader *reader) {
    for (size_t i = 0; i < arrlenu(reader->weights->tensors); i++) {
        const char *name = reader->weights->tensors[i].name;
        if (reader->used[i] || is_ignored(reader->model, name)) continue;
        fail(reader, text_format("it has a tensor %s, which %s with this config.json does not have",
                                 name, reader->model->architecture->class_name));
        return;
    }
}

char *hf_weights_read(Params *params, const HfModel *model, const Weights *weights) {
    if (hf_own_model(model)) return hf_own_weights(params, weights);
    Reader reader = {.model = model, .weights = weights};
    reader.used = mem_alloc(arrlenu(weights->tensors) * sizeof *reader.used);
    for (size_t i = 0; !reader.error && i < params_count(params); i++)
        read_param(&reader, &params->list[i], params->values + params->list[i].offset);
    if (!reader.error) check_left(&reader);
    if (!reader.error && !params_finite(params))
        fail(&reader, text_format("its weights are not finite"));
    mem_free(reader.used);
    return reader.error;
}
