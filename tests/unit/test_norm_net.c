/* test_norm_net.c - language models whose norms are, with their initial values, those of another model.
 *
 * A norm that is more general than another and starts as that one has its losses and its gradients.
 * The same for single norms: test_norm.c. */
#include "ops/ops.h"
#include "tests/lib/nets.h"

enum { V = 13, B = 3, T = 6 };

static int tokens[B * T], targets[B * T];

/* The loss of a model with its initial values, whose gradients it computes. */
static double starting_loss(Model **model, const char *row, const char *norm) {
    const GammaWarmup off = {0};
    const ModelOptions options = net_options(row, norm);
    const Pass pass = net_pass(tokens, targets, B, T);
    *model = model_create(&options, &off, V, B, true);
    model_init(*model, 3);
    params_zero_grads(&(*model)->params);
    return model_train(*model, &pass);
}

/* With its initial values a norm is another: seednorm is rmsnorm to the bit, gradients included;
 * scalenorm is rmsnorm_plain up to the rounding of sqrt(C). */
static void test_starts(void) {
    net_tokens(tokens, B * T, V, 1);
    net_tokens(targets, B * T, V, 2);
    for (size_t row = 0; row < ROW_COUNT; row++) {
        Model *seed, *rms;
        double a = starting_loss(&seed, ROWS[row].name, "seednorm");
        double b = starting_loss(&rms, ROWS[row].name, "rmsnorm");
        CHECK(a == b, "%s: %.17g with seednorm, %.17g with rmsnorm", ROWS[row].name, a, b);
        for (size_t p = 0; p < params_count(&rms->params); p++) {
            const Param *param = &rms->params.list[p];
            CHECK(memcmp(net_grad(seed, param->name), rms->params.grads + param->offset,
                         param->count * sizeof(real)) == 0,
                  "%s: gradient of %s", ROWS[row].name, param->name);
        }
        model_free(seed), model_free(rms);
        if (row_refuses(ROWS[row].name, "rmsnorm_plain")) continue;
        a = starting_loss(&seed, ROWS[row].name, "scalenorm");
        b = starting_loss(&rms, ROWS[row].name, "rmsnorm_plain");
        CHECK_NEAR(a / b, 1, 1e-6);
        model_free(seed), model_free(rms);
    }
}

static const Test TESTS[] = {
    {"norms: seednorm starts as rmsnorm, scalenorm as rmsnorm_plain", test_starts},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}
