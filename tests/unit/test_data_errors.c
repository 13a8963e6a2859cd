/* test_data_errors.c - invalid data: the exit code, and an error that names the file and the
 * numbers.
 *
 * One idea: an error ends the program, so each is provoked in a child process that opens and reads
 * everything. */
#include "tests/lib/child.h"
#include "tests/lib/data_files.h"

#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { T = 8, B = 3, ROWS_MAX = 1000 };

typedef struct {
    DataOptions options;
    size_t eval_rows;
} Reading;

static void read_all(const void *argument) {
    static int tokens[ROWS_MAX * T], targets[ROWS_MAX * T];
    const Reading *reading = argument;
    Dataset *data = dataset_open(&reading->options, T, B, 1, reading->eval_rows, 1337);
    for (size_t step = 1; step <= 100; step++) dataset_train_batch(data, tokens, targets, step, 0);
    dataset_val_batch(data, tokens, targets, 0, dataset_val_rows(data));
    dataset_floor(data);
}

/* Checks the exit code, and that the one line of output contains all the words; NULL ends the list.
 */
static void expect_rows(size_t eval_rows, int code, DataOptions options, ...) {
    int got = run_child(read_all, &(Reading){options, eval_rows});
    CHECK(got == code, "exit %d, want %d: %s", got, code, said);
    const char *line_end = strchr(said, '\n');
    CHECK(code == EXIT_DONE ? !*said : line_end && !line_end[1], "not one line: %s", said);
    va_list words;
    va_start(words, options);
    for (const char *word; (word = va_arg(words, const char *));) {
        CHECK(strstr(said, word), "\"%s\" is missing in: %s", word, said);
    }
    va_end(words);
}
#define EXPECT(code, options, ...) expect_rows(ROWS_MAX, code, options, __VA_ARGS__, NULL)

static DataOptions with_format(const char *train, DataFormat format) {
    DataOptions options = options_raw(train);
    options.format = format;
    return options;
}

static DataOptions with_vocab(DataOptions options, VocabKind vocab, size_t size) {
    options.vocab = data_vocab_name(vocab);
    options.vocab_size = size;
    return options;
}

static DataOptions with_val(DataOptions options, const char *val) {
    options.val = val;
    return options;
}

static const char *put_good(void) {
    return put_text("good.txt", "a text that is long enough for eight tokens, and for more after "
                                "it, in both of its parts: 0123456789abcdefghijklmnopqrstuvwxyz");
}

static void test_no_error(void) {
    DataOptions good = options_for(put_good());
    expect_rows(ROWS_MAX, EXIT_DONE, good, NULL);
    expect_rows(ROWS_MAX, EXIT_DONE, with_vocab(good, VOCAB_CHARS, 0), NULL);
    expect_rows(ROWS_MAX, EXIT_DONE, options_for("builtin:stories"), NULL);
    expect_rows(ROWS_MAX, EXIT_DONE, with_val(good, "builtin:stories"), NULL);
    good.val_fraction = 1e-9; /* too few validation tokens, but none are wanted */
    expect_rows(0, EXIT_DONE, good, NULL);
}

static void test_not_there(void) {
    const char *missing = in_folder("missing.txt");
    EXPECT(EXIT_DATA, options_for(missing), missing, "data.train", "No such file",
           "builtin:stories");
    EXPECT(EXIT_DATA, with_val(options_for(put_good()), missing), missing, "data.val");
    EXPECT(EXIT_DATA, options_for(in_folder("missing_*.bin")), "missing_*.bin", "no file matches");
    EXPECT(EXIT_DATA, options_for("builtin:storys"), "did you mean \"builtin:stories\"");
    EXPECT(EXIT_DATA, options_for("builtin:xyz"), "builtin:xyz", "builtin:stories",
           "builtin:random");
    make_folder("empty");
    put_text("empty/readme.md", "not data");
    EXPECT(EXIT_DATA, options_for(in_folder("empty")), "/empty\"", ".txt or .bin", "auto");
    put_text("empty/data.txt", "a text is no shard of numbers");
    EXPECT(EXIT_DATA, options_raw(in_folder("empty")), "/empty\"", "raw_u16");
}

static void test_not_a_file(void) {
    const char *fifo = in_folder("fifo.txt"), *path = in_folder("socket.txt");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int sock = socket(AF_UNIX, SOCK_STREAM, 0);
    if (mkfifo(fifo, 0600) != 0 || bind(sock, (void *)&address, sizeof address) != 0) abort();
    EXPECT(EXIT_DATA, options_for(fifo), fifo, "not a regular file");
    EXPECT(EXIT_DATA, options_for(path), path, "not a regular file");
    EXPECT(EXIT_DATA, options_for("/dev/zero"), "/dev/zero", "not a regular file");
    close(sock);
    const char *empty = put_text("empty.txt", "");
    EXPECT(EXIT_DATA, options_for(empty), empty, "empty");
    put_good();
    make_folder("d.txt");
    EXPECT(EXIT_DATA, options_for(in_folder("[dg]*.txt")), "/d.txt\"", "not a regular file");
}

static void test_damaged(void) {
    const char *cut = put_llmc("cut.bin", 2, 1, 100, 99, 1);
    EXPECT(EXIT_DATA, with_format(cut, FORMAT_AUTO), cut, "truncated", "100", "1224", "1222");
    const char *more = put_llmc("long.bin", 4, 7, 100, 101, 1);
    EXPECT(EXIT_DATA, with_format(more, FORMAT_LLMC), more, "too long", "100", "1424", "1428");
    const char *newer = put_llmc("newer.bin", 2, 2, 100, 100, 1);
    EXPECT(EXIT_DATA, with_format(newer, FORMAT_AUTO), newer, "version 2", "version 1");
    const char *head = put("head.bin", (uint32_t[]){20240520, 1, 0}, 12);
    EXPECT(EXIT_DATA, with_format(head, FORMAT_AUTO), head, "truncated", "12 bytes", "1024");
    const char *odd = put_text("odd.bin", "12345");
    EXPECT(EXIT_DATA, options_raw(odd), odd, "truncated", "5 bytes");
    const char *tiny = put_text("tiny.bin", "1234");
    EXPECT(EXIT_DATA, with_format(tiny, FORMAT_AUTO), tiny, "20240520", "data.format = raw_u16");
    const char *plain = put_u16("plain.bin", 0, 100);
    EXPECT(EXIT_DATA, with_format(plain, FORMAT_AUTO), plain, "data.format = raw_u16");
    EXPECT(EXIT_DATA, with_format(put_good(), FORMAT_LLMC), "good.txt", "no llm.c header");
    const char *other = put_text("other.md", "a text with an unusual name");
    EXPECT(EXIT_DATA, options_for(other), other, "data.format", "text");
}

static void test_mixed(void) {
    make_folder("mixed");
    put_text("mixed/a.txt", "a text");
    put_llmc("mixed/b.bin", 2, 1, 9, 9, 1);
    put_llmc("mixed/c.bin", 4, 7, 9, 9, 1);
    EXPECT(EXIT_DATA, options_for(in_folder("mixed")), "a.txt contains text",
           "b.bin contains llm.c");
    EXPECT(EXIT_DATA, with_format(in_folder("mixed/*.bin"), FORMAT_AUTO), "uint16", "c.bin",
           "uint32");
    DataOptions numbers = with_val(options_raw(put_u16("n.bin", 0, 99)), "builtin:stories");
    EXPECT(EXIT_DATA, numbers, "n.bin", "token ids", "data.val = \"builtin:stories\"");
}

static void test_vocab_options(void) {
    DataOptions good = options_for(put_good()), numbers = options_raw(put_u16("n.bin", 0, 99));
    EXPECT(EXIT_USAGE, with_vocab(good, VOCAB_BYTES, 255), "data.vocab_size = 255", "256");
    EXPECT(EXIT_USAGE, with_vocab(good, VOCAB_CHARS, 5), "good.txt", "data.vocab_size = 5",
           "chars");
    EXPECT(EXIT_USAGE, with_vocab(numbers, VOCAB_BYTES, 0), "n.bin", "data.vocab_size");
    EXPECT(EXIT_USAGE, with_vocab(numbers, VOCAB_CHARS, 65536), "n.bin", "data.vocab = chars");
    EXPECT(EXIT_USAGE, options_for("builtin:random"), "builtin:random", "data.vocab_size");
    EXPECT(EXIT_USAGE, with_vocab(options_for("builtin:stories"), VOCAB_CHARS, 0), "bytes");
}

static void test_bad_tokens(void) {
    const char *val = put_text("val.txt", "a text that is long enou~h for two rows");
    EXPECT(EXIT_DATA, with_vocab(with_val(options_for(put_good()), val), VOCAB_CHARS, 0), val,
           "0x7E", "offset 24");
    const char *numbers = put_u16("n.bin", 0, 301);
    DataOptions options = with_vocab(options_raw(numbers), VOCAB_BYTES, 290);
    options.order = ORDER_SEQUENTIAL;
    EXPECT(EXIT_DATA, options, numbers, "token 290", "position 290", "290");
    options = with_vocab(with_format(put_llmc("v7.bin", 4, 7, 99, 99, 1u << 26), FORMAT_AUTO),
                         VOCAB_BYTES, INT32_MAX);
    options.order = ORDER_SEQUENTIAL;
    EXPECT(EXIT_DATA, options, "v7.bin", "token 2147483648", "position 31", "2147483647");
}

static void test_too_short(void) {
    DataOptions options = options_raw(put_u16("short.bin", 0, T));
    options.val_fraction = 0;
    EXPECT(EXIT_DATA, options, "short.bin", "model.context + 1 = 9", "is 8");
    options.train = put_u16("short.bin", 0, B * T);
    options.order = ORDER_SEQUENTIAL;
    EXPECT(EXIT_DATA, options, "short.bin", "train.batch * model.context + 1 = 25", "is 24");
    options.train = put_u16("enough.bin", 0, B * T + 1);
    expect_rows(ROWS_MAX, EXIT_DONE, options, NULL);
    EXPECT(EXIT_DATA, with_val(options, put_u16("short.bin", 0, T)), "data.val", "short.bin",
           "model.context + 1 = 9", "is 8");
    options.order = ORDER_RANDOM;
    options.val_fraction = 0.25; /* floor(25 * 0.75) = 18 leaves 7 */
    EXPECT(EXIT_DATA, options, "enough.bin", "data.val_fraction", "= 9", "is 7");
}

static const Test tests[] = {
    {"data errors: none where there are none", test_no_error},
    {"data errors: nothing there", test_not_there},
    {"data errors: not a regular file", test_not_a_file},
    {"data errors: damaged and unknown files", test_damaged},
    {"data errors: mixed kinds", test_mixed},
    {"data errors: vocabulary and options", test_vocab_options},
    {"data errors: bad bytes and tokens", test_bad_tokens},
    {"data errors: too short", test_too_short},
};

TEST_MAIN(tests)
