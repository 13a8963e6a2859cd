/* test_wiring.c - topology, layers and switches resolve to the blocks of rows.h, and every
 * mistake gives an error that names it. */
#include "tests/lib/wired.h"

#include <limits.h>
#include <malloc.h>

static void test_rows(void) {
    const size_t depths[] = {4, 5, 7, 8, 12};
    int count = 0;
    for (; topology_name(count); count++) row_find(topology_name(count));
    CHECK(count == ROW_COUNT, "%d topologies", count);
    CHECK(!topology_name(-1) && !topology_about(-1) && !topology_about(count), "outside the list");
    CHECK(!topology_name(INT_MIN) && !topology_about(INT_MIN), "far below it");
    CHECK(!topology_name(INT_MAX) && !topology_about(INT_MAX), "far above it");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        for (size_t k = 0; k < 5; k++) {
            RowNet net = row_net(ROWS[i].name, depths[k]);
            ModelOptions options = wired_options(ROWS[i].name, depths[k]);
            wired_net(&options, &net, ROWS[i].name);
        }
        CHECK(strlen(topology_about((int)i)) > 10, "%s has a description", topology_name((int)i));
    }
}

/* Published coefficients, and initial gains that depend on the depth. */
static void test_formulas(void) {
    static const struct {
        const char *topology;
        size_t N;
        double skip, attn_gain, mlp_gain;
    } CASES[] = {
        {"deepnorm", 12, 2.2134, 1, 1},
        {"deepnorm", 24, 2.6321, 1, 1},
        {"keel", 1, 2, 1, 1},
        {"keel", 12, 24, 1, 1},
        {"layerscale", 1, 1, 0.1, 0.1},
        {"layerscale", 18, 1, 0.1, 0.1},
        {"layerscale", 19, 1, 1e-5, 1e-5},
        {"layerscale", 24, 1, 1e-5, 1e-5},
        {"layerscale", 25, 1, 1e-6, 1e-6},
        {"respost", 25, 1, 0, 0},
        {"layerscale", 32, 1, 1e-6, 1e-6},
        {"dssn", 16, 1, 0.07075, 0.108},
        {"trinity", 25, 1, 0.2, 0.2},
        {"trinity", 1, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ModelOptions options = wired_options(CASES[i].topology, CASES[i].N);
        Wiring wiring;
        char error[256];
        if (!wiring_resolve(&wiring, &options, error, sizeof error)) abort();
        for (size_t l = 0; l < CASES[i].N; l++) {
            CHECK_NEAR(wiring.block[l].attn.coefficient[COEF_SKIP].value, CASES[i].skip, 5e-5);
            CHECK_NEAR(wiring.block[l].mlp.coefficient[COEF_SKIP].value, CASES[i].skip, 5e-5);
            CHECK_NEAR(wiring.block[l].attn.out_gain, CASES[i].attn_gain, 1e-17);
            CHECK_NEAR(wiring.block[l].mlp.out_gain, CASES[i].mlp_gain, 1e-17);
        }
        wiring_free(&wiring);
    }
}

/* --- layers --- */

static void test_layers(void) {
    static const struct {
        const char *topology, *layers, *blocks[12];
    } CASES[] = {
        {"pre", "post*2 pre*", {"post", "post", "pre", "pre"}},
        {"pre", "post*2 pre*2", {"post", "post", "pre", "pre"}},
        {"peri", "  post \t keel\tlns lns ", {"post", "keel", "lns", "lns"}},
        {"post", "pre* lns*3", {"pre", "lns", "lns", "lns"}},
        {"post", "pre*2 lns* b2t*2", {"pre", "pre", "b2t", "b2t"}}, /* no block remains for lns */
        {"none", "post*01 peri*", {"post", "peri", "peri", "peri"}},
        {"deepnorm", "lns*", {"lns", "lns", "lns", "lns"}},
        {"pre",
         "post*10 pre",
         {"post", "post", "post", "post", "post", "post", "post", "post", "post", "post", "pre"}},
        {"pre", "mixln*", {"mixln", "mixln", "mixln", "mixln"}},
        {"mixln", "pre mixln*", {"pre", "mixln", "mixln", "mixln"}},
        {"mixln",
         "mixln*2 none*",
         {"mixln", "mixln", "none", "none", "none", "none", "none", "none"}},
        {"mixln",
         "keel mixln* keel",
         {"keel", "mixln", "mixln", "mixln", "mixln", "mixln", "mixln", "keel"}},
        {"hybrid_star", "hybrid_star pre*", {"hybrid_star", "pre", "pre", "pre"}},
        {"pre", "pre hybrid_star*", {"pre", "hybrid_star", "hybrid_star", "hybrid_star"}},
        {"resi_dual",
         "resi_dual*3 resi_dual",
         {"resi_dual", "resi_dual", "resi_dual", "resi_dual"}},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        size_t N = 0;
        while (CASES[i].blocks[N]) N++;
        ModelOptions options = wired_options(CASES[i].topology, N);
        RowNet net = row_net(CASES[i].topology, N);
        options.layers = CASES[i].layers;
        for (size_t l = 1; l <= N; l++)
            net.block[l - 1] = row_block(row_find(CASES[i].blocks[l - 1]), N, l);
        wired_net(&options, &net, CASES[i].layers);
    }
}

static void test_layers_errors(void) {
    static const struct {
        const char *topology, *norm, *layers, *says;
        size_t N;
    } CASES[] = {
        {"pre", "layernorm", "pre*3", "adds up to 3 blocks, but model.n_layer is 4", 4},
        {"pre", "layernorm", "pre*4 post", "adds up to 5 blocks, but model.n_layer is 4", 4},
        {"pre", "layernorm", "pre*5 post*", "adds up to 5 blocks", 4},
        {"pre", "layernorm", "pre* post*", "only one entry can take the remaining blocks", 4},
        {"pre", "layernorm", "prre*4", "unknown topology \"prre\"; did you mean \"pre\"?", 4},
        {"pre", "layernorm", "zebra*4", "unknown topology \"zebra\"", 4},
        {"pre", "layernorm", "Pre*4", "unknown topology \"Pre\"", 4},
        {"pre", "layernorm", "pre *4", "unknown topology \"\"", 4},
        {"pre", "layernorm", "pre,post*", "unknown topology \"pre,post\"", 4},
        {"pre", "layernorm", "pre*0 post*", "\"pre*0\" needs an integer above 0", 4},
        {"pre", "layernorm", "pre*-1", "\"pre*-1\" needs an integer", 4},
        {"pre", "layernorm", "pre*+4", "\"pre*+4\" needs an integer", 4},
        {"pre", "layernorm", "pre*2x post*", "\"pre*2x\" needs an integer", 4},
        {"pre", "layernorm", "pre*2*2", "\"pre*2*2\" needs an integer", 4},
        {"pre", "layernorm", "pre*1.5 post*", "\"pre*1.5\" needs an integer", 4},
        {"pre", "layernorm", "pre*18446744073709551617", "needs an integer", 4},
        {"pre", "layernorm", "pre*1000000", "adds up to 1000000 blocks", 4},
        {"pre", "layernorm", "pre*1000001", "needs an integer", 4},
        {"pre", "layernorm", " ", "adds up to 0 blocks", 4},
        {"pre", "layernorm", "resi_dual*2 pre*", "resi_dual cannot be mixed", 4},
        {"resi_dual", "layernorm", "resi_dual pre*", "resi_dual cannot be mixed", 4},
        {"post", "layernorm", "resi_dual*4", "resi_dual cannot be mixed", 4},
        {"pre", "none", "pre keel*", "norm none cannot be used with topology keel", 4},
        {"pre", "layernorm", "mixln*", "needs at least 4", 3},
        {"pre", "layernorm", "pre mixln*", "model.n_layer = 2", 2},
        {"mixln", "layernorm", "", "model.n_layer = 3 is too small for topology mixln", 3},
        {"keel", "none", "", "norm none cannot be used with topology keel", 4},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ModelOptions options = wired_options(CASES[i].topology, CASES[i].N);
        options.norm = index_named(norm_name, CASES[i].norm);
        options.layers = CASES[i].layers;
        wired_error(&options, CASES[i].says);
    }
}

/* --- model.gamma_out_start --- */

/* It replaces the initial gain of every out slot that exists, and of no other. */
static void test_out_start(void) {
    static const WireEntry ENTRIES[] = {{"attn.out", "none"}, {"attn.out", "norm"}};
    for (size_t i = 0; i < ROW_COUNT * 3; i++) {
        ModelOptions options = wired_options(ROWS[i / 3].name, 4);
        RowNet net = row_net(ROWS[i / 3].name, 4);
        options.gamma_out_start = 0.25;
        options.wire = &ENTRIES[i % 2];
        options.n_wire = i % 3 < 2;
        if (i % 3 < 2) row_wire(&net, options.wire);
        for (size_t l = 0; l < 4; l++) {
            RowBlock *block = &net.block[l];
            if (block->attn.slot[ROW_OUT] != '.') block->attn.out_gain = 0.25;
            if (block->mlp.slot[ROW_OUT] != '.') block->mlp.out_gain = 0.25;
        }
        wired_net(&options, &net, ROWS[i / 3].name);
    }
}

/* --- the switches --- */

static void test_switches(void) {
    static const char *const VALUES[] = {"auto", "on", "off"};
    static const char *const INITS[] = {"auto", "plain", "scaled", "deepnorm", "subln"};
    for (size_t row = 0; row < ROW_COUNT; row++) {
        for (int i = 0; i < 3 * 3 * 3 * 5; i++) {
            int embed = i % 3, final = i / 3 % 3, qk = i / 9 % 3, init = i / 27;
            ModelOptions options = wired_options(ROWS[row].name, 4);
            RowNet net = row_net(ROWS[row].name, 4);
            char label[100];
            snprintf(label, sizeof label, "%s, embed %s, final %s, qk %s, init %s", ROWS[row].name,
                     VALUES[embed], VALUES[final], VALUES[qk], INITS[init]);
            options.embed_norm = index_named(switch_name, VALUES[embed]);
            options.final_norm = index_named(switch_name, VALUES[final]);
            options.qk_norm = index_named(switch_name, VALUES[qk]);
            options.init = index_named(init_name, INITS[init]);
            row_switch(&net, "embed_norm", VALUES[embed]);
            row_switch(&net, "final_norm", VALUES[final]);
            row_switch(&net, "qk_norm", VALUES[qk]);
            if (init) net.init = INITS[init];
            wired_net(&options, &net, label);
        }
    }
}

static void test_warm(void) {
    static const char *const VALUES[] = {"auto", "on", "off"};
    for (size_t i = 0; i < ROW_COUNT * 3 * 16; i++) {
        const Row *row = &ROWS[i / 48];
        const char *final = VALUES[i / 16 % 3];
        unsigned slots = i % 16;
        ModelOptions options = wired_options(row->name, 4);
        RowNet net = row_net(row->name, 4);
        Wiring wiring;
        char error[256];
        options.final_norm = index_named(switch_name, final);
        row_switch(&net, "final_norm", final);
        if (!wiring_resolve(&wiring, &options, error, sizeof error)) abort();
        for (int k = 0; k < 4 * 2 * SLOTS; k++) {
            size_t l = (size_t)k / (2 * SLOTS);
            bool mlp = k / SLOTS % 2;
            CHECK(wiring_is_warm(&wiring, slots, l, mlp, (Slot)(k % SLOTS)) ==
                      row_is_warm(&net, slots, l, mlp, k % SLOTS),
                  "%s, final %s, slots %u: block %zu mlp %d slot %d", row->name, final, slots, l,
                  mlp, k % SLOTS);
        }
        wiring_free(&wiring);
    }
}

/* Sets of slots, and the rows whose sublayers have norms in these slots and default coefficients.
 */
static void test_plain(void) {
    enum { IN = 1 << SLOT_IN, OUT = 1 << SLOT_OUT, POST = 1 << SLOT_POST, NOT_PLAIN = 1 << SLOTS };
    static const struct {
        const char *topology, *key, *text;
        double number;
        unsigned slots;
    } NETS[] = {
        {"post", NULL, NULL, 0, POST},
        {"pre", NULL, NULL, 0, IN},
        {"peri", NULL, NULL, 0, IN | OUT},
        {"sandwich", NULL, NULL, 0, IN | OUT},
        {"olmo2", NULL, NULL, 0, OUT},
        {"pre_post", NULL, NULL, 0, IN | POST},
        {"none", NULL, NULL, 0, 0},
        {"deepnorm", NULL, NULL, 0, NOT_PLAIN},
        {"resi_dual", NULL, NULL, 0, NOT_PLAIN},
        {"mixln", NULL, NULL, 0, NOT_PLAIN},
        {"lns", NULL, NULL, 0, NOT_PLAIN},
        {"hybrid", NULL, NULL, 0, NOT_PLAIN},
        {"b2t", NULL, NULL, 0, NOT_PLAIN},
        {"parallel", NULL, NULL, 0, NOT_PLAIN},
        {"parallel2", NULL, NULL, 0, NOT_PLAIN},
        {"layerscale", NULL, NULL, 0, NOT_PLAIN},
        {"pre", "attn.branch", NULL, 0.5, NOT_PLAIN},
        {"pre", "mlp.branch", NULL, 0.5, NOT_PLAIN},
        {"pre", "mlp.skip", NULL, 0.5, NOT_PLAIN},
        {"pre", "mlp.gain", NULL, 0.5, NOT_PLAIN},
        {"pre", "mlp.read", "block", 0, NOT_PLAIN},
        {"post", "mlp.block_skip", NULL, 1, NOT_PLAIN},
        {"pre", "mlp.out", "norm", 0, NOT_PLAIN},
        {"pre", "attn.post", "norm", 0, NOT_PLAIN},
        {"subln", NULL, NULL, 0, IN | 1 << SLOT_MID},
        {"pre", "mlp.mid", "norm", 0, NOT_PLAIN},
        {"span", NULL, NULL, 0, NOT_PLAIN},
        {"trinity", NULL, NULL, 0, NOT_PLAIN}, /* initial gains */
        {"dssn", NULL, NULL, 0, NOT_PLAIN},
        {"lambdas", NULL, NULL, 0, NOT_PLAIN},
        {"gpas", NULL, NULL, 0, NOT_PLAIN},
        {"gemma4", NULL, NULL, 0, NOT_PLAIN},
        {"rezero", NULL, NULL, 0, NOT_PLAIN},
        {"pre", "mlp.enter", NULL, 0.5, NOT_PLAIN},
        {"pre", "attn.x0", NULL, 0.5, NOT_PLAIN},
        {"pre", "mlp.leave", NULL, 1, IN},
    };
    for (size_t i = 0; i < sizeof NETS / sizeof *NETS; i++) {
        ModelOptions options = wired_options(NETS[i].topology, 12);
        WireEntry entry = {NETS[i].key, NETS[i].text, NETS[i].number};
        char error[200] = "";
        Wiring wiring;
        options.wire = &entry;
        options.n_wire = NETS[i].key != NULL;
        bool good = wiring_resolve(&wiring, &options, error, sizeof error);
        CHECK(good, "%s: %s", NETS[i].topology, error);
        if (!good) continue;
        for (unsigned slots = 0; slots < NOT_PLAIN; slots++)
            CHECK(wiring_is_plain(&wiring, slots) == (slots == NETS[i].slots), "%s %s: slots %u",
                  NETS[i].topology, NETS[i].key ? NETS[i].key : "", slots);
        wiring_free(&wiring);
    }
}

static void test_memory_returns(void) {
    ModelOptions options = wired_options("peri", 12);
    char error[200];
    Wiring wiring;
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 1000; i++) {
        if (!wiring_resolve(&wiring, &options, error, sizeof error)) abort();
        wiring_free(&wiring);
    }
    CHECK(mallinfo2().uordblks < before + 100000, "%zu bytes", mallinfo2().uordblks - before);
}

static const Test TESTS[] = {
    {"wiring: every block of every row", test_rows},
    {"wiring: published coefficients, initial gains by depth", test_formulas},
    {"wiring: layers", test_layers},
    {"wiring: mistakes in layers", test_layers_errors},
    {"wiring: gamma_out_start", test_out_start},
    {"wiring: embed_norm, final_norm, qk_norm, init", test_switches},
    {"wiring: where gamma-warmup acts", test_warm},
    {"wiring: which models are plain", test_plain},
    {"wiring: memory is freed", test_memory_returns},
};
TEST_MAIN(TESTS)
