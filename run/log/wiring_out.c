/* wiring_out.c - see wiring_out.h. */
#include "run/log/wiring_out.h"

/* A number, or an object as in model.wire. */
static void print_coefficient(Json *json, const char *name, const CoefficientWiring *w) {
    if (w->learn == LEARN_NOT) {
        json_exact(json, name, w->value);
        return;
    }
    json_open(json, name);
    json_string(json, "learn", learn_name((int)w->learn));
    json_number(json, "start", w->value);
    json_number(json, "lr_scale", w->lr_scale);
    json_close(json);
}

/* Where the sublayer is. */
typedef struct {
    const Wiring *wiring;
    const WiringPass *pass;
    size_t block; /* counts from 0 */
    bool mlp;
} Place;

static void print_pass(Json *json, const Place *place, const SublayerWiring *w) {
    const WiringPass *pass = place->pass;
    json_list_open(json, "warm");
    for (int slot = 0; slot < SLOTS; slot++) {
        if (w->slot[slot] == SLOT_ABSENT ||
            !wiring_is_warm(place->wiring, pass->warm_slots, place->block, place->mlp, (Slot)slot))
            continue;
        json_item(json);
        json_print_string(json->out, slot_name(slot));
    }
    json_list_close(json);
    json_exact(json, "branch_warmup", branch_factor(&pass->ramp, place->block));
    json_exact(json, "ramp", branch_factor(&pass->ramp, place->block) * w->branch_scale);
}

static void print_sublayer(Json *json, const char *name, const Place *place) {
    const BlockWiring *block = &place->wiring->block[place->block];
    const SublayerWiring *w = place->mlp ? &block->mlp : &block->attn;
    json_open(json, name);
    for (int slot = 0; slot < SLOTS; slot++)
        json_string(json, slot_name(slot), wire_kind_name((int)w->slot[slot]));
    json_string(json, "read", wire_read_name((int)w->read));
    for (CoefficientName i = 0; i < COEFFICIENTS; i++)
        print_coefficient(json, coefficient_name((int)i), &w->coefficient[i]);
    json_exact(json, "gain", w->gain);
    json_exact(json, "dual", w->dual);
    json_number(json, "out_gain", w->out_gain);
    if (w->branch_scale != 1) json_number(json, "branch_scale", w->branch_scale);
    if (place->pass) print_pass(json, place, w);
    json_close(json);
}

void wiring_print_json(Json *json, const Wiring *wiring, const WiringPass *pass) {
    static const char *const QKV[] = {[QKV_PLAIN] = "none",
                                      [QK_WHOLE] = "q and k over all heads",
                                      [QK_HEAD] = "q and k per head",
                                      [QKV_HEAD] = "q, k and v per head"};
    static const char *const FINALS[] = {
        [FINAL_NONE] = "x", [FINAL_NORM] = "N(x)", [FINAL_DUAL] = "x + N(d)"};
    const bool bare = wiring->final == FINAL_DUAL && !wiring->final_norm;
    json_boolean(json, "embed_norm", wiring->embed_norm);
    json_string(json, "head", bare ? "x + d" : FINALS[wiring->final]);
    json_string(json, "init", init_name((int)wiring->init));
    json_list_open(json, "blocks");
    for (size_t l = 0; l < wiring->L; l++) {
        const BlockWiring *block = &wiring->block[l];
        json_item(json);
        json_open(json, NULL);
        json->layout = JSON_INLINE;
        json_string(json, "topology", block->row);
        json_string(json, "qkv_norms", QKV[block->qkv]);
        json_string(json, "rope", rope_kind_name((int)block->rope));
        json_integer(json, "window", block->window);
        print_sublayer(json, "attn", &(Place){wiring, pass, l, false});
        print_sublayer(json, "mlp", &(Place){wiring, pass, l, true});
        json_close(json);
        json->layout = JSON_LINES;
    }
    json_list_close(json);
}
