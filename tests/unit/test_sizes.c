/* test_sizes.c - predicted sizes of a model: against the model that is then built, against a second
 * transcription of the plan, and against FLOPs counted by hand. Sizes around 2^31, 2^32 and 2^53
 * are refused with the bytes they need, before anything is allocated. */
#include "base/machine.h"
#include "run/train/memory.h"
#include "tests/lib/config_files.h"
#include "tests/lib/nets.h"

#include <sys/resource.h>
#include <sys/wait.h>

static ModelSize measured(const ModelOptions *options, size_t V, size_t batch, bool training) {
    const GammaWarmup off = {0};
    char error[256] = "";
    ModelSize size;
    bool sound = model_measure(&size, options, &off, V, batch, training, error, sizeof error);
    CHECK(sound, "%s", error);
    return size;
}

/* --- against the model itself --- */

static void same_as_built(const ModelOptions *options, bool training) {
    enum { V = 13, B = 3 };
    const GammaWarmup off = {0};
    ModelSize size = measured(options, V, B, training);
    GroupSize total = size_total(&size);
    Model *model = model_create(options, &off, V, B, training);
    const char *name = topology_name(options->topology);
    CHECK(total.tensors == params_count(&model->params), "%s: %zu tensors", name, total.tensors);
    CHECK(total.parameters == params_total(&model->params), "%s: %zu parameters", name,
          total.parameters);
    size_t statistics = 0;
    for (size_t p = 0; p < params_count(&model->params); p++) {
        const Param *param = &model->params.list[p];
        if (!param_is_trained(param)) statistics += param->count;
    }
    CHECK(size.statistics == statistics, "%s: %zu statistics", name, size.statistics);
    CHECK(total.weights == (double)(model->params.size * sizeof(real)), "%s: %.0f bytes of weights",
          name, total.weights);
    CHECK(total.buffers == (double)model->arena.size, "%s: %.0f bytes, the arena has %zu", name,
          total.buffers, model->arena.size);
    CHECK(size_bytes(&size) == (training ? 4 : 1) * total.weights + total.buffers, "%s: %.0f", name,
          size_bytes(&size));
    model_free(model);
}

static void sizes_are_those_of_the_model(void) {
    for (int norm = 0; norm_name(norm); norm++) {
        for (int row = 0; topology_name(row); row++) {
            ModelOptions options = net_options(topology_name(row), norm_name(norm));
            char why[256];
            if (!model_check(&options, why, sizeof why)) continue; /* keel without norms */
            same_as_built(&options, true);
            same_as_built(&options, false);
            options.tie_embeddings = options.bias = false;
            options.mlp = index_named(mlp_name, "swiglu");
            options.position = POSITION_ROPE;
            options.qk_norm = options.embed_norm = SWITCH_ON;
            options.n_kv_head = 2;
            same_as_built(&options, true);
        }
    }
}

/* Groups follow from the names of the parameters. */
static void groups_go_by_name(void) {
    const GammaWarmup off = {0};
    ModelOptions options = net_options("peri", "layernorm");
    options.tie_embeddings = false;
    options.qk_norm = SWITCH_ON;
    ModelSize size = measured(&options, 13, 3, true);
    Model *model = model_create(&options, &off, 13, 3, true);
    GroupSize want[GROUPS] = {0};
    for (size_t i = 0; i < params_count(&model->params); i++) {
        const Param *param = &model->params.list[i];
        const char *name = param->name;
        Group group = strstr(name, "norm")                   ? GROUP_NORMS
                      : strstr(name, ".attn.")               ? GROUP_ATTENTION
                      : strstr(name, ".mlp.")                ? GROUP_MLP
                      : strcmp(name, "head.weight") == 0     ? GROUP_HEAD
                      : strcmp(name + 3, "_emb.weight") == 0 ? GROUP_EMBEDDING
                                                             : GROUP_SHARED;
        want[group].tensors++;
        want[group].parameters += param->count;
    }
    for (int i = 0; group_name(i); i++) {
        CHECK(size.group[i].tensors == want[i].tensors, "%s: %zu tensors, want %zu", group_name(i),
              size.group[i].tensors, want[i].tensors);
        CHECK(size.group[i].parameters == want[i].parameters, "%s: %zu parameters, want %zu",
              group_name(i), size.group[i].parameters, want[i].parameters);
    }
    CHECK(want[GROUP_SHARED].tensors == 0 && want[GROUP_HEAD].parameters == 13 * 16, "no head");
    CHECK(!group_name(GROUPS) && !group_name(-1), "names end");
    model_free(model);
}

/* --- FLOPs by hand --- */

/* Tied, learned positions: C 8, F 32, T 4, V 11, 2 blocks of 2 heads.
 *   table 11*8 = 88, positions 4*8 = 32 (not counted)
 *   a block: norms 2*(8+8) = 32, qkv 24*8+24 = 216, proj 8*8+8 = 72, up 32*8+32 = 288,
 *   down 8*32+8 = 264: 872; two of them 1744; final norm 16
 *   6 * (88 + 1744 + 16) = 11088, attention 6 * 2*4*8 = 384: 11472 */
static void flops_tied(void) {
    ModelOptions options = net_options("pre", "layernorm");
    options.n_layer = 2;
    options.n_head = 2;
    options.d_model = 8;
    options.d_ff = 32;
    options.context = 4;
    ModelSize size = measured(&options, 11, 3, true);
    CHECK(size_total(&size).parameters == 1880, "%zu", size_total(&size).parameters);
    CHECK(size.positions == 32, "%zu", size.positions);
    CHECK(model_flops_per_token(&size) == 11472, "%.17g", model_flops_per_token(&size));
    options.window = "2"; /* 2 - 4/8 = 3/2 keys of 4/2: attention 12 * 2 * 3/2 * 8 = 288 */
    size = measured(&options, 11, 3, true);
    CHECK(model_flops_per_token(&size) == 11376, "%.17g", model_flops_per_token(&size));
    options.window = "4 1"; /* block 2: 1 - 1/8 keys: attention 12 * (2 + 7/8) * 8 = 276 */
    size = measured(&options, 11, 3, true);
    CHECK(model_flops_per_token(&size) == 11364, "%.17g", model_flops_per_token(&size));
    options.window = "";
    options.position = POSITION_NONE;
    size = measured(&options, 11, 3, true);
    CHECK(model_flops_per_token(&size) == 11472, "%.17g", model_flops_per_token(&size));
}

/* Untied, rotary, 4 query heads on 2 key/value heads, gated, no biases: C 16, F 24, T 6, V 11, 1
 * block of row peri with rmsnorm.
 *   table 11*16 = 176, head another 176, norms: embedding, 4 in the block, final, 6*16 = 96
 *   qkv (4+2*2)*4 * 16 = 512, proj 16*16 = 256, up, gate and down 3*24*16 = 1152
 *   6 * (352 + 96 + 512 + 256 + 1152) = 14208, attention 6 * 1*6*16 = 576: 14784
 * Tied, the head's 6*176 = 1056 go. */
static void flops_untied_grouped(void) {
    ModelOptions options = net_options("peri", "rmsnorm");
    options.n_layer = 1;
    options.n_kv_head = 2;
    options.d_ff = 24;
    options.mlp = index_named(mlp_name, "swiglu");
    options.position = POSITION_ROPE;
    options.tie_embeddings = options.bias = false;
    ModelSize size = measured(&options, 11, 5, true);
    CHECK(size_total(&size).parameters == 2368, "%zu", size_total(&size).parameters);
    CHECK(model_flops_per_token(&size) == 14784, "%.17g", model_flops_per_token(&size));
    options.tie_embeddings = true;
    size = measured(&options, 11, 5, true);
    CHECK(model_flops_per_token(&size) == 13728, "%.17g", model_flops_per_token(&size));
}

/* GPT-2 small, 124,439,808 parameters of which 1024*768 = 786,432 positions:
 *   6 * 123,653,376 = 741,920,256, attention 6 * 12*1024*768 = 56,623,104: 798,543,360 */
static void flops_gpt2(void) {
    ModelOptions options = net_options("pre", "layernorm");
    options.n_layer = options.n_head = 12;
    options.d_model = 768;
    options.d_ff = 0;
    options.context = 1024;
    ModelSize size = measured(&options, 50257, 1, true);
    CHECK(size_total(&size).parameters == 124439808, "%zu", size_total(&size).parameters);
    CHECK(model_flops_per_token(&size) == 798543360, "%.17g", model_flops_per_token(&size));
}

/* --- against a second transcription of the plan --- */

typedef struct {
    double batch, context, width, blocks, mlp, vocab, window; /* 0 = that of BASE */
} Case;
static const Case BASE = {2, 64, 64, 2, 128, 256, 16};

#define P16 65536.0
#define P20 1048576.0
#define P31 2147483648.0
static const Case CASES[] = {
    /* sequences of a batch around 2^31 and 2^32 */
    {P16, 32768},
    {P16, 32767},
    {65535, 32768},
    {P16, 32769},
    {32768, P16},
    {2048, P20},
    {2047, P20},
    {4096, P20},
    {P16, P16},
    {65535, P16},
    {P16, P16 + 1},
    {P16, P20},
    /* elements of R x C, R x F and R x V around 2^31 and 2^32 */
    {512, 65536},
    {1024, 32768},
    {1023, 32768},
    {2048, 32768},
    {256, 256, 32768},
    {256, 256, 65536},
    {255, 257, 65536},
    {128, 256, 65536},
    {64, 64, 64, 2, P20 / 2},
    {64, 64, 64, 2, P20},
    {63, 65, 64, 2, P20},
    {32, 64, 64, 2, P20},
    {1, 4096, 64, 2, P20},
    {64, 64, 64, 2, 0, P20},
    {1, 64, 64, 2, 0, P31 / 64},
    {64, 64, 64, 2, 0, P31 / 32},
    {64, 64, 64, 2, 0, P31 - 1},
    {1, 1, 1, 1, 1, P31 - 1},
    {1, 2, 64, 1, 0, P31 - 1},
    /* weights: V x C, F x C, C x C around 2^31, 2^32 and beyond */
    {1, 1, 32768, 1, 0, P16},
    {1, 1, 32767, 1, 0, P16},
    {1, 1, P16, 1, 0, P16},
    {1, 1, P16, 1, 0, P16 + 1},
    {1, 1, P16, 1, 32768},
    {1, 1, P16, 1, 32767},
    {1, 1, P16, 1, P16},
    {1, 1, P16, 1, P20},
    {1, 1, P16, 1024, P20},
    {1, 1, 46341, 1},
    {1, 1, 46340, 1},
    {1, 1, P16, 1},
    {1, 1, P16, 1024},
    {1, 1, 1024, 1024},
    {1, 1, 2048, 1024},
    {1, 1, P16, 1, 0, P31 - 1},
    /* bytes around 2^53 and beyond 2^64 */
    {65535, 32768, 64, 1, P20},
    {65534, 32768, 64, 1, P20},
    {65535, 32768, 64, 1, P20 - 1},
    {65535, 32768, 64, 2, P20},
    {65535, 32768, P16, 16},
    {65535, 32768, P16, 32},
    {65535, 32768, P16, 1024},
    {65535, 32768, P16, 1024, P20},
    {P16, P20, 64, 16},
    {P16, P20, P16, 1024, P20},
    {P16, P20, P16, 1024, P20, P31 - 1, 1e5},
    {P16, P20, 1, 1, 1},
    /* window of the spike detector: 100,000 x tensors x 8 bytes */
    {1, 1, 64, 1024, 0, 0, 1e5},
    {1, 1, 64, 512, 0, 0, 1e5},
    {1, 1, 64, 256, 0, 0, 99999},
};
enum { CASE_COUNT = sizeof CASES / sizeof *CASES };

static double pick(double value, double standard) {
    return value > 0 ? value : standard;
}

/* One head, row `pre`, rmsnorm, no biases, tied, no positions: the simplest plan. */
static Config config_of(const Case *c) {
    Config config;
    if (!parse(&config,
               "{\"model\": {\"topology\": \"pre\", \"norm\": \"rmsnorm\", \"n_head\": 1, "
               "\"bias\": false, \"position\": \"none\"}, \"log\": {\"layers_every\": 0}}")) {
        abort();
    }
    config.train.batch = (size_t)pick(c->batch, BASE.batch);
    config.model.context = (size_t)pick(c->context, BASE.context);
    config.model.d_model = (size_t)pick(c->width, BASE.width);
    config.model.n_layer = (size_t)pick(c->blocks, BASE.blocks);
    config.model.d_ff = (size_t)pick(c->mlp, BASE.mlp);
    config.data.vocab_size = (size_t)pick(c->vocab, BASE.vocab);
    config.spike.window = (size_t)pick(c->window, BASE.window);
    return config;
}

/* Bytes of a run, counted in the order of the equations, not of the plan. */
static double bytes_by_hand(const Config *config) {
    double B = (double)config->train.batch, T = (double)config->model.context, R = B * T;
    double C = (double)config->model.d_model, F = (double)config->model.d_ff;
    double L = (double)config->model.n_layer, V = (double)config->data.vocab_size;
    double chunk = fmax(64, floor(P20 * 16 / V / 64) * 64), tensors = 2 + 6 * L;
    double weights = V * C + L * (2 * C + 3 * C * C + C * C + 2 * C * F) + C;
    double block = R * C * 2 /* u of each sublayer */ + R * C * 2 /* y of each */ +
                   R * C * 4 /* q, k, v, mixed */ + R /* lse */ + 2 * R * F /* up, h */ +
                   2 * R /* statistics */;
    double streams = R * C * (1 + 3 + 2) /* e; two streams and the middle; h, dh */ + R;
    double shared = R * C * 7 /* b, o, ds, do, db, two du */ + R * C * 4 /* of q, k, v, mixed */ +
                    R * F /* of up */ + (double)attention_scratch((size_t)T, (size_t)C) +
                    3 * (double)norm_partials(&norm_rmsnorm, (size_t)C);
    double head = V + fmin(chunk, R) * V;
    double window = (double)config->spike.window, streak = 16;
    double detector = 8 * (2 * (2 * window + streak) + (window + streak) * tensors);
    return sizeof(real) * (4 * weights + L * block + streams + shared + head) + 8 * R + 8 * R +
           detector;
}

static void bytes_are_those_of_the_equations(void) {
    for (size_t i = 0; i < CASE_COUNT; i++) {
        Config config = config_of(&CASES[i]);
        MemoryPlan plan;
        CHECK(memory_plan(&plan, &config, config.data.vocab_size), "case %zu", i);
        double got = memory_total(&plan), want = bytes_by_hand(&config);
        double small = plan.lists + 1e6; /* the registry, padding, scratch of the norms */
        CHECK(fabs(got - want) <= small + 1e-6 * want, "case %zu: %.0f bytes, want %.0f", i, got,
              want);
        config_free(&config);
    }
}

/* --- refused before anything is allocated --- */

/* Runs memory_require and, where it returns, model_create, in a process that may allocate `room`
 * more bytes of address space. Returns its exit code, its message, and its peak memory. */
static int in_child(const Config *config, double room, double *held) {
    int saved, status;
    struct rusage usage;
    FILE *caught = catch_stderr(&saved);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        double there = 0;
        FILE *in = fopen("/proc/self/statm", "r");
        if (!in || fscanf(in, "%lf", &there) != 1) _exit(99);
        fclose(in);
        double limit = there * (double)sysconf(_SC_PAGESIZE) + room;
        struct rlimit addresses = {(rlim_t)limit, (rlim_t)limit};
        if (setrlimit(RLIMIT_AS, &addresses) != 0) _exit(98);
        memory_require(config, config->data.vocab_size);
        model_create(&config->model, &config->gamma_warmup, config->data.vocab_size,
                     config->train.batch, memory_use(config));
        _exit(0);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child) abort();
    release_stderr(caught, saved);
    *held = 1024.0 * (double)usage.ru_maxrss;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The number in front of `words` in the output; 0 where there is none. */
static double number_before(const char *words) {
    const char *end = strstr(printed, words);
    if (!end) return 0;
    while (end > printed && end[-1] >= '0' && end[-1] <= '9') end--;
    return atof(end);
}

static void large_ones_are_refused(void) {
    const double room = 1e9;
    size_t refused = 0;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        Config config = config_of(&CASES[i]);
        double needed = bytes_by_hand(&config), held, base = machine_resident_peak();
        double rows = (double)config.train.batch * (double)config.model.context;
        int code = in_child(&config, room, &held);
        CHECK(needed > room, "case %zu needs %.0f bytes only", i, needed);
        CHECK(code == EXIT_USAGE, "case %zu, %.0f bytes: exit code %d", i, needed, code);
        CHECK(held < base + 64e6, "case %zu: held %.0f bytes, was %.0f", i, held, base);
        double said = number_before(" bytes (");
        CHECK(fabs(said - needed - machine_resident()) < 0.01 * needed + 16e6,
              "case %zu: %.0f bytes in: %s", i, needed, printed);
        CHECK(strstr(printed, "ulimit -v leaves"), "case %zu: %s", i, printed);
        CHECK(strstr(printed, "halving "), "case %zu: no key that helps: %s", i, printed);
        CHECK((strstr(printed, "BLAS") != NULL) == (rows >= P31), "case %zu: %s", i, printed);
        refused += code == EXIT_USAGE;
        config_free(&config);
    }
    CHECK(refused >= 60, "%zu refused", refused);
}

/* The limit is exact: a model that just fits is accepted, one slightly larger is refused. */
static void fits_to_the_byte(void) {
    static const Case NEAR = {16, 256, 256, 4, 1024, 256, 16};
    Config config = config_of(&NEAR);
    MemoryPlan plan;
    double held, slack = 4e6; /* fluctuation between two measurements */
    CHECK(memory_plan(&plan, &config, config.data.vocab_size), "no plan");
    double total = memory_total(&plan);
    CHECK(total > 20 * slack, "%.0f bytes", total);
    CHECK(in_child(&config, total + slack, &held) == 0, "refused: %s", printed);
    CHECK(in_child(&config, total - slack, &held) == EXIT_USAGE, "accepted");
    config_free(&config);
}

/* The matrices of Muon have no second moment, so a model may fit with Muon only. */
static void muon_needs_less(void) {
    static const Case WIDE = {1, 16, 512, 4, 2048, 256, 16};
    Config config = config_of(&WIDE);
    MemoryPlan adamw, muon;
    double held;
    CHECK(memory_plan(&adamw, &config, config.data.vocab_size), "no plan");
    config.optim.kind = OPTIMIZER_MUON;
    CHECK(memory_plan(&muon, &config, config.data.vocab_size), "no plan");
    double more = memory_total(&adamw), less = memory_total(&muon);
    double matrices = 4 * (4 * 512.0 * 512 + 2 * 512.0 * 2048) * sizeof(real);
    double scratch = (2 * 512.0 * 2048 + 2 * 512.0 * 512) * sizeof(real);
    CHECK(more - less == matrices - scratch, "%.0f bytes less, want %.0f", more - less,
          matrices - scratch);
    CHECK(in_child(&config, (more + less) / 2, &held) == 0, "refused: %s", printed);
    config.optim.kind = OPTIMIZER_ADAMW;
    CHECK(in_child(&config, (more + less) / 2, &held) == EXIT_USAGE, "accepted");
    config_free(&config);
}

/* The error names the keys that reduce the size. */
static void hints_name_what_helps(void) {
    static const struct {
        Case sizes;
        const char *named, *never;
    } HINTS[] = {
        {{4096, 64, 64, 2}, "halving train.batch = 4096 saves", "spike.window"},
        {{1, 1, 64, 2, 0, P31 / 8}, "halving data.vocab_size = 268435456 saves", "train.batch"},
        {{1, 1, 64, 1024, 0, 0, 1e5}, "halving spike.window = 100000 saves", "data.vocab_size"},
        {{1, 1, 64, 2, P20 * 4}, "halving model.d_ff = 4194304 saves", "train.batch"},
    };
    for (size_t i = 0; i < sizeof HINTS / sizeof *HINTS; i++) {
        Config config = config_of(&HINTS[i].sizes);
        double held;
        int code = in_child(&config, 64e6, &held);
        CHECK(code == EXIT_USAGE, "hint %zu: exit code %d", i, code);
        CHECK(strstr(printed, HINTS[i].named), "hint %zu: %s", i, printed);
        CHECK(!strstr(printed, HINTS[i].never), "hint %zu: %s", i, printed);
        config_free(&config);
    }
}

static const Test TESTS[] = {
    {"sizes: equal those of the model that is then built", sizes_are_those_of_the_model},
    {"sizes: groups follow from the names of parameters", groups_go_by_name},
    {"flops: tied, learned positions", flops_tied},
    {"flops: untied, grouped heads, gated", flops_untied_grouped},
    {"flops: GPT-2 small", flops_gpt2},
    {"sizes: bytes against the equations, up to 2^64", bytes_are_those_of_the_equations},
    {"sizes: around 2^31, 2^32, 2^53 refused", large_ones_are_refused},
    {"sizes: the limit is exact", fits_to_the_byte},
    {"sizes: Muon needs less", muon_needs_less},
    {"sizes: the error names the keys that help", hints_name_what_helps},
};

TEST_MAIN(TESTS)
