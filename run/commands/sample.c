/* sample.c - see sample.h. */
#include "run/commands/sample.h"

#include "base/stb_ds.h"
#include "base/utf8.h"
#include "run/measure/calibrate.h"
#include "run/io/streams.h"
#include "run/optim/schedule.h"

#include <stdio.h>
#include <string.h>

/* Text that is printed as it is sampled. */
typedef struct {
    const Vocab *vocab;
    char *waiting; /* the first bytes of a character (stb_ds array) */
} Stream;

/* Prints what has come, but for a character whose last bytes may be those of the next token. */
static bool emit_token(int token, void *context) {
    Stream *stream = context;
    size_t length;
    const char *text = vocab_text(stream->vocab, token, &length);
    if (!length) return true; /* a model may have more tokens than its tokenizer */
    memcpy(arraddnptr(stream->waiting, length), text, length);
    const size_t all = arrlenu(stream->waiting), open = utf8_open(stream->waiting, all);
    fwrite(stream->waiting, 1, all - open, stdout);
    arrdeln(stream->waiting, 0, all - open);
    return stdout_flush();
}

void sample_print(Model *model, const Vocab *vocab, const char *prompt, size_t length,
                  const GenerateOptions *options) {
    size_t bad, count;
    if (!length) die(EXIT_USAGE, "the prompt must not be empty");
    int *tokens = vocab_encode(vocab, prompt, length, &count, &bad);
    if (!tokens) {
        die(EXIT_USAGE, "the prompt has a character at offset %zu that is not in the training text",
            bad);
    }
    fwrite(prompt, 1, length, stdout);
    Stream stream = {.vocab = vocab};
    generate(model, tokens, count, options, emit_token, &stream);
    fwrite(stream.waiting, 1, arrlenu(stream.waiting), stdout);
    arrfree(stream.waiting);
    fputc('\n', stdout);
    mem_free(tokens);
}

void sample_of_run(Run *run, size_t step) {
    const Vocab *vocab = dataset_vocab(run->data);
    char prompt[64];
    if (!vocab->size) return;
    size_t length = dataset_default_prompt(
        &run->config->data, vocab, (uint32_t)run->config->train.seed, prompt, sizeof prompt);
    GenerateOptions options = {
        .tokens = run->model->shape.T > length ? run->model->shape.T - length : 1,
        .sampling = {.temperature = 0.5}, /* little training: unlikely tokens are still noise */
        .seed = (uint32_t)run->config->train.seed,
        .gamma = (real)schedule_gamma(&run->config->gamma_warmup, step),
        .branch = schedule_branch(&run->config->branch_warmup, step)};
    printf("--- sample after step %zu ---\n", step);
    sample_print(run->model, vocab, prompt, length, &options);
}

bool run_wants_sample(const Run *run, size_t step) {
    const TrainOptions *train = &run->config->train;
    return train->sample_every && step > 0 && step < train->steps &&
           step % train->sample_every == 0;
}

char *sample_read_prompt(const Vocab *vocab, size_t *length) {
    char *text = NULL, piece[4096];
    size_t count;
    while ((count = fread(piece, 1, sizeof piece, stdin)) > 0) {
        memcpy(arraddnptr(text, count), piece, count);
    }
    if (ferror(stdin)) die(EXIT_IO, "cannot read the prompt from standard input");
    *length = arrlenu(text);
    if (*length > 1 && text[*length - 1] == '\n' && vocab->token_of['\n'] < 0) {
        --*length;
        fputs("train: note: the training text has no line breaks, so the one at the end of the "
              "prompt is left out\n",
              stderr);
    }
    return text;
}

void sample_of_checkpoint(const Cli *cli) {
    StoredModel stored;
    char start[64];
    NormsMode norms = norms_mode(cli->norms);
    ops_start(0);
    stored_model_read(&stored, cli->run, cli->step, 1);
    const Config *config = &stored.config;
    if (cli->topology) stored_model_rewire(&stored, cli->topology);
    calibrate(&stored, config, norms, stored.model->shape.T);
    if (!stored.vocab.size)
        die(EXIT_DATA, "%s was trained on token numbers without text: it cannot be sampled",
            cli->run);
    size_t length = dataset_default_prompt(&config->data, &stored.vocab, (uint32_t)cli->seed, start,
                                           sizeof start);
    GenerateOptions options = {.tokens = cli->tokens,
                               .sampling = cli->sampling,
                               .seed = (uint32_t)cli->seed,
                               .gamma = (real)schedule_gamma(&config->gamma_warmup, stored.step),
                               .branch = schedule_branch(&config->branch_warmup, stored.step)};
    const char *prompt = start;
    char *typed = NULL;
    if (cli->prompt && strcmp(cli->prompt, "-") == 0) {
        prompt = typed = sample_read_prompt(&stored.vocab, &length);
    } else if (cli->prompt) {
        prompt = cli->prompt;
        length = strlen(prompt);
    }
    sample_print(stored.model, &stored.vocab, prompt, length, &options);
    arrfree(typed);
    stored_model_free(&stored);
}
