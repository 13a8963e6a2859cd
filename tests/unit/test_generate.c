/* test_generate.c - generation, token by token.
 *
 * Generation with cached keys and values must give the logits of the whole sequence, with every
 * wiring: it must not place a norm differently from training. */
#include "model/generate.h"
#include "ops/ops.h"
#include "tests/lib/nets.h"

enum { V = 32, B = 4, T = 16 };

static int tokens[B * T];

static ModelOptions options_of(const char *topology, const char *norm) {
    ModelOptions options = net_options(topology, norm);
    options.d_model = 32;
    options.d_ff = 0;
    options.context = T;
    return options;
}

/* --- cached keys and values --- */

/* Relative to the largest logit. In a float build some numbers round to the other neighbour in half
 * precision. */
static double parity(const ModelOptions *options) {
    if (sizeof(real) == sizeof(double)) return 1e-10;
    return options->precision || options->stream_precision ? 2e-2 : 1e-4;
}

/* Logits (T,V) of the whole sequence in one pass, without dropout. */
static void whole_logits(Model *model, real *logits, double gamma) {
    Pass pass = {.tokens = tokens, .B = 1, .T = T, .gamma = (real)gamma};
    model_forward(model, &pass);
    for (size_t t = 0; t < T; t++) {
        memcpy(logits + t * V, model_logits(model, t), V * sizeof *logits);
    }
}

/* Random values, smaller in models without norms, whose scores would grow to hundreds and exceed
 * the accuracy of float. */
static void draw(Model *model) {
    net_draw(model, 9);
    if (norm_kind(model->options.norm) != &norm_none) return;
    for (size_t i = 0; i < params_total(&model->params); i++) model->params.values[i] /= 2;
}

/* The first `prompt` tokens in one pass, the others one by one, against the whole sequence. */
static void check_parity(const ModelOptions *options, size_t prompt, const char *what) {
    const GammaWarmup warmup = {.steps = 10, .from = 0.1, .to = 1, .slots = (1 << SLOTS) - 1};
    Model *model = model_create(options, &warmup, V, 1, MODEL_FORWARD);
    real whole[T * V];
    double worst = 0, largest = 0;
    draw(model);
    net_tokens(tokens, B * T, V, 5);
    whole_logits(model, whole, 0.7);
    net_tokens(tokens + T, T, V,
               6); /* what an earlier sequence leaves behind must have no effect */
    model_forward(model, &(Pass){.tokens = tokens + T, .B = 1, .T = T, .gamma = (real)0.7});
    for (size_t t = prompt - 1; t < T; t++) {
        bool first = t == prompt - 1;
        Pass pass = {.tokens = first ? tokens : tokens + t,
                     .B = 1,
                     .T = first ? prompt : 1,
                     .past = first ? 0 : t,
                     .gamma = (real)0.7};
        model_forward(model, &pass);
        const real *logits = model_logits(model, pass.T - 1);
        for (size_t v = 0; v < V; v++) {
            double want = (double)whole[t * V + v];
            worst = fmax(worst, fabs((double)logits[v] - want));
            largest = fmax(largest, fabs(want));
        }
    }
    CHECK(worst <= parity(options) * largest, "%s, %s, %s, prompt %zu: off by %g of %g",
          topology_name(options->topology), norm_name(options->norm), what, prompt, worst, largest);
    model_free(model);
}

static void test_parity_rows(void) {
    for (size_t row = 0; row < ROW_COUNT; row++) {
        for (int norm = 0; norm_name(norm); norm++) {
            char error[256];
            ModelOptions options = options_of(ROWS[row].name, norm_name(norm));
            options.position = (row + (size_t)norm) % 2 ? POSITION_ROPE : POSITION_LEARNED;
            if (!model_check(&options, error, sizeof error)) continue; /* keel without norms */
            for (size_t prompt = 1; prompt <= T; prompt += 5) check_parity(&options, prompt, "row");
        }
    }
}

static void test_parity_options(void) {
    static const WireEntry MIDS[] = {{"attn.mid", "norm"}, {"mlp.mid", "norm"}};
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = options_of(ROWS[row].name, "rmsnorm");
        options.position = POSITION_ROPE;
        options.n_kv_head = 2;
        options.mlp = index_named(mlp_name, "swiglu");
        options.tie_embeddings = false;
        options.bias = false;
        options.dropout = 0.3; /* on in training only */
        check_parity(&options, 3, "grouped heads, swiglu");
        options.wire = MIDS;
        options.n_wire = 2;
        check_parity(&options, 3, "slot mid");
        options.n_wire = 0;
        for (int i = 0; switch_name(i); i++) {
            options.qk_norm = options.embed_norm = options.final_norm = i;
            check_parity(&options, 1, switch_name(i));
        }
    }
    ModelOptions mixed = options_of("peri", "layernorm");
    mixed.layers = "post*1 parallel*1 keel*1 pre*";
    check_parity(&mixed, 2, mixed.layers);
}

static void test_parity_precisions(void) {
    for (size_t row = 0; row < ROW_COUNT; row++) {
        for (int stream = 0; stream_precision_name(stream); stream++) {
            ModelOptions options = options_of(ROWS[row].name, "layernorm");
            options.position = POSITION_ROPE;
            options.precision = PRECISION_BFLOAT16;
            options.stream_precision = stream;
            check_parity(&options, 3, stream_precision_name(stream));
        }
    }
}

/* Lengths and widths with full and partial vectors, shared by two threads. */
static void test_parity_sizes(void) {
    static const size_t WIDTHS[][2] = {{48, 4}, {96, 3}, {320, 5}, {256, 8}};
    for (size_t i = 0; i < sizeof WIDTHS / sizeof *WIDTHS; i++) {
        ModelOptions options = options_of("peri", "rmsnorm");
        options.d_model = WIDTHS[i][0];
        options.n_head = WIDTHS[i][1];
        options.n_layer = 2;
        ops_start(2);
        check_parity(&options, 4, "two threads");
        ops_start(1);
    }
}

/* --- generate --- */

typedef struct {
    int token[64];
    size_t count, limit;
} Emitted;

static bool emit(int token, void *context) {
    Emitted *emitted = context;
    emitted->token[emitted->count++] = token;
    return emitted->count < emitted->limit;
}

/* The most likely token after the last T of `row`, from a pass over the whole sequence. */
static int likeliest(Model *model, const int *row, size_t n) {
    Pass pass = net_pass(row, NULL, 1, n);
    pass.training = false;
    model_forward(model, &pass);
    const real *logits = model_logits(model, n - 1);
    int best = 0;
    for (int v = 1; v < V; v++) {
        if (logits[v] > logits[best]) best = v;
    }
    return best;
}

/* Greedy sampling is the argmax over the window. When the window is full, its last half begins a
 * new one. */
static void test_generate(void) {
    const GammaWarmup off = {0};
    ModelOptions options = options_of("peri", "layernorm");
    Model *model = model_create(&options, &off, V, 1, false);
    net_draw(model, 9);
    net_tokens(tokens, B * T, V, 5);
    for (size_t n = 1; n <= 2 * T; n += 5) {
        GenerateOptions greedy = {.tokens = 40, .gamma = 1};
        Emitted emitted = {.limit = 64}, again = {.limit = 64}, few = {.limit = 7};
        int window[T + 1];
        size_t used = n <= T ? n : T / 2;
        memcpy(window, tokens + n - used, used * sizeof *window);
        generate(model, tokens, n, &greedy, emit, &emitted);
        CHECK(emitted.count == 40, "%zu tokens", emitted.count);
        for (size_t i = 0; i < emitted.count; i++) {
            if (used > T) {
                memmove(window, window + used - T / 2, T / 2 * sizeof *window);
                used = T / 2;
            }
            int want = likeliest(model, window, used);
            CHECK(emitted.token[i] == want, "prompt %zu: token %zu is %d, want %d", n, i,
                  emitted.token[i], want);
            window[used++] = want;
        }
        greedy.sampling = (Sampling){.temperature = 5, .top_k = 1};
        generate(model, tokens, n, &greedy, emit, &again);
        CHECK(memcmp(emitted.token, again.token, sizeof again.token) == 0, "top_k 1 is not greedy");
        generate(model, tokens, n, &greedy, emit, &few);
        CHECK(few.count == 7, "emit ends the sample: %zu", few.count);
    }
    model_free(model);
}

/* The seed determines the sample, temperature 1 samples from the softmax, and the factor of
 * gamma-warmup has an effect. */
static void test_generate_draws(void) {
    const GammaWarmup warmup = {.steps = 10, .from = 0.1, .to = 1, .slots = (1 << SLOTS) - 1};
    ModelOptions options = options_of("peri", "layernorm");
    Model *model = model_create(&options, &warmup, V, 1, false);
    net_draw(model, 9);
    for (size_t i = 0; i < V * model->shape.C; i++) model->tok_emb.value[i] *= (real)0.3;
    const size_t draws = 2000;
    for (int pass = 0; pass < 2; pass++) {
        double gamma = pass ? 0.2 : 1, p[V], total = 0, chi2 = 0;
        size_t hits[V] = {0};
        Pass whole = net_pass(tokens, NULL, 1, 3);
        whole.gamma = (real)gamma;
        model_forward(model, &whole);
        const real *logits = model_logits(model, 2);
        for (int v = 0; v < V; v++) total += p[v] = exp((double)logits[v]);
        for (size_t i = 0; i < draws; i++) {
            Emitted emitted = {.limit = 64};
            GenerateOptions one = {.tokens = 1,
                                   .sampling = {.temperature = 1},
                                   .seed = (uint32_t)i,
                                   .gamma = (real)gamma};
            generate(model, tokens, 3, &one, emit, &emitted);
            hits[emitted.token[0]]++;
        }
        for (int v = 0; v < V; v++) {
            double want = (double)draws * p[v] / total;
            chi2 += pow((double)hits[v] - want, 2) / want;
        }
        CHECK(chi2 < V + 5 * sqrt(2.0 * V), "w %g: chi-square %.1f of %d", gamma, chi2, V);
    }
    model_free(model);
}

/* A model whose blocks share their activations caches no keys, and generates the same text. */
static void test_recompute(void) {
    const GammaWarmup off = {0};
    ModelOptions options = options_of("peri", "rmsnorm");
    Emitted text[3];
    for (int use = MODEL_FORWARD; use <= MODEL_RECOMPUTE; use++) {
        Model *model = model_create(&options, &off, V, 1, (ModelUse)use);
        GenerateOptions drawn = {.tokens = 40, .sampling = {.temperature = 1}, .gamma = 1};
        text[use] = (Emitted){.limit = 64};
        net_draw(model, 9);
        net_tokens(tokens, B * T, V, 5);
        generate(model, tokens, 3, &drawn, emit, &text[use]);
        CHECK(memcmp(text[use].token, text[0].token, sizeof text[0].token) == 0, "use %d", use);
        model_free(model);
    }
}

static const Test TESTS[] = {
    {"sampling: cached keys and values, every row and norm", test_parity_rows},
    {"sampling: cached keys and values, every option", test_parity_options},
    {"sampling: cached keys and values, half precision", test_parity_precisions},
    {"sampling: cached keys and values, odd sizes", test_parity_sizes},
    {"sampling: greedy decoding and its window", test_generate},
    {"sampling: frequencies follow the softmax", test_generate_draws},
    {"sampling: every use of a model", test_recompute},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}
