/* progress.c - see progress.h. */
#include "run/progress.h"

#include "model/equations.h"
#include "norm/norm.h"
#include "ops/ops.h"
#include "run/stop.h"

#include <math.h>
#include <stdio.h>

static const double QUIET_SECONDS = 5; /* at most this long without a line */

static void print_equations(const Config *config) {
    char hash[17], *text = equations_text(&config->model, &config->gamma_warmup);
    equations_hash(hash, text);
    fprintf(stderr, "\n%sequations    %s\n\n", text, hash);
    mem_free(text);
}

static void print_schedule(const Manifest *manifest) {
    const GammaWarmup *warmup = &manifest->config->gamma_warmup;
    const char *norm = norm_name(manifest->config->model.norm);
    fprintf(stderr, "RMSNorm LR factor %.9g (norm %s, optim.rmsnorm_lr_scale %.9g)\n",
            manifest->lr_scale, norm, manifest->config->optim.rmsnorm_lr_scale);
    if (!warmup->steps) return;
    fprintf(stderr, "gamma-warmup      %.9g to %.9g over %zu steps on", warmup->from, warmup->to,
            warmup->steps);
    for (int slot = 0; slot < SLOTS; slot++) {
        if (warmup->slots >> slot & 1) fprintf(stderr, " %s", slot_name(slot));
    }
    fputc('\n', stderr);
}

Progress progress_start(const Manifest *manifest, const char *dir, size_t first) {
    const Config *config = manifest->config;
    const Shape *s = &manifest->model->shape;
    char line[256];
    dataset_describe(manifest->data, line, sizeof line);
    fprintf(stderr,
            "peri.c %s  %s: %s, %s, %zu blocks, %zu wide, %.3g M parameters, %s, %zu threads\n",
            PERI_VERSION, config->name, topology_name(config->model.topology),
            norm_name(config->model.norm), s->L, s->C,
            1e-6 * (double)params_total(&manifest->model->params), REAL_NAME, ops_threads());
    print_equations(config);
    fprintf(stderr, "data              %s\n", line);
    if (!isnan(manifest->floor)) {
        fprintf(stderr,
                "entropy floor     %.6g nats per token: no model can do better on the validation "
                "rows\n",
                manifest->floor);
    }
    print_schedule(manifest);
    if (sizeof(real) != sizeof(float)) {
        fputs("checkpoints       hold float32, this build computes in double: a resumed run is not "
              "the same to the bit\n",
              stderr);
    }
    if (first) fprintf(stderr, "resumed           with step %zu\n", first);
    fprintf(stderr, "writing           %s\n\n%8s %9s %9s %9s %10s %8s %8s %8s\n", dir, "step",
            "loss", "val", "grad", "lr", "spikes", "tok/s", "left");
    return (Progress){.manifest = manifest,
                      .dir = dir,
                      .steps = config->train.steps,
                      .first = first,
                      .started = clock_seconds(),
                      .said = clock_seconds()};
}

static void print_cell(const LogRow *row, LogColumn column, int width, int digits) {
    double value = row->value[column];
    if (!(row->measured >> column & 1)) {
        fprintf(stderr, " %*s", width, "");
    } else if (isnan(value)) {
        fprintf(stderr, " %*s", width, "nan"); /* printf would show the sign that a NaN may carry */
    } else {
        fprintf(stderr, " %*.*g", width, digits, value);
    }
}

void progress_row(Progress *progress, const LogRow *row, bool last) {
    double now = clock_seconds(), step = row->value[LOG_STEP];
    bool validated = row->measured >> LOG_VAL_LOSS & 1;
    if (!validated && !last && now - progress->said < QUIET_SECONDS) return;
    progress->said = now;
    fprintf(stderr, "%8.0f", step);
    print_cell(row, LOG_TRAIN_LOSS, 9, 4);
    print_cell(row, LOG_VAL_LOSS, 9, 4);
    print_cell(row, LOG_GRAD_NORM, 9, 3);
    print_cell(row, LOG_LR, 10, 3);
    fprintf(stderr, " %8zu", progress->spikes);
    if (step > 0) {
        double done = step + 1 - (double)progress->first;
        double left = (now - progress->started) / done * ((double)progress->steps - step);
        fprintf(stderr, " %8.0f %5.0f:%02.0f", row->value[LOG_TOKENS_PER_S], floor(left / 60),
                fmod(floor(left), 60));
    }
    fputc('\n', stderr);
}

void progress_spike(Progress *progress, size_t step, const SpikeReport *report, const char *tensor,
                    const char *action) {
    progress->spikes++;
    fprintf(stderr, "%8zu spike:", step);
    if (report->spike & SPIKE_GRAD) fprintf(stderr, " gradient norm (z %.3g)", report->grad.z);
    if (report->spike & SPIKE_LOSS) fprintf(stderr, " loss (z %.3g)", report->loss.z);
    if (tensor) fprintf(stderr, ", most in %s (%.3g times its mean)", tensor, report->growth[0]);
    fprintf(stderr, "; %s\n", action);
}

static const char *reason_of(const Summary *summary, int action) {
    if (summary->health.nonfinite_in_row) {
        return "loss or gradient is not finite; no such step was applied";
    }
    if (action == ACTION_STOP) return "it spiked or diverged, and spike.action is stop";
    return "its update left weights that are not finite; no checkpoint was written";
}

static void print_stopped(const Progress *progress, const Summary *summary) {
    fprintf(stderr, "train: stopped by %s after step %zu; --resume goes on from %s\n",
            stop_signal_name(), summary->steps, progress->dir);
}

void progress_end(const Progress *progress, const Summary *summary) {
    const HealthSummary *health = &summary->health;
    if (summary->code == EXIT_IO) return; /* what failed has been said */
    if (stop_requested() && summary->code != EXIT_DIVERGED) {
        print_stopped(progress, summary);
        return;
    }
    if (summary->code == EXIT_DIVERGED) {
        fprintf(stderr,
                "train: error: stopped after step %zu: %s. Look at %s/spikes.csv; a lower optim.lr "
                "or a "
                "longer optim.warmup_steps may help\n",
                summary->steps, reason_of(summary, progress->manifest->config->spike.action),
                progress->dir);
        return;
    }
    printf("done: %zu steps in %.1f s (%.0f tokens/s)", summary->steps, summary->seconds,
           isnan(summary->tokens_per_s) ? 0 : summary->tokens_per_s);
    if (!isnan(health->train_loss)) printf(", train loss %.4f", health->train_loss);
    if (!isnan(health->val_loss)) printf(", val loss %.4f", health->val_loss);
    if (!isnan(progress->manifest->floor)) printf(", floor %.4f", progress->manifest->floor);
    if (health->diverged) printf(", diverged at step %zu", health->diverged_step);
    printf("\nlog: %s/log.csv   next: ./train --sample %s\n", progress->dir, progress->dir);
    fflush(stdout);
}
