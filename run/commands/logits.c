/* logits.c - see logits.h. */
#include "run/commands/logits.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/words.h"
#include "run/commands/evaluate.h"
#include "run/commands/sample.h"
#include "run/io/files.h"
#include "run/io/safetensors.h"
#include "run/optim/schedule.h"
#include "run/store/rundir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What is written: S sequences of T tokens. */
typedef struct {
    size_t S, T, V;
    int *tokens, *targets; /* (S,T); targets NULL = unknown */
    real *logits;          /* (S*T,V) */
} Result;

/* --- computing --- */

static void take_prompt(Result *result, const Cli *cli, const StoredModel *stored) {
    size_t length = strlen(cli->prompt), bad;
    char *typed = NULL;
    if (!stored->vocab.size)
        die(EXIT_DATA, "%s was trained on token numbers without text: it takes no --prompt",
            cli->run);
    if (strcmp(cli->prompt, "-") == 0) typed = sample_read_prompt(&stored->vocab, &length);
    result->S = 1;
    result->tokens =
        vocab_encode(&stored->vocab, typed ? typed : cli->prompt, length, &result->T, &bad);
    if (!result->tokens)
        die(EXIT_USAGE, "the prompt has a character at offset %zu that is not in the training text",
            bad);
    if (!result->T || result->T > stored->model->shape.T)
        die(EXIT_USAGE, "--logits takes a prompt of 1 to %zu tokens (model.context), not %zu",
            stored->model->shape.T, result->T);
    arrfree(typed);
}

/* The first validation sequences: as many as --set train.eval_rows says, or one. */
static void take_sequences(Result *result, const Cli *cli, const Config *config,
                           const StoredModel *stored) {
    static const char *const rows_key[] = {"train.eval_rows", NULL};
    size_t rows = 1;
    for (size_t i = 0; i < cli->n_sets; i++) {
        if (rundir_may_set(cli->sets[i], rows_key)) rows = config->train.eval_rows;
    }
    const Shape *s = &stored->model->shape;
    Dataset *data = dataset_open_val(&config->data, s->T, rows, &stored->vocab, s->V);
    result->S = dataset_val_rows(data);
    result->T = s->T;
    if (!result->S)
        die(EXIT_USAGE,
            "%s has no validation data (data.val_fraction is 0): --set data.val=FILE or --prompt",
            cli->run);
    const size_t cells = size_mul(result->S, s->T);
    result->tokens = mem_alloc(size_mul(cells, sizeof(int)));
    result->targets = mem_alloc(size_mul(cells, sizeof(int)));
    dataset_val_batch(data, result->tokens, result->targets, 0, result->S);
    dataset_close(data);
}

static void compute(Result *result, const StoredModel *stored) {
    const size_t T = result->T, V = result->V = stored->model->shape.V;
    result->logits = mem_alloc(size_mul(size_mul(result->S, T), size_mul(V, sizeof(real))));
    for (size_t i = 0; i < result->S; i++) {
        const Pass pass = {.tokens = result->tokens + i * T,
                           .B = 1,
                           .T = T,
                           .gamma =
                               (real)schedule_gamma(&stored->config.gamma_warmup, stored->step),
                           .branch = schedule_branch(&stored->config.branch_warmup, stored->step)};
        model_forward(stored->model, &pass);
        for (size_t t = 0; t < T; t++)
            copy(result->logits + (i * T + t) * V, model_logits(stored->model, t), V);
    }
}

/* --- writing --- */

/* Header of version 1.0: the magic, two bytes of length, a Python dict, padded to 64 bytes. */
static void put_header(FileOut *file, size_t rows, size_t columns) {
    enum { START = 10, ALIGNMENT = 64, SIZE = 4 * ALIGNMENT };
    char header[SIZE] = "\x93NUMPY\x01";
    const int length =
        snprintf(header + START, SIZE - START,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, columns);
    const size_t end = START + (size_t)length + 1,
                 size = (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(header + end - 1, ' ', size - end);
    header[size - 1] = '\n';
    header[START - 2] = (char)(size - START); /* below 256 */
    file_put(file, header, size);
}

static int write_npy(const char *path, const Result *result) {
    FileOut file = file_begin(path);
    const size_t rows = result->S * result->T;
    float *row = mem_alloc(size_mul(result->V, sizeof *row));
    put_header(&file, rows, result->V);
    for (size_t r = 0; r < rows; r++) {
        for (size_t v = 0; v < result->V; v++) row[v] = (float)result->logits[r * result->V + v];
        file_put(&file, row, result->V * sizeof *row);
    }
    mem_free(row);
    return file_end(&file);
}

static size_t *wide(const int *tokens, size_t n) {
    size_t *integers = mem_alloc(size_mul(n, sizeof *integers));
    for (size_t i = 0; i < n; i++) integers[i] = (size_t)tokens[i];
    return integers;
}

static int write_safetensors(const char *path, const Result *result, size_t step) {
    const size_t cells = result->S * result->T;
    char number[32];
    Tensor *list = NULL;
    Metadata metadata[] = {{"step", number}, {"format", "pt"}};
    size_t *tokens = wide(result->tokens, cells), *targets = NULL;
    uint64_t bytes, hash;
    snprintf(number, sizeof number, "%zu", step);
    tensor_add(&list, "", "tokens", TENSOR_I64, result->S, result->T, tokens);
    if (result->targets) {
        targets = wide(result->targets, cells);
        tensor_add(&list, "", "targets", TENSOR_I64, result->S, result->T, targets);
    }
    tensor_add(&list, "", "logits", TENSOR_REAL, cells, result->V, result->logits);
    int error = safetensors_write(path, list, arrlenu(list), metadata,
                                  sizeof metadata / sizeof *metadata, &bytes, &hash);
    arrfree(list);
    mem_free(tokens);
    mem_free(targets);
    return error;
}

static void print_integers(const char *name, const int *values, size_t n) {
    fputs(name, stdout);
    for (size_t i = 0; i < n; i++) printf(" %d", values[i]);
    putchar('\n');
}

void logits_write(const Cli *cli) {
    const bool npy = name_ends_with(cli->file, ".npy");
    if (!npy && !name_ends_with(cli->file, ".safetensors"))
        die(EXIT_USAGE, "--logits writes FILE.npy or FILE.safetensors, not %s", cli->file);
    if (access(cli->file, F_OK) == 0)
        die(EXIT_USAGE, "%s exists; choose another file, or remove it", cli->file);
    Config config = evaluate_config(cli);
    StoredModel stored;
    Result result = {.S = 0};
    ops_start(config.train.threads);
    stored_model_read(&stored, cli->run, cli->step, 1);
    if (cli->prompt)
        take_prompt(&result, cli, &stored);
    else
        take_sequences(&result, cli, &config, &stored);
    compute(&result, &stored);
    char *temporary = text_format("%s.tmp-%ld", cli->file, (long)getpid());
    int error =
        npy ? write_npy(temporary, &result) : write_safetensors(temporary, &result, stored.step);
    if (error)
        path_unlink(temporary);
    else
        error = file_settle(temporary, cli->file);
    if (error) die(EXIT_IO, "cannot write %s: %s", cli->file, strerror(error));
    printf("step=%zu sequences=%zu tokens=%zu vocab_size=%zu\n", stored.step, result.S, result.T,
           result.V);
    for (size_t i = 0; npy && i < result.S; i++) {
        print_integers("tokens", result.tokens + i * result.T, result.T);
        if (result.targets) print_integers("targets", result.targets + i * result.T, result.T);
    }
    mem_free(temporary);
    mem_free(result.tokens);
    mem_free(result.targets);
    mem_free(result.logits);
    stored_model_free(&stored);
    config_free(&config);
}
