/* grad_removal.c - exact gradients of every topology with some norms frozen and the others active:
 * the stages of a run with norm_removal. */
#include "tests/grad/gradcheck.h"

#include "model/removal.h"
#include "ops/ops.h"

static int norm; /* the one under test: a norm with a statistic to freeze */
static const char *const ORDERS[] = {"mlp attn qkv emb final", "final emb qkv attn mlp"};

/* Groups that are frozen: the first only and half of them, or all but the last and all. */
static void check_stages(const ModelOptions *options, bool late, const char *name) {
    char error[256], label[160];
    Wiring wiring;
    bool known = wiring_resolve(&wiring, options, error, sizeof error);
    CHECK(known, "%s: %s", name, error);
    if (!known) return;
    const size_t groups = removal_groups(options, &wiring);
    const size_t stages[] = {late ? groups - 1 : 1, late ? groups : (groups + 1) / 2};
    wiring_free(&wiring);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        gc_updates = options->removal.start + stages[i] - 1;
        snprintf(label, sizeof label, "%s, %zu of %zu out", name, stages[i], groups);
        gradcheck(options, 1 << SLOT_OUT, 0.6, (BranchRamp){0}, 1, label);
    }
    gc_updates = 0;
}

static void check_topology(int topology) {
    for (size_t o = 0; o < sizeof ORDERS / sizeof *ORDERS; o++) {
        char name[128];
        ModelOptions options = gc_options(topology, norm);
        options.qk_norm = o ? SWITCH_ON : SWITCH_AUTO;
        options.position = o ? POSITION_ROPE : POSITION_LEARNED;
        options.removal = (NormRemoval){
            .start = 3, .interval = 1, .order = ORDERS[o], .average = 0.9, .first_apart = o == 0};
        snprintf(name, sizeof name, "%s/%s/%s", topology_name(topology), norm_name(norm),
                 ORDERS[o]);
        check_stages(&options, o, name);
    }
}

static void every_topology(void) {
    for (int topology = 0; topology_name(topology); topology++) {
        char error[256];
        const ModelOptions options = gc_options(topology, norm);
        if (gc_skips(topology_name(topology), norm_name(norm))) continue;
        if (model_check(&options, error, sizeof error)) check_topology(topology); /* has a gain */
    }
}

int main(int argc, char **argv) {
    int failed = 0;
    ops_start(1);
    for (norm = 0; norm_name(norm); norm++) {
        char name[96];
        snprintf(name, sizeof name, "gradients during the removal of %s", norm_name(norm));
        const Test test = {name, every_topology};
        if (norm_kind(norm)->n_stats) failed |= test_main(&test, 1, argc, argv);
    }
    return failed;
}
