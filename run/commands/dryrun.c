/* dryrun.c - see dryrun.h. */
#include "run/commands/dryrun.h"

#include "base/text_out.h"
#include "model/equations.h"
#include "norm/norm.h"
#include "base/machine.h"
#include "ops/ops.h"
#include "run/commands/advice.h"
#include "run/io/files.h"
#include "run/train/memory.h"
#include "run/store/rundir.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

/* What is no product - norms, activations, softmax, residuals, zeroing - takes as long for an
 * element of the buffers as this many FLOPs of products; and how far off the sum may be. Measured:
 * docs/dry_run.md. */
static const double BUFFER_FLOPS = 150, UNCERTAINTY = 0.25;
static const double PROBE_SECONDS = 0.2, UPDATE_SECONDS = 0.05;

/* What is known when everything is printed. */
typedef struct {
    const Config *config;
    const Dataset *data;
    MemoryPlan memory;
    double program;         /* bytes of code, libraries, threads and the buffers of BLAS */
    ProbeRate gemm, update; /* FLOP and parameters in a second */
    double tokens;          /* of an update */
    double flops;           /* of an update */
} Forecast;

static size_t parameters(const Forecast *forecast) {
    return size_total(&forecast->memory.model).parameters;
}

/* --- measuring --- */

static size_t at_most(size_t value, size_t most) {
    return value < most ? value : most;
}

/* The product of the MLP's first layer, cut to what takes milliseconds. What the process holds
 * after it - BLAS packs into buffers of its own - is what the run will hold besides its plan. */
static void probe(Forecast *forecast) {
    enum { ROWS = 1024, WIDTH = 2048 };
    const Shape *s = &forecast->memory.model.shape;
    forecast->gemm = ops_probe_gemm(at_most(s->B * s->T, ROWS), at_most(s->F, WIDTH),
                                    at_most(s->C, WIDTH), PROBE_SECONDS);
    forecast->program = machine_resident();
    forecast->update =
        ops_probe_update(at_most(parameters(forecast), (size_t)1 << 22), UPDATE_SECONDS);
}

/* Forward and backward of one token. */
static double seconds_per_token(const Forecast *forecast) {
    const ModelSize *model = &forecast->memory.model;
    double elements = size_total(model).buffers / sizeof(real);
    double others = BUFFER_FLOPS * elements / (double)(model->shape.B * model->shape.T);
    return (model_flops_per_token(model) + others) / forecast->gemm.mean;
}

static double seconds_per_update(const Forecast *forecast) {
    return forecast->tokens * seconds_per_token(forecast) +
           (double)parameters(forecast) / forecast->update.mean;
}

/* Validations of a run, and the seconds of one: a third of the work, forward only. */
static size_t validations(const Forecast *forecast) {
    const TrainOptions *train = &forecast->config->train;
    if (!train->eval_every || !dataset_val_rows(forecast->data)) return 0;
    return train->steps / train->eval_every + 1 + (train->steps % train->eval_every != 0);
}

static double seconds_per_validation(const Forecast *forecast) {
    double tokens = (double)(dataset_val_rows(forecast->data) * forecast->memory.model.shape.T);
    return tokens * seconds_per_token(forecast) / 3;
}

static double seconds_total(const Forecast *forecast) {
    return seconds_per_update(forecast) * (double)forecast->config->train.steps +
           seconds_per_validation(forecast) * (double)validations(forecast);
}

/* --- printing: each function one block of lines --- */

static void print_equations(const Config *config) {
    char hash[17];
    equations_hash(hash, &config->model, &config->gamma_warmup, &config->branch_warmup);
    printf("equations    %s (--describe prints them)\n\n", hash);
}

static void print_group(const char *name, const GroupSize *group) {
    char weights[BYTES_TEXT], buffers[BYTES_TEXT];
    printf("%-12s %8zu %13zu %10s %10s\n", name, group->tensors, group->parameters,
           bytes_text(weights, group->weights), bytes_text(buffers, group->buffers));
}

static void print_groups(const ModelSize *size) {
    GroupSize total = size_total(size);
    printf("%-12s %8s %13s %10s %10s\n", "", "tensors", "parameters", "weights", "buffers");
    for (int i = 0; i < GROUPS; i++) print_group(group_name(i), &size->group[i]);
    print_group("total", &total);
}

static void print_bytes(const char *title, const char *name, double bytes, const char *what) {
    char text[BYTES_TEXT];
    printf("%-12s %-12s %10s  %s\n", title, name, bytes_text(text, bytes), what);
}

static double memory_peak(const Forecast *forecast) {
    return forecast->program + memory_total(&forecast->memory) +
           (double)dataset_file_bytes(forecast->data);
}

static void print_memory(const Forecast *forecast) {
    const MemoryPlan *memory = &forecast->memory;
    const MachineMemory machine = machine_memory();
    GroupSize total = size_total(&memory->model);
    double files = (double)dataset_file_bytes(forecast->data), peak = memory_peak(forecast);
    char text[BYTES_TEXT], share[96];
    snprintf(share, sizeof share, "%.3g %% of the %s that %s", 100 * peak / machine.bytes,
             bytes_text(text, machine.bytes), machine.what);
    putchar('\n');
    print_bytes("memory", "weights", total.weights, "");
    print_bytes("", "gradients", total.weights, "");
    print_bytes("", "moments", 2 * total.weights, "");
    print_bytes("", "buffers", total.buffers, "activations, their gradients, logits, scratch");
    print_bytes("", "other", memory_others(memory),
                "rows of tokens, spike detector, statistics, lists");
    print_bytes("", "program", forecast->program, "code, libraries, threads, buffers of BLAS");
    print_bytes("", "data files", files, "mapped; the system takes them back when it needs room");
    print_bytes("", "total", peak, share);
}

static void print_seconds(double seconds) {
    if (seconds < 100)
        printf("%.3g s", seconds);
    else if (seconds < 100 * 60)
        printf("%.3g min", seconds / 60);
    else
        printf("%.3g h", seconds / 3600);
}

static void print_time(const Forecast *forecast) {
    double step = seconds_per_update(forecast);
    printf("\nmodel FLOPs  %.4g GFLOP per update, %.4g MFLOP per token\n", 1e-9 * forecast->flops,
           1e-6 * model_flops_per_token(&forecast->memory.model));
    printf("products     %.4g GFLOP/s now (best %.4g), AdamW %.4g M parameters/s, %zu threads\n",
           1e-9 * forecast->gemm.mean, 1e-9 * forecast->gemm.best, 1e-6 * forecast->update.mean,
           ops_threads());
    printf("update       %.4g ms, %.4g tokens/s, +-%.0f %%\n", 1e3 * step, forecast->tokens / step,
           100 * UNCERTAINTY);
    printf("run          ");
    print_seconds(seconds_total(forecast));
    printf(" for %zu updates and %zu validations, +-%.0f %%\n", forecast->config->train.steps,
           validations(forecast), 100 * UNCERTAINTY);
}

static void print_data(const Forecast *forecast) {
    char line[256];
    double tokens = forecast->tokens * (double)forecast->config->train.steps;
    uint64_t there = dataset_train_tokens(forecast->data);
    dataset_describe(forecast->data, line, sizeof line);
    printf("\ndata         %s\n", line);
    printf("tokens       %.0f per update, %.0f in all", forecast->tokens, tokens);
    if (there) printf(", %.3g epochs", tokens / (double)there);
    putchar('\n');
}

/* Bytes of a checkpoint: four for a weight and eight for its moments, four for a running statistic,
 * the windows of the spike
 * detector (but for their sorted copies) and of the run's health, and two headers with the config
 * and a line per array. */
static double checkpoint_bytes(const Forecast *forecast) {
    enum { LINE = 100, METADATA = 4096, HEALTH = 16384 };
    double tensors = (double)size_total(&forecast->memory.model).tensors;
    double sorted = 2 * sizeof(double) * (double)forecast->config->spike.window;
    double values =
        12 * (double)parameters(forecast) + 4 * (double)forecast->memory.model.statistics;
    return values + forecast->memory.detector - sorted + HEALTH + 3 * LINE * tensors + 2 * METADATA;
}

/* Checkpoints of the run, those that are kept. */
static size_t checkpoints_kept(const TrainOptions *train) {
    size_t every = train->checkpoint_every, made = 1;
    if (every && train->steps > every) made = (train->steps + every - 1) / every;
    return made < train->keep ? made : train->keep;
}

/* Free bytes where `path` is or will be; NAN where nothing tells. */
static double disk_free(const char *path) {
    char *parent = text_format("./%s", path), *start = *path == '/' ? parent + 2 : parent;
    struct statvfs disk;
    int failed;
    while ((failed = statvfs(start, &disk)) && errno == ENOENT) {
        char *slash = strrchr(start, '/');
        if (!slash || !slash[1]) break;
        slash[slash == start] = '\0'; /* the root keeps its slash */
    }
    mem_free(parent);
    return failed ? (double)NAN : (double)disk.f_bavail * (double)disk.f_frsize;
}

static void print_disk(const Forecast *forecast, const char *dir) {
    char one[BYTES_TEXT], all[BYTES_TEXT], room[BYTES_TEXT];
    size_t kept = checkpoints_kept(&forecast->config->train);
    double bytes = checkpoint_bytes(forecast), there = disk_free(dir);
    double needed = bytes * (double)(kept + 1); /* one more while it is written */
    printf("\ncheckpoint   %s, %zu kept and one being written: %s", bytes_text(one, bytes), kept,
           bytes_text(all, needed));
    if (!isnan(there)) printf(", free: %s", bytes_text(room, there));
    printf("\nfolder       %s\n", dir);
    if (needed > there) {
        fprintf(stderr,
                "train: warning: the checkpoints need %s, but %s has %s free; a smaller "
                "train.keep or another log.dir helps\n",
                all, dir, room);
    }
}

static void print_schedule(const Config *config) {
    const size_t steps = config->train.steps, parts = 4;
    bool rms = norm_is_rms(norm_kind(config->model.norm));
    double factor = rms ? config->optim.rmsnorm_lr_scale : 1;
    printf("\n%-12s %10s %12s %12s\n", "schedule", "update", "lr", "gamma_scale");
    for (size_t i = 0, last = 0; i <= parts && steps; i++) {
        size_t step = i ? steps / parts * i + steps % parts * i / parts : 1;
        if (step == last || step == 0) continue;
        last = step;
        printf("%-12s %10zu %12.6g %12.6g\n", "", step,
               factor * schedule_lr(&config->optim, step, steps),
               schedule_gamma(&config->gamma_warmup, step - 1));
    }
}

/* The same for programs: one line, exact. */
static void print_line(const Forecast *forecast) {
    printf("\nparameters=%zu peak_rss_mb=%.4f model_gflop=%.9g sgemm_gflops=%.4g ms_per_step=%.4g "
           "checkpoint_bytes=%.0f\n",
           parameters(forecast), memory_peak(forecast) / 1048576, 1e-9 * forecast->flops,
           1e-9 * forecast->gemm.mean, 1e3 * seconds_per_update(forecast),
           checkpoint_bytes(forecast));
}

int dryrun(const Config *config, const char *run_dir) {
    const TrainOptions *train = &config->train;
    Forecast forecast = {.config = config};
    ops_start(train->threads);
    Dataset *data = dataset_open(&config->data, config->model.context, train->batch, train->accum,
                                 train->eval_every ? train->eval_rows : 0, (uint32_t)train->seed);
    size_t V = dataset_vocab_size(data);
    memory_require(config, V);
    if (!memory_plan(&forecast.memory, config, V)) {
        die(EXIT_INTERNAL, "a config that was checked makes no model");
    }
    forecast.data = data;
    forecast.tokens = (double)train->batch * (double)train->accum * (double)config->model.context;
    forecast.flops = forecast.tokens * model_flops_per_token(&forecast.memory.model);
    probe(&forecast);

    char *dir = rundir_path(config, run_dir);
    print_equations(config);
    print_groups(&forecast.memory.model);
    print_memory(&forecast);
    print_time(&forecast);
    print_data(&forecast);
    print_disk(&forecast, dir);
    print_schedule(config);
    advice_print(config, stdout);
    print_line(&forecast);
    mem_free(dir);
    dataset_close(data);
    return EXIT_DONE;
}
