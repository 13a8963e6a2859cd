/* test_model.c - the whole model against plain loops in double, and properties that every topology
 * must have. */
#include "ops/ops.h"
#include "tests/lib/nets.h"
#include "tests/lib/reference.h"

enum { V = 13, B = 3, T = 6, ALL_SLOTS = (1 << SLOTS) - 1 };

static int tokens[B * T], targets[B * T];

static void draw_batch(void) {
    net_tokens(tokens, B * T, V, 1);
    net_tokens(targets, B * T, V, 2);
    for (int t = 0; t < 3; t++) tokens[t] = t; /* a tiny token at a tiny position */
}

static Model *drawn_model(const ModelOptions *options, const GammaWarmup *warmup) {
    static const GammaWarmup off = {.steps = 0, .from = 0.1, .to = 1, .slots = ALL_SLOTS};
    Model *model = model_create(options, warmup ? warmup : &off, V, B, true);
    net_draw(model, 7);
    return model;
}

/* Arrays are equal to `tolerance`, relative to values above 1. */
static void check_close(const real *got, const real *want, double factor, size_t n,
                        double tolerance, const char *label) {
    for (size_t i = 0; i < n; i++) {
        double w = factor * (double)want[i];
        CHECK(fabs((double)got[i] - w) <= tolerance * fmax(1, fabs(w)), "%s: got %.9g, want %.9g",
              label, (double)got[i], w);
    }
}

static double train(Model *model, const Pass *pass) {
    params_zero_grads(&model->params);
    return model_train(model, pass);
}

/* --- the forward pass against reference.h --- */

typedef struct {
    const char *mlp, *position, *embed, *final, *qk;
    size_t n_kv_head;
    bool no_bias, untied;
    double eps, dropout, w, embed_scale; /* 0 = the default */
    unsigned warm;
    const char *topology; /* NULL = all */
    WireEntry wire[8];
} Variant;

/* clang-format off */
static const Variant VARIANTS[] = {
    {"gelu", "learned", "auto", "auto", "auto"},
    {"swiglu", "rope", "auto", "auto", "on", .n_kv_head = 2},
    {"geglu", "none", "on", "on", "off", .n_kv_head = 1, .no_bias = true, .untied = true},
    {"relu2", "rope", "off", "off", "auto", .n_kv_head = 2, .untied = true},
    {"relu", "learned", "on", "off", "on", .eps = 1e-3},
    {"gelu", "learned", "auto", "auto", "auto", .embed_scale = 7},
    {"gelu", "learned", "auto", "auto", "auto", .dropout = 0.25},
    {"gelu", "rope", "auto", "auto", "on", .n_kv_head = 2, .dropout = 0.1},
    {"gelu", "learned", "auto", "auto", "auto", .w = 0.3, .warm = ALL_SLOTS},
    {"swiglu", "rope", "auto", "auto", "auto", .w = 0.3, .warm = 1 << SLOT_OUT},
    {"gelu", "learned", "on", "off", "on", .w = 2, .warm = 1 << SLOT_IN | 1 << SLOT_POST},
    {"gelu", "learned", "auto", "auto", "auto", .wire = {{"attn.mid", "norm"}, {"mlp.mid", "norm"}}},
    {"swiglu", "rope", "auto", "auto", "on", .n_kv_head = 2, .dropout = 0.1, .w = 0.4, .warm = ALL_SLOTS,
     .wire = {{"attn.mid", "norm"}, {"mlp.mid", "norm"}}},
    {"relu2", "rope", "auto", "auto", "auto", .w = 0.6, .warm = 1 << SLOT_MID,
     .wire = {{"attn.mid", "scale"}, {"mlp.mid", "norm"}, {"mlp.post", "norm"}}},
    {"gelu", "rope", "auto", "auto", "auto", .w = 0.5, .warm = ALL_SLOTS,
     .wire = {{"attn.in", "norm"}, {"mlp.out", "norm"}, {"attn.gain", NULL, 0.7}, {"attn.branch", NULL, -0.8},
              {"mlp.skip", NULL, 0.6}, {"attn.block_skip", NULL, 0.3}, {"mlp.read", "shared"}, {"mlp.gain", NULL, 1.2}}},
    {"gelu", "rope", "auto", "auto", "auto", .wire = {{"attn.block_skip", NULL, 0.7}}},
    {"gelu", "learned", "auto", "auto", "auto", .dropout = 0.1,
     .wire = {{"attn.enter", NULL, 0.8}, {"attn.enter_x0", NULL, 0.3}, {"mlp.x0", NULL, -0.4}, {"mlp.leave", NULL, 0.9}}},
    {"swiglu", "rope", "on", "auto", "auto", .w = 0.5, .warm = ALL_SLOTS,
     .wire = {{"attn.skip", NULL, 1, LEARN_SCALAR, 1}, {"attn.branch", NULL, 1, LEARN_VECTOR, 1},
              {"mlp.enter", NULL, 1, LEARN_VECTOR, 1}, {"mlp.enter_x0", NULL, 0, LEARN_SCALAR, 1},
              {"mlp.block_skip", NULL, 0, LEARN_VECTOR, 1}, {"attn.x0", NULL, 0, LEARN_VECTOR, 1},
              {"attn.leave", NULL, 1, LEARN_VECTOR, 1}}},
    {"relu", "learned", "auto", "auto", "auto", .w = 0.5, .warm = ALL_SLOTS,
     .wire = {{"attn.in", "scale"}, {"mlp.post", "scale"}, {"attn.skip", NULL, 0.9}, {"mlp.branch", NULL, 0.5},
              {"mlp.block_skip", NULL, -0.4}, {"mlp.read", "block"}, {"mlp.in", "none"}, {"attn.out", "norm"}}},
    {"gelu", "learned", "auto", "auto", "auto", .topology = "resi_dual", .w = 0.5, .warm = ALL_SLOTS,
     .wire = {{"attn.dual", NULL, 0.5}, {"mlp.dual", NULL, -1.5}, {"attn.branch", NULL, 0.7}, {"mlp.branch", NULL, 2},
              {"mlp.out", "norm"}}},
};
/* clang-format on */

static void apply_variant(const Variant *v, ModelOptions *options, RowNet *net) {
    options->mlp = index_named(mlp_name, v->mlp);
    options->position = index_named(position_name, v->position);
    options->embed_norm = index_named(switch_name, v->embed);
    options->final_norm = index_named(switch_name, v->final);
    options->qk_norm = index_named(switch_name, v->qk);
    options->n_kv_head = v->n_kv_head;
    options->bias = !v->no_bias;
    options->tie_embeddings = !v->untied;
    options->norm_eps = v->eps;
    if (v->embed_scale > 0) options->embed_scale = v->embed_scale;
    options->dropout = v->dropout;
    options->wire = v->wire;
    row_switch(net, "embed_norm", v->embed);
    row_switch(net, "final_norm", v->final);
    row_switch(net, "qk_norm", v->qk);
    for (const WireEntry *entry = v->wire; entry < v->wire + 8 && entry->key; entry++) {
        row_wire(net, entry);
        options->n_wire++;
    }
}

typedef struct {
    ModelOptions options;
    RowNet net;
    Reference ref;
    Model *model;
    Pass pass; /* two sequences */
    char label[100];
} Case;

/* False where the model is refused (nets.h). The plain loops take one sequence at a time,
 * which a norm over the batch cannot in training: it is compared in evaluation (and in
 * test_batchnorm.c). */
static bool case_open(Case *c, const char *topology, const char *norm, const Variant *v) {
    GammaWarmup warmup = {.steps = v->warm ? 10 : 0, .from = 0.1, .to = 1, .slots = v->warm};
    if (v->topology && strcmp(topology, v->topology) != 0) return false;
    c->options = net_options(topology, norm);
    c->net = row_net(topology, 4);
    apply_variant(v, &c->options, &c->net);
    if (net_refuses(topology, &c->net, norm)) return false;
    c->model = drawn_model(&c->options, &warmup);
    c->ref = (Reference){.options = &c->options,
                         .params = &c->model->params,
                         .net = &c->net,
                         .warm_slots = v->warm,
                         .w = v->w,
                         .T = T,
                         .V = V,
                         .F = c->options.d_ff,
                         .seed = 31,
                         .step = 5,
                         .micro = 2};
    c->pass = net_pass(tokens, targets, 2, T);
    c->pass.seed = 31;
    c->pass.step = 5;
    c->pass.micro = 2;
    if (v->warm) c->pass.gamma = (real)v->w;
    if (norm_kind(c->options.norm)->running) { /* with running statistics by then */
        for (int i = 0; i < 30; i++) model_forward(c->model, &c->pass);
        c->pass.training = false;
        c->options.dropout = 0;
    }
    snprintf(c->label, sizeof c->label, "%s %s %s %s, w %g, dropout %g", topology, norm, v->mlp,
             v->position, v->w, v->dropout);
    return true;
}

static void check_forward(const char *topology, const char *norm, const Variant *v) {
    Case c;
    if (!case_open(&c, topology, norm, v)) return;
    model_forward(c.model, &c.pass);
    double total = model_loss(c.model, &c.pass), want = 0, losses[T];
    for (size_t b = 0; b < 2; b++) {
        c.ref.b = b;
        reference_losses(&c.ref, losses, tokens + b * T, targets + b * T);
        for (size_t t = 0; t < T; t++) {
            double got = c.model->losses[b * T + t];
            want += losses[t];
            CHECK(fabs(got - losses[t]) <= 10 * net_tolerance() * fmax(1, losses[t]),
                  "%s: loss of row %zu token %zu is %.12g, want %.12g", c.label, b, t, got,
                  losses[t]);
        }
    }
    CHECK(fabs(total - want) <= net_tolerance() * want, "%s: loss %.12g, want %.12g", c.label,
          total, want);
    model_free(c.model);
}

/* Mean reference loss at parameters p (1 + h z), z random; adds to *predicted the change that the
 * gradient predicts for the step from `from` to there. */
static double loss_beside(const Case *c, const real *from, double h, double *predicted) {
    const Params *params = &c->model->params;
    Reference ref = c->ref;
    double losses[T], total = 0;
    for (size_t p = 0; p < params_count(params); p++) {
        const Param *param = &params->list[p];
        for (size_t i = param->offset; i < param->offset + param->count; i++) {
            params->values[i] = (real)((double)from[i] * (1 + h * net_normal(55, i)));
            *predicted += (double)params->grads[i] * ((double)params->values[i] - (double)from[i]);
        }
    }
    for (ref.b = 0; ref.b < 2; ref.b++) {
        reference_losses(&ref, losses, tokens + ref.b * T, targets + ref.b * T);
        for (size_t t = 0; t < T; t++) total += losses[t] / (2 * T);
    }
    memcpy(params->values, from, params->size * sizeof(real));
    return total;
}

/* The gradient predicts how the reference loss changes when every parameter moves a little. */
static void check_gradient(const char *topology, const char *norm, const Variant *v) {
    Case c;
    if (row_stops_gradient(row_find(topology)) || !case_open(&c, topology, norm, v)) return;
    const Params *params = &c.model->params;
    const double h = 1e-5; /* small: at 1e-4 the third derivative of tiny tokens shows */
    const double tolerance = sizeof(real) == sizeof(float) ? 5e-3 : 1e-3;
    double ahead = 0, behind = 0, size = 0;
    real *from = mem_alloc(params->size * sizeof(real));
    memcpy(from, params->values, params->size * sizeof(real));
    train(c.model, &c.pass);
    double change = loss_beside(&c, from, h, &ahead) - loss_beside(&c, from, -h, &behind);
    for (size_t i = 0; i < params->size; i++)
        size += pow(h * (double)from[i] * (double)params->grads[i], 2);
    CHECK(fabs(ahead - behind - change) <= tolerance * sqrt(size),
          "%s: %.9g, but the loss moves %.9g", c.label, ahead - behind, change);
    mem_free(from);
    model_free(c.model);
}

static void test_forward(void) {
    draw_batch();
    for (size_t i = 0; i < sizeof VARIANTS / sizeof *VARIANTS; i++) {
        for (size_t row = 0; row < ROW_COUNT; row++) {
            for (int norm = 0; norm_name(norm); norm++)
                check_forward(ROWS[row].name, norm_name(norm), &VARIANTS[i]);
        }
    }
}

static void test_gradient(void) {
    draw_batch();
    for (size_t i = 0; i < sizeof VARIANTS / sizeof *VARIANTS; i++) {
        Variant smooth = VARIANTS[i];
        if (strcmp(smooth.mlp, "relu") == 0)
            smooth.mlp = "gelu"; /* finite differences fail at kinks */
        for (size_t row = 0; row < ROW_COUNT; row++)
            check_gradient(ROWS[row].name, net_norm(i + row), &smooth);
    }
}

/* --- causality and independence of sequences --- */

static void test_causality(void) {
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = net_options(ROWS[row].name, "layernorm");
        Model *model = drawn_model(&options, NULL);
        const size_t C = model->shape.C, changed = 2 + row % 3;
        Pass pass = net_pass(tokens, targets, B, T);
        real before[B * T * 16];
        draw_batch();
        model_forward(model, &pass);
        memcpy(before, model->h, sizeof before);
        tokens[T + changed] = (tokens[T + changed] + 1) % V; /* of sequence 1 */
        model_forward(model, &pass);
        for (size_t r = 0; r < B * T; r++) {
            bool same = memcmp(before + r * C, model->h + r * C, C * sizeof(real)) == 0;
            CHECK(same == (r < T + changed || r >= 2 * T), "%s: row %zu token %zu %s",
                  ROWS[row].name, r / T, r % T, same ? "does not see it" : "changes");
        }
        model_free(model);
    }
}

static void test_rows_alone(void) {
    draw_batch();
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = net_options(ROWS[row].name, "rmsnorm");
        options.position = row % 2 ? POSITION_ROPE : POSITION_LEARNED;
        Model *model = drawn_model(&options, NULL);
        const size_t n = T * model->shape.C;
        Pass pass = net_pass(tokens, targets, B, T);
        real together[B * T * 16];
        model_forward(model, &pass);
        memcpy(together, model->h, sizeof together);
        for (size_t b = 0; b < B; b++) {
            Pass alone = net_pass(tokens + b * T, targets + b * T, 1, T - b);
            model_forward(model, &alone);
            check_close(model->h, together + b * n, 1, n - b * model->shape.C, 1e-5,
                        ROWS[row].name);
        }
        model_free(model);
    }
}

/* --- gamma-warmup --- */

/* Bit-equal values and gradients with warm-up at w = 1 and without. */
static void test_warm_one(void) {
    const GammaWarmup warmup = {.steps = 10, .from = 0.1, .to = 1, .slots = ALL_SLOTS};
    draw_batch();
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = net_options(ROWS[row].name, net_norm(row));
        Model *plain = drawn_model(&options, NULL), *warm = drawn_model(&options, &warmup);
        Pass pass = net_pass(tokens, targets, B, T);
        double a = train(plain, &pass), b = train(warm, &pass);
        CHECK(a == b, "%s: loss %.17g and %.17g", ROWS[row].name, a, b);
        CHECK(memcmp(plain->params.grads, warm->params.grads, plain->params.size * sizeof(real)) ==
                  0,
              "%s: gradients differ", ROWS[row].name);
        pass.gamma = (real)0.1; /* without warm-up the factor has no effect */
        CHECK(train(plain, &pass) == a, "%s: w has an effect though warm-up is off",
              ROWS[row].name);
        model_free(plain);
        model_free(warm);
    }
}

/* Whether a word is in a list with blanks between the words. */
static bool lists(const char *words, const char *word) {
    const size_t n = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at += n) {
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
    }
    return false;
}

/* Whether the parameter of that name is one that w multiplies, under gamma-warmup. */
static bool named_warm(const RowNet *net, const char *norm, const char *name, unsigned slots) {
    static const char *const NAMES[] = {"norm_in.", "norm_mid.", "norm_out.", "norm_post."};
    size_t l;
    if (sscanf(name, "blocks.%zu.", &l) != 1) return false;
    const RowBlock *block = &net->block[l];
    for (int slot = 0; slot < SLOTS; slot++) {
        const char *at = strstr(name, NAMES[slot]);
        if (!at) continue;
        const bool mlp = strstr(name, ".mlp."),
                   gain = (mlp ? &block->mlp : &block->attn)->slot[slot] == 'S';
        return lists(gain ? "gamma" : norm_formula(norm)->folds, at + strlen(NAMES[slot])) &&
               row_is_warm(net, slots, l, mlp, slot);
    }
    return false;
}

/* A factor w equals gammas that are w times as large, and its gradient is w times theirs. Gammas of
 * exempt norms are unchanged. */
static void check_folded(const char *topology, const char *norm, unsigned slots, real w) {
    const GammaWarmup warmup = {.steps = 10, .from = 0.1, .to = 1, .slots = slots};
    ModelOptions options = net_options(topology, norm);
    RowNet net = row_net(topology, 4);
    Model *warm = drawn_model(&options, &warmup), *folded = drawn_model(&options, NULL);
    Pass pass = net_pass(tokens, targets, B, T), one = pass;
    pass.gamma = w;
    for (size_t p = 0; p < params_count(&folded->params); p++) {
        const Param *param = &folded->params.list[p];
        real *gamma = folded->params.values + param->offset;
        size_t l;
        if (!named_warm(&net, norm, param->name, slots)) continue;
        bool scale = sscanf(param->name, "blocks.%zu.", &l) == 1 &&
                     strstr(param->name, "norm_out") && net.block[l].attn.slot[ROW_OUT] == 'S';
        real offset = scale ? 0 : -(real)norm_formula(norm)->param[0].zero;
        for (size_t i = 0; i < param->count; i++) gamma[i] = w * (offset + gamma[i]) - offset;
    }
    double a = train(warm, &pass), b = train(folded, &one);
    CHECK(fabs(a - b) <= net_tolerance() * b, "%s %s: %.12g, folded %.12g", topology, norm, a, b);
    for (size_t p = 0; p < params_count(&warm->params); p++) {
        const Param *param = &warm->params.list[p];
        const real *got = warm->params.grads + param->offset;
        const real *want = folded->params.grads + param->offset;
        char label[200];
        double factor = named_warm(&net, norm, param->name, slots) ? (double)w : 1;
        snprintf(label, sizeof label, "%s %s, slots %u: gradient of %s", topology, norm, slots,
                 param->name);
        check_close(got, want, factor, param->count, 30 * net_tolerance(), label);
    }
    model_free(warm);
    model_free(folded);
}

static void test_warm_folds(void) {
    draw_batch();
    for (size_t row = 0; row < ROW_COUNT; row++) {
        for (int n = 0; norm_kind(n); n++) {
            if (!*norm_formula(norm_name(n))->folds || norm_kind(n)->gather) continue;
            check_folded(ROWS[row].name, norm_name(n), ALL_SLOTS, (real)0.25);
            check_folded(ROWS[row].name, norm_name(n), 1u << (row + (size_t)n) % SLOTS, (real)0.25);
        }
    }
}

/* --- gradients of the whole model --- */

static void test_tied_head(void) {
    draw_batch();
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = net_options(ROWS[row].name, "layernorm");
        Model *tied = drawn_model(&options, NULL);
        options.tie_embeddings = false;
        Model *untied = drawn_model(&options, NULL);
        for (size_t p = 0; p < params_count(&untied->params); p++) {
            const Param *param = &untied->params.list[p];
            const char *name = strcmp(param->name, "head.weight") ? param->name : "tok_emb.weight";
            memcpy(untied->params.values + param->offset, net_value(tied, name),
                   param->count * sizeof(real));
        }
        Pass pass = net_pass(tokens, targets, B, T);
        CHECK_NEAR(train(tied, &pass) / train(untied, &pass), 1, net_tolerance());
        const real *sum = net_grad(tied, "tok_emb.weight");
        const real *embedding = net_grad(untied, "tok_emb.weight");
        real *head = net_grad(untied, "head.weight");
        for (size_t i = 0; i < V * tied->shape.C; i++) head[i] += embedding[i];
        check_close(sum, head, 1, V * tied->shape.C, 1e-5, ROWS[row].name);
        model_free(tied);
        model_free(untied);
    }
}

/* Two micro-batches with half the scale add up to the gradient of the whole batch. */
static void test_accumulation(void) {
    draw_batch();
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = net_options(ROWS[row].name, "layernorm");
        Model *whole = drawn_model(&options, NULL), *parts = drawn_model(&options, NULL);
        Pass pass = net_pass(tokens, targets, 2, T), part = pass;
        double want = train(whole, &pass), got = 0;
        params_zero_grads(&parts->params);
        part.B = 1;
        for (size_t b = 0; b < 2; b++) {
            part.tokens = tokens + b * T;
            part.targets = targets + b * T;
            got += model_train(parts, &part);
        }
        CHECK_NEAR(got / want, 1, net_tolerance());
        check_close(parts->params.grads, whole->params.grads, 1, whole->params.size, 1e-5,
                    ROWS[row].name);
        model_free(whole);
        model_free(parts);
    }
}

/* With its initial values a model predicts nothing: the loss of every row is ln V. */
static void test_first_loss(void) {
    const GammaWarmup off = {0};
    draw_batch();
    for (size_t row = 0; row < ROW_COUNT; row++) {
        for (int norm = 0; norm_kind(norm); norm++) {
            if (norm_kind(norm) == &norm_none || norm_kind(norm)->gather) continue;
            if (row_refuses(ROWS[row].name, norm_name(norm))) continue;
            ModelOptions options = net_options(ROWS[row].name, norm_name(norm));
            Model *model = model_create(&options, &off, V, B, false);
            Pass pass = net_pass(tokens, targets, B, T);
            pass.training = false;
            model_init(model, 3);
            model_forward(model, &pass);
            CHECK_NEAR(model_loss(model, &pass) / (B * T) / log(V), 1, 0.02);
            model_free(model);
        }
    }
}

/* Dropout is on in training only. Every dropout has its own mask, a function of seed, step and
 * micro-batch. */
static void test_dropout(void) {
    ModelOptions options = net_options("peri", "layernorm");
    Model *without = drawn_model(&options, NULL);
    options.dropout = 0.3;
    Model *with = drawn_model(&options, NULL);
    draw_batch();
    Pass pass = net_pass(tokens, targets, B, T), eval = pass;
    eval.training = false;
    CHECK(train(with, &pass) != train(without, &pass), "no dropout in training");
    CHECK(train(with, &pass) == train(with, &pass), "the same counters give other masks");
    for (int counter = 0; counter < 3; counter++) {
        Pass other = pass;
        *(counter == 0 ? &other.seed : counter == 1 ? &other.step : &other.micro) += 1;
        CHECK(train(with, &other) != train(with, &pass), "counter %d has no effect", counter);
    }
    model_forward(without, &eval);
    model_forward(with, &eval);
    CHECK(memcmp(with->h, without->h, B * T * 16 * sizeof(real)) == 0, "dropout in evaluation");
    train(with, &pass);
    double dropped = 0, same = 0;
    const Block *block = with->block;
    const size_t n = (size_t)B * T * 16;
    for (size_t i = 0; i < n; i++) {
        dropped += (with->x0[i] == 0) / (double)n;
        for (size_t l = 0; l < 4; l++)
            same += ((block[l].attn.b[i] == 0) == (block[l].mlp.b[i] == 0)) / (4 * (double)n);
    }
    CHECK_NEAR(dropped, 0.3, 5 * sqrt(0.3 * 0.7 / (double)n));
    CHECK_NEAR(same, 0.3 * 0.3 + 0.7 * 0.7, 5 * sqrt(0.25 / (4 * (double)n)));
    model_free(with);
    model_free(without);
}

static const Test TESTS[] = {
    {"model: every row, norm and option against plain loops", test_forward},
    {"model: gradients predict the loss of the plain loops", test_gradient},
    {"model: causality, and no sequence sees another", test_causality},
    {"model: a sequence has the same outputs alone and in a batch", test_rows_alone},
    {"model: gamma-warmup at 1 changes no bit", test_warm_one},
    {"model: gamma-warmup is a factor on gamma", test_warm_folds},
    {"model: the gradient of a tied head is the sum of both uses", test_tied_head},
    {"model: gradients of micro-batches add up", test_accumulation},
    {"model: the first loss is ln V", test_first_loss},
    {"model: dropout in training only", test_dropout},
};

int main(int argc, char **argv) {
    ops_start(1); /* toy sizes: more threads would only wait */
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}
