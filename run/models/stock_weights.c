/* stock_weights.c - see stock_weights.h. */
#include "run/models/stock_weights.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/models/hf_weights.h"

#include <string.h>

typedef struct {
    const StockClass *stock;
    Tensor *tensors;
    size_t block;
} Writer;

/* --- tensors --- */

/* A new array (M,N), or (M) with N 0, that the list owns. */
static real *add(Writer *writer, Place place, const char *suffix, size_t M, size_t N) {
    const Architecture *row = writer->stock->hf.architecture;
    const char *names = row->tensor[place], *prefix = place == PLACE_HEAD ? "" : row->prefix;
    const int length = (int)strcspn(names, " ");
    const char *number = memchr(names, '{', (size_t)length);
    char *name =
        number ? text_format("%s%.*s%zu%.*s%s", prefix, (int)(number - names), names, writer->block,
                             (int)(names + length - number - 3), number + 3, suffix)
               : text_format("%s%.*s%s", prefix, length, names, suffix);
    real *values = mem_alloc(size_mul(size_mul(M, N ? N : 1), sizeof *values));
    tensor_add(&writer->tensors, "", name, TENSOR_REAL, M, N, values);
    mem_free(name);
    return values;
}

/* Rows first .. first+rows-1 of `from` (.,N) as a matrix of its own, and of `bias` (NULL = zeros) where the class has
 * one. */
static void put_linear(Writer *writer, Place place, const real *from, const real *bias,
                       size_t first, size_t rows, size_t N, bool biased) {
    const bool transposed = writer->stock->hf.architecture->transposed && place != PLACE_HEAD;
    real *to = add(writer, place, ".weight", transposed ? N : rows, transposed ? rows : N);
    for (size_t m = 0; m < rows; m++) {
        for (size_t n = 0; n < N; n++)
            to[transposed ? n * rows + m : m * N + n] = from[(first + m) * N + n];
    }
    if (!biased) return;
    real *vector = add(writer, place, ".bias", rows, 0);
    for (size_t m = 0; m < rows; m++) vector[m] = bias ? bias[first + m] : 0;
}

/* A norm whose output is multiplied by `factor` and its gain by w, too. */
static void put_norm(Writer *writer, Place place, const Norm *norm, double w, double factor,
                     const real *columns) {
    const HfModel *m = &writer->stock->hf;
    const size_t C = norm->C;
    const bool minus_one =
        m->architecture->plus_one || strcmp(m->architecture->norm, "rmsnorm_plus1") == 0;
    double *gain = mem_alloc(size_mul(C, sizeof *gain)),
           *shift = mem_alloc(size_mul(C, sizeof *shift));
    norm_affine(norm, gain, shift);
    real *weight = add(writer, place, ".weight", C, 0);
    real *bias = m->biases & BIASED_NORM ? add(writer, place, ".bias", C, 0) : NULL;
    for (size_t c = 0; c < C; c++) {
        const double own = factor * (columns ? (double)columns[c] : 1);
        weight[c] = (real)(w * own * gain[c] - minus_one);
        if (bias) bias[c] = (real)(own * shift[c]);
    }
    mem_free(gain);
    mem_free(shift);
}

/* --- attention --- */

/* From our order of the features of a head to theirs, in place; rows (heads*HS,N). */
static void reorder(const HfModel *m, real *rows, size_t heads, size_t N) {
    real *head = mem_alloc(size_mul(size_mul(m->HS, N), sizeof *head));
    for (size_t h = 0; m->architecture->rotation != ROTATE_NONE && h < heads; h++) {
        real *own = rows + h * m->HS * N;
        copy(head, own, m->HS * N);
        for (size_t i = 0; i < m->HS; i++) copy(own + hf_feature(m, i) * N, head + i * N, N);
    }
    mem_free(head);
}

/* Rows in the order of fused layers that keep the heads of a group together. */
static void group(const HfModel *m, real *rows, size_t N) {
    const size_t HS = m->HS, heads = m->NH / m->NKV, Q = m->NH * HS, K = m->NKV * HS;
    real *all = mem_alloc(size_mul(size_mul(Q + 2 * K, N), sizeof *all));
    copy(all, rows, (Q + 2 * K) * N);
    for (size_t g = 0; g < m->NKV; g++) {
        real *to = rows + g * (heads + 2) * HS * N;
        copy(to, all + g * heads * HS * N, heads * HS * N);
        copy(to + heads * HS * N, all + (Q + g * HS) * N, HS * N);
        copy(to + (heads + 1) * HS * N, all + (Q + K + g * HS) * N, HS * N);
    }
    mem_free(all);
}

/* A copy of the rows of qkv, or of its bias (N 1), as the class has them. */
static real *qkv_rows(const StockClass *stock, const Attention *attention, const real *from,
                      size_t N) {
    const HfModel *m = &stock->hf;
    const size_t Q = m->NH * m->HS, all = Q + 2 * m->NKV * m->HS;
    if (!from) return NULL;
    real *rows = mem_alloc(size_mul(size_mul(all, N), sizeof *rows));
    copy(rows, from, all * N);
    if (!attention->q.raw) scale(rows, (real)m->score, Q * N);
    reorder(m, rows, m->NH + m->NKV, N);
    if (m->architecture->grouped) group(m, rows, N);
    return rows;
}

static void put_qkv(Writer *writer, const Attention *attention) {
    const HfModel *m = &writer->stock->hf;
    const size_t Q = m->NH * m->HS, K = m->NKV * m->HS, C = m->C;
    const bool biased = m->biases & BIASED_QKV;
    real *rows = qkv_rows(writer->stock, attention, attention->qkv.weight.value, C),
         *bias = qkv_rows(writer->stock, attention, attention->qkv.bias.value, 1);
    if (m->architecture->tensor[PLACE_QKV]) {
        put_linear(writer, PLACE_QKV, rows, bias, 0, Q + 2 * K, C, biased);
    } else {
        put_linear(writer, PLACE_Q, rows, bias, 0, Q, C, biased);
        put_linear(writer, PLACE_K, rows, bias, Q, K, C, biased);
        put_linear(writer, PLACE_V, rows, bias, Q + K, K, C, biased);
    }
    mem_free(rows);
    mem_free(bias);
}

static void put_qk_norm(Writer *writer, Place place, const Projection *projection, double factor) {
    const HfModel *m = &writer->stock->hf;
    if (!projection->raw) return;
    put_norm(writer, place, &projection->norm, 1, factor, NULL);
    reorder(m, arrlast(writer->tensors).data, projection->norm.C / m->HS, 1);
}

/* --- sublayers --- */

static double warm(const Writer *writer, const Sublayer *sublayer, Slot slot) {
    return sublayer->warm[slot] ? writer->stock->w : 1;
}

/* The last matrix of a branch, with the factors of its rows: the coefficient of o, and the gains of a slot without a
 * norm. */
static void put_last(Writer *writer, Place place, const Sublayer *sublayer, const Linear *layer,
                     bool biased) {
    const StockClass *stock = writer->stock;
    const bool is_norm = sublayer->wiring->slot[SLOT_OUT] == SLOT_NORM,
               is_scale = sublayer->wiring->slot[SLOT_OUT] == SLOT_SCALE;
    const size_t C = layer->out, N = layer->in;
    const real *columns = coefficient_factor(&sublayer->coefficient[COEF_BRANCH], 1).columns;
    double *gain = mem_alloc(size_mul(C, sizeof *gain)),
           *shift = mem_alloc(size_mul(C, sizeof *shift));
    real *rows = mem_alloc(size_mul(size_mul(C, N), sizeof *rows)),
         *bias = layer->bias.value ? mem_alloc(size_mul(C, sizeof *bias)) : NULL;
    norm_affine(&sublayer->norm[SLOT_OUT], gain, shift);
    copy(rows, layer->weight.value, C * N);
    if (bias) copy(bias, layer->bias.value, C);
    for (size_t c = 0; c < C && !is_norm; c++) {
        double factor = stock_branch(stock, sublayer) * (columns ? (double)columns[c] : 1);
        if (is_scale) factor *= warm(writer, sublayer, SLOT_OUT) * gain[c];
        scale(rows + c * N, (real)factor, N);
        if (bias) bias[c] = (real)(factor * (double)bias[c]);
    }
    put_linear(writer, place, rows, bias, 0, C, N, biased);
    mem_free(gain);
    mem_free(shift);
    mem_free(rows);
    mem_free(bias);
}

static void put_norms(Writer *writer, const Sublayer *sublayer, const Place places[3]) {
    const SublayerWiring *w = sublayer->wiring;
    const real *columns = coefficient_factor(&sublayer->coefficient[COEF_BRANCH], 1).columns;
    if (w->slot[SLOT_IN] == SLOT_NORM)
        put_norm(writer, places[0], &sublayer->norm[SLOT_IN], warm(writer, sublayer, SLOT_IN),
                 w->gain, NULL);
    if (w->slot[SLOT_OUT] == SLOT_NORM)
        put_norm(writer, places[1], &sublayer->norm[SLOT_OUT], warm(writer, sublayer, SLOT_OUT),
                 stock_branch(writer->stock, sublayer), columns);
    if (w->slot[SLOT_POST] == SLOT_NORM)
        put_norm(writer, places[2], &sublayer->norm[SLOT_POST], warm(writer, sublayer, SLOT_POST),
                 1, NULL);
}

static void put_attention(Writer *writer, const Sublayer *sublayer) {
    static const Place places[] = {PLACE_ATTN_IN, PLACE_ATTN_OUT, PLACE_ATTN_POST};
    const Attention *attention = &sublayer->attention;
    put_norms(writer, sublayer, places);
    put_qkv(writer, attention);
    put_qk_norm(writer, PLACE_Q_NORM, &attention->q, writer->stock->hf.score);
    put_qk_norm(writer, PLACE_K_NORM, &attention->k, 1);
    put_last(writer, PLACE_PROJ, sublayer, &attention->proj,
             writer->stock->hf.biases & BIASED_PROJ);
}

static void put_mlp(Writer *writer, const Sublayer *sublayer) {
    static const Place places[] = {PLACE_MLP_IN, PLACE_MLP_OUT, PLACE_MLP_POST};
    const HfModel *m = &writer->stock->hf;
    const Mlp *mlp = &sublayer->mlp;
    const bool biased = m->biases & BIASED_MLP;
    const size_t F = m->F, C = m->C;
    put_norms(writer, sublayer, places);
    if (m->architecture->tensor[PLACE_GATE_UP]) {
        real *both = mem_alloc(size_mul(size_mul(2 * F, C), sizeof *both));
        copy(both, mlp->gate.weight.value, F * C);
        copy(both + F * C, mlp->up.weight.value, F * C);
        put_linear(writer, PLACE_GATE_UP, both, NULL, 0, 2 * F, C, false);
        mem_free(both);
    } else {
        if (m->architecture->gated)
            put_linear(writer, PLACE_GATE, mlp->gate.weight.value, mlp->gate.bias.value, 0, F, C,
                       biased);
        put_linear(writer, PLACE_UP, mlp->up.weight.value, mlp->up.bias.value, 0, F, C, biased);
    }
    put_last(writer, PLACE_DOWN, sublayer, &mlp->down, biased);
}

/* --- both ends --- */

/* The table of tokens, times its factor, and normalized where that is part of it. */
static void put_table(Writer *writer) {
    const StockClass *stock = writer->stock;
    const Model *model = stock->model;
    const size_t V = stock->hf.V, C = stock->hf.C, most = model->shape.B * model->shape.T;
    real *table = add(writer, PLACE_TOKENS, ".weight", V, C);
    copy(table, model->tok_emb.value, V * C);
    scale(table, (real)stock->table, V * C);
    for (size_t first = 0; stock->baked && first < V; first += most) {
        const size_t rows = V - first < most ? V - first : most;
        real *from = mem_alloc(size_mul(rows * C, sizeof *from));
        copy(from, table + first * C, rows * C);
        norm_forward(&model->embed_norm, table + first * C, from, 1, rows);
        mem_free(from);
    }
}

/* Rows before that of position 0 are not used. */
static void put_positions(Writer *writer) {
    const StockClass *stock = writer->stock;
    const size_t C = stock->hf.C, before = stock->hf.architecture->position_offset,
                 rows = stock->hf.positions;
    if (!stock->model->pos_emb.value) return;
    real *table = add(writer, PLACE_POSITIONS, ".weight", rows + before, C);
    zero(table, before * C);
    copy(table + before * C, stock->model->pos_emb.value, rows * C);
    scale(table, (real)stock->table, (rows + before) * C);
}

static void put_head(Writer *writer) {
    const StockClass *stock = writer->stock;
    const size_t V = stock->hf.V, C = stock->hf.C;
    if (stock->model->wiring.final == FINAL_NORM)
        put_norm(writer, PLACE_FINAL, &stock->model->final_norm, 1, 1, NULL);
    if (stock->tied) return;
    put_linear(writer, PLACE_HEAD, stock->model->head.value, stock->model->head_bias.value, 0, V, C,
               stock->hf.biases & BIASED_HEAD);
    const size_t at = arrlenu(writer->tensors) - (stock->hf.biases & BIASED_HEAD ? 2 : 1);
    scale(writer->tensors[at].data, (real)stock->hf.logit, V * C);
}

Tensor *stock_weights(const StockClass *stock) {
    Writer writer = {.stock = stock};
    put_table(&writer);
    put_positions(&writer);
    for (; writer.block < stock->hf.L; writer.block++) {
        put_attention(&writer, &stock->model->block[writer.block].attn);
        put_mlp(&writer, &stock->model->block[writer.block].mlp);
    }
    put_head(&writer);
    return writer.tensors;
}

void stock_weights_free(Tensor *tensors) {
    for (size_t i = 0; i < arrlenu(tensors); i++) mem_free(tensors[i].data);
    arrfree(tensors);
}
