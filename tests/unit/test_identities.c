/* test_identities.c - designs that need no row of their own, because they are another design.
 *
 * The loops over the residual stream are written here from the papers' equations. Branches and norms
 * are the plain ones of reference.h. */
#include "ops/ops.h"
#include "tests/lib/nets.h"
#include "tests/lib/reference.h"

enum { V = 13, T = 6, N = 4, C = 16 };

static int tokens[T], targets[T];

/* --- MiniMax-01: x = N(r), r = alpha x + F(x), a norm in front of the head --- */

/* The norm in front of sublayer k = 0 .. 2N-1, and of the head (2N), by its name in the model. */
static void norm_name_of(char *name, size_t size, size_t k) {
    if (k == 0)
        snprintf(name, size, "emb_norm");
    else
        snprintf(name, size, "blocks.%zu.%s.norm_post", (k - 1) / 2, k % 2 ? "attn" : "mlp");
}

static void normalize(const Reference *ref, RefRows x, RefRows r, size_t k) {
    char name[64];
    norm_name_of(name, sizeof name, k);
    memcpy(x, r, sizeof(RefRows));
    for (size_t t = 0; t < T; t++) ref_norm(ref, 'n', name, x[t], C, false, 1);
}

static double minimax_loss(const Reference *ref) {
    const real *tok = ref_param(ref, "tok_emb.weight"), *pos = ref_param(ref, "pos_emb.weight");
    const double alpha = pow(2.0 * N, 0.25);
    RefRows r = {0}, x, f;
    double loss = 0;
    for (size_t i = 0; i < T * C; i++)
        r[i / C][i % C] = (double)tok[(size_t)tokens[i / C] * C + i % C] + (double)pos[i];
    for (size_t k = 0; k < 2 * N; k++) {
        normalize(ref, x, r, k);
        if (k % 2)
            ref_mlp(ref, f, x, k / 2);
        else
            ref_attention(ref, f, x, k / 2);
        for (size_t i = 0; i < T * C; i++)
            r[i / C][i % C] = alpha * x[i / C][i % C] + f[i / C][i % C];
    }
    normalize(ref, x, r, 2 * N);
    for (size_t t = 0; t < T; t++) loss += ref_cross_entropy(ref, x[t], targets[t]) / T;
    return loss;
}

/* deepnorm with an embedding norm and plain initial values. */
static void check_minimax(const char *norm) {
    const GammaWarmup off = {0};
    ModelOptions options = net_options("deepnorm", norm);
    options.embed_norm = SWITCH_ON;
    options.init = INIT_PLAIN;
    const RowNet net = row_net("deepnorm", N);
    Model *model = model_create(&options, &off, V, 1, MODEL_FORWARD);
    for (size_t p = 0; p < params_count(&model->params); p++) {
        const Param *param = &model->params.list[p];
        bool plain = param->std == options.init_std && param->tail_begin == param->count;
        CHECK(plain || param->kind != PARAM_MATRIX, "%s starts with std %g", param->name,
              param->std);
    }
    net_draw(model, 21);
    net_tokens(tokens, T, V, 1);
    net_tokens(targets, T, V, 2);
    const Reference ref = {.options = &options,
                           .params = &model->params,
                           .net = &net,
                           .T = T,
                           .V = V,
                           .F = options.d_ff};
    Pass pass = net_pass(tokens, targets, 1, T);
    pass.training = false;
    model_forward(model, &pass);
    double got = model_loss(model, &pass) / T, want = minimax_loss(&ref);
    CHECK(fabs(got - want) <= net_tolerance() * want, "%s: loss %.12g, want %.12g", norm, got,
          want);
    model_free(model);
}

static void test_minimax(void) {
    check_minimax("rmsnorm");
    check_minimax("layernorm");
    check_minimax("dyt");
}

/* --- coefficients at their initial values --- */

/* A model whose parameters depend on their names only, its coefficients at their initial values,
 * after one batch. */
static Model *trained(const ModelOptions *options, double *loss) {
    const GammaWarmup off = {0};
    Model *model = model_create(options, &off, V, 2, MODEL_TRAIN);
    int in[2 * T], out[2 * T];
    for (size_t p = 0; p < params_count(&model->params); p++) {
        const Param *param = &model->params.list[p];
        const uint32_t stream = (uint32_t)hash_text(HASH_START, param->name);
        for (size_t i = 0; i < param->count; i++) {
            double value = 0.3 * net_normal(stream, i);
            if (net_is_gamma(param)) value += 1;
            if (param->kind == PARAM_COEFFICIENT) value = param->start;
            model->params.values[param->offset + i] = (real)value;
        }
    }
    net_tokens(in, 2 * T, V, 1);
    net_tokens(out, 2 * T, V, 2);
    Pass pass = net_pass(in, out, 2, T);
    params_zero_grads(&model->params);
    *loss = model_train(model, &pass);
    return model;
}

/* Whether two models have the same loss and, of all parameters but the coefficients, the same
 * gradients, to the bit. */
static void check_same(const ModelOptions *a, const ModelOptions *b, const char *label) {
    double loss[2];
    Model *one = trained(a, &loss[0]), *other = trained(b, &loss[1]);
    CHECK(loss[0] == loss[1], "%s: losses %.17g, %.17g", label, loss[0], loss[1]);
    for (size_t p = 0; p < params_count(&one->params); p++) {
        const Param *param = &one->params.list[p];
        if (param->kind == PARAM_COEFFICIENT) continue;
        CHECK(memcmp(net_grad(one, param->name), net_grad(other, param->name),
                     param->count * sizeof(real)) == 0,
              "%s: gradients of %s differ", label, param->name);
    }
    model_free(one);
    model_free(other);
}

/* The rows with learned coefficients, and what they are at first. */
static void test_rows_at_first(void) {
    static const WireEntry PLAIN[] = {{"attn.enter", NULL, 1}, {"attn.enter_x0", NULL, 0}};
    static const WireEntry NO_BRANCH[] = {{"attn.branch", NULL, 0}, {"mlp.branch", NULL, 0}};
    ModelOptions pre = net_options("pre", "rmsnorm"), gpas = net_options("gpas", "rmsnorm"),
                 sandwich = net_options("sandwich", "layernorm"),
                 gemma4 = net_options("gemma4", "layernorm"),
                 lambdas = net_options("lambdas", "rmsnorm"), none = net_options("none", "rmsnorm"),
                 rezero = net_options("rezero", "rmsnorm");
    double loss;
    check_same(&gpas, &pre, "gpas is pre at g = 0");
    check_same(&gemma4, &sandwich, "gemma4 is sandwich");
    lambdas.wire = PLAIN;
    lambdas.n_wire = 2;
    check_same(&lambdas, &pre, "lambdas is pre without its coefficients");
    none.wire = NO_BRANCH;
    none.n_wire = 2;
    check_same(&rezero, &none, "rezero is none without branches");
    Model *model = trained(&rezero, &loss);
    CHECK(memcmp(model->x, model->x0, 2 * T * model->shape.C * sizeof(real)) == 0,
          "rezero changes the stream");
    model_free(model);
}

/* Overrides of every coefficient that a row does not learn itself, with the values of its last block as
 * floats, as initial values are. `keys` has room for the names. */
static size_t override_all(WireEntry *wire, char keys[][24], const RowNet *net, Learn learn) {
    const RowBlock *block = &net->block[net->N - 1];
    size_t n = 0;
    for (int i = 0; i < 2 * ROW_NUMBERS; i++) {
        const RowSublayer *s = i < ROW_NUMBERS ? &block->attn : &block->mlp;
        const int number = i % ROW_NUMBERS;
        if (s->learn[number] != '.' || number == ROW_GAIN || number == ROW_DUAL) continue;
        snprintf(keys[n], sizeof keys[n], "%s.%s", i < ROW_NUMBERS ? "attn" : "mlp",
                 ROW_NUMBER_NAMES[number]);
        wire[n] = (WireEntry){keys[n], NULL, (double)(float)s->number[number], (int)learn, 1};
        n++;
    }
    return n;
}

/* In every row, learned coefficients at the values of the row give its loss and its gradients,
 * although they need more buffers. */
static void test_learned(void) {
    WireEntry wire[2][2 * ROW_NUMBERS];
    char keys[2 * ROW_NUMBERS][24];
    for (size_t i = 0; i < 2 * ROW_COUNT; i++) {
        const char *topology = ROWS[i / 2].name;
        ModelOptions options = net_options(topology, i % 3 ? "rmsnorm" : "layernorm");
        const RowNet net = row_net(topology, options.n_layer);
        ModelOptions learned = options;
        options.wire = wire[0];
        options.n_wire = override_all(wire[0], keys, &net, LEARN_NOT);
        learned.wire = wire[1];
        learned.n_wire = override_all(wire[1], keys, &net, i % 2 ? LEARN_VECTOR : LEARN_SCALAR);
        check_same(&options, &learned, topology);
    }
}

static const Test TESTS[] = {
    {"identities: rows with learned coefficients at first", test_rows_at_first},
    {"identities: a learned coefficient is its number at first", test_learned},
    {"identities: MiniMax is deepnorm with an embedding norm and plain init", test_minimax},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}
