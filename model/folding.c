/* folding.c - see folding.h. */
#include "model/folding.h"

#include "base/stb_ds.h"
#include "base/text_out.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The matrices that read a vector, and their names. */
typedef struct {
    const Linear *layer;
    const char *name;
} Reader;

enum { READERS = 3 };
typedef struct {
    Reader list[READERS];
    size_t n;
} Readers;

/* A sublayer while it is folded. */
typedef struct {
    Folding *folding;
    const Model *model;
    const Block *block;
    const Sublayer *sublayer;
    const char *prefix; /* "blocks.*.attn" */
    double w;
} Fold;

/* --- notes and changes --- */

static void note(Folding *folding, FoldOutcome outcome, size_t block, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void note(Folding *folding, FoldOutcome outcome, size_t block, const char *format, ...) {
    va_list args;
    TextOut text;
    va_start(args, format);
    vfprintf(text_begin(&text), format, args);
    va_end(args);
    FoldNote value = {outcome, block, text_end(&text)};
    arrput(folding->notes, value);
}

/* The names of tensors of the readers, such as "head.weight"; for mem_free. */
static char *reader_names(const Readers *readers, const char *tensor) {
    TextOut text;
    FILE *out = text_begin(&text);
    for (size_t i = 0; i < readers->n; i++)
        fprintf(out, "%s%s.%s", i ? ", " : "", readers->list[i].name, tensor);
    return text_end(&text);
}

static void note_moved(const Fold *fold, const char *from, const char *part, const Readers *to,
                       const char *tensor) {
    char *names = reader_names(to, tensor);
    note(fold->folding, FOLD_MOVED, fold->sublayer ? fold->sublayer->block : 0, "%s.%s -> %s", from,
         part, names);
    mem_free(names);
}

/* `slot` NULL: the coefficient `gain` becomes 1. */
static void change_add(const Fold *fold, const char *slot) {
    FoldChange value = {fold->sublayer->block, fold->sublayer->is_mlp, slot};
    arrput(fold->folding->changes, value);
}

/* --- the parameters of a norm --- */

/* Parameter `role` of a norm, NULL if it has none; `param` receives its description. */
static const real *norm_value(const Norm *norm, NormRole role, const NormParam **param) {
    for (size_t i = 0; i < norm_param_count(norm->kind); i++) {
        *param = &norm->kind->param[i];
        if ((*param)->role == role) return norm->param[i];
    }
    return NULL;
}

/* --- moving a gain and a shift --- */

/* Gain and shift of a norm as vectors, which the heads of q, k and v share; affine_free.
 * `neutral`: 1 and 0, whatever they are. */
typedef struct {
    double *gain, *shift; /* (n) */
    size_t n;
} Affine;

static Affine affine_of(const Norm *norm, bool neutral) {
    Affine a = {.n = norm->C};
    const Norm none = {.kind = &norm_none, .C = norm->C};
    a.gain = mem_alloc(size_mul(a.n, sizeof(double)));
    a.shift = mem_alloc(size_mul(a.n, sizeof(double)));
    norm_affine(neutral ? &none : norm, a.gain, a.shift);
    return a;
}

static void affine_free(Affine *a) {
    mem_free(a->gain);
    mem_free(a->shift);
}

/* Notes that a norm keeps its gain, where it has one. */
static void stays(const Fold *fold, const Norm *norm, const char *name, const char *why) {
    const NormParam *param;
    if (!norm_value(norm, NORM_GAIN, &param)) return;
    note(fold->folding, FOLD_STAYS, fold->sublayer ? fold->sublayer->block : 0, "%s: %s", name,
         why);
}

/* Whether every reader of a norm with a shift has a bias to move it to. */
static bool takes_shift(const Norm *norm, const Readers *readers) {
    const NormParam *shift;
    bool all = true;
    if (!norm_value(norm, NORM_SHIFT, &shift)) return true;
    for (size_t i = 0; i < readers->n; i++) all &= readers->list[i].layer->bias.value != NULL;
    return all;
}

static const char NO_BIAS[] = "the layer that reads it has no bias for its beta";

/* Moves gain and shift of a norm, and `factor`, into all readers of its output. */
static void fold_norm(const Fold *fold, const Norm *norm, const char *name, double factor,
                      const Readers *readers) {
    const NormParam *gain = NULL, *shift = NULL;
    const bool factors = norm_gain_is_factor(norm->kind);
    if (norm->kind == &norm_none && factor == 1) return;
    Affine a = affine_of(norm, !factors);
    for (size_t i = 0; i < readers->n; i++) {
        const Linear *layer = readers->list[i].layer;
        linear_fold_input(layer->weight.value, layer->bias.value, a.gain, a.shift, a.n, factor,
                          layer->out, layer->in);
    }
    affine_free(&a);
    if (!factors) {
        stays(fold, norm, name, "the kind has no gain that multiplies its whole output");
        return;
    }
    if (norm_value(norm, NORM_GAIN, &gain)) note_moved(fold, name, gain->name, readers, "weight");
    if (norm_value(norm, NORM_SHIFT, &shift)) note_moved(fold, name, shift->name, readers, "bias");
    norm_neutralize(norm);
}

/* A norm in front of the head. The bias of the head is added to logits / m_N. */
static void fold_into_head(const Fold *fold, const Norm *norm, const char *name) {
    const Model *model = fold->model;
    const bool divides = model->wiring.scaling.logits != 1;
    const Linear head = {.weight = model->head,
                         .bias = divides ? (ParamRef){NULL, NULL} : model->head_bias,
                         .out = model->shape.V,
                         .in = model->shape.C};
    const Readers readers = {{{&head, "head"}}, 1};
    if (model->options.tie_embeddings)
        stays(fold, norm, name, "the head is the token embedding");
    else if (!takes_shift(norm, &readers))
        stays(fold, norm, name, "the head has no bias for its beta");
    else
        fold_norm(fold, norm, name, 1, &readers);
}

/* --- the slots of a sublayer --- */

static const Linear *last_layer(const Sublayer *sublayer) {
    return sublayer->is_mlp ? &sublayer->mlp.down : &sublayer->attention.proj;
}

static Readers last_reader(const Sublayer *sublayer) {
    const char *name = sublayer->is_mlp ? "blocks.*.mlp.down" : "blocks.*.attn.proj";
    return (Readers){{{last_layer(sublayer), name}}, 1};
}

static void readers_add_mlp(Readers *readers, const Mlp *mlp) {
    if (mlp->kind->gated) readers->list[readers->n++] = (Reader){&mlp->gate, "blocks.*.mlp.gate"};
    readers->list[readers->n++] = (Reader){&mlp->up, "blocks.*.mlp.up"};
}

/* What reads u: the first matrices of the branch, and of the MLP if it reads the u of attention. */
static Readers first_readers(const Fold *fold) {
    const Mlp *mlp = &fold->block->mlp.mlp;
    Readers readers = {.n = 0};
    if (!fold->sublayer->is_mlp)
        readers.list[readers.n++] = (Reader){&fold->sublayer->attention.qkv, "blocks.*.attn.qkv"};
    if (fold->sublayer->is_mlp || fold->block->mlp.wiring->read == READ_SHARED)
        readers_add_mlp(&readers, mlp);
    return readers;
}

static const Norm *mid_norm(const Sublayer *sublayer) {
    return sublayer->is_mlp ? &sublayer->mlp.mid.norm : &sublayer->attention.mid.norm;
}

/* Whether a slot has a norm that is only a division by the RMS, and a gain. */
static bool divides(const Norm *norm) {
    return norm_is_scaling(norm->kind);
}

static bool is_shared(const Fold *fold, const Sublayer *sublayer) {
    return !sublayer->is_mlp && fold->block->mlp.wiring->read == READ_SHARED;
}

/* The norms that make the one in a slot redundant, NULL if it is not. */
static const char *undone_by(const Fold *fold, const Sublayer *sublayer, Slot slot) {
    const bool mid = divides(mid_norm(sublayer)), out = divides(&sublayer->norm[SLOT_OUT]);
    const Norm *norm = slot == SLOT_MID ? mid_norm(sublayer) : &sublayer->norm[slot];
    const char *next = out ? "norm_out" : NULL;
    const BiasSite site = sublayer->is_mlp ? BIAS_MLP : slot == SLOT_MID ? BIAS_PROJ : BIAS_QKV;
    if (!divides(norm) || !(fold->w > 0)) return NULL;
    if (options_has_bias(&fold->model->options, site)) return NULL;
    if (slot == SLOT_MID) return next;
    if (slot != SLOT_IN || is_shared(fold, sublayer)) return NULL;
    if (!sublayer->is_mlp)
        return divides(&sublayer->attention.v.norm) ? "norm_q, norm_k and norm_v" : NULL;
    if (!mlp_is_homogeneous(sublayer->mlp.kind)) return NULL;
    return mid ? "norm_mid" : next;
}

/* Whether the MLP of the block keeps a norm in slot `in`. */
static bool mlp_keeps_norm(const Fold *fold) {
    const Sublayer *mlp = &fold->block->mlp;
    const NormKind *kind = mlp->norm[SLOT_IN].kind;
    return kind != &norm_none && kind != &norm_scale && !undone_by(fold, mlp, SLOT_IN);
}

/* Empties a slot whose gain has moved, if nothing else is left of it; returns whether it did. */
static bool slot_empties(const Fold *fold, Slot slot, const Norm *norm, const char *name) {
    const char *by = undone_by(fold, fold->sublayer, slot);
    const size_t block = fold->sublayer->block;
    if (norm->kind == &norm_scale)
        note(fold->folding, FOLD_GONE, block, "%s: it was a gain alone", name);
    else if (by)
        note(fold->folding, FOLD_GONE, block, "%s: undone by %s", name, by);
    else
        return false;
    change_add(fold, slot_name(slot));
    return true;
}

/* w, where it acts on a gain without a norm; that of a norm goes on acting. */
static double scale_w(const Fold *fold, const Norm *norm, bool warm) {
    return norm->kind == &norm_scale && warm ? fold->w : 1;
}

static void fold_mid(const Fold *fold, const char *name) {
    const Sublayer *sublayer = fold->sublayer;
    const Mid *mid = sublayer->is_mlp ? &sublayer->mlp.mid : &sublayer->attention.mid;
    const Readers readers = last_reader(sublayer);
    bool left = false;
    if (!mid_is_absent(mid) && !takes_shift(&mid->norm, &readers)) {
        stays(fold, &mid->norm, name, NO_BIAS);
        left = true;
    } else if (!mid_is_absent(mid)) {
        fold_norm(fold, &mid->norm, name, scale_w(fold, &mid->norm, mid->warm), &readers);
        left = !slot_empties(fold, SLOT_MID, &mid->norm, name);
    }
    if (sublayer->is_mlp) return;
    /* The weights of attention add up to 1, so gain and shift of v are those of its output. */
    const Norm *v = &sublayer->attention.v.norm;
    if (left)
        stays(fold, v, "blocks.*.attn.norm_v", "norm_mid reads it");
    else if (!takes_shift(v, &readers))
        stays(fold, v, "blocks.*.attn.norm_v", NO_BIAS);
    else
        fold_norm(fold, v, "blocks.*.attn.norm_v", 1, &readers);
    stays(fold, &sublayer->attention.q.norm, "blocks.*.attn.norm_q", "no matrix reads it");
    stays(fold, &sublayer->attention.k.norm, "blocks.*.attn.norm_k", "no matrix reads it");
}

static void fold_out(const Fold *fold, const char *name) {
    const Sublayer *sublayer = fold->sublayer;
    const Norm *norm = &sublayer->norm[SLOT_OUT];
    const Readers last = last_reader(sublayer);
    const Linear *layer = last_layer(sublayer);
    if (norm->kind != &norm_scale) {
        stays(fold, norm, name, "its gain multiplies the stream");
        return;
    }
    Affine a = affine_of(norm, false);
    linear_fold_output(layer->weight.value, layer->bias.value, a.gain,
                       scale_w(fold, norm, sublayer->warm[SLOT_OUT]), layer->out, layer->in);
    affine_free(&a);
    note_moved(fold, name, norm->kind->param[0].name, &last, "weight");
    if (layer->bias.value) note_moved(fold, name, norm->kind->param[0].name, &last, "bias");
    slot_empties(fold, SLOT_OUT, norm, name);
}

/* Slot `in` and the coefficient `gain`. */
static void fold_in(const Fold *fold, const char *name) {
    const Sublayer *sublayer = fold->sublayer;
    const Norm *norm = &sublayer->norm[SLOT_IN];
    const double gain = sublayer->wiring->gain;
    const Readers readers = first_readers(fold);
    if (is_shared(fold, sublayer) && mlp_keeps_norm(fold)) {
        stays(fold, norm, name, "mlp.norm_in reads it");
        return;
    }
    if (!takes_shift(norm, &readers)) {
        stays(fold, norm, name, NO_BIAS);
        return;
    }
    fold_norm(fold, norm, name, gain * scale_w(fold, norm, sublayer->warm[SLOT_IN]), &readers);
    if (gain != 1) {
        note_moved(fold, fold->prefix, "gain", &readers, "weight");
        change_add(fold, NULL);
    }
    if (norm->kind != &norm_none) slot_empties(fold, SLOT_IN, norm, name);
}

static void fold_post(const Fold *fold, const char *name) {
    const Sublayer *sublayer = fold->sublayer;
    const Norm *norm = &sublayer->norm[SLOT_POST];
    const bool feeds_head = fold->model->wiring.final == FINAL_NONE && sublayer->is_mlp &&
                            sublayer->block + 1 == fold->model->shape.L;
    if (!feeds_head)
        stays(fold, norm, name, "its gain multiplies the stream");
    else if (norm->kind != &norm_none)
        fold_into_head(fold, norm, name);
}

static void fold_sublayer(Fold *fold, const Sublayer *sublayer) {
    char name[SLOTS][64];
    fold->sublayer = sublayer;
    fold->prefix = sublayer->is_mlp ? "blocks.*.mlp" : "blocks.*.attn";
    for (int slot = 0; slot < SLOTS; slot++)
        snprintf(name[slot], sizeof name[slot], "%s.norm_%s", fold->prefix, slot_name(slot));
    fold_in(fold, name[SLOT_IN]);
    fold_mid(fold, name[SLOT_MID]);
    fold_out(fold, name[SLOT_OUT]);
    fold_post(fold, name[SLOT_POST]);
}

/* The MLP comes first: if it scales the u of attention, a shift of u needs the scaled weights. Its
 * notes come last. */
static void fold_block(Fold *fold) {
    FoldNote *before = fold->folding->notes, *of_mlp;
    fold->folding->notes = NULL;
    fold_sublayer(fold, &fold->block->mlp);
    of_mlp = fold->folding->notes;
    fold->folding->notes = before;
    fold_sublayer(fold, &fold->block->attn);
    for (size_t i = 0; i < arrlenu(of_mlp); i++) arrput(fold->folding->notes, of_mlp[i]);
    arrfree(of_mlp);
}

/* --- the changes as entries of model.wire --- */

static bool same_place(const FoldChange *a, const FoldChange *b) {
    return a->mlp == b->mlp && a->slot == b->slot;
}

/* Whether all blocks have a change, and no entry of one block could override that of all. */
static bool in_all_blocks(const Folding *folding, const ModelOptions *options,
                          const FoldChange *change) {
    size_t count = 0;
    for (size_t i = 0; i < arrlenu(folding->changes); i++)
        count += same_place(&folding->changes[i], change);
    for (size_t i = 0; i < options->n_wire; i++) {
        if (wire_is_of_one_block(&options->wire[i])) return false;
    }
    return count == options->n_layer;
}

static void list_wire(Folding *folding, const ModelOptions *options) {
    for (size_t i = 0; i < arrlenu(folding->changes); i++) {
        const FoldChange *change = &folding->changes[i];
        const bool all = in_all_blocks(folding, options, change);
        const char *sublayer = change->mlp ? "mlp" : "attn";
        const char *place = change->slot ? change->slot : "gain";
        if (all && change->block > 0) continue;
        WireEntry entry = {
            .key = all ? text_format("%s.%s", sublayer, place)
                       : text_format("blocks.%zu.%s.%s", change->block, sublayer, place),
            .text = change->slot ? wire_kind_name(SLOT_ABSENT) : NULL,
            .number = change->slot ? 0 : 1};
        arrput(folding->wire, entry);
    }
}

/* --- the whole model --- */

Folding folding_apply(Model *model, real w) {
    Folding folding = {.L = model->shape.L};
    Fold fold = {.folding = &folding, .model = model, .w = (double)w};
    stays(&fold, &model->embed_norm, "emb_norm", "its gain multiplies the stream");
    for (size_t l = 0; l < model->shape.L; l++) {
        fold.block = &model->block[l];
        fold_block(&fold);
    }
    fold.sublayer = NULL;
    if (model->wiring.final == FINAL_DUAL)
        stays(&fold, &model->final_norm, "final_norm", "its output is added to the stream");
    else if (model->final_norm.kind != &norm_none)
        fold_into_head(&fold, &model->final_norm, "final_norm");
    list_wire(&folding, &model->options);
    return folding;
}

void folding_free(Folding *folding) {
    for (size_t i = 0; i < arrlenu(folding->notes); i++) mem_free(folding->notes[i].text);
    for (size_t i = 0; i < arrlenu(folding->wire); i++) mem_free((char *)folding->wire[i].key);
    arrfree(folding->notes);
    arrfree(folding->changes);
    arrfree(folding->wire);
    *folding = (Folding){0};
}

Model *folding_model(const Model *folded, const ModelOptions *options) {
    Model *model =
        model_create(options, &folded->warmup, folded->shape.V, folded->shape.B, MODEL_FORWARD);
    const size_t taken = params_copy(&model->params, &folded->params);
    if (taken != params_count(&model->params))
        die(EXIT_INTERNAL, "the rewired model has tensors that the folded one has not");
    return model;
}

/* --- printing --- */

/* The blocks of the notes from `first` on that equal it, such as "0,2-4"; "*" for all. */
static char *block_list(const Folding *folding, size_t first) {
    const FoldNote *notes = folding->notes;
    const size_t count = arrlenu(notes);
    TextOut text;
    FILE *out = text_begin(&text);
    const char *comma = "";
    size_t found = 0, begin = 0, end = 0; /* begin .. end-1 is a range that may grow */
    for (size_t i = first; i <= count; i++) {
        const bool last = i == count;
        if (!last && strcmp(notes[i].text, notes[first].text) != 0) continue;
        if (!last && found++ && notes[i].block == end) {
            end++;
            continue;
        }
        if (end > begin) fprintf(out, "%s%zu", comma, begin);
        if (end > begin + 1) fprintf(out, "-%zu", end - 1);
        if (last) break;
        if (end > begin) comma = ",";
        begin = notes[i].block;
        end = begin + 1;
    }
    char *list = text_end(&text);
    if (found < folding->L) return list;
    mem_free(list);
    return text_format("*");
}

size_t folding_print(FILE *out, const Folding *folding, FoldOutcome outcome, const char *indent) {
    size_t lines = 0;
    for (size_t i = 0; i < arrlenu(folding->notes); i++) {
        const FoldNote *line = &folding->notes[i];
        bool again = line->outcome != outcome;
        for (size_t j = 0; j < i; j++) again |= strcmp(folding->notes[j].text, line->text) == 0;
        if (again) continue;
        char *blocks = block_list(folding, i);
        fputs(indent, out);
        for (const char *c = line->text; *c; c++) {
            if (*c == '*')
                fputs(blocks, out);
            else
                fputc(*c, out);
        }
        fputc('\n', out);
        mem_free(blocks);
        lines++;
    }
    return lines;
}
