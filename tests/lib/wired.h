/* wired.h - a resolved model against rows.h, for the tests of topology, layers, wire and switches. */
#ifndef TESTS_LIB_WIRED_H
#define TESTS_LIB_WIRED_H

#include "tests/lib/nets.h"

static inline ModelOptions wired_options(const char *topology, size_t N) {
    ModelOptions options = net_options(topology, "layernorm");
    options.n_layer = N;
    return options;
}

/* --- a resolved model against rows.h --- */

static inline void wired_sublayer(const SublayerWiring *got, const RowSublayer *want,
                                  const char *label) {
    static const char KINDS[] = {[SLOT_ABSENT] = '.', [SLOT_NORM] = 'n', [SLOT_SCALE] = 'S'};
    static const char READS[] = {[READ_STREAM] = 'x', [READ_BLOCK] = 'b', [READ_SHARED] = 'u'};
    static const char LEARN[] = {
        [LEARN_NOT] = '.', [LEARN_SCALAR] = 's', [LEARN_VECTOR] = 'v', [LEARN_SHRINK] = 'g'};
    for (int slot = 0; slot < SLOTS; slot++) {
        CHECK(KINDS[got->slot[slot]] == want->slot[slot], "%s: %s", label, slot_name(slot));
    }
    CHECK(READS[got->read] == want->read, "%s: read", label);
    CHECK(fabs(got->out_gain - want->out_gain) <= 1e-14 * want->out_gain,
          "%s: initial gain of slot out %.17g, want %.17g", label, got->out_gain, want->out_gain);
    for (int i = 0; i < ROW_NUMBERS; i++) {
        const int name = name_index(coefficient_name, ROW_NUMBER_NAMES[i]);
        const CoefficientWiring plain = {i == ROW_GAIN ? got->gain : got->dual, LEARN_NOT, 1};
        const CoefficientWiring number = name < 0 ? plain : got->coefficient[name];
        CHECK(fabs(number.value - want->number[i]) <= 1e-14 * fabs(want->number[i]),
              "%s: %s is %.17g, want %.17g", label, ROW_NUMBER_NAMES[i], number.value,
              want->number[i]);
        CHECK(LEARN[number.learn] == want->learn[i] && number.lr_scale == want->lr_scale[i],
              "%s: %s: learned %c, learning rate times %.17g", label, ROW_NUMBER_NAMES[i],
              LEARN[number.learn], number.lr_scale);
    }
}

static inline void wired_net(const ModelOptions *options, const RowNet *net, const char *label) {
    static const char QKV[] = {
        [QKV_PLAIN] = '.', [QK_WHOLE] = 'w', [QK_HEAD] = 'h', [QKV_HEAD] = 'v'};
    char error[256] = "", place[200];
    Wiring wiring;
    bool good = wiring_resolve(&wiring, options, error, sizeof error);
    CHECK(good, "%s: %s", label, error);
    if (!good) return;
    CHECK(wiring.L == net->N, "%s: %zu blocks", label, wiring.L);
    CHECK(wiring.embed_norm == net->emb, "%s: embedding norm", label);
    CHECK((wiring.final == FINAL_DUAL) == net->dual, "%s: second stream", label);
    CHECK(wiring.final_norm == net->final_norm, "%s: final norm", label);
    CHECK(net->dual || wiring.final == (net->final_norm ? FINAL_NORM : FINAL_NONE), "%s: final",
          label);
    CHECK(strcmp(init_name((int)wiring.init), net->init) == 0, "%s: init %s", label,
          init_name((int)wiring.init));
    for (size_t l = 0; l < net->N; l++) {
        const BlockWiring *got = &wiring.block[l];
        const RowBlock *want = &net->block[l];
        snprintf(place, sizeof place, "%s, N %zu, attention of block %zu", label, net->N, l + 1);
        wired_sublayer(&got->attn, &want->attn, place);
        snprintf(place, sizeof place, "%s, N %zu, mlp of block %zu", label, net->N, l + 1);
        wired_sublayer(&got->mlp, &want->mlp, place);
        CHECK(strcmp(got->row, want->row->name) == 0, "%s: row %s", place, got->row);
        CHECK(QKV[got->qkv] == want->qkv, "%s: q, k, v norms", place);
    }
    wiring_free(&wiring);
}

static inline void wired_error(const ModelOptions *options, const char *words) {
    char error[256] = "";
    Wiring wiring;
    bool good = wiring_resolve(&wiring, options, error, sizeof error);
    CHECK(!good, "accepted; expected an error with \"%s\"", words);
    CHECK(good || !wiring.block, "memory is left after an error");
    if (good) wiring_free(&wiring);
    CHECK(strstr(error, words), "\"%s\" does not say \"%s\"", error, words);
}

#endif
