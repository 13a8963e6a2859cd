/* worst_rows.c - see worst_rows.h. */
#include "run/commands/worst_rows.h"

#include "base/text_out.h"
#include "run/io/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_TOKENS = 80 }; /* on either side of the worst one, on the terminal */

static const char NAME[] = "rows.csv",
                  HEADER[] = "micro,row,loss,max_loss,position,token,target,token_text,"
                             "target_text,text\n";

/* --- which rows --- */

/* A loss that is not a number is worse than any. */
static double rank_of(double loss) {
    return isnan(loss) ? INFINITY : loss;
}

static int worst_first(const void *a, const void *b) {
    const RowLoss *x = a, *y = b;
    double p = rank_of(x->loss), q = rank_of(y->loss);
    if (p != q) return p < q ? 1 : -1;
    if (x->micro != y->micro) return x->micro < y->micro ? -1 : 1;
    return x->row < y->row ? -1 : 1;
}

/* `losses` (T) are those of the row. */
static RowLoss measure(const double *losses, size_t micro, size_t row, size_t T) {
    RowLoss measured = {.micro = micro, .row = row, .max = losses[0]};
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

RowLoss *rows_of_update(Run *run, size_t step) {
    size_t B = run->config->train.batch, T = run->model->shape.T, accum = run->config->train.accum;
    RowLoss *rows = mem_alloc(size_mul(size_mul(accum, B), sizeof *rows));
    for (size_t micro = 0; micro < accum; micro++) {
        dataset_train_batch(run->data, run->tokens, run->targets, step, micro);
        for (size_t row = 0; row < B; row++) {
            size_t at = micro * B + row;
            rows[at] = measure(run->losses + at * T, micro, row, T);
            rows[at].tokens = mem_alloc(size_mul(T + 1, sizeof(int)));
            memcpy(rows[at].tokens, run->tokens + row * T, T * sizeof(int));
            rows[at].tokens[T] = run->targets[row * T + T - 1];
        }
    }
    qsort(rows, accum * B, sizeof *rows, worst_first);
    return rows;
}

void rows_free(RowLoss *rows, size_t count) {
    for (size_t i = 0; i < count; i++) mem_free(rows[i].tokens);
    mem_free(rows);
}

/* --- as text --- */

/* One byte that cannot stand as it is. */
static void put_escaped(FILE *out, unsigned char byte) {
    static const char meant[] = "\n\r\t\\", shown[] = "nrt\\";
    const char *known = byte ? strchr(meant, byte) : NULL;
    if (known)
        fprintf(out, "\\%c", shown[known - meant]);
    else
        fprintf(out, "\\x%02x", byte);
}

/* The length of the character at `s` where it can be shown as it is; 0 where it cannot: no UTF-8, a
 * control of ASCII, or one of those from U+0080 to U+009F, which terminals obey. */
static size_t shown_length(const char *s, size_t left) {
    size_t length = utf8_length(s, left);
    unsigned char first = (unsigned char)s[0];
    bool control = first < 0x20 || first == 0x7f ||
                   (length == 2 && first == 0xc2 && (unsigned char)s[1] < 0xa0);
    return control || first == '\\' ? 0 : length;
}

/* Tokens (count) as text, or as numbers where there is none. */
static void put_tokens(FILE *out, const int *tokens, size_t count, const Vocab *vocab) {
    if (!vocab->size) {
        for (size_t i = 0; i < count; i++) fprintf(out, "%s%d", i ? " " : "", tokens[i]);
        return;
    }
    char *bytes = mem_alloc(count + 1);
    for (size_t i = 0; i < count; i++) bytes[i] = (char)vocab->byte_of[tokens[i]];
    for (size_t at = 0; at < count;) {
        size_t length = shown_length(bytes + at, count - at);
        if (length)
            fwrite(bytes + at, 1, length, out);
        else
            put_escaped(out, (unsigned char)bytes[at]);
        at += length ? length : 1;
    }
    mem_free(bytes);
}

/* A cell in quotes, those inside it doubled (RFC 4180). */
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

void rows_write(const char *dir, const RowLoss *rows, size_t count, const Run *run) {
    const Vocab *vocab = dataset_vocab(run->data);
    Csv csv = csv_create(dir, NAME, HEADER);
    for (const RowLoss *row = rows; row < rows + count; row++) {
        const int *pair = row->tokens + row->position;
        csv_integer(&csv, row->micro);
        csv_integer(&csv, row->row);
        csv_number(&csv, row->loss);
        csv_number(&csv, row->max);
        csv_integer(&csv, row->position);
        csv_integer(&csv, (size_t)pair[0]);
        csv_integer(&csv, (size_t)pair[1]);
        cell_tokens(&csv, pair, vocab->size ? 1 : 0, vocab);
        cell_tokens(&csv, pair + 1, vocab->size ? 1 : 0, vocab);
        cell_tokens(&csv, row->tokens, run->model->shape.T + 1, vocab);
        csv_end_record(&csv);
    }
    int error = csv_sync(&csv);
    if (error) die(EXIT_IO, "cannot sync %s/%s: %s", dir, NAME, strerror(error));
    csv_close(&csv);
}

void rows_print(const RowLoss *rows, size_t count, const Run *run) {
    const Vocab *vocab = dataset_vocab(run->data);
    size_t all = run->model->shape.T + 1;
    for (const RowLoss *row = rows; row < rows + count; row++) {
        size_t worst = row->position + 1; /* the target, among the tokens */
        size_t from = worst > SHOWN_TOKENS ? worst - SHOWN_TOKENS : 0;
        size_t to = all - worst > SHOWN_TOKENS ? worst + SHOWN_TOKENS : all;
        printf("  micro %zu row %zu: loss %.4f, at most %.4f at position %zu, where \"", row->micro,
               row->row, row->loss, row->max, row->position);
        put_tokens(stdout, row->tokens + row->position, 1, vocab);
        fputs("\" was followed by \"", stdout);
        put_tokens(stdout, row->tokens + worst, 1, vocab);
        printf("\"\n    %s", from ? "..." : "");
        put_tokens(stdout, row->tokens + from, to - from, vocab);
        puts(to < all ? "..." : "");
    }
}
