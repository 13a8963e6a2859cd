/* test_batchnorm_net.c - a language model with a norm over the batch.
 *
 * In training every output depends on later tokens and on other sequences. In evaluation none does,
 * so cached keys and values still give the logits of the whole sequence (test_generate.c).
 * Gradients: grad_model.c; the whole model in PyTorch: test_oracle.c. */
#include "ops/ops.h"
#include "tests/lib/nets.h"

enum { V = 13, B = 3, T = 6, WIDTH_OF_NET = 16, WIDEST = 20 }; /* d_ff is 20 */

static int tokens[B * T], targets[B * T];

static Model *net_of(const char *topology, ModelUse use) {
    const GammaWarmup off = {0};
    ModelOptions options = net_options(topology, "batchnorm");
    options.n_kv_head = 2;
    Model *model = model_create(&options, &off, V, B, use);
    net_draw(model, 7);
    net_tokens(tokens, B * T, V, 1);
    net_tokens(targets, B * T, V, 2);
    return model;
}

/* The tokens whose outputs change when token `changed` does, one bit each. */
static unsigned changes(Model *model, size_t changed, bool training) {
    Pass pass = net_pass(tokens, targets, B, T);
    real before[B * T * WIDTH_OF_NET];
    unsigned seen = 0;
    pass.training = training;
    model_forward(model, &pass);
    memcpy(before, model->h, sizeof before);
    tokens[changed] = (tokens[changed] + 1) % V;
    model_forward(model, &pass);
    for (size_t r = 0; r < B * T; r++) {
        const size_t at = r * WIDTH_OF_NET;
        if (memcmp(before + at, model->h + at, WIDTH_OF_NET * sizeof(real)) != 0) seen |= 1u << r;
    }
    return seen;
}

/* batchnorm is the only norm that breaks causality: in training every output depends on every token
 * of the batch. In evaluation only the outputs of later tokens of the same sequence change. */
static void training_leaks_and_evaluation_does_not(void) {
    for (size_t row = 0; row < ROW_COUNT; row++) {
        const size_t changed = T + 2 + row % 3; /* of sequence 1 */
        const unsigned all = (1u << B * T) - 1, to_sequence_end = (1u << 2 * T) - (1u << changed);
        Model *model = net_of(ROWS[row].name, MODEL_TRAIN);
        unsigned seen = changes(model, changed, true);
        CHECK(seen == all, "%s in training: %x", ROWS[row].name, seen);
        seen = changes(model, changed, false);
        CHECK(seen == to_sequence_end, "%s in evaluation: %x", ROWS[row].name, seen);
        model_free(model);
    }
}

/* In evaluation a sequence has the same outputs alone and in a batch; in training it has not. */
static void sequences_are_mixed_in_training_only(void) {
    const size_t n = T * WIDTH_OF_NET;
    for (size_t row = 0; row < ROW_COUNT; row++) {
        Model *model = net_of(ROWS[row].name, MODEL_TRAIN);
        for (int training = 0; training < 2; training++) {
            Pass pass = net_pass(tokens, targets, B, T), alone = pass;
            real together[B * T * WIDTH_OF_NET];
            double off = 0;
            pass.training = alone.training = training;
            alone.B = 1;
            model_forward(model, &pass);
            memcpy(together, model->h, sizeof together);
            model_forward(model, &alone);
            for (size_t i = 0; i < n; i++)
                off = fmax(off, fabs((double)model->h[i] - (double)together[i]));
            CHECK(training ? off > 0.01 : off < 1e-4, "%s, training %d: off by %g", ROWS[row].name,
                  training, off);
        }
        model_free(model);
    }
}

/* --- running statistics --- */

static void initial_running_statistics(void) {
    Model *model = net_of("peri", MODEL_TRAIN);
    ModelOptions options = net_options("peri", "layernorm");
    options.n_kv_head = 2;
    Model *other = model_create(&options, &model->warmup, V, B, MODEL_TRAIN);
    size_t found = 0;
    model_init(model, 3);
    for (size_t p = 0; p < params_count(&model->params); p++) {
        const Param *param = &model->params.list[p];
        const bool mean = strstr(param->name, ".running_mean") != NULL;
        const bool var = strstr(param->name, ".running_var") != NULL;
        CHECK(param_is_trained(param) == !(mean || var), "%s", param->name);
        if (!mean && !var) continue;
        for (size_t c = 0; c < param->count; c++)
            CHECK(model->params.values[param->offset + c] == (var ? 1 : 0), "%s", param->name);
        CHECK(param->count == WIDTH_OF_NET, "%s", param->name);
        found++;
    }
    CHECK(found == 2 * (4 * 4 + 2), "%zu tensors", found);
    CHECK(params_total(&model->params) == params_total(&other->params), "parameters");
    CHECK(params_count(&model->params) == params_count(&other->params) + found, "tensors");
    model_free(model);
    model_free(other);
}

/* A norm, its input, and its running statistics before the pass. */
typedef struct {
    char name[64];
    const real *input;
    size_t rows, C;
    double mean[WIDEST], var[WIDEST];
} Seen;

static size_t see(Seen *seen, size_t count, const Norm *norm, const real *input, size_t rows,
                  const char *at, size_t l) {
    Seen *one = &seen[count];
    if (norm->kind != &norm_batchnorm) return count;
    if (at)
        snprintf(one->name, sizeof one->name, "blocks.%zu.%s", l, at);
    else
        snprintf(one->name, sizeof one->name, "%s", l ? "final_norm" : "emb_norm");
    one->input = input;
    one->rows = rows;
    one->C = norm->C;
    for (size_t c = 0; c < norm->C; c++) {
        one->mean[c] = (double)norm->running_mean[c];
        one->var[c] = (double)norm->running_var[c];
    }
    return count + 1;
}

static size_t see_all(Seen *seen, const Model *model) {
    const size_t R = B * T;
    size_t n = see(seen, 0, &model->embed_norm, model->e, R, NULL, 0);
    for (size_t l = 0; l < model->shape.L; l++) {
        const Sublayer *a = &model->block[l].attn, *m = &model->block[l].mlp;
        const Projection *q = &a->attention.q, *k = &a->attention.k, *v = &a->attention.v;
        n = see(seen, n, &a->norm[SLOT_IN], a->r, R, "attn.norm_in", l);
        n = see(seen, n, &a->norm[SLOT_OUT], a->b, R, "attn.norm_out", l);
        n = see(seen, n, &a->norm[SLOT_POST], a->s, R, "attn.norm_post", l);
        n = see(seen, n, &m->norm[SLOT_IN], m->r, R, "mlp.norm_in", l);
        n = see(seen, n, &m->norm[SLOT_OUT], m->b, R, "mlp.norm_out", l);
        n = see(seen, n, &m->norm[SLOT_POST], m->s, R, "mlp.norm_post", l);
        n = see(seen, n, &q->norm, q->raw, R * q->norm_rows, "attn.norm_q", l);
        n = see(seen, n, &k->norm, k->raw, R * k->norm_rows, "attn.norm_k", l);
        n = see(seen, n, &v->norm, v->raw, R * v->norm_rows, "attn.norm_v", l);
        n = see(seen, n, &a->attention.mid.norm, a->attention.mixed, R, "attn.norm_mid", l);
        n = see(seen, n, &m->mlp.mid.norm, m->mlp.h, R, "mlp.norm_mid", l);
    }
    const real *last = model->d ? model->d : model->x;
    return see(seen, n, &model->final_norm, last, R, NULL, 1);
}

static void check_seen(const Model *model, const Seen *one, const char *topology) {
    char mean_name[80], var_name[80];
    const double n = (double)one->rows;
    snprintf(mean_name, sizeof mean_name, "%.60s.running_mean", one->name);
    snprintf(var_name, sizeof var_name, "%.60s.running_var", one->name);
    const real *got_mean = net_value(model, mean_name), *got_var = net_value(model, var_name);
    CHECK(got_mean && got_var, "%s: no %s", topology, one->name);
    for (size_t c = 0; got_mean && got_var && c < one->C; c++) {
        double mean = 0, var = 0;
        for (size_t r = 0; r < one->rows; r++) mean += (double)one->input[r * one->C + c] / n;
        for (size_t r = 0; r < one->rows; r++)
            var += pow((double)one->input[r * one->C + c] - mean, 2) / (n - 1);
        double want_mean = 0.9 * one->mean[c] + 0.1 * mean,
               want_var = 0.9 * one->var[c] + 0.1 * var;
        CHECK(fabs((double)got_mean[c] - want_mean) <= net_tolerance() * (1 + fabs(mean)),
              "%s %s, %zu: mean %g, want %g", topology, one->name, c, (double)got_mean[c],
              want_mean);
        CHECK(fabs((double)got_var[c] - want_var) <= net_tolerance() * (1 + var),
              "%s %s, %zu: variance %g, want %g", topology, one->name, c, (double)got_var[c],
              want_var);
    }
}

/* Every norm updates its statistics once per micro-batch; heads are rows of their own. */
static void every_norm_keeps_its_own(void) {
    static Seen seen[2 + BLOCK_SITES * 4];
    for (size_t row = 0; row < ROW_COUNT; row++) {
        Model *model = net_of(ROWS[row].name, MODEL_TRAIN);
        for (uint32_t micro = 0; micro < 2; micro++) {
            Pass pass = net_pass(tokens, targets, B, T);
            pass.micro = micro;
            net_tokens(tokens, B * T, V, 5 + micro);
            size_t count = see_all(seen, model);
            params_zero_grads(&model->params);
            model_train(model, &pass);
            for (size_t i = 0; i < count; i++) check_seen(model, &seen[i], ROWS[row].name);
            CHECK(count > 0, "%s: no norms", ROWS[row].name);
        }
        model_free(model);
    }
}

/* Recomputation does not update the running statistics again. */
static void recomputing_changes_no_bit(void) {
    for (size_t row = 0; row < ROW_COUNT; row++) {
        Model *kept = net_of(ROWS[row].name, MODEL_TRAIN);
        Model *again = net_of(ROWS[row].name, MODEL_RECOMPUTE);
        const size_t bytes = kept->params.size * sizeof(real);
        params_zero_grads(&kept->params);
        params_zero_grads(&again->params);
        for (uint32_t micro = 0; micro < 2; micro++) {
            Pass pass = net_pass(tokens, targets, B, T);
            pass.micro = micro;
            net_tokens(tokens, B * T, V, 5 + micro);
            double a = model_train(kept, &pass), b = model_train(again, &pass);
            CHECK(a == b, "%s: loss %.17g and %.17g", ROWS[row].name, a, b);
        }
        CHECK(memcmp(kept->params.values, again->params.values, bytes) == 0, "%s: statistics",
              ROWS[row].name);
        CHECK(memcmp(kept->params.grads, again->params.grads, bytes) == 0, "%s: gradients",
              ROWS[row].name);
        model_free(kept);
        model_free(again);
    }
}

/* Batch statistics are not parameters: they have no gradient. */
static void no_gradient_of_a_statistic(void) {
    Model *model = net_of("peri", MODEL_TRAIN);
    Pass pass = net_pass(tokens, targets, B, T);
    params_zero_grads(&model->params);
    model_train(model, &pass);
    for (size_t p = 0; p < params_count(&model->params); p++) {
        const Param *param = &model->params.list[p];
        for (size_t i = 0; i < param->count && !param_is_trained(param); i++)
            CHECK(model->params.grads[param->offset + i] == 0, "%s", param->name);
    }
    model_free(model);
}

static const Test TESTS[] = {
    {"batchnorm: training leaks the future, evaluation does not",
     training_leaks_and_evaluation_does_not},
    {"batchnorm: training mixes sequences, evaluation does not",
     sequences_are_mixed_in_training_only},
    {"batchnorm: initial running statistics", initial_running_statistics},
    {"batchnorm: every norm has its own statistics", every_norm_keeps_its_own},
    {"batchnorm: recomputing changes no bit", recomputing_changes_no_bit},
    {"batchnorm: no gradient of a statistic", no_gradient_of_a_statistic},
};

int main(int argc, char **argv) {
    ops_start(1); /* toy sizes: more threads would only wait */
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}
