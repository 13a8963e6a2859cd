/* test_wire.c - every override of model.wire in every row, and every mistake in one. */
#include "tests/lib/wired.h"

static void check_wire(const char *topology, const WireEntry *wire, size_t count) {
    ModelOptions options = wired_options(topology, 5);
    RowNet net = row_net(topology, 5);
    char label[100];
    snprintf(label, sizeof label, "%s with %s %s", topology, wire->key,
             wire->text ? wire->text : "number");
    options.wire = wire;
    options.n_wire = count;
    for (size_t i = 0; i < count; i++) row_wire(&net, &wire[i]);
    wired_net(&options, &net, label);
}

static const WireEntry EVERY_ENTRY[] = {
    {"attn.in", "none"},
    {"attn.in", "norm"},
    {"attn.in", "scale"},
    {"attn.mid", "none"},
    {"attn.mid", "norm"},
    {"attn.mid", "scale"},
    {"attn.out", "none"},
    {"attn.out", "norm"},
    {"attn.out", "scale"},
    {"attn.post", "none"},
    {"attn.post", "norm"},
    {"attn.post", "scale"},
    {"mlp.in", "none"},
    {"mlp.in", "norm"},
    {"mlp.in", "scale"},
    {"mlp.mid", "none"},
    {"mlp.mid", "norm"},
    {"mlp.mid", "scale"},
    {"mlp.out", "none"},
    {"mlp.out", "norm"},
    {"mlp.out", "scale"},
    {"mlp.post", "none"},
    {"mlp.post", "norm"},
    {"mlp.post", "scale"},
    {"attn.read", "stream"},
    {"attn.read", "block"},
    {"mlp.read", "stream"},
    {"mlp.read", "block"},
    {"mlp.read", "shared"},
    {"attn.skip", NULL, 0},
    {"attn.branch", NULL, 0.5},
    {"attn.gain", NULL, 0.25},
    {"attn.block_skip", NULL, -1},
    {"mlp.skip", NULL, 3},
    {"mlp.branch", NULL, -0.25},
    {"mlp.gain", NULL, 1e-3},
    {"mlp.block_skip", NULL, 0.1},
    {"attn.enter", NULL, 0.9},
    {"mlp.enter_x0", NULL, -0.2},
    {"mlp.x0", NULL, 0.3},
    {"attn.leave", NULL, 0.8},
    {"attn.enter", NULL, 1, LEARN_SCALAR, 2},
    {"mlp.enter_x0", NULL, 0, LEARN_VECTOR, 1},
    {"attn.skip", NULL, 1, LEARN_VECTOR, 0.5},
    {"mlp.branch", NULL, 0.1, LEARN_SCALAR, 0},
    {"mlp.block_skip", NULL, 0, LEARN_SCALAR, 1},
    {"attn.x0", NULL, 0.25, LEARN_VECTOR, 3},
    {"mlp.leave", NULL, 0, LEARN_SHRINK, 1},
};

static void test_wire(void) {
    static const WireEntry DUALS[] = {{"attn.dual", NULL, 0.5}, {"mlp.dual", NULL, 0}};
    static const WireEntry TWICE[] = {
        {"mlp.in", "norm"}, {"mlp.gain", NULL, 2}, {"mlp.in", "none"}};
    for (size_t row = 0; row < ROW_COUNT; row++) {
        for (size_t i = 0; i < sizeof EVERY_ENTRY / sizeof *EVERY_ENTRY; i++)
            check_wire(ROWS[row].name, &EVERY_ENTRY[i], 1);
        check_wire(ROWS[row].name, TWICE, 3);
    }
    check_wire("resi_dual", DUALS, 2);
}

/* An entry of one block overrides those of all blocks, wherever it is in the list. */
static void test_wire_of_one_block(void) {
    static const WireEntry LISTS[][3] = {
        {{"attn.in", "none"}, {"blocks.2.attn.in", "scale"}, {"mlp.in", "norm"}},
        {{"blocks.2.attn.in", "scale"}, {"mlp.in", "norm"}, {"attn.in", "none"}},
    };
    static const WireEntry LAST[] = {
        {"blocks.11.mlp.gain", NULL, 2}, {"mlp.gain", NULL, 3}, {"blocks.0.mlp.read", "block"}};
    for (size_t i = 0; i < 2; i++) {
        ModelOptions options = wired_options("pre", 5);
        RowNet net = row_net("pre", 5);
        options.wire = LISTS[i];
        options.n_wire = 3;
        for (size_t l = 0; l < 5; l++) net.block[l].attn.slot[ROW_IN] = l == 2 ? 'S' : '.';
        wired_net(&options, &net, "one block");
    }
    ModelOptions options = wired_options("peri", 12);
    RowNet net = row_net("peri", 12);
    options.wire = LAST;
    options.n_wire = 3;
    for (size_t l = 0; l < 12; l++) net.block[l].mlp.number[ROW_GAIN] = l == 11 ? 2 : 3;
    net.block[0].mlp.read = 'b';
    wired_net(&options, &net, "first and last block");
}

static void test_wire_errors(void) {
    static const struct {
        const char *topology;
        WireEntry entry;
        const char *says;
    } CASES[] = {
        {"pre", {"attn", "none"}, "unknown key \"attn\"; keys begin with attn. or mlp."},
        {"pre", {"ffn.in", "none"}, "unknown key \"ffn.in\"; keys begin with attn. or mlp."},
        {"pre", {"", "none"}, "unknown key \"\""},
        {"pre", {"attn.", "none"}, "unknown key \"attn.\""},
        {"pre", {"mlp.end", "none"}, "unknown key \"mlp.end\"; after attn. and mlp. come in, mid"},
        {"pre", {"mlp.mid", NULL, 1}, "\"mlp.mid\" must be \"none\", \"norm\" or \"scale\""},
        {"pre", {"mlp.ski", NULL, 1}, "unknown key \"mlp.ski\""},
        {"pre", {"attn.in", "layernorm"}, "\"attn.in\" must be \"none\", \"norm\" or \"scale\""},
        {"pre", {"mlp.post", NULL, 1}, "\"mlp.post\" must be \"none\", \"norm\" or \"scale\""},
        {"pre",
         {"attn.skip", "norm"},
         "\"attn.skip\" must be a number or {\"learn\": ...}, not \"norm\""},
        {"pre",
         {"mlp.gain", NULL, 1, LEARN_SCALAR, 1},
         "\"mlp.gain\" must be a number, it cannot be learned"},
        {"resi_dual",
         {"attn.dual", NULL, 1, LEARN_VECTOR, 1},
         "\"attn.dual\" must be a number, it cannot be learned"},
        {"pre",
         {"mlp.branch", NULL, 0, LEARN_SHRINK, 1},
         "\"mlp.branch\": \"learn\": \"shrink\" is for leave only"},
        {"pre", {"mlp.gain", "1"}, "\"mlp.gain\" must be a number, not \"1\""},
        {"pre", {"attn.read", "shared"}, "\"attn.read\" must be \"stream\" or \"block\""},
        {"pre", {"attn.read", NULL, 1}, "\"attn.read\" must be \"stream\" or \"block\""},
        {"pre", {"mlp.read", "mlp"}, "\"mlp.read\" must be \"stream\", \"block\" or \"shared\""},
        {"pre", {"mlp.read", NULL, 1}, "\"mlp.read\" must be \"stream\", \"block\" or \"shared\""},
        {"pre", {"attn.dual", NULL, 1}, "\"attn.dual\" has no effect"},
        {"post", {"mlp.dual", NULL, 0}, "\"mlp.dual\" has no effect"},
        {"resi_dual", {"mlp.dual", "norm"}, "\"mlp.dual\" must be a number"},
        {"pre", {"blocks.4.attn.in", "none"}, "begin with blocks.0. to blocks.3."},
        {"pre",
         {"blocks.18446744073709551616.attn.in", "none"},
         "begin with blocks.0. to blocks.3."},
        {"pre", {"blocks..attn.in", "none"}, "begin with blocks.0. to blocks.3."},
        {"pre", {"blocks.-1.attn.in", "none"}, "begin with blocks.0. to blocks.3."},
        {"pre", {"blocks.1", "none"}, "unknown key \"blocks.1\"; the keys of one block begin"},
        {"pre", {"blocks.1x.attn.in", "none"}, "begin with blocks.0. to blocks.3."},
        {"pre", {"blocks.1.attn", "none"}, "unknown key \"attn\"; keys begin with attn. or mlp."},
        {"pre", {"blocks.3.blocks.1.attn.in", "none"}, "unknown key \"blocks.1.attn.in\""},
        {"pre", {"blocks.2.mlp.in", NULL, 1}, "\"mlp.in\" must be \"none\""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ModelOptions options = wired_options(CASES[i].topology, 4);
        options.wire = &CASES[i].entry;
        options.n_wire = 1;
        wired_error(&options, CASES[i].says);
    }
}

static const Test TESTS[] = {
    {"wire: every override in every row", test_wire},
    {"wire: overrides of one block", test_wire_of_one_block},
    {"wire: mistakes", test_wire_errors},
};
TEST_MAIN(TESTS)
