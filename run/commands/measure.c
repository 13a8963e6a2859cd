/* measure.c - see measure.h. */
#include "run/commands/measure.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/words.h"
#include "run/commands/evaluate.h"
#include "run/io/files.h"
#include "run/io/live.h"
#include "run/io/streams.h"
#include "run/measure/findings.h"
#include "run/models/imported.h"
#include "run/store/rundir.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what is asked for --- */

static bool is_set(const Cli *cli, const char *key) {
    const char *const keys[] = {key, NULL};
    bool found = false;
    for (size_t i = 0; i < cli->n_sets; i++) found |= rundir_may_set(cli->sets[i], keys);
    return found;
}

/* Puts the text in place of the validation data. */
static void use_text(Config *config, const Cli *cli) {
    if (!cli->text) return;
    if (is_set(cli, "data.val"))
        die(EXIT_USAGE, "--measure: %s and data.val: use one of them", cli->text);
    if (access(cli->text, R_OK) != 0) die(EXIT_DATA, "%s: %s", cli->text, strerror(errno));
    config->data.val = cli->text;
    if (!is_set(cli, "data.format"))
        config->data.format = name_ends_with(cli->text, ".bin") ? FORMAT_AUTO : FORMAT_TEXT;
}

/* A foreign model is read as --import reads it, for sequences of --context tokens. It has no data of its own. */
static void read_foreign(StoredModel *stored, const Cli *cli) {
    ImportFacts facts;
    const char **sets = NULL;
    char *context = text_format("model.context=%zu", cli->context),
         *tokenizer = text_format("%s/tokenizer.json", cli->run);
    if (!cli->text)
        die(EXIT_USAGE, "--measure %s needs a text: it is not a run, and has no data", cli->run);
    for (size_t i = 0; i < cli->n_sets; i++) arrput(sets, cli->sets[i]);
    if (cli->context) arrput(sets, context);
    const ImportRequest request = {.path = cli->run,
                                   .name = "measured",
                                   .tokenizer = tokenizer,
                                   .sets = sets,
                                   .n_sets = arrlenu(sets)};
    imported_read(stored, &request, &facts);
    arrfree(sets);
    mem_free(context);
    mem_free(tokenizer);
}

/* Reads the model, and the config of what is measured, which the caller frees. */
static void read_model(StoredModel *stored, Config *config, const Cli *cli) {
    if (imported_is(cli->run)) {
        read_foreign(stored, cli);
        char *json = config_json(&stored->config, CONFIG_FULL);
        if (!config_parse(config, json, cli->run)) exit(EXIT_INTERNAL);
        mem_free(json);
    } else {
        *config = evaluate_config(cli);
        ops_start(config->train.threads);
        stored_model_read(stored, cli->run, cli->step, 1);
    }
    use_text(config, cli);
}

static void check_out(const Cli *cli) {
    if (!cli->out || name_ends_with(cli->out, ".md") || name_ends_with(cli->out, ".html")) return;
    die(EXIT_USAGE, "--out takes a file that ends in .md or .html, not \"%s\"", cli->out);
}

/* --- progress --- */

typedef struct {
    Live live;
    double start, told;
} Progress;

static void print_time(char *text, size_t size, double seconds) {
    if (seconds < 90)
        snprintf(text, size, "%.0f s", seconds);
    else
        snprintf(text, size, "%.0f min", seconds / 60);
}

/* A status line on a terminal; elsewhere a line per minute. */
static void show_progress(void *context, size_t done, size_t total) {
    Progress *progress = context;
    const double now = clock_seconds(), passed = now - progress->start;
    char left[24];
    if (passed < 2 || !done) return;
    print_time(left, sizeof left, passed / (double)done * (double)(total - done));
    if (progress->live.on) {
        LiveField fields[2] = {{.rank = 0}, {.rank = 1}};
        snprintf(fields[0].text, sizeof fields[0].text, "pass %zu of %zu", done, total);
        snprintf(fields[1].text, sizeof fields[1].text, "%s left", left);
        live_draw(&progress->live, fields, 2);
    } else if (now - progress->told > 60) {
        fprintf(stderr, "train: note: pass %zu of %zu, about %s left\n", done, total, left);
        progress->told = now;
    }
}

/* --- output --- */

static void write_page(const Page *page, const char *path) {
    TextOut text;
    FILE *out = text_begin(&text);
    if (name_ends_with(path, ".html"))
        page_print_html(out, page);
    else
        page_print_text(out, page);
    char *printed = text_end(&text);
    const int error = file_replace(path, printed, text.size);
    if (error) die(EXIT_IO, "%s: %s", path, strerror(error));
    mem_free(printed);
    printf("%s\n", path);
}

/* One line of key=value pairs. */
static void print_plan(const StoredModel *stored, const Material *material) {
    const Model *model = stored->model;
    char error[256], duration[32];
    ModelSize size;
    if (!model_measure(&size, &model->options, &model->warmup, model->shape.V, model->shape.B,
                       MODEL_FORWARD, error, sizeof error))
        die(EXIT_USAGE, "%s", error);
    const GroupSize total = size_total(&size);
    print_time(duration, sizeof duration, measurement_estimate(stored, material));
    printf("sequences=%zu context=%zu evaluations=%zu constants=%zu memory=%.1f MiB time=%s\n",
           material->measured.S, material->measured.T,
           replaced_evaluations(model, material->constants.S > 0), material->constants.S,
           (total.weights + total.buffers) / 1048576, duration);
}

static int measure_model(const Cli *cli, StoredModel *stored, const Material *material,
                         const char *source) {
    Progress progress = {.live = live_open(), .start = clock_seconds(), .told = clock_seconds()};
    Work work = {.tell = show_progress, .context = &progress};
    Measurement m = measurement_take(stored, material, &work);
    live_clear(&progress.live);
    Page page = findings_page(&m, stored, cli->run, source);
    if (cli->out)
        write_page(&page, cli->out);
    else
        page_print_text(stdout, &page);
    stdout_flush();
    const bool finite = isfinite(m.loss);
    if (!finite)
        fprintf(stderr, "train: error: the loss of %s is not finite; --eval says where\n",
                cli->run);
    page_free(&page);
    measurement_free(&m);
    return finite ? EXIT_DONE : EXIT_DIVERGED;
}

int measure(const Cli *cli) {
    int code = EXIT_DONE;
    StoredModel stored;
    check_out(cli);
    Config config;
    read_model(&stored, &config, cli);
    const size_t T = evaluate_context(cli, stored.model);
    const size_t rows = is_set(cli, "train.eval_rows") ? config.train.eval_rows : 0;
    Material material = material_read(&stored, &config, T, rows, cli->text != NULL);
    const char *source = *config.data.val ? config.data.val : config.data.train;
    char *words = text_format("%s%s", *config.data.val ? "" : "the validation part of ", source);
    if (cli->dry_run)
        print_plan(&stored, &material);
    else
        code = measure_model(cli, &stored, &material, words);
    mem_free(words);
    material_free(&material);
    stored_model_free(&stored);
    config_free(&config);
    return code;
}
