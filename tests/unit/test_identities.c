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

static const Test TESTS[] = {
    {"identities: MiniMax is deepnorm with an embedding norm and plain init", test_minimax},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}
