/* test_branch_warmup.c - branch-warmup against models that are equal by construction.
 *
 * One idea: where all coefficients but one are fixed, a model with the factor a is also a model
 * with branch = a in model.wire, or with a gain that gamma-warmup scales. The two differ only in
 * the code under test. */
#include "ops/ops.h"
#include "run/io/files.h"
#include "run/train/trainer.h"
#include "tests/lib/nets.h"

#include <unistd.h>

/* --- single passes --- */

enum { V = 11, B = 2, T = 6 };

static int tokens[B * T], targets[B * T];

static Model *drawn_model(const ModelOptions *options) {
    const GammaWarmup off = {0};
    Model *model = model_create(options, &off, V, B, MODEL_TRAIN);
    net_draw(model, 7);
    net_tokens(tokens, B * T, V, 1);
    net_tokens(targets, B * T, V, 2);
    return model;
}

static double train(Model *model, BranchRamp branch) {
    Pass pass = net_pass(tokens, targets, B, T);
    pass.branch = branch;
    params_zero_grads(&model->params);
    return model_train(model, &pass);
}

/* All gradients must be bit-equal. */
static bool same_gradients(const Model *a, const Model *b) {
    return memcmp(a->params.grads, b->params.grads, a->params.size * sizeof(real)) == 0;
}

static bool all_zero(const real *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (x[i] != 0) return false;
    }
    return true;
}

/* At a = 0 the parameters of a branch have a gradient of exactly 0, unless the branch has another
 * way out; all other gradients are not 0. */
static void test_nothing(void) {
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = net_options(ROWS[row].name, "layernorm");
        options.qk_norm = SWITCH_ON;
        options.embed_norm = SWITCH_ON;
        Model *model = drawn_model(&options);
        bool dual = model->d != NULL;
        /* attention's stream ends in the MLP */
        bool ends = model->wiring.block[0].mlp.coefficient[COEF_SKIP].value == 0;
        train(model, (BranchRamp){.on = true});
        for (size_t p = 0; p < params_count(&model->params); p++) {
            const Param *param = &model->params.list[p];
            bool block = strncmp(param->name, "blocks.", 7) == 0;
            bool post =
                strstr(param->name, "norm_post") && !(ends && strstr(param->name, ".attn."));
            bool outside = param->kind == PARAM_COEFFICIENT && !strstr(param->name, ".branch");
            bool inside = block && !post && !outside && !dual;
            bool zero = all_zero(model->params.grads + param->offset, param->count);
            bool unseen = strstr(param->name, "norm_k.beta"); /* softmax is invariant to it */
            /* span: the sum of the MLP has the block's input and not the output of attention. */
            unseen |= row_says(&ROWS[row], "mlp skip 0") && strstr(param->name, "attn.norm_post");
            CHECK(zero == inside || unseen, "%s: %s has %s gradient", ROWS[row].name, param->name,
                  zero ? "no" : "a");
        }
        model_free(model);
    }
}

/* Equal order at a = 0.5 halves every branch coefficient, to the bit; so does deeper order in a
 * model of one block. */
static void test_halves(void) {
    for (size_t row = 0; row < ROW_COUNT; row++) {
        for (int deeper = 0; deeper < 2; deeper++) {
            ModelOptions options = net_options(ROWS[row].name, row % 2 ? "layernorm" : "rmsnorm");
            if (deeper && topology_at(options.topology)->min_blocks > 1) continue;
            if (deeper) options.n_layer = 1;
            options.dropout = row % 3 ? 0 : 0.2;
            RowNet net = row_net(ROWS[row].name, options.n_layer);
            if (net.block[0].attn.learn[ROW_BRANCH] != '.') continue; /* has no number to halve */
            const WireEntry wire[] = {
                {"attn.branch", NULL, 0.5 * net.block[0].attn.number[ROW_BRANCH]},
                {"mlp.branch", NULL, 0.5 * net.block[0].mlp.number[ROW_BRANCH]},
            };
            ModelOptions halved = options;
            halved.wire = wire;
            halved.n_wire = 2;
            Model *warm = drawn_model(&options), *wired = drawn_model(&halved);
            BranchRamp ramp = {true, 0.25, 1.0 / 3, deeper ? BRANCH_DEEPER : BRANCH_EQUAL};
            double a = train(warm, ramp), b = train(wired, (BranchRamp){0});
            CHECK(a == b && same_gradients(warm, wired), "%s: losses %.17g, %.17g", ROWS[row].name,
                  a, b);
            CHECK(train(warm, (BranchRamp){0}) != b, "%s: no effect", ROWS[row].name);
            model_free(warm);
            model_free(wired);
        }
    }
}

/* After a pass with warm-up, the next pass without is that of a plain model, and back. All uses of
 * a model agree. */
static void test_over(void) {
    const GammaWarmup off = {0};
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = net_options(ROWS[row].name, "layernorm");
        const BranchRamp half = {true, 0, 2,
                                 BRANCH_DEEPER}; /* blocks 3 and 4 of four have a factor below 1 */
        const BranchRamp over = {true, 0.1, (double)options.n_layer, BRANCH_DEEPER};
        Model *model = drawn_model(&options), *plain = drawn_model(&options);
        Model *again = model_create(&options, &off, V, B, MODEL_RECOMPUTE);
        net_draw(again, 7);
        double want = train(plain, (BranchRamp){0}), warm = train(model, half);
        CHECK(warm != want, "%s: not warm", ROWS[row].name);
        CHECK(train(again, half) == warm && same_gradients(again, model), "%s: recompute",
              ROWS[row].name);
        CHECK(train(model, over) == want && same_gradients(plain, model), "%s: it never ends",
              ROWS[row].name);
        train(plain, half);
        CHECK(same_gradients(again, plain), "%s: a plain model that warms up", ROWS[row].name);
        model_free(model);
        model_free(plain);
        model_free(again);
    }
}

/* --- runs --- */

typedef struct {
    Config config;
    Run run;
} Toy;

enum { SETS = 11 };

static Toy *toy_open(const char *const *sets, size_t n_sets) {
    const char *all[SETS + 8] = {"model.n_layer=3",       "model.n_head=2",    "model.d_model=16",
                                 "model.context=16",      "train.batch=4",     "train.steps=40",
                                 "optim.warmup_steps=10", "optim.lr=3e-3",     "train.eval_rows=8",
                                 "model.norm_eps=1e-3",   "log.layers_every=0"};
    Toy *toy = mem_alloc(sizeof *toy);
    for (size_t i = 0; i < n_sets; i++) all[SETS + i] = sets[i];
    char path[] = "/tmp/peri_branch_XXXXXX";
    int file = mkstemp(path);
    CHECK(file >= 0 && write(file, "{}", 2) == 2, "an empty config");
    close(file);
    CHECK(config_load(&toy->config, path, all, SETS + n_sets), "config");
    unlink(path);
    run_open(&toy->run, &toy->config, 0, NULL);
    return toy;
}

static void toy_close(Toy *toy) {
    run_close(&toy->run);
    config_free(&toy->config);
    mem_free(toy);
}

static LogRow update(Toy *toy, size_t step) {
    LogRow row = {0};
    run_update(&toy->run, step, &row);
    return row;
}

/* Copies everything that the next step reads from one run to another with the same tensors. */
static void hand_over(Toy *to, const Toy *from) {
    Params *here = &to->run.model->params;
    const Params *there = &from->run.model->params;
    CHECK(here->size == there->size, "other tensors");
    memcpy(here->values, there->values, here->size * sizeof(real));
    memcpy(here->m, there->m, here->size * sizeof(real));
    memcpy(here->v, there->v, here->size * sizeof(real));
    to->run.optimizer.applied = from->run.optimizer.applied;
}

static bool same_weights(const Toy *a, const Toy *b) {
    const Params *p = &a->run.model->params, *q = &b->run.model->params;
    return memcmp(p->values, q->values, p->size * sizeof(real)) == 0;
}

/* The warm-up of steps 4 ends in block 3 with step 13, whose t is 12. The run that takes over never
 * had a warm-up. One step earlier, and in the validation after step 11, the two still differ. */
static void test_end(void) {
    static const char *const TOPOLOGIES[] = {"model.topology=peri", "model.topology=post",
                                             "model.topology=pre", "model.topology=resi_dual"};
    for (size_t i = 0; i < 8; i++) {
        const char *sets[] = {TOPOLOGIES[i / 2], "branch_warmup.steps=4", "model.dropout=0.1"};
        const char *plain_sets[] = {TOPOLOGIES[i / 2], "model.dropout=0.1"};
        size_t begin = i % 2 ? 13 : 12;
        Toy *warm = toy_open(sets, 3), *plain = toy_open(plain_sets, 2);
        for (size_t s = 1; s < begin; s++) update(warm, s);
        hand_over(plain, warm);
        bool same = run_validate(&warm->run, begin - 1) == run_validate(&plain->run, begin - 1);
        CHECK(same == (begin == 13), "%s: val_loss of row %zu", *sets, begin - 1);
        for (size_t s = begin; s < 20; s++) {
            LogRow a = update(warm, s), b = update(plain, s);
            same = a.value[LOG_TRAIN_LOSS] == b.value[LOG_TRAIN_LOSS] &&
                   a.value[LOG_GRAD_NORM] == b.value[LOG_GRAD_NORM] && same_weights(warm, plain);
            CHECK(same == (begin == 13), "%s: step %zu", *sets, s);
        }
        CHECK(run_validate(&warm->run, 19) == run_validate(&plain->run, 19) || begin == 12,
              "%s: val_loss of row 19", *sets);
        toy_close(warm);
        toy_close(plain);
    }
}

static double gap(const real *a, const real *b, size_t n) {
    double squares = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        squares += pow((double)a[i] - (double)b[i], 2);
        size += (double)a[i] * (double)a[i];
    }
    return sqrt(squares / size);
}

/* In Peri-LN a multiplies the gain of the out slot, so gamma-warmup of that slot from f to 1 is
 * branch-warmup in equal order, including the gradients of the gains. */
static void test_is_gamma_warmup_of_out_slots(void) {
    const double tolerance = sizeof(real) == sizeof(float) ? 2e-5 : 1e-11;
    const char *gamma[] = {"gamma_warmup.steps=8", "gamma_warmup.from=0.3",
                           "gamma_warmup.slots=[\"out\"]", "spike.action=log"};
    const char *branch[] = {"branch_warmup.steps=8", "branch_warmup.from=0.3",
                            "branch_warmup.order=equal", "spike.action=log"};
    Toy *a = toy_open(gamma, 4), *b = toy_open(branch, 4);
    const Params *p = &a->run.model->params, *q = &b->run.model->params;
    double worst = 0;
    for (size_t s = 1; s <= 12; s++) {
        LogRow one = update(a, s), other = update(b, s);
        CHECK_NEAR(other.value[LOG_TRAIN_LOSS] / one.value[LOG_TRAIN_LOSS], 1, 0.1 * tolerance);
        CHECK_NEAR(other.value[LOG_GRAD_NORM] / one.value[LOG_GRAD_NORM], 1, tolerance);
        CHECK(other.value[LOG_GAMMA_SCALE] == 1, "gamma_scale is that of gamma-warmup only");
        for (size_t i = 0; i < params_count(p); i++) {
            const Param *own = &p->list[i];
            double off = gap(p->grads + own->offset, q->grads + own->offset, own->count);
            CHECK(off <= tolerance, "step %zu: gradient of %s is off by %.2g of its norm", s,
                  own->name, off);
            worst = fmax(worst, off);
        }
    }
    CHECK_NEAR(run_validate(&a->run, 4), run_validate(&b->run, 4), tolerance);
    printf("note: gradients apart by %.1e of their norms at most\n", worst);
    toy_close(a);
    toy_close(b);
}

/* The same bits with two threads, and with recomputation. */
static void test_same_bits(void) {
    const char *sets[] = {"branch_warmup.steps=3", "model.d_model=64", "model.dropout=0.1",
                          "train.recompute=true"};
    Toy *toy[3];
    for (size_t i = 0; i < 3; i++) {
        ops_start(i == 1 ? 2 : 1);
        toy[i] = toy_open(sets, i == 2 ? 4 : 3);
        for (size_t s = 1; s <= 6; s++) update(toy[i], s);
        CHECK(same_weights(toy[0], toy[i]), "%s", i == 1 ? "two threads" : "recompute");
    }
    for (size_t i = 0; i < 3; i++) toy_close(toy[i]);
    ops_start(1);
}

static const Test TESTS[] = {
    {"branch-warmup: with a = 0 branches have no gradient", test_nothing},
    {"branch-warmup: a = 0.5 is branch coefficients halved", test_halves},
    {"branch-warmup: over is over, whatever a model was before", test_over},
    {"branch-warmup: the end, to the bit", test_end},
    {"branch-warmup: peri's is gamma-warmup of its out slots", test_is_gamma_warmup_of_out_slots},
    {"branch-warmup: the same bits with threads and recompute", test_same_bits},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}
