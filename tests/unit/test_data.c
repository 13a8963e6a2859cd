/* test_data.c - files, splits and orders of the data, against plain references.
 *
 * One idea: in most files here the value of a token is its position in the stream, so a wrong
 * sequence shows where it came from. The references list every piece, start or batch one by one. */
#include "data/stories.h"
#include "base/philox.h"
#include "tests/lib/data_files.h"

#include <limits.h>

enum { T = 8, B = 3, ROWS_MAX = 1000 };

static int tokens[ROWS_MAX * T], targets[ROWS_MAX * T];

static Dataset *open_plain(const DataOptions *options) {
    return dataset_open(options, T, B, 1, ROWS_MAX, 1337);
}

/* Whether sequence r of `tokens` and `targets` is `first`, `first` + step, ... */
static bool row_counts(size_t r, size_t first, size_t step) {
    for (size_t t = 0; t < T; t++) {
        size_t token = first + t * step;
        if (tokens[r * T + t] != (int)token || targets[r * T + t] != (int)(token + step)) {
            return false;
        }
    }
    return true;
}

/* --- splits and vocabularies --- */

static void test_split(void) {
    enum { N = 1115394, N_TRAIN = 1003854 };
    unsigned char *text = mem_alloc(N);
    for (size_t i = 0; i < N; i++) text[i] = (unsigned char)(i * 2654435761u >> 13);
    DataOptions options = options_for(put("shakespeare.txt", text, N));
    Dataset *data = open_plain(&options);
    char *line = dataset_describe(data);
    CHECK(strstr(line, "shakespeare.txt: 1003854 training and 111540 validation tokens"), "%s",
          line);
    mem_free(line);
    CHECK(dataset_train_tokens(data) == N_TRAIN && dataset_vocab_size(data) == 256, "sizes");
    dataset_val_batch(data, tokens, targets, 0, 2);
    for (size_t i = 0; i < 2 * T; i++) {
        CHECK(tokens[i] == text[N_TRAIN + i], "token %zu", i);
        CHECK(targets[i] == text[N_TRAIN + i + 1], "target %zu", i);
    }
    dataset_close(data);
    mem_free(text);

    options.val_fraction = 0;
    data = open_plain(&options);
    CHECK(dataset_train_tokens(data) == N && dataset_val_rows(data) == 0, "no validation");
    dataset_close(data);
}

static void test_chars(void) {
    char text[] = "a cab, a dab, \xE9 bad cab and a dab add a cad dad, a bad abba dad, a bad cad "
                  "and a dab and a cad bad q\xFF";
    DataOptions options = options_for(put_text("chars.txt", text));
    options.vocab = "chars";
    Dataset *data = open_plain(&options);
    const Vocab *vocab = dataset_vocab(data);
    const char alphabet[] = " ,abcdnq\xE9\xFF"; /* q and 0xFF occur in the validation split only */
    CHECK(vocab->size == 10 && dataset_vocab_size(data) == 10, "%zu characters", vocab->size);
    CHECK(memcmp(vocab->byte_of, alphabet, 10) == 0, "%.10s", (const char *)vocab->byte_of);
    dataset_train_batch(data, tokens, targets, 1, 0);
    char row[T + 1] = {0};
    for (size_t t = 0; t < T; t++) row[t] = alphabet[tokens[t]];
    CHECK(strstr(text, row), "%s", row);

    size_t bad = 99, count = 0;
    int *encoded = vocab_encode(vocab, "ba\xFF", 3, &count, &bad);
    CHECK(encoded && count == 3 && encoded[0] == 3 && encoded[1] == 2 && encoded[2] == 9,
          "%zu tokens", count);
    mem_free(encoded);
    CHECK(!vocab_encode(vocab, "abz", 3, &count, &bad) && bad == 2, "bad at %zu", bad);
    Vocab bytes = vocab_bytes(), none = vocab_chars(NULL, 0);
    encoded = vocab_encode(&bytes, "\xFF", 1, &count, &bad);
    CHECK(encoded && encoded[0] == 255, "no byte");
    mem_free(encoded);
    CHECK(!vocab_encode(&none, "a", 1, &count, &bad) && bad == 0, "bad at %zu", bad);
    dataset_close(data);

    options.vocab_size = 11;
    data = open_plain(&options);
    CHECK(dataset_vocab_size(data) == 11 && dataset_vocab(data)->size == 10, "a wider V");
    dataset_close(data);
}

static void test_formats(void) {
    const char *none = put_u16("plain.bin", 0, 300);
    const struct {
        const char *path;
        DataFormat format;
        size_t first, step;
    } cases[] = {
        {put_llmc("v1.bin", 2, 1, 300, 300, 7), FORMAT_AUTO, 7, 7},
        {put_llmc("v1.bin", 2, 1, 300, 300, 7), FORMAT_LLMC, 7, 7},
        {put_llmc("v7.tokens", 4, 7, 300, 300, 100000), FORMAT_AUTO, 100000, 100000},
        {put_llmc("v7.tokens", 4, 7, 300, 300, 100000), FORMAT_LLMC, 100000, 100000},
        {none, FORMAT_RAW_U16, 0, 1},
        {put_text("text.md", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), FORMAT_TEXT, 'A', 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        DataOptions options = options_for(cases[i].path);
        options.format = cases[i].format;
        options.vocab_size = 128256 * 1000;
        options.order = ORDER_SEQUENTIAL;
        options.val_fraction = 0;
        Dataset *data = dataset_open(&options, T, B, 1, ROWS_MAX, 0);
        dataset_train_batch(data, tokens, targets, 1, 0);
        for (size_t r = 0; r < B; r++) {
            size_t first = cases[i].first + r * T * cases[i].step;
            CHECK(row_counts(r, first, cases[i].step), "case %zu row %zu", i, r);
        }
        dataset_close(data);
    }
}

/* --- orders, over shards in which the token at position p of the stream is p --- */

typedef struct {
    size_t begin, end;
} Range;

/* 387 tokens in six shards, floor(387 * 0.8) = 309 of them for training. */
static const size_t shard_sizes[] = {50, T + 1, 200, T, 60, 60};
static const Range train_ranges[] = {{0, 50}, {50, 59}, {59, 259}, {259, 267}, {267, 309}};
static const Range val_ranges[] = {{309, 327}, {327, 387}};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static DataOptions options_shards(const char *spec) {
    make_folder("shards");
    make_folder("shards/folder.bin");
    size_t start = 0;
    for (size_t i = 0; i < COUNT(shard_sizes); i++) {
        char name[32];
        snprintf(name, sizeof name, "shards/s_%02zu.bin", (i + 1) * 3); /* 03 .. 09 12 .. */
        put_u16(name, start, shard_sizes[i]);
        start += shard_sizes[i];
    }
    put_u16("shards/readme.md", 0, 100);
    put_u16("shards/.hidden.bin", 0, 100);
    DataOptions options = options_raw(in_folder(spec));
    options.val_fraction = 0.2;
    return options;
}

/* Every start of length + 1 tokens in one range, `stride` apart, in order. */
static size_t list_windows(const Range *ranges, size_t count, size_t length, size_t stride,
                           size_t *starts) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t p = ranges[i].begin; p + length < ranges[i].end; p += stride) {
            starts[found++] = p;
        }
    }
    return found;
}

static void test_random_order(void) {
    const char *const specs[] = {"shards", "shards/", "shards/s_*.bin", "shards/s_[01][0-9].bin"};
    size_t starts[400];
    size_t count = list_windows(train_ranges, COUNT(train_ranges), T, 1, starts);
    bool drawn[400] = {false};
    size_t different = 0;
    for (size_t spec = 0; spec < COUNT(specs); spec++) {
        DataOptions options = options_shards(specs[spec]);
        Dataset *data = dataset_open(&options, T, B, 2, ROWS_MAX, 4000000000u);
        for (size_t n = 1; n <= 1000; n++) {
            uint64_t s = n % 10 ? n : n << 33;
            uint32_t micro = n % 2;
            dataset_train_batch(data, tokens, targets, s, micro);
            for (uint32_t r = 0; r < B; r++) {
                Philox words =
                    philox(4000000000u, 1, (uint32_t)s, (uint32_t)(s >> 32), micro * B + r, 0);
                __extension__ unsigned __int128 u = words.word[1];
                u = (u << 32) + words.word[0];
                size_t k = (size_t)(u * count >> 64);
                CHECK(row_counts(r, starts[k], 1), "%s step %zu row %u: %d, want %zu", specs[spec],
                      (size_t)s, r, tokens[r * T], starts[k]);
                different += !drawn[k];
                drawn[k] = true;
            }
        }
        dataset_close(data);
    }
    CHECK(different == count, "%zu of %zu starts sampled", different, count);
}

static void test_sequential_order(void) {
    enum { ACCUM = 2 };
    DataOptions options = options_shards("shards");
    options.order = ORDER_SEQUENTIAL;
    size_t starts[400];
    size_t M = list_windows(train_ranges, COUNT(train_ranges), B * T, B * T, starts);
    CHECK(M == 2 + 8 + 1, "%zu batches", M);
    Dataset *data = dataset_open(&options, T, B, ACCUM, ROWS_MAX, 1337);
    for (size_t k = 0; k < 3 * M + 1; k++) {
        dataset_train_batch(data, tokens, targets, k / ACCUM + 1, k % ACCUM);
        for (size_t r = 0; r < B; r++) {
            CHECK(row_counts(r, starts[k % M] + r * T, 1), "micro-step %zu row %zu: %d", k, r,
                  tokens[r * T]);
        }
    }
    dataset_close(data);

    /* A piece of B*T + 1 tokens is exactly one batch. */
    options = options_raw(put_u16("one.bin", 5, B * T + 1));
    options.order = ORDER_SEQUENTIAL;
    options.val_fraction = 0;
    data = open_plain(&options);
    for (size_t s = 1; s <= 3; s++) {
        dataset_train_batch(data, tokens, targets, s, 0);
        CHECK(row_counts(0, 5, 1) && row_counts(B - 1, 5 + (B - 1) * T, 1), "step %zu", s);
    }
    dataset_close(data);
}

static void check_val(const DataOptions *options, size_t wanted, const Range *ranges,
                      size_t count) {
    size_t starts[400], all = list_windows(ranges, count, T, T, starts);
    size_t rows = wanted < all ? wanted : all;
    for (size_t batch = 1; batch <= 5; batch += 2) {
        Dataset *data = dataset_open(options, T, batch, 1, wanted, (uint32_t)batch);
        CHECK(dataset_val_rows(data) == rows, "%zu rows of %zu", dataset_val_rows(data), rows);
        for (size_t first = 0; first < rows; first += batch) {
            size_t here = first + batch > rows ? rows - first : batch;
            dataset_val_batch(data, tokens, targets, first, here);
            for (size_t r = 0; r < here; r++) {
                CHECK(row_counts(r, starts[first + r], 1), "row %zu: %d", first + r, tokens[r * T]);
            }
        }
        CHECK(isnan(dataset_floor(data)), "floor %g", dataset_floor(data));
        dataset_close(data);
    }
}

static void test_validation(void) {
    DataOptions options = options_shards("shards");
    check_val(&options, ROWS_MAX, val_ranges, COUNT(val_ranges)); /* 2 + 7 sequences */
    check_val(&options, 9, val_ranges, COUNT(val_ranges));
    check_val(&options, 4, val_ranges, COUNT(val_ranges));
    check_val(&options, 0, val_ranges, COUNT(val_ranges));

    const Range own = {1000, 1000 + 5 * T + 1};
    options.val = put_u16("own.bin", own.begin, own.end - own.begin);
    check_val(&options, ROWS_MAX, &own, 1);
    Dataset *data = open_plain(&options);
    char *line = dataset_describe(data);
    CHECK(dataset_train_tokens(data) == 387, "nothing is split off");
    CHECK(strstr(line, "shards (6 files): 387 training tokens; ") &&
              strstr(line, "own.bin: 41 validation tokens"),
          "%s", line);
    mem_free(line);
    dataset_close(data);
}

/* --- built-in data --- */

static void test_stories(void) {
    DataOptions options = options_for("builtin:stories");
    enum { STEP_ROWS = 2 * B };
    Dataset *data = dataset_open(&options, T, B, 2, 20, 7);
    unsigned char bytes[T + 1];
    for (uint32_t i = 0; i < STEP_ROWS; i++) {
        const uint64_t step = (5ULL << 32) + 6;
        dataset_train_batch(data, tokens, targets, step, i / B);
        stories_sequence(bytes, T + 1, 7, STREAM_DATA, 6, 5, i);
        for (size_t t = 0; t < T; t++) {
            size_t at = i % B * T + t;
            CHECK(tokens[at] == bytes[t] && targets[at] == bytes[t + 1], "row %u", i);
        }
    }
    double nats = 0;
    dataset_val_batch(data, tokens, targets, 0, 20);
    for (uint32_t r = 0; r < 20; r++) {
        stories_sequence(bytes, T + 1, 0, STREAM_VALIDATION, r, 0, 0);
        nats += stories_sequence_nats(bytes, T + 1) / T / 20;
        for (size_t t = 0; t < T; t++) {
            CHECK(tokens[r * T + t] == bytes[t] && targets[r * T + t] == bytes[t + 1], "val %u", r);
        }
    }
    CHECK_NEAR(dataset_floor(data), nats, 1e-12);
    CHECK(dataset_floor(data) == dataset_floor(data), "the floor changes");
    CHECK(dataset_vocab_size(data) == 256 && dataset_train_tokens(data) == 0, "sizes");
    CHECK(dataset_val_rows(data) == 20, "%zu rows", dataset_val_rows(data));
    char *line = dataset_describe(data), prompt[32], word[32];
    CHECK(strcmp(line, "builtin:stories: endless training and 160 validation tokens") == 0, "%s",
          line);
    mem_free(line);
    size_t length = dataset_default_prompt(&options, dataset_vocab(data), 3, prompt, sizeof prompt);
    dataset_close(data);
    stories_prompt(3, word, sizeof word);
    CHECK(*word && strcmp(prompt, word) == 0, "%s, want %s", prompt, word);
    CHECK(length == strlen(word), "length %zu", length);
}

static void test_random_tokens(void) {
    DataOptions options = options_for("builtin:random");
    options.vocab_size = 1000;
    for (uint32_t seed = 1; seed < 3; seed++) {
        Dataset *data = dataset_open(&options, T, B, 1, 50, seed);
        dataset_train_batch(data, tokens, targets, 9, 4);
        for (uint32_t i = 0; i < B * (T + 1); i++) {
            uint32_t r = i / (T + 1), t = i % (T + 1);
            Philox words = philox(seed, STREAM_DATA, 9, 0, 4 * B + r, 1 + t / 4);
            int token = (int)floor(words.word[t % 4] / 4294967296.0 * 1000);
            if (t < T) CHECK(tokens[r * T + t] == token, "row %u token %u", r, t);
            if (t > 0) CHECK(targets[r * T + t - 1] == token, "row %u target %u", r, t);
        }
        dataset_val_batch(data, tokens, targets, 0, 50);
        Philox first = philox(0, STREAM_VALIDATION, 49, 0, 0, 1);
        CHECK(tokens[49 * T] == (int)(first.word[0] / 4294967296.0 * 1000), "seed %u", seed);
        CHECK_NEAR(dataset_floor(data), log(1000), 1e-15);
        CHECK(dataset_vocab(data)->size == 0, "tokens without text");
        dataset_close(data);
    }
}

static void test_file_identity(void) {
    DataOptions options = options_for(put_text("a.txt", "foobarfoobarfoobar"));
    options.val_fraction = 0;
    Dataset *data = open_plain(&options);
    const char *path;
    uint64_t bytes, hash, expected = hash_text(HASH_START, "foobarfoobarfoobar");
    char absolute[PATH_MAX];
    CHECK(dataset_file(data, 0, &path, &bytes, &hash), "no file");
    CHECK(realpath(options.train, absolute) && strcmp(path, absolute) == 0, "%s", path);
    CHECK(bytes == 18 && hash == expected, "%llu bytes", (unsigned long long)bytes);
    CHECK(!dataset_file(data, 1, &path, &bytes, &hash), "a second file");
    dataset_close(data);
    CHECK(strcmp(data_format_name(FORMAT_RAW_U16), "raw_u16") == 0 && !data_format_name(4) &&
              strcmp(data_vocab_name(VOCAB_CHARS), "chars") == 0 && !data_vocab_name(2) &&
              strcmp(data_order_name(ORDER_SEQUENTIAL), "sequential") == 0 && !data_order_name(-1),
          "names");
}

/* A sparse file of more than 2^32 tokens. */
static void test_huge_file(void) {
    const uint64_t mark = (1ULL << 32) + 5 * T, count = mark + 100;
    uint16_t marks[T + 1];
    for (size_t i = 0; i <= T; i++) marks[i] = (uint16_t)(500 + i);
    DataOptions options = options_raw(put_text("huge.bin", ""));
    int fd = open(options.train, O_RDWR);
    bool possible = fd >= 0 && ftruncate(fd, (off_t)(count * 2)) == 0 &&
                    pwrite(fd, marks, sizeof marks, (off_t)(mark * 2)) == sizeof marks;
    close(fd);
    if (!possible) {
        printf("    skipped: this file system has no sparse files of %llu bytes\n",
               (unsigned long long)count * 2);
        return;
    }
    options.order = ORDER_SEQUENTIAL;
    options.val = options.train;
    Dataset *data = dataset_open(&options, T, 1, 1, SIZE_MAX, 1337);
    CHECK(dataset_train_tokens(data) == count, "train tokens");
    CHECK(dataset_val_rows(data) == (count - 1) / T, "%zu rows", dataset_val_rows(data));
    dataset_val_batch(data, tokens, targets, mark / T, 1);
    CHECK(row_counts(0, 500, 1), "validation: %d", tokens[0]);
    dataset_train_batch(data, tokens, targets, mark / T + 1, 0);
    CHECK(row_counts(0, 500, 1), "training: %d", tokens[0]);
    dataset_train_batch(data, tokens, targets, (mark & UINT32_MAX) / T + 1, 0);
    CHECK(tokens[0] == 0, "a position lost its high bits");
    dataset_close(data);
    CHECK(truncate(options.train, 0) == 0, "truncate");
}

static const Test tests[] = {
    {"data: split of a text, 1,003,854 + 111,540", test_split},
    {"data: characters as tokens", test_chars},
    {"data: text, llm.c and raw files", test_formats},
    {"data: random order over shards", test_random_order},
    {"data: sequential order over shards", test_sequential_order},
    {"data: validation sequences", test_validation},
    {"data: builtin:stories", test_stories},
    {"data: builtin:random", test_random_tokens},
    {"data: names, paths and hashes", test_file_identity},
    {"data: a file of 2^32 tokens", test_huge_file},
};

TEST_MAIN(tests)
