/* sample.c - see sample.h. */
#include "run/sample.h"

#include "run/schedule.h"
#include "run/stored_model.h"

#include <stdio.h>
#include <string.h>

static bool emit_byte(int token, void *context) {
    const Vocab *vocab = context;
    if ((size_t)token < vocab->size) fputc(vocab->byte_of[token], stdout);
    fflush(stdout);
    return true;
}

void sample_print(Model *model, const Vocab *vocab, const char *prompt,
                  const GenerateOptions *options) {
    size_t length = strlen(prompt), bad;
    if (!length) die(EXIT_USAGE, "--prompt must not be empty");
    int *tokens = mem_alloc(size_mul(length, sizeof(int)));
    if (!vocab_encode(vocab, prompt, length, tokens, &bad)) {
        die(EXIT_USAGE, "the prompt has a character at offset %zu that the training text never had",
            bad);
    }
    fputs(prompt, stdout);
    generate(model, tokens, length, options, emit_byte, (void *)vocab);
    fputc('\n', stdout);
    mem_free(tokens);
}

void sample_of_run(Run *run) {
    const Vocab *vocab = dataset_vocab(run->data);
    char prompt[64];
    if (!vocab->size) return;
    dataset_default_prompt(&run->config->data, (uint32_t)run->config->train.seed, prompt,
                           sizeof prompt);
    if (vocab->token_of[(unsigned char)*prompt] < 0) return;
    GenerateOptions options = {
        .tokens = run->model->shape.T > strlen(prompt) ? run->model->shape.T - strlen(prompt) : 1,
        .temperature = 0.5, /* the tail of a briefly trained model is still noise */
        .seed = (uint32_t)run->config->train.seed,
        .gamma = (real)schedule_gamma(&run->config->gamma_warmup, run->config->train.steps)};
    puts("--- sample ---");
    sample_print(run->model, vocab, prompt, &options);
}

void sample_of_checkpoint(const Cli *cli) {
    StoredModel stored;
    char start[64];
    stored_model_read(&stored, cli->run);
    const Config *config = &stored.config;
    if (!stored.vocab.size)
        die(EXIT_DATA, "%s was trained on tokens without text; it cannot be sampled", cli->run);
    dataset_default_prompt(&config->data, (uint32_t)cli->seed, start, sizeof start);
    GenerateOptions options = {.tokens = cli->tokens,
                               .temperature = cli->temperature,
                               .top_k = cli->top_k,
                               .seed = (uint32_t)cli->seed,
                               .gamma = (real)schedule_gamma(&config->gamma_warmup, stored.step)};
    sample_print(stored.model, &stored.vocab, cli->prompt ? cli->prompt : start, &options);
    stored_model_free(&stored);
}
