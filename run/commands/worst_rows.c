/* worst_rows.c - see worst_rows.h. */
#include "run/commands/worst_rows.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_TOKENS = 80 }; /* printed before and after the worst token */

static const char NAME[] = "rows.csv",
                  HEADER[] = "micro,row,loss,max_loss,position,token,target,token_text,"
                             "target_text,text\n";

/* --- order --- */

/* NaN ranks as the worst loss. */
static double rank_of(double loss) {
    return isnan(loss) ? INFINITY : loss;
}

static int worst_first(const void *a, const void *b) {
    const SequenceLoss *x = a, *y = b;
    double p = rank_of(x->loss), q = rank_of(y->loss);
    if (p != q) return p < q ? 1 : -1;
    if (x->micro != y->micro) return x->micro < y->micro ? -1 : 1;
    return x->row < y->row ? -1 : 1;
}

/* `losses` (T): the loss of each token of the sequence. */
static SequenceLoss measure(const double *losses, size_t micro, size_t row, size_t T) {
    SequenceLoss measured = {.micro = micro, .row = row, .max = losses[0]};
    double sum = 0;
    for (size_t t = 0; t < T; t++) {
        sum += losses[t];
        bool worse = rank_of(losses[t]) > rank_of(measured.max);
        if (!worse) continue;
        measured.max = losses[t];
        measured.position = t;
    }
    measured.loss = sum / (double)T;
    return measured;
}

SequenceLoss *sequences_of_update(Run *run, size_t step) {
    size_t B = run->config->train.batch, T = run->model->shape.T, accum = run->config->train.accum;
    SequenceLoss *losses = mem_alloc(size_mul(size_mul(accum, B), sizeof *losses));
    for (size_t micro = 0; micro < accum; micro++) {
        dataset_train_batch(run->data, run->tokens, run->targets, step, micro);
        for (size_t row = 0; row < B; row++) {
            size_t at = micro * B + row;
            SequenceLoss *loss = &losses[at];
            *loss = measure(run->losses + at * T, micro, row, T);
            loss->tokens = mem_alloc(size_mul(T + 1, sizeof(int)));
            memcpy(loss->tokens, run->tokens + row * T, T * sizeof(int));
            loss->tokens[T] = run->targets[row * T + T - 1];
        }
    }
    qsort(losses, accum * B, sizeof *losses, worst_first);
    return losses;
}

void sequences_free(SequenceLoss *losses, size_t count) {
    for (size_t i = 0; i < count; i++) mem_free(losses[i].tokens);
    mem_free(losses);
}

/* --- as text --- */

/* One byte as an escape sequence of C. */
static void put_escaped(FILE *out, unsigned char byte) {
    static const char special[] = "\n\r\t\\", letters[] = "nrt\\";
    const char *known = byte ? strchr(special, byte) : NULL;
    if (known)
        fprintf(out, "\\%c", letters[known - special]);
    else
        fprintf(out, "\\x%02x", byte);
}

/* The length of the character at `s` if it can be printed unescaped, else 0: invalid UTF-8, a
 * backslash, or a control character (ASCII or U+0080 to U+009F, which terminals interpret). */
static size_t printable_length(const char *s, size_t left) {
    size_t length = utf8_length(s, left);
    unsigned char first = (unsigned char)s[0];
    bool control = first < 0x20 || first == 0x7f ||
                   (length == 2 && first == 0xc2 && (unsigned char)s[1] < 0xa0);
    return control || first == '\\' ? 0 : length;
}

/* Tokens (count) as text, or as numbers if the vocabulary has no text. */
static void put_tokens(FILE *out, const int *tokens, size_t count, const Vocab *vocab) {
    if (!vocab->size) {
        for (size_t i = 0; i < count; i++) fprintf(out, "%s%d", i ? " " : "", tokens[i]);
        return;
    }
    char *bytes = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *text = vocab_text(vocab, tokens[i], &length);
        if (length) memcpy(arraddnptr(bytes, length), text, length);
    }
    for (size_t at = 0; at < arrlenu(bytes);) {
        size_t length = printable_length(bytes + at, arrlenu(bytes) - at);
        if (length)
            fwrite(bytes + at, 1, length, out);
        else
            put_escaped(out, (unsigned char)bytes[at]);
        at += length ? length : 1;
    }
    arrfree(bytes);
}

/* A quoted cell; quotes inside it are doubled (RFC 4180). */
static void cell_tokens(Csv *csv, const int *tokens, size_t count, const Vocab *vocab) {
    TextOut plain, quoted;
    put_tokens(text_begin(&plain), tokens, count, vocab);
    char *text = text_end(&plain);
    FILE *out = text_begin(&quoted);
    fputc('"', out);
    for (const char *c = text; *c; c++) {
        if (*c == '"') fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
    char *cell = text_end(&quoted);
    csv_text(csv, cell);
    mem_free(cell);
    mem_free(text);
}

void sequences_write(const char *dir, const SequenceLoss *losses, size_t count, const Run *run) {
    const Vocab *vocab = dataset_vocab(run->data);
    Csv csv = csv_create(dir, NAME, HEADER);
    for (const SequenceLoss *loss = losses; loss < losses + count; loss++) {
        const int *pair = loss->tokens + loss->position;
        csv_integer(&csv, loss->micro);
        csv_integer(&csv, loss->row);
        csv_number(&csv, loss->loss);
        csv_number(&csv, loss->max);
        csv_integer(&csv, loss->position);
        csv_integer(&csv, (size_t)pair[0]);
        csv_integer(&csv, (size_t)pair[1]);
        cell_tokens(&csv, pair, vocab->size ? 1 : 0, vocab);
        cell_tokens(&csv, pair + 1, vocab->size ? 1 : 0, vocab);
        cell_tokens(&csv, loss->tokens, run->model->shape.T + 1, vocab);
        csv_end_record(&csv);
    }
    int error = csv_sync(&csv);
    if (error) die(EXIT_IO, "cannot sync %s/%s: %s", dir, NAME, strerror(error));
    csv_close(&csv);
}

void sequences_print(const SequenceLoss *losses, size_t count, const Run *run) {
    const Vocab *vocab = dataset_vocab(run->data);
    size_t all = run->model->shape.T + 1;
    for (const SequenceLoss *loss = losses; loss < losses + count; loss++) {
        size_t worst = loss->position + 1; /* index of its target in tokens */
        size_t from = worst > SHOWN_TOKENS ? worst - SHOWN_TOKENS : 0;
        size_t to = all - worst > SHOWN_TOKENS ? worst + SHOWN_TOKENS : all;
        printf("  micro-batch %zu, sequence %zu: loss %.4f, maximum %.4f at position %zu, where \"",
               loss->micro, loss->row, loss->loss, loss->max, loss->position);
        put_tokens(stdout, loss->tokens + loss->position, 1, vocab);
        fputs("\" was followed by \"", stdout);
        put_tokens(stdout, loss->tokens + worst, 1, vocab);
        printf("\"\n    %s", from ? "..." : "");
        put_tokens(stdout, loss->tokens + from, to - from, vocab);
        puts(to < all ? "..." : "");
    }
}
