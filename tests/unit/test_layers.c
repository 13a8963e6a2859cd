/* test_layers.c - layers.csv: its moments against plain loops, its sites against a forward pass
 * that shares no code with the model, its gradients against finite differences of that pass.
 *
 * A finite difference changes one number of one activation in the middle of the plain pass. So a
 * gradient that is measured too early, too late or in another buffer cannot agree. */
#include "base/text_out.h"
#include "ops/ops.h"
#include "run/io/files.h"
#include "run/log/layers.h"
#include "tests/lib/moments.h"
#include "tests/lib/nets.h"
#include "tests/lib/reference.h"

#include <unistd.h>

/* --- sites of a model --- */

enum { V = 11, B = 2, T = 3, LAYERS = 4, PLACES = 2 * LAYERS + 2, ALL_SLOTS = (1 << SLOTS) - 1 };

static const char LETTERS[PROBE_SITES + 1] = "xumboy";
static const char *const NAMES[PROBE_SITES] = {"stream", "norm_in",  "norm_mid",
                                               "branch", "norm_out", "norm_post"};

typedef struct {
    const char *mlp, *position;
    size_t n_kv_head;
    double w; /* w of gamma-warmup in all slots, 0 = off */
    double dropout;
    double progress; /* of branch-warmup in deeper order, 0 = off */
    WireEntry wire[8];
} Variant;

/* clang-format off */
static const Variant VARIANTS[] = {
    {"gelu", "learned"},
    {"gelu", "learned", .dropout = 0.3},
    {"swiglu", "rope", .n_kv_head = 1, .w = 0.5},
    {"gelu", "learned", .progress = 0.8},
    {"swiglu", "rope", .n_kv_head = 1, .w = 0.5, .dropout = 0.3, .wire = {{"attn.mid", "norm"}, {"mlp.mid", "norm"}}},
    {"gelu", "learned", .wire = {{"attn.mid", "norm"}, {"mlp.mid", "scale"}, {"mlp.read", "shared"}}},
    {"gelu", "learned", .progress = 1.5, .dropout = 0.3, .wire = {{"attn.branch", NULL, -0.8}}},
    {"gelu", "learned", .wire = {{"attn.block_skip", NULL, 0.3}, {"attn.gain", NULL, 0.7}, {"attn.branch", NULL, -0.8},
     {"mlp.skip", NULL, 0.6}, {"mlp.read", "shared"}, {"mlp.gain", NULL, 1.2}, {"mlp.in", "norm"}, {"attn.in", "norm"}}},
    {"gelu", "learned", .wire = {{"mlp.read", "block"}, {"mlp.block_skip", NULL, -0.4}, {"mlp.out", "scale"},
     {"attn.post", "norm"}, {"attn.in", "none"}, {"attn.gain", NULL, 1.1}, {"mlp.branch", NULL, 2}}},
};
/* clang-format on */

typedef struct {
    ModelOptions options;
    RowNet net;
    double ramp[LAYERS]; /* factors of branch-warmup */
    Reference ref;
    Model *model;
    Probe *probe;
    Pass pass;
    int tokens[B * T], targets[B * T];
    char label[64];
} Case;

static void case_open(Case *c, const char *topology, const char *norm, const Variant *v) {
    const size_t L = strcmp(topology, "mixln") == 0 ? LAYERS : 2;
    GammaWarmup warmup = {.steps = v->w > 0 ? 10 : 0, .from = 0.1, .to = 1, .slots = ALL_SLOTS};
    *c = (Case){.options = net_options(topology, norm), .net = row_net(topology, L)};
    c->options.n_layer = L;
    c->options.n_head = 2;
    c->options.n_kv_head = v->n_kv_head;
    c->options.d_model = 8;
    c->options.d_ff = 12;
    c->options.mlp = index_named(mlp_name, v->mlp);
    c->options.position = index_named(position_name, v->position);
    c->options.dropout = v->dropout;
    c->options.wire = v->wire;
    for (const WireEntry *entry = v->wire; entry < v->wire + 8 && entry->key; entry++) {
        row_wire(&c->net, entry);
        c->options.n_wire++;
    }
    for (size_t l = 0; l < L && v->progress > 0; l++)
        c->ramp[l] = fmin(1, v->progress / ((double)l + 1));
    c->model = model_create(&c->options, &warmup, V, B, true);
    net_draw(c->model, 7);
    c->ref = (Reference){.options = &c->options,
                         .params = &c->model->params,
                         .net = &c->net,
                         .warm_slots = v->w > 0 ? ALL_SLOTS : 0,
                         .w = v->w,
                         .ramp = v->progress > 0 ? c->ramp : NULL,
                         .T = T,
                         .V = V,
                         .F = c->options.d_ff};
    net_tokens(c->tokens, B * T, V - 3, 1);
    net_tokens(c->targets, B * T, V, 2);
    for (size_t i = 0; i < B * T; i++)
        c->tokens[i] += 3; /* tokens 0 to 2 are tiny: a finite step would not be small */
    c->probe = probe_create(L);
    c->pass = net_pass(c->tokens, c->targets, B, T);
    c->pass.probe = c->probe;
    if (v->progress > 0) c->pass.branch = (BranchRamp){.on = true, .progress = v->progress};
    if (v->w > 0) c->pass.gamma = (real)v->w;
    snprintf(c->label, sizeof c->label, "%s %s, variant %zu", topology, norm,
             (size_t)(v - VARIANTS));
}

static void case_close(Case *c) {
    probe_free(c->probe);
    model_free(c->model);
}

/* Every topology in the first variant. In each of the others one topology of `thin`, and the one
 * with a second stream, the only one in which the gradient of that stream enters an `out` norm. */
static void for_all_cases(void (*check)(Case *c), size_t thin) {
    for (size_t k = 0; k < ROW_COUNT * COUNT(VARIANTS); k++) {
        const size_t row = k % ROW_COUNT, variant = k / ROW_COUNT;
        Case c;
        if (variant && (row + variant) % thin && !row_says(&ROWS[row], "dual")) continue;
        case_open(&c, ROWS[row].name, (row + variant) % 2 ? "layernorm" : "rmsnorm",
                  &VARIANTS[variant]);
        check(&c);
        case_close(&c);
    }
}

/* Whether the topology has the site, according to rows.h. */
static bool site_exists(const RowNet *net, size_t layer, bool mlp, int site) {
    if (site == PROBE_STREAM) return layer > 0 || !mlp;
    if (layer == 0) return false;
    if (layer == net->N + 1) return site == PROBE_NORM_IN && net->final_norm;
    const RowSublayer *s = mlp ? &net->block[layer - 1].mlp : &net->block[layer - 1].attn;
    const int slot = site == PROBE_NORM_IN    ? ROW_IN
                     : site == PROBE_NORM_MID ? ROW_MID
                     : site == PROBE_NORM_OUT ? ROW_OUT
                                              : ROW_POST;
    return site == PROBE_BRANCH || s->slot[slot] != '.';
}

/* Features of a token at a site: only the hidden ones of the MLP are not d_model. */
static size_t site_width(const Case *c, int site, bool mlp) {
    return site == PROBE_NORM_MID && mlp ? c->options.d_ff : c->options.d_model;
}

typedef struct {
    size_t layer, place;
    bool mlp;
    int site;
} Spot;

/* Lists the sites of a model in the order of the file; returns their number. */
static size_t spots_of(const RowNet *net, Spot spots[PLACES * PROBE_SITES]) {
    size_t count = 0;
    for (size_t place = 0; place < 2 * net->N + 2; place++) {
        const size_t layer = (place + 1) / 2;
        const bool mlp = place > 0 && place % 2 == 0;
        for (int site = 0; site < PROBE_SITES; site++) {
            if (site_exists(net, layer, mlp, site))
                spots[count++] = (Spot){layer, place, mlp, site};
        }
    }
    return count;
}

/* --- values --- */

static RefRows seen[B][PLACES][PROBE_SITES];

static void remember(void *row, size_t layer, bool mlp, char letter, RefRows x) {
    const size_t place = layer ? 2 * layer - 1 + mlp : 0;
    const size_t site = (size_t)(strchr(LETTERS, letter) - LETTERS);
    memcpy(seen[*(size_t *)row][place][site], x, sizeof(RefRows));
}

static void check_values(Case *c) {
    double losses[T], x[B * T * 12];
    Spot spots[PLACES * PROBE_SITES];
    c->ref.look = remember;
    for (size_t b = 0; b < B; b++) {
        c->ref.b = b;
        c->ref.looker = &b;
        reference_losses(&c->ref, losses, c->tokens + b * T, c->targets + b * T);
    }
    model_train(c->model, &c->pass);
    for (size_t i = 0, n = spots_of(&c->net, spots); i < n; i++) {
        const Spot *s = &spots[i];
        const ProbeStats *got = probe_stats(c->probe, s->place, (ProbeSite)s->site);
        const size_t C = site_width(c, s->site, s->mlp);
        for (size_t r = 0; r < B * T; r++)
            memcpy(x + r * C, seen[r / T][s->place][s->site][r % T], C * sizeof *x);
        for (int group = 0; group < TOKEN_GROUPS; group++) {
            char label[128];
            Moments want = plain_moments(x, B * T, T, C, group == TOKEN_FIRST);
            snprintf(label, sizeof label, "%s: layer %zu %s %s %d", c->label, s->layer,
                     s->mlp ? "mlp" : "attn", NAMES[s->site], group);
            check_moments(&got->moments[group], &want, 10 * net_tolerance(), label);
        }
    }
}

static void values_are_those_of_the_equations(void) {
    for_all_cases(check_values, 1);
}

/* --- gradients --- */

typedef struct {
    Spot spot;
    size_t t, c;
    double by;
} Nudge;

static void nudge_one(void *looker, size_t layer, bool mlp, char letter, RefRows x) {
    const Nudge *n = looker;
    if (layer == n->spot.layer && mlp == n->spot.mlp && letter == LETTERS[n->spot.site])
        x[n->t][n->c] += n->by;
}

/* The contribution of sequence b to the mean loss, with one activation changed. */
static double loss_nudged(Case *c, size_t b, Nudge nudge, double by) {
    double losses[T], total = 0;
    nudge.by = by;
    c->ref.b = b;
    c->ref.look = nudge_one;
    c->ref.looker = &nudge;
    reference_losses(&c->ref, losses, c->tokens + b * T, c->targets + b * T);
    for (size_t t = 0; t < T; t++) total += losses[t] / (B * T);
    return total;
}

/* The root mean square of dL/dx over all elements of a site, by central differences. */
static void difference_rms(Case *c, const Spot *spot, double rms[TOKEN_GROUPS]) {
    const double h = 2e-6;
    const size_t C = site_width(c, spot->site, spot->mlp);
    double squares[TOKEN_GROUPS] = {0};
    for (size_t i = 0; i < B * T * C; i++) {
        const size_t b = i / (T * C), t = i / C % T;
        const Nudge nudge = {.spot = *spot, .t = t, .c = i % C};
        double change = loss_nudged(c, b, nudge, h) - loss_nudged(c, b, nudge, -h);
        squares[t ? TOKEN_REST : TOKEN_FIRST] += pow(change / (2 * h), 2);
    }
    rms[TOKEN_FIRST] = sqrt(squares[TOKEN_FIRST] / (double)(B * C));
    rms[TOKEN_REST] = sqrt(squares[TOKEN_REST] / (double)(B * (T - 1) * C));
}

static void check_gradients(Case *c) {
    const double tolerance = sizeof(real) == sizeof(float) ? 1e-4 : 1e-6;
    Spot spots[PLACES * PROBE_SITES];
    if (row_stops_gradient(c->net.block[0].row)) return;
    model_train(c->model, &c->pass);
    for (size_t i = 0, n = spots_of(&c->net, spots); i < n; i++) {
        const ProbeStats *got = probe_stats(c->probe, spots[i].place, (ProbeSite)spots[i].site);
        double want[TOKEN_GROUPS];
        difference_rms(c, &spots[i], want);
        for (int group = 0; group < TOKEN_GROUPS; group++) {
            CHECK(fabs(got->grad_rms[group] - want[group]) <= tolerance * want[group] + 1e-9,
                  "%s: layer %zu %s %s %d: gradient %.9g, want %.9g", c->label, spots[i].layer,
                  spots[i].mlp ? "mlp" : "attn", NAMES[spots[i].site], group, got->grad_rms[group],
                  want[group]);
        }
    }
}

static void gradients_are_those_of_differences(void) {
    for_all_cases(check_gradients, 3);
}

static void check_that_numbers_stay(Case *c) {
    Params *params = &c->model->params;
    const size_t bytes = params->size * sizeof(real);
    real *watched = mem_alloc(bytes);
    params_zero_grads(params);
    double loss = model_train(c->model, &c->pass);
    memcpy(watched, params->grads, bytes);
    c->pass.probe = NULL;
    params_zero_grads(params);
    CHECK(model_train(c->model, &c->pass) == loss, "%s: loss", c->label);
    CHECK(memcmp(watched, params->grads, bytes) == 0, "%s: gradients", c->label);
    mem_free(watched);
}

static void a_probe_changes_no_number(void) {
    for_all_cases(check_that_numbers_stay, 1);
}

/* --- the file --- */

/* Checks the next line of the file at *text and advances past it. */
static void check_row(char **text, const Case *c, const Spot *spot, int group) {
    const bool final = spot->layer == c->net.N + 1;
    const char *sublayer = spot->layer == 0 ? "embedding"
                           : final          ? "final"
                           : spot->mlp      ? "mlp"
                                            : "attn";
    const ProbeStats *stats = probe_stats(c->probe, spot->place, (ProbeSite)spot->site);
    const Moments *m = &stats->moments[group];
    const double want[] = {m->mean,   m->variance, m->rms,
                           m->absmax, m->kurtosis, stats->grad_rms[group]};
    char keys[64], *at = *text;
    snprintf(keys, sizeof keys, "70,%zu,%s,%s,%s", spot->layer, sublayer, NAMES[spot->site],
             group == TOKEN_FIRST ? "first" : "rest");
    CHECK(strncmp(at, keys, strlen(keys)) == 0, "%s: %.60s, want %s", c->label, at, keys);
    at += strlen(keys);
    for (size_t i = 0; i < COUNT(want); i++) {
        CHECK(*at == ',', "%s: %s: column %zu is missing", c->label, keys, i);
        double got = strtod(at + 1, &at);
        CHECK(fabs(got - want[i]) <= 1e-8 * fabs(want[i]), "%s: %s: column %zu is %.9g, want %.9g",
              c->label, keys, i, got, want[i]);
    }
    CHECK(*at == '\n', "%s: %s: more than its columns", c->label, keys);
    *text = strchr(*text, '\n') ? strchr(*text, '\n') + 1 : strchr(*text, '\0');
}

static char *written(const Probe *probe, const char *dir) {
    static char text[1 << 16];
    Csv csv = csv_create(dir, "layers.csv", LAYERS_HEADER);
    layers_write(&csv, 70, probe, NULL);
    csv_close(&csv);
    char *path = text_format("%s/layers.csv", dir);
    FILE *in = fopen(path, "r");
    size_t size = in ? fread(text, 1, sizeof text - 1, in) : 0;
    if (in) fclose(in);
    unlink(path);
    mem_free(path);
    text[size] = '\0';
    return text;
}

static void check_file(Case *c) {
    static const char HEADER[] =
        "step,layer,sublayer,site,position,mean,variance,rms,absmax,kurtosis,grad_rms\n";
    char dir[] = "/tmp/test_layers_XXXXXX";
    Spot spots[PLACES * PROBE_SITES];
    CHECK(mkdtemp(dir) != NULL, "mkdtemp");
    model_train(c->model, &c->pass);
    char *text = written(c->probe, dir);
    CHECK(strncmp(text, HEADER, strlen(HEADER)) == 0, "%.80s", text);
    text += strlen(HEADER);
    for (size_t i = 0, n = spots_of(&c->net, spots); i < n; i++) {
        for (int group = 0; group < TOKEN_GROUPS; group++) check_row(&text, c, &spots[i], group);
    }
    CHECK(*text == '\0', "%s: a row too many: %.40s", c->label, text);
    rmdir(dir);
}

/* Two lines for every site that exists, and no others. */
static void file_has_the_sites_that_exist(void) {
    for_all_cases(check_file, 1);
}

static void file_says_nan_inf_and_nothing(void) {
    char dir[] = "/tmp/test_layers_XXXXXX";
    Probe *probe = probe_create(1);
    CHECK(mkdtemp(dir) != NULL, "mkdtemp");
    ProbeStats *stats = probe_stats(probe, probe_embedding(), PROBE_STREAM);
    stats->measured = true;
    stats->moments[TOKEN_FIRST] =
        (Moments){.tokens = 1, .mean = -NAN, .rms = INFINITY, .absmax = 1.0 / 3, .kurtosis = NAN};
    stats->grad_rms[TOKEN_FIRST] = -INFINITY;
    char *rows = strchr(written(probe, dir), '\n') + 1;
    CHECK(strcmp(rows, "70,0,embedding,stream,first,nan,0,inf,0.333333333,nan,-inf\n"
                       "70,0,embedding,stream,rest,,,,,,\n") == 0,
          "%s", rows);
    rmdir(dir);
    probe_free(probe);
}

static const Test TESTS[] = {
    {"values are those of the equations", values_are_those_of_the_equations},
    {"gradients are those of differences", gradients_are_those_of_differences},
    {"a probe changes no number", a_probe_changes_no_number},
    {"the file has the sites that exist", file_has_the_sites_that_exist},
    {"the file has nan, inf and empty fields", file_says_nan_inf_and_nothing},
};
TEST_MAIN(TESTS)
