/* test_leftovers.c - nothing that one step leaves in memory reaches the next.
 *
 * The first write of a gradient sets it, and buffers serve several tensors in turn. A wrong flag
 * would add to what an earlier step left. Every topology trains on one batch and then on another,
 * with all gradients and buffers full of NaN or of the first batch, and must give the bits of a
 * fresh model that only saw the second batch. */
#include "ops/ops.h"
#include "tests/lib/nets.h"

enum { V = 13, B = 3, T = 6, SLOTS_ALL = (1 << SLOTS) - 1 };

static Pass pass_of(int tokens[2][B * T], uint32_t stream) {
    net_tokens(tokens[0], B * T, V, stream);
    net_tokens(tokens[1], B * T, V, stream + 1);
    return (Pass){.tokens = tokens[0],
                  .targets = tokens[1],
                  .B = B,
                  .T = T,
                  .gamma = 1,
                  .grad_scale = (real)0.05,
                  .training = true,
                  .seed = 3,
                  .step = stream};
}

static void train_on(Model *model, uint32_t stream) {
    static int tokens[2][B * T];
    Pass pass = pass_of(tokens, stream);
    model_train(model, &pass);
}

static Model *drawn(const ModelOptions *options, ModelUse use) {
    static const GammaWarmup off = {.steps = 0, .from = 0.1, .to = 1, .slots = SLOTS_ALL};
    Model *model = model_create(options, &off, V, B, use);
    net_draw(model, 7);
    params_zero_grads(&model->params);
    return model;
}

static void check_equal(const Model *got, const Model *want, const char *what, const char *row) {
    for (size_t i = 0; i < params_count(&got->params); i++) {
        const Param *param = &got->params.list[i];
        const real *a = got->params.grads + param->offset, *b = want->params.grads + param->offset;
        CHECK(memcmp(a, b, param->count * sizeof *a) == 0, "%s: %s: %s", row, what, param->name);
    }
}

static void check_near(const Model *got, const Model *want, const char *row) {
    const double near = sizeof(real) == sizeof(double) ? 1e-12 : 1e-4;
    for (size_t i = 0; i < params_count(&got->params); i++) {
        const Param *param = &got->params.list[i];
        for (size_t k = param->offset; k < param->offset + param->count; k++) {
            double a = (double)got->params.grads[k], b = (double)want->params.grads[k];
            CHECK(fabs(a - b) <= near * (1 + fabs(b)), "%s: sums of two steps: %s: %g, %g", row,
                  param->name, a, b);
        }
    }
}

static void check_net(const ModelOptions *options, const char *row) {
    Model *fresh = drawn(options, MODEL_TRAIN), *used = drawn(options, MODEL_TRAIN);
    Model *again = drawn(options, MODEL_RECOMPUTE);
    train_on(fresh, 20);

    train_on(used, 10);
    params_zero_grads(&used->params);
    train_on(used, 20);
    check_equal(used, fresh, "after another step", row);

    for (size_t i = 0; i < used->params.size; i++) used->params.grads[i] = NAN;
    params_zero_grads(&used->params);
    train_on(used, 20);
    check_equal(used, fresh, "after NaN in the gradients", row);

    train_on(again, 10);
    params_zero_grads(&again->params);
    train_on(again, 20);
    check_equal(again, fresh, "blocks run again", row);

    train_on(used, 30); /* two micro-batches add up in either order */
    params_zero_grads(&fresh->params);
    train_on(fresh, 30);
    train_on(fresh, 20);
    check_near(used, fresh, row);
    model_free(again);
    model_free(used);
    model_free(fresh);
}

static void every_topology(void) {
    for (int i = 0; topology_name(i); i++) {
        for (int variant = 0; variant < 5; variant++) {
            const char *norm = variant == 4 ? "batchnorm" : "layernorm"; /* code paths of its own */
            ModelOptions options = net_options(topology_name(i), norm);
            options.tie_embeddings = variant % 2;
            options.qk_norm = variant >= 3 ? SWITCH_ON : SWITCH_AUTO;
            options.dropout = variant >= 2 ? 0.2 : 0;
            check_net(&options, topology_name(i));
        }
    }
}

/* Slots and coefficients that change which gradients share a buffer. */
static void wired_models(void) {
    static const WireEntry WIRES[] = {
        {"attn.skip", .number = 0.5},   {"mlp.skip", .number = 0},
        {"attn.branch", .number = 0.5}, {"mlp.block_skip", .number = 1},
        {"attn.in", .text = "none"},    {"mlp.in", .text = "none"},
        {"mlp.read", .text = "block"},  {"mlp.read", .text = "shared"},
        {"attn.gain", .number = 0.5},   {"mlp.post", .text = "norm"},
        {"attn.out", .text = "norm"},   {"attn.post", .text = "scale"},
        {"attn.mid", .text = "norm"},   {"mlp.mid", .text = "norm"},
    };
    static const char *const BASES[] = {"pre", "post", "peri", "none"};
    for (size_t base = 0; base < sizeof BASES / sizeof *BASES; base++) {
        for (size_t i = 0; i < sizeof WIRES / sizeof *WIRES; i++) {
            ModelOptions options = net_options(BASES[base], "rmsnorm");
            WireEntry entry = WIRES[i];
            char error[256], label[64];
            options.wire = &entry;
            options.n_wire = 1;
            options.dropout = i % 2 ? 0.2 : 0;
            snprintf(label, sizeof label, "%s with %s", BASES[base], entry.key);
            if (model_check(&options, error, sizeof error)) check_net(&options, label);
        }
    }
}

static const Test TESTS[] = {
    {"leftovers: every topology", every_topology},
    {"leftovers: models with overrides", wired_models},
};
TEST_MAIN(TESTS)
