/* test_unigram.c - the unigram entropy against frequencies that are counted by hand. */
#include "data/unigram.h"
#include "data/stories.h"
#include "base/philox.h"
#include "tests/lib/data_files.h"

enum { T = 8 };

static Unigram entropy_of(const DataOptions *options, size_t rows) {
    Dataset *data = dataset_open(options, T, 1, 1, rows, 1337);
    Unigram unigram = unigram_entropy(data, T);
    dataset_close(data);
    return unigram;
}

/* Training: 12 a, 4 b, nothing else. Validation targets of one sequence: 6 a, 1 b, 1 z. */
static void test_bytes(void) {
    DataOptions options = options_for(put_text("train.txt", "aaaaaabbbbaaaaaa"));
    options.val = put_text("val.txt", "zaaaabzaa and more");
    Unigram unigram = entropy_of(&options, 1);
    double total = 16 + 254; /* every byte that is absent counts once */
    CHECK_NEAR(unigram.nats, (6 * log(total / 12) + log(total / 4) + log(total)) / 8, 1e-12);
    CHECK(unigram.sample == 0, "all tokens were counted");
}

/* Only the training split counts, and only the targets of whole sequences. */
static void test_split(void) {
    DataOptions options = options_for(put_text("split.txt", "aaaaaaaaaaaaaaabbbbbbbbbbbbaaab"));
    options.val_fraction = 0.5; /* 15 a, then bbbbbbbbb | bbbaaab */
    options.vocab = "chars";
    CHECK_NEAR(entropy_of(&options, 9).nats, log(16), 1e-12);
    options.val = put_text("aab.txt", "aaaaaaaab");
    options.val_fraction = 0.9; /* no effect with data.val */
    CHECK_NEAR(entropy_of(&options, 9).nats, (7 * log(31. / 18) + log(31. / 13)) / 8, 1e-12);
}

/* Shards of uint16: tokens 0 .. 19 and 10 .. 29, so ten of them occur twice. */
static void test_tokens(void) {
    make_folder("shards");
    put_u16("shards/a.bin", 0, 20);
    put_u16("shards/b.bin", 10, 20);
    DataOptions options = options_raw(in_folder("shards"));
    options.val = put_u16("val.bin", 5, T + 1); /* targets 6 .. 13 */
    options.vocab_size = 100;
    double total = 40 + 70;
    CHECK_NEAR(entropy_of(&options, 9).nats, (4 * log(total) + 4 * log(total / 2)) / 8, 1e-12);
}

static void test_wide_tokens(void) {
    DataOptions options = options_for(put_llmc("wide.bin", 4, 7, 30, 30, 3));
    options.val = put_llmc("wide_val.bin", 4, 7, T + 1, T + 1, 3);
    options.vocab_size = 1 << 20;
    CHECK_NEAR(entropy_of(&options, 9).nats, log(1 << 20), 1e-9);
}

/* The sample is fixed and not that of validation: its frequencies are those of other stories. */
static void test_stories(void) {
    enum { SEQUENCES = 64, LONG = 4096 };
    static unsigned char text[LONG];
    DataOptions options = options_for("builtin:stories");
    Unigram unigram = entropy_of(&options, SEQUENCES);
    size_t counts[256] = {0}, total = 0;
    for (uint32_t r = 0; r < 40000; r++) {
        stories_sequence(text, T + 1, 1, STREAM_DATA, r, 0, 0);
        for (size_t t = 1; t <= T; t++) counts[text[t]]++;
    }
    for (size_t byte = 0; byte < 256; byte++) total += counts[byte] ? counts[byte] : 1;
    double nats = 0;
    for (uint32_t r = 0; r < SEQUENCES; r++) {
        stories_sequence(text, T + 1, 0, STREAM_VALIDATION, r, 0, 0);
        for (size_t t = 1; t <= T; t++) {
            size_t count = counts[text[t]] ? counts[text[t]] : 1;
            nats += log((double)total / (double)count) / SEQUENCES / T;
        }
    }
    CHECK_NEAR(unigram.nats, nats, 0.01);
    CHECK(unigram.sample >= 1 << 18, "sample of %zu", unigram.sample);
    CHECK(unigram.nats == entropy_of(&options, SEQUENCES).nats, "the same every time");
}

static void test_unknown(void) {
    DataOptions random = options_for("builtin:random");
    random.vocab_size = 50;
    CHECK(isnan(entropy_of(&random, 9).nats), "builtin:random");
    DataOptions plain = options_for(put_text("plain.txt", "no validation at all"));
    plain.val_fraction = 0;
    CHECK(isnan(entropy_of(&plain, 0).nats), "no validation");
    DataOptions mixed = options_raw(put_u16("mixed.bin", 0, 40));
    mixed.val = "builtin:random";
    CHECK(isnan(entropy_of(&mixed, 9).nats), "validated on builtin:random");
}

static const Test tests[] = {
    {"unigram: bytes, and one that training lacks", test_bytes},
    {"unigram: only the training split counts", test_split},
    {"unigram: shards of uint16 tokens", test_tokens},
    {"unigram: uint32 tokens", test_wide_tokens},
    {"unigram: builtin:stories by a sample", test_stories},
    {"unigram: builtin:random, no validation", test_unknown},
};
TEST_MAIN(tests)
