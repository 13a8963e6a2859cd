/* wiring.c - from the keys of the config to the blocks of a model. See wiring.h. */
#include "model/wiring.h"
#include "base/utf8.h"
#include "base/words.h"
#include "model/pattern.h"
#include "norm/norm.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool fail(char *error, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool fail(char *error, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error, size, format, args);
    va_end(args);
    utf8_cut(error, size);
    return false;
}

static bool row_fits(const Topology *row, const ModelOptions *options, char *error, size_t size) {
    const Topology *main_row = topology_at(options->topology);
    if (options->n_layer < row->min_blocks) {
        return fail(error, size,
                    "model.n_layer = %zu is too small for topology %s, which needs at least %zu",
                    options->n_layer, row->name, row->min_blocks);
    }
    if (row->needs_norm && norm_kind(options->norm) == &norm_none) {
        return fail(error, size,
                    "model.norm none cannot be used with topology %s: its skip of 2N needs a norm",
                    row->name);
    }
    if (row->dual_stream != main_row->dual_stream) {
        return fail(error, size,
                    "model.layers: %s cannot be mixed with other topologies, its second stream "
                    "runs through the whole model",
                    row->dual_stream ? row->name : main_row->name);
    }
    return true;
}

/* --- model.layers: "name", "name*count", at most one "name*" for the remaining blocks --- */

typedef struct {
    const Topology *row;
    size_t count;
    bool remaining; /* "name*" */
} LayersEntry;

/* Parses the entry at *text and advances past it; false with a sentence where it is invalid. */
static bool layers_entry(const char **text, LayersEntry *entry, char *error, size_t size) {
    const char *start = *text, *end = start;
    while (*end && !isspace((unsigned char)*end)) end++;
    const char *star = memchr(start, '*', (size_t)(end - start));
    size_t length = (size_t)((star ? star : end) - start);
    *text = end;
    entry->row = topology_find(start, length);
    if (!entry->row) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)length, start);
        utf8_cut(name, sizeof name);
        const char *near = name_near(topology_name, name);
        return fail(error, size, "model.layers: unknown topology \"%s\"%s%s%s", name,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    entry->remaining = star && star + 1 == end;
    entry->count = 1;
    if (!star || entry->remaining) return true;
    char *stop = NULL;
    unsigned long long count = isdigit((unsigned char)star[1]) ? strtoull(star + 1, &stop, 10) : 0;
    if (!count || stop != end || count > 1000000) {
        return fail(error, size, "model.layers: \"%.*s\" needs an integer above 0 after the *",
                    (int)(end - start), start);
    }
    entry->count = (size_t)count;
    return true;
}

/* Adds up the blocks; `remaining` is what is left for the entry without a count. */
static bool layers_count(const ModelOptions *options, size_t *remaining, char *error, size_t size) {
    size_t total = 0, open_entries = 0;
    for (const char *at = options->layers + strspn(options->layers, " \t"); *at;
         at += strspn(at, " \t")) {
        LayersEntry entry;
        if (!layers_entry(&at, &entry, error, size)) return false;
        if (!row_fits(entry.row, options, error, size)) return false;
        if (entry.remaining)
            open_entries++;
        else
            total += entry.count;
    }
    if (open_entries > 1)
        return fail(error, size,
                    "model.layers: only one entry can take the remaining blocks (\"name*\")");
    if (total > options->n_layer || (!open_entries && total != options->n_layer)) {
        return fail(error, size, "model.layers adds up to %zu blocks, but model.n_layer is %zu",
                    total, options->n_layer);
    }
    *remaining = options->n_layer - total;
    return true;
}

static bool layers_apply(Wiring *wiring, const ModelOptions *options, char *error, size_t size) {
    size_t remaining = 0, l = 1;
    if (!layers_count(options, &remaining, error, size)) return false;
    for (const char *at = options->layers + strspn(options->layers, " \t"); *at;
         at += strspn(at, " \t")) {
        LayersEntry entry;
        if (!layers_entry(&at, &entry, error, size)) return false;
        size_t count = entry.remaining ? remaining : entry.count;
        for (; count; count--, l++) wiring->block[l - 1] = topology_block(entry.row, wiring->L, l);
    }
    return true;
}

/* --- model.wire: single slots and coefficients, in every block or in one --- */

const char *wire_kind_name(int i) {
    static const char *const NAMES[] = {
        [SLOT_ABSENT] = "none", [SLOT_NORM] = "norm", [SLOT_SCALE] = "scale"};
    return NAME_AT(NAMES, i);
}

const char *wire_read_name(int i) {
    static const char *const NAMES[] = {
        [READ_STREAM] = "stream", [READ_BLOCK] = "block", [READ_SHARED] = "shared"};
    return NAME_AT(NAMES, i);
}

const char *wire_word(int i) {
    const char *kind = wire_kind_name(i);
    return kind ? kind : wire_read_name(i - SLOT_SCALE - 1);
}

/* The number of an entry; false with a sentence where it has none. */
static bool wire_number(double *number, const WireEntry *entry, const char *also, char *error,
                        size_t size) {
    *number = entry->number;
    if (!entry->text && entry->learn == LEARN_NOT) return true;
    if (entry->text)
        return fail(error, size, "model.wire: \"%s\" must be a number%s, not \"%s\"", entry->key,
                    also, entry->text);
    return fail(error, size, "model.wire: \"%s\" must be a number, it cannot be learned",
                entry->key);
}

/* A coefficient that may be learned. */
static bool wire_learnable(CoefficientWiring *coefficient, CoefficientName name,
                           const WireEntry *entry, char *error, size_t size) {
    if (entry->learn == LEARN_NOT) {
        *coefficient = (CoefficientWiring){.lr_scale = 1};
        return wire_number(&coefficient->value, entry, " or {\"learn\": ...}", error, size);
    }
    if (entry->learn == LEARN_SHRINK && name != COEF_LEAVE)
        return fail(
            error, size,
            "model.wire: \"%s\": \"learn\": \"shrink\" is for leave only, use \"scalar\" or "
            "\"vector\"",
            entry->key);
    *coefficient = (CoefficientWiring){entry->number, (Learn)entry->learn, entry->lr_scale};
    return true;
}

static bool wire_coefficient(SublayerWiring *sublayer, const WireEntry *entry, const char *name,
                             bool dual_stream, char *error, size_t size) {
    const int index = name_index(coefficient_name, name);
    if (index >= 0)
        return wire_learnable(&sublayer->coefficient[index], (CoefficientName)index, entry, error,
                              size);
    if (strcmp(name, "gain") == 0) return wire_number(&sublayer->gain, entry, "", error, size);
    if (strcmp(name, "dual") == 0) {
        if (!wire_number(&sublayer->dual, entry, "", error, size)) return false;
        if (dual_stream) return true;
        return fail(error, size, "model.wire: \"%s\" has no effect, the model has no second stream",
                    entry->key);
    }
    return fail(error, size,
                "model.wire: unknown key \"%s\"; after attn. and mlp. come in, mid, out, post, "
                "skip, branch, gain, block_skip, x0, enter, enter_x0, leave, dual or read",
                entry->key);
}

static bool wire_entry(BlockWiring *block, const WireEntry *entry, bool dual_stream, char *error,
                       size_t size) {
    bool attn = strncmp(entry->key, "attn.", 5) == 0, mlp = strncmp(entry->key, "mlp.", 4) == 0;
    if (!attn && !mlp) {
        return fail(error, size, "model.wire: unknown key \"%s\"; keys begin with attn. or mlp.",
                    entry->key);
    }
    SublayerWiring *sublayer = attn ? &block->attn : &block->mlp;
    const char *name = entry->key + (attn ? 5 : 4);
    for (int slot = 0; slot < SLOTS; slot++) {
        if (strcmp(slot_name(slot), name) != 0) continue;
        int kind = entry->text ? name_index(wire_kind_name, entry->text) : -1;
        if (kind < 0) {
            return fail(error, size, "model.wire: \"%s\" must be \"none\", \"norm\" or \"scale\"",
                        entry->key);
        }
        sublayer->slot[slot] = (SlotKind)kind;
        return true;
    }
    if (strcmp(name, "read") == 0) {
        int read = entry->text ? name_index(wire_read_name, entry->text) : -1;
        if (read < 0 || (attn && read == READ_SHARED)) {
            return fail(error, size, "model.wire: \"%s\" must be \"stream\"%s \"block\"%s",
                        entry->key, attn ? " or" : ",",
                        attn ? ", attention comes first" : " or \"shared\"");
        }
        sublayer->read = (Read)read;
        return true;
    }
    return wire_coefficient(sublayer, entry, name, dual_stream, error, size);
}

static const char BLOCK_PREFIX[] = "blocks.";

bool wire_is_of_one_block(const WireEntry *entry) {
    return strncmp(entry->key, BLOCK_PREFIX, sizeof BLOCK_PREFIX - 1) == 0;
}

/* Takes "blocks.N." from the key of an entry; N counts from 0, as in the names of tensors. */
static bool wire_take_block(WireEntry *entry, size_t L, size_t *block, char *error, size_t size) {
    const char *number = entry->key + sizeof BLOCK_PREFIX - 1;
    char *end;
    const unsigned long long n =
        isdigit((unsigned char)*number) ? strtoull(number, &end, 10) : ULLONG_MAX;
    if (n >= L || *end != '.') {
        return fail(error, size,
                    "model.wire: unknown key \"%s\"; the keys of one block begin with blocks.0. to "
                    "blocks.%zu.",
                    entry->key, L - 1);
    }
    *block = (size_t)n;
    entry->key = end + 1;
    return true;
}

/* The entries for block l (from 0): first those for every block, then those for this one, which
 * override them in whatever order they are listed. */
static bool wire_block(BlockWiring *block, const ModelOptions *options, size_t l, char *error,
                       size_t size) {
    const bool dual_stream = topology_at(options->topology)->dual_stream;
    for (int own = 0; own < 2; own++) {
        for (size_t i = 0; i < options->n_wire; i++) {
            WireEntry entry = options->wire[i];
            size_t of = l;
            if (wire_is_of_one_block(&entry) != (own == 1)) continue;
            if (own && !wire_take_block(&entry, options->n_layer, &of, error, size)) return false;
            if (of == l && !wire_entry(block, &entry, dual_stream, error, size)) return false;
        }
    }
    return true;
}

/* --- the whole model --- */

static QkvNorm switch_qkv(int qk_norm, QkvNorm row) {
    if (qk_norm == SWITCH_OFF) return QKV_PLAIN;
    return qk_norm == SWITCH_ON && row == QKV_PLAIN ? QK_HEAD : row;
}

/* model.gamma_out_start, in the slots that exist. */
static void start_out(SublayerWiring *sublayer, double gain) {
    if (gain != 0 && sublayer->slot[SLOT_OUT] != SLOT_ABSENT) sublayer->out_gain = gain;
}

/* model.scaling: the branches of a model with m_L as many blocks. */
static void scale_branch(SublayerWiring *sublayer, const Scaling *scaling) {
    CoefficientWiring *branch = &sublayer->coefficient[COEF_BRANCH];
    *(branch->learn == LEARN_NOT ? &branch->value : &sublayer->branch_scale) *= scaling->branch;
    sublayer->dual *= scaling->branch;
}

/* Whether the norm of an out slot has the gain whose initial value is asked for. */
static bool out_gain_fits(const SublayerWiring *sublayer, const char *row,
                          const ModelOptions *options, char *error, size_t size) {
    const NormKind *kind = norm_kind(options->norm);
    if (sublayer->slot[SLOT_OUT] != SLOT_NORM || sublayer->out_gain == 1 || kind == &norm_none ||
        norm_param(kind, NORM_GAIN))
        return true;
    return fail(
        error, size,
        "model.norm %s cannot be used with topology %s: the gain of its out slots starts at "
        "%.9g, but %s has no gain",
        kind->name, row, sublayer->out_gain, kind->name);
}

static bool resolve_blocks(Wiring *wiring, const ModelOptions *options, char *error, size_t size) {
    const Topology *row = topology_at(options->topology);
    if (!row_fits(row, options, error, size)) return false;
    for (size_t l = 1; l <= wiring->L; l++)
        wiring->block[l - 1] = topology_block(row, wiring->L, l);
    if (*options->layers && !layers_apply(wiring, options, error, size)) return false;
    for (size_t l = 1; l <= wiring->L; l++) {
        BlockWiring *block = &wiring->block[l - 1];
        block->qkv = switch_qkv(options->qk_norm, block->qkv);
        block->rope = pattern_rope(options, l - 1);
        block->window = pattern_window(options, l - 1);
        if (!wire_block(block, options, l - 1, error, size)) return false;
        start_out(&block->attn, options->gamma_out_start);
        start_out(&block->mlp, options->gamma_out_start);
        scale_branch(&block->attn, &wiring->scaling);
        scale_branch(&block->mlp, &wiring->scaling);
        if (!out_gain_fits(&block->attn, block->row, options, error, size) ||
            !out_gain_fits(&block->mlp, block->row, options, error, size))
            return false;
    }
    return true;
}

bool wiring_resolve(Wiring *wiring, const ModelOptions *options, char *error, size_t size) {
    const Topology *row = topology_at(options->topology);
    *wiring = (Wiring){
        .L = options->n_layer,
        .block = mem_alloc(size_mul(options->n_layer, sizeof(BlockWiring))),
        .embed_norm =
            options->embed_norm == SWITCH_AUTO ? row->embed_norm : options->embed_norm == SWITCH_ON,
        .final = row->final,
        .final_norm = options->final_norm == SWITCH_AUTO ? row->final != FINAL_NONE
                                                         : options->final_norm == SWITCH_ON,
        .init = options->init == INIT_AUTO ? row->init : (InitRule)options->init,
        .scaling = scaling_of(options),
    };
    /* A second stream remains where its norm is switched off: h = x + d. */
    if (row->final != FINAL_DUAL) wiring->final = wiring->final_norm ? FINAL_NORM : FINAL_NONE;
    if (resolve_blocks(wiring, options, error, size)) return true;
    wiring_free(wiring);
    return false;
}

static bool sublayer_is_plain(const SublayerWiring *sublayer, unsigned slots) {
    for (int slot = 0; slot < SLOTS; slot++) {
        SlotKind wanted = slots & 1u << slot ? SLOT_NORM : SLOT_ABSENT;
        if (sublayer->slot[slot] != wanted) return false;
    }
    for (CoefficientName name = 0; name < COEFFICIENTS; name++) {
        if (!coefficient_is(&sublayer->coefficient[name], coefficient_neutral(name))) return false;
    }
    return sublayer->read == READ_STREAM && sublayer->gain == 1 && sublayer->dual == 0 &&
           sublayer->out_gain == 1;
}

bool wiring_is_plain(const Wiring *wiring, unsigned slots) {
    for (size_t l = 0; l < wiring->L; l++) {
        const BlockWiring *block = &wiring->block[l];
        if (!sublayer_is_plain(&block->attn, slots) || !sublayer_is_plain(&block->mlp, slots))
            return false;
    }
    return true;
}

static size_t norm_matrices(const NormKind *kind) {
    size_t count = 0;
    for (size_t i = 0; i < norm_param_count(kind); i++)
        count += norm_param_columns(&kind->param[i], 1) > 0;
    return count;
}

bool wiring_has_tensors(const Wiring *wiring, const ModelOptions *options, TensorKind kind) {
    const NormKind *norm = norm_kind(options->norm);
    const bool outside = wiring->embed_norm || wiring->final_norm;
    switch (kind) {
    case TENSOR_HEAD:
        return !options->tie_embeddings;
    case TENSOR_OUTER_VECTOR:
        return options->head_bias || (outside && norm_param_count(norm) > norm_matrices(norm));
    case TENSOR_OUTER_MATRIX:
        return outside && norm_matrices(norm) > 0;
    default:
        return true;
    }
}

bool wiring_learns(const Wiring *wiring, CoefficientName name) {
    bool any = false;
    for (size_t l = 0; l < wiring->L; l++) {
        any |= wiring->block[l].attn.coefficient[name].learn != LEARN_NOT;
        any |= wiring->block[l].mlp.coefficient[name].learn != LEARN_NOT;
    }
    return any;
}

static bool reads_x0(const SublayerWiring *sublayer) {
    return !coefficient_is(&sublayer->coefficient[COEF_ENTER_X0], 0) ||
           !coefficient_is(&sublayer->coefficient[COEF_X0], 0);
}

bool wiring_reads_x0(const Wiring *wiring) {
    bool any = false;
    for (size_t l = 0; l < wiring->L; l++)
        any |= reads_x0(&wiring->block[l].attn) || reads_x0(&wiring->block[l].mlp);
    return any;
}

bool wiring_has_qkv_norms(const Wiring *wiring) {
    bool any = false;
    for (size_t l = 0; l < wiring->L; l++) any |= wiring->block[l].qkv != QKV_PLAIN;
    return any;
}

bool wiring_has_rope(const Wiring *wiring, RopeKind kind) {
    bool any = false;
    for (size_t l = 0; l < wiring->L; l++) any |= wiring->block[l].rope == kind;
    return any;
}

void wiring_free(Wiring *wiring) {
    mem_free(wiring->block);
    *wiring = (Wiring){0};
}

bool wiring_is_warm(const Wiring *wiring, unsigned slots, size_t block, bool mlp, Slot slot) {
    bool feeds_head =
        wiring->final != FINAL_NORM && block + 1 == wiring->L && mlp && slot == SLOT_POST;
    return (slots >> slot & 1) && !feeds_head;
}
