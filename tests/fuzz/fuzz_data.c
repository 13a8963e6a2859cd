/* fuzz_data.c - arbitrary bytes as a data file: refused with a message, or all tokens are in range.
 *
 * The first five bytes select format, vocabulary, order, split and sizes. A text must also survive
 * encoding and decoding. */
#include "tests/fuzz/fuzz.h"

#include "data/dataset.h"
#include "data/tokens.h"

enum { T_MAX = 8, B_MAX = 3, SWEEP = 64 };

static char path[2][48]; /* .txt and .bin */

static void remove_files(void) {
    unlink(path[0]);
    unlink(path[1]);
}

/* Like realpath of the C library, but allocated so that it is freed if an input dies. */
char *realpath(const char *name, char *resolved) {
    (void)resolved;
    return strcpy(mem_alloc(strlen(name) + 1), name);
}

/* An input that dies leaves its files open: closes them now and then. */
static void close_files(void) {
    static unsigned inputs, first;
    if (!first) {
        int fd = dup(STDERR_FILENO);
        if (fd < 0 || close(fd)) abort();
        first = (unsigned)fd;
    }
    if (++inputs % SWEEP == 0) close_range(first, ~0u, 0);
}

static void write_file(int bin, const uint8_t *data, size_t size) {
    if (!*path[0]) {
        snprintf(path[0], sizeof path[0], "/dev/shm/peri_fuzz_%ld.txt", (long)getpid());
        snprintf(path[1], sizeof path[1], "/dev/shm/peri_fuzz_%ld.bin", (long)getpid());
        if (atexit(remove_files)) abort();
    }
    unlink(path[bin]);
    FILE *out = fopen(path[bin], "wb");
    if (!out || fwrite(data, 1, size, out) != size || fclose(out)) abort();
}

static void check_tokens(const int *tokens, size_t count, size_t V) {
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] < 0 || (size_t)tokens[i] >= V) abort();
    }
}

static void check_text(const Dataset *data, const uint8_t *text, size_t size) {
    const Vocab *vocab = dataset_vocab(data);
    size_t bad, count;
    int *tokens = vocab_encode(vocab, (const char *)text, size, &count, &bad);
    if (!tokens || count != size) abort();
    for (size_t i = 0; i < size; i++) {
        if (vocab->byte_of[tokens[i]] != text[i]) abort();
    }
    mem_free(tokens);
}

static void fuzz_one(const uint8_t *data, size_t size) {
    int tokens[T_MAX * B_MAX], targets[T_MAX * B_MAX];
    close_files();
    if (size < 5) return;
    int bin = data[0] & 1, format = data[0] >> 1 & 3;
    DataOptions options = {.train = path[bin],
                           .val = data[0] & 32 ? path[bin] : "",
                           .val_fraction = data[1] / 256.0,
                           .format = format,
                           .vocab = data_vocab_name(data[0] & 8 ? VOCAB_CHARS : VOCAB_BYTES),
                           .vocab_size = data[2] ? (size_t)data[2] << (data[0] & 64 ? 8 : 0) : 0,
                           .order = data[0] & 16 ? ORDER_SEQUENTIAL : ORDER_RANDOM};
    size_t T = 1 + data[3] % T_MAX, B = 1 + data[4] % B_MAX;
    write_file(bin, data + 5, size - 5);
    Dataset *dataset = dataset_open(&options, T, B, 2, 3, 7);
    size_t V = dataset_vocab_size(dataset);
    char *line = dataset_describe(dataset);
    mem_free(line);
    if (data[0] & 128) dataset_check(dataset);
    for (size_t step = 1; step < 4; step++) {
        dataset_train_batch(dataset, tokens, targets, step, step % 2);
        check_tokens(tokens, T * B, V);
        check_tokens(targets, T * B, V);
    }
    for (size_t row = 0; row < dataset_val_rows(dataset); row++) {
        dataset_val_batch(dataset, tokens, targets, row, 1);
        check_tokens(tokens, T, V);
        check_tokens(targets, T, V);
    }
    bool text = format == FORMAT_TEXT || (format == FORMAT_AUTO && !bin);
    if (text && dataset_vocab(dataset)->size) check_text(dataset, data + 5, size - 5);
    dataset_close(dataset);
}
