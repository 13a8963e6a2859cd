/* grad_model.c - exact gradients of every topology x norm x {gelu, swiglu} x {learned, rope}.
 *
 * Each topology with each norm has both MLPs and both positions, in two of their four pairs. Norms that are only
 * sampled (gradcheck.h) also have the norm on q and k where positions are rotated. GRADIENTS=all checks everything. */
#include "tests/grad/gradcheck.h"

#include "ops/ops.h"

static int index_of_name(const char *(*name)(int), const char *wanted) {
    int i = 0;
    while (strcmp(name(i), wanted) != 0) i++;
    return i;
}

static int norm; /* the one under test */

static void every_topology(void) {
    static const char *const MLPS[] = {"gelu", "swiglu"};
    static const Position POSITIONS[] = {POSITION_LEARNED, POSITION_ROPE};
    double worst = 0;
    size_t configs = 0;
    for (int topology = 0; topology_name(topology); topology++) {
        if (gc_skips(topology_name(topology), norm_name(norm))) continue;
        for (int i = 0; i < 4; i++) {
            const bool odd = i == 1 || i == 2;
            if (odd != (topology + norm) % 2 && !gc_all()) continue;
            ModelOptions options = gc_options(topology, norm);
            char label[128], error[256];
            options.mlp = index_of_name(mlp_name, MLPS[i / 2]);
            options.position = POSITIONS[i % 2];
            if (gc_samples(norm_name(norm)) && i % 2) options.qk_norm = SWITCH_ON;
            if (!model_check(&options, error, sizeof error)) continue; /* needs a norm, or a gain */
            snprintf(label, sizeof label, "%s/%s/%s/%s", topology_name(topology), norm_name(norm),
                     MLPS[i / 2], position_name(options.position));
            double relative = gradcheck(&options, 0, 1, (BranchRamp){0}, 1, label);
            if (relative > worst) worst = relative;
            configs++;
        }
    }
    printf("    %s: %zu models, worst relative error of a tensor %.2g\n", norm_name(norm), configs,
           worst);
}

int main(int argc, char **argv) {
    int failed = 0;
    ops_start(1); /* toy sizes: more threads would only wait */
    for (norm = 0; norm_name(norm); norm++) {
        char name[96];
        snprintf(name, sizeof name, "gradients of every topology with %s", norm_name(norm));
        const Test test = {name, every_topology};
        failed |= test_main(&test, 1, argc, argv);
    }
    return failed;
}
