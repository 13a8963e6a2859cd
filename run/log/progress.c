/* progress.c - see progress.h. */
#include "run/log/progress.h"

#include "base/program.h"
#include "model/equations.h"
#include "model/pass.h"
#include "norm/norm.h"
#include "ops/ops.h"
#include "run/io/stop.h"
#include "run/io/streams.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double QUIET_SECONDS = 5; /* without a status line, print at least this often */

static void print_equations(const Config *config) {
    char hash[17],
        *text = equations_text(&config->model, &config->gamma_warmup, &config->branch_warmup);
    equations_hash(hash, &config->model, &config->gamma_warmup, &config->branch_warmup);
    fprintf(stderr, "\n%sequations    %s\n\n", text, hash);
    mem_free(text);
}

static void print_unigram(const Unigram *unigram, double bytes_per_token) {
    if (isnan(unigram->nats)) return;
    fprintf(stderr,
            "unigram entropy   %.6g nats per token, the validation loss of token frequencies",
            unigram->nats);
    if (!isnan(bytes_per_token))
        fprintf(stderr, ", %.4g bits per byte", bits_per_byte(unigram->nats, bytes_per_token));
    if (unigram->sample) fprintf(stderr, " (estimated from %zu tokens)", unigram->sample);
    fputc('\n', stderr);
}

static void print_schedule(const Manifest *manifest) {
    const GammaWarmup *warmup = &manifest->config->gamma_warmup;
    const char *norm = norm_name(manifest->config->model.norm);
    fprintf(stderr, "RMSNorm LR factor %.9g (norm %s, optim.rmsnorm_lr_scale %.9g)\n",
            manifest->lr_scale, norm, manifest->config->optim.rmsnorm_lr_scale);
    const OptimOptions *optim = &manifest->config->optim;
    if (optim->kind == OPTIMIZER_MUON) {
        fprintf(stderr,
                "optimizer         muon for %zu matrices of the blocks, learning rate %.9g, %s "
                "scale; adamw for all other tensors, %.9g\n",
                params_linear_size(&manifest->model->params).matrices,
                manifest->lr_scale * schedule_muon_peak(optim), muon_scale_name(optim->muon_scale),
                manifest->lr_scale * optim->lr);
    }
    const BranchWarmup *branch = &manifest->config->branch_warmup;
    if (branch->steps) {
        fprintf(stderr, "branch-warmup     %.9g to 1 over %zu steps%s\n", branch->from,
                branch->steps, branch->order == BRANCH_EQUAL ? "" : " times the block number");
    }
    if (!warmup->steps) return;
    fprintf(stderr, "gamma-warmup      %.9g to %.9g over %zu steps, slots", warmup->from,
            warmup->to, warmup->steps);
    for (int slot = 0; slot < SLOTS; slot++) {
        if (warmup->slots >> slot & 1) fprintf(stderr, " %s", slot_name(slot));
    }
    fputc('\n', stderr);
}

static void print_precision(const Manifest *manifest) {
    const Config *config = manifest->config;
    const ModelOptions *model = &config->model;
    if (model->precision != PRECISION_FLOAT32)
        fprintf(stderr, "precision         %s operands of matrix multiplications (engine %s)\n",
                precision_name(model->precision), ops_engine((Precision)model->precision));
    if (model->stream_precision == PRECISION_FLOAT32) return;
    const double tokens = (double)(config->train.batch * config->train.accum * model->context);
    Pass pass = {.grad_scale = (real)(1 / tokens)};
    fprintf(stderr, "stream precision  %s; its gradients are multiplied by %.9g for it\n",
            stream_precision_name(model->stream_precision), (double)stream_scale(&pass));
}

/* --- progress lines --- */

/* Writes the text of a cell, "" if it has no value. */
typedef void CellText(char *text, size_t size, const Progress *progress, const LogRow *row);

static void step_text(char *text, size_t size, const Progress *progress, const LogRow *row) {
    (void)progress;
    snprintf(text, size, "%.0f", row->value[LOG_STEP]);
}
static void spikes_text(char *text, size_t size, const Progress *progress, const LogRow *row) {
    (void)row;
    snprintf(text, size, "%zu", progress->spikes);
}
static void rate_text(char *text, size_t size, const Progress *progress, const LogRow *row) {
    (void)progress;
    if (row->measured >> LOG_TOKENS_PER_S & 1)
        snprintf(text, size, "%.0f", row->value[LOG_TOKENS_PER_S]);
}
/* Estimated time to the end of the run, from the mean time per step of this process. */
static void left_text(char *text, size_t size, const Progress *progress, const LogRow *row) {
    double step = row->value[LOG_STEP], done = step + 1 - (double)progress->first;
    double passed = clock_seconds() - progress->started;
    double left = passed / done * ((double)progress->steps - step);
    if (step > 0) snprintf(text, size, "%.0f:%02.0f", floor(left / 60), fmod(floor(left), 60));
}

static const struct {
    const char *title;
    int width;
    int rank;         /* on a narrow terminal, columns of the highest rank are omitted */
    LogColumn column; /* printed with `digits` digits, if `text` is NULL */
    int digits;
    CellText *text;
} COLUMNS[] = {
    {"step", 8, 0, .text = step_text},  {"loss", 10, 1, LOG_TRAIN_LOSS, 4},
    {"val", 10, 2, LOG_VAL_LOSS, 4},    {"grad", 10, 6, LOG_GRAD_NORM, 3},
    {"lr", 11, 7, LOG_LR, 3},           {"spikes", 9, 5, .text = spikes_text},
    {"tok/s", 9, 4, .text = rate_text}, {"left", 9, 3, .text = left_text},
};
enum { COLUMN_COUNT = sizeof COLUMNS / sizeof *COLUMNS };

static void cell_text(char *text, size_t size, size_t i, const Progress *progress,
                      const LogRow *row) {
    LogColumn column = COLUMNS[i].column;
    double value = row->value[column];
    *text = '\0';
    if (COLUMNS[i].text)
        COLUMNS[i].text(text, size, progress, row);
    else if (!(row->measured >> column & 1))
        return;
    else if (isnan(value))
        snprintf(text, size, "nan"); /* printf would show the sign that a NaN may carry */
    else
        snprintf(text, size, "%.*g", COLUMNS[i].digits, value);
}

/* The highest rank up to which all columns fit. In a file, all columns are printed. */
static int ranks_shown(const Progress *progress) {
    const size_t room = live_columns();
    size_t used = 0;
    for (int rank = 0; rank < COLUMN_COUNT && progress->live.on; rank++) {
        for (size_t i = 0; i < COLUMN_COUNT; i++) {
            if (COLUMNS[i].rank == rank) used += (size_t)COLUMNS[i].width;
        }
        if (used > room) return rank - 1;
    }
    return COLUMN_COUNT;
}

static void print_titles(const Progress *progress) {
    int rank_max = ranks_shown(progress);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (COLUMNS[i].rank <= rank_max) fprintf(stderr, "%*s", COLUMNS[i].width, COLUMNS[i].title);
    }
    fputc('\n', stderr);
}

static void print_row(const Progress *progress, const LogRow *row) {
    int rank_max = ranks_shown(progress), blanks = 0;
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        char text[32];
        if (COLUMNS[i].rank > rank_max) continue;
        cell_text(text, sizeof text, i, progress, row);
        blanks += COLUMNS[i].width;
        if (!*text) continue; /* so that no line ends in spaces */
        fprintf(stderr, "%*s", blanks, text);
        blanks = 0;
    }
    fputc('\n', stderr);
}

/* --- the status line --- */

/* Values of columns with words around them, a sparkline of the loss, and the entropy floor. */
typedef enum { SHOWS_COLUMN, SHOWS_SPARKLINE, SHOWS_FLOOR } Shows;
static const struct {
    int rank;
    Shows what;
    const char *title; /* of the column */
    const char *before, *after;
} STATUS[] = {
    {0, SHOWS_COLUMN, "step", "step ", ""},   {1, SHOWS_COLUMN, "loss", "loss ", ""},
    {3, SHOWS_SPARKLINE, "", "", ""},         {5, SHOWS_FLOOR, "", "floor ", ""},
    {7, SHOWS_COLUMN, "lr", "lr ", ""},       {6, SHOWS_COLUMN, "spikes", "spikes ", ""},
    {4, SHOWS_COLUMN, "tok/s", "", " tok/s"}, {2, SHOWS_COLUMN, "left", "", " left"},
};
enum { STATUS_COUNT = sizeof STATUS / sizeof *STATUS };

static void draw_status(Progress *progress, const LogRow *row) {
    LiveField field[STATUS_COUNT] = {{.rank = 0}};
    double floor = progress->manifest->floor;
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        char text[20] = "";
        size_t column = 0;
        field[i].rank = STATUS[i].rank;
        switch (STATUS[i].what) {
        case SHOWS_COLUMN:
            while (strcmp(COLUMNS[column].title, STATUS[i].title) != 0) column++;
            cell_text(text, sizeof text, column, progress, row);
            break;
        case SHOWS_SPARKLINE:
            field[i].sparkline = progress->losses.count ? &progress->losses : NULL;
            break;
        case SHOWS_FLOOR:
            if (!isnan(floor)) snprintf(text, sizeof text, "%.4g", floor);
            break;
        }
        if (*text)
            snprintf(field[i].text, sizeof field->text, "%s%s%s", STATUS[i].before, text,
                     STATUS[i].after);
    }
    live_draw(&progress->live, field, STATUS_COUNT);
}

/* --- the run --- */

static void print_banner(const Manifest *manifest, size_t first) {
    const Config *config = manifest->config;
    const Shape *s = &manifest->model->shape;
    char *line = dataset_describe(manifest->data);
    fprintf(stderr, "peri.c %s  %s: %s, %s, %zu blocks, d_model %zu, %.3g M parameters, %s, %s\n",
            PERI_VERSION, config->name, topology_name(config->model.topology),
            norm_name(config->model.norm), s->L, s->C,
            1e-6 * (double)params_total(&manifest->model->params), REAL_NAME, ops_threads_text());
    print_equations(config);
    fprintf(stderr, "data              %s\n", line);
    mem_free(line);
    if (!isnan(manifest->floor)) {
        fprintf(stderr,
                "entropy floor     %.6g nats per token, the lowest possible validation loss\n",
                manifest->floor);
    }
    print_unigram(&manifest->unigram, manifest->bytes_per_token);
    print_schedule(manifest);
    print_precision(manifest);
    if (sizeof(real) != sizeof(float)) {
        fputs("checkpoints       in float32, but this build computes in double: resuming is not "
              "bit-exact\n",
              stderr);
    }
    if (first) fprintf(stderr, "resumed           at step %zu\n", first);
}

Progress progress_start(const Manifest *manifest, const char *dir, size_t first, bool quiet) {
    if (!quiet) print_banner(manifest, first);
    Progress progress = {.manifest = manifest,
                         .dir = dir,
                         .quiet = quiet,
                         .steps = manifest->config->train.steps,
                         .first = first,
                         .started = clock_seconds(),
                         .printed = clock_seconds(),
                         .live = quiet ? (Live){.on = false} : live_open()};
    if (quiet) return progress;
    fprintf(stderr, "run directory     %s\n\n", dir);
    print_titles(&progress);
    return progress;
}

void progress_pause(Progress *progress) {
    live_clear(&progress->live);
}

void progress_row(Progress *progress, const LogRow *row, bool last) {
    if (progress->quiet) return;
    double now = clock_seconds();
    bool validated = row->measured >> LOG_VAL_LOSS & 1, has_status = progress->live.on;
    if (row->measured >> LOG_TRAIN_LOSS & 1)
        sparkline_add(&progress->losses, row->value[LOG_TRAIN_LOSS]);
    if (validated || last || (!has_status && now - progress->printed >= QUIET_SECONDS)) {
        progress_pause(progress);
        print_row(progress, row);
        progress->printed = now;
    }
    if (!last) draw_status(progress, row);
}

void progress_checkpoint(Progress *progress, size_t step) {
    if (progress->quiet) return;
    progress_pause(progress);
    fprintf(stderr, "%8zu checkpoint\n", step);
}

void progress_spike(Progress *progress, size_t step, const SpikeReport *report, const char *tensor,
                    const char *action) {
    if (!progress->manifest) return; /* no output: --replay and --bench */
    progress->spikes++;
    if (progress->quiet) return;
    progress_pause(progress);
    bool yellow = progress->live.on && progress->live.colors;
    fprintf(stderr, "%s%8zu spike:", yellow ? "\033[33m" : "", step);
    if (report->spike & SPIKE_GRAD) fprintf(stderr, " gradient norm (z %.3g)", report->grad.z);
    if (report->spike & SPIKE_LOSS) fprintf(stderr, " loss (z %.3g)", report->loss.z);
    if (tensor && !report->finite)
        fprintf(stderr, "; first not finite: %s", tensor);
    else if (tensor)
        fprintf(stderr, "; largest growth in %s (%.3g times its mean)", tensor, report->growth[0]);
    fprintf(stderr, "; action: %s%s\n", action, yellow ? "\033[0m" : "");
}

static const char *reason_of(const Summary *summary, int action) {
    if (summary->health.nonfinite_in_row) {
        return "the loss or the gradient is not finite; its update was not applied";
    }
    if (action == ACTION_STOP) return "a spike or divergence, and spike.action is stop";
    return "the update produced weights that are not finite; no checkpoint was written";
}

static void print_stopped(const Progress *progress, const Summary *summary) {
    fprintf(stderr, "train: stopped by %s after step %zu; --resume continues the run in %s\n",
            stop_signal_name(), summary->steps, progress->dir);
}

/* One sentence with the causes that were seen. */
static void print_stuck(const Manifest *manifest, const StuckSigns *signs) {
    const char *comma = "";
    printf(", stuck\nstuck: ");
    if (signs->losses >= STUCK_TIMES) {
        printf(
            "the validation loss stayed at the unigram entropy (not below 0.98 times %.4f nats per "
            "token) in the last %zu validations",
            manifest->unigram.nats, signs->losses);
        comma = "; ";
    }
    if (signs->gradients >= STUCK_TIMES) {
        printf(
            "%sgradients vanish: in the last %zu records of layers.csv the gradient at block 1 is "
            "below 1e-6 of that at block %zu",
            comma, signs->gradients, manifest->model->shape.L);
    }
    printf(
        "; a lower optim.lr, more optim.warmup_steps or, if the loss still falls, more train.steps "
        "may help");
}

void progress_end(Progress *progress, const Summary *summary) {
    const HealthSummary *health = &summary->health;
    progress_pause(progress);
    if (summary->code == EXIT_IO) return; /* the error has been printed */
    if (stop_requested() && summary->code != EXIT_DIVERGED) {
        print_stopped(progress, summary);
        return;
    }
    if (summary->code == EXIT_DIVERGED) {
        fprintf(
            stderr,
            "train: error: stopped after step %zu: %s. See %s/spikes.csv, and the update in detail "
            "with %s --replay %s --step %zu; a lower optim.lr or more optim.warmup_steps may "
            "help\n",
            summary->steps, reason_of(summary, progress->manifest->config->spike.action),
            progress->dir, program_name(), progress->dir, summary->steps);
        return;
    }
    printf("done: %zu steps in %.1f s (%.0f tokens/s)", summary->steps, summary->seconds,
           isnan(summary->tokens_per_s) ? 0 : summary->tokens_per_s);
    if (!isnan(health->train_loss)) printf(", train loss %.4f", health->train_loss);
    if (!isnan(health->val_loss)) printf(", val loss %.4f", health->val_loss);
    if (!isnan(progress->manifest->floor)) printf(", floor %.4f", progress->manifest->floor);
    if (health->diverged) printf(", diverged at step %zu", health->diverged_step);
    if (summary->ending == ENDING_STUCK) print_stuck(progress->manifest, &health->signs);
    printf("%slog: %s/log.csv", progress->quiet ? "; " : "\n", progress->dir);
    if (!progress->quiet) printf("   next: %s --sample %s", program_name(), progress->dir);
    putchar('\n');
    stdout_flush();
}
