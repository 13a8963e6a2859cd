/* dataset.c - see dataset.h: opening, order of files, sequences of the built-in corpora. */
#include "data/dataset.h"
#include "base/words.h"
#include "data/encoded.h"
#include "data/stories.h"
#include "data/survey.h"
#include "data/surprises.h"
#include "base/philox.h"
#include "base/stb_ds.h"
#include "base/text_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What reading modifies, kept apart so that readers can take a const Dataset. */
typedef struct {
    int *sequence;        /* (T+1) */
    unsigned char *bytes; /* (T+1) */
    double floor;         /* valid with floor_known */
    bool floor_known;
} Work;

struct Dataset {
    TokenFile *train_files; /* stb_ds arrays, NULL for builtins */
    TokenFile *val_files;   /* NULL also where data.val is empty */
    Split train, val;
    Windows train_windows, val_windows;
    Vocab vocab;
    Tokenizer *tokenizer; /* opened here; NULL = none, or the caller's */
    size_t V, T, B, accum, val_rows;
    int order;
    DataFormat format;
    uint32_t seed;
    Work *work;
};

const char *data_order_name(int i) {
    static const char *const words[] = {
        [ORDER_RANDOM] = "random",
        [ORDER_SEQUENTIAL] = "sequential",
    };
    return NAME_AT(words, i);
}

/* --- opening --- */

static SourceKind source_kind(const char *key, const char *spec) {
    static const char *const names[] = {"stories", "random", NULL};
    static const char prefix[] = "builtin:";
    const size_t length = sizeof prefix - 1;
    if (strncmp(spec, prefix, length) != 0) return SOURCE_FILES;
    if (strcmp(spec + length, names[0]) == 0) return SOURCE_STORIES;
    if (strcmp(spec + length, names[1]) == 0) return SOURCE_RANDOM;
    const char *guess = name_nearest(spec + length, names);
    if (guess) {
        die(EXIT_DATA, "%s = \"%s\": no such built-in data; did you mean \"%s%s\"?", key, spec,
            prefix, guess);
    }
    die(EXIT_DATA, "%s = \"%s\": no such built-in data; there are \"%s%s\" and \"%s%s\"", key, spec,
        prefix, names[0], prefix, names[1]);
}

static uint64_t files_tokens(const TokenFile *files) {
    uint64_t tokens = 0;
    for (size_t i = 0; i < arrlenu(files); i++) tokens += files[i].count;
    return tokens;
}

static void split_name(Split *split, const char *key, const char *name) {
    split->kind = source_kind(key, name);
    split->name = strcpy(mem_alloc(strlen(name) + 1), name);
}

/* Opens data.train, and splits validation data off from it where data.val is empty. */
static void open_train(Dataset *data, const DataOptions *options) {
    Split *train = &data->train, *val = &data->val;
    bool splits_off = !*options->val;
    split_name(train, "data.train", options->train);
    if (splits_off) val->kind = options->val_fraction == 0 ? SOURCE_NONE : train->kind;
    if (train->kind != SOURCE_FILES) return;
    data->train_files = tokens_open("data.train", options->train, (DataFormat)options->format);
    encoded_open(data->train_files, data->vocab.tokenizer);
    uint64_t n = files_tokens(data->train_files), n_train = n;
    if (splits_off) n_train = (uint64_t)floor((double)n * (1 - options->val_fraction));
    split_add(train, data->train_files, 0, n_train);
    if (splits_off) split_add(val, data->train_files, n_train, n);
}

/* Opens data.val, which is not empty. */
static void open_val(Dataset *data, const DataOptions *options) {
    Split *val = &data->val;
    split_name(val, "data.val", options->val);
    if (val->kind != SOURCE_FILES) return;
    data->val_files = tokens_open("data.val", options->val, (DataFormat)options->format);
    encoded_open(data->val_files, data->vocab.tokenizer);
    split_add(val, data->val_files, 0, files_tokens(data->val_files));
}

static const TokenFile *val_files_of(const Dataset *data) {
    return data->val_files ? data->val_files : data->train_files;
}

static bool is_text(SourceKind kind, const TokenFile *files) {
    return kind == SOURCE_STORIES || (kind == SOURCE_FILES && files[0].kind->width == 1);
}

static void choose_vocab(Dataset *data, const DataOptions *options) {
    const Split *train = &data->train, *val = &data->val;
    bool text = is_text(train->kind, data->train_files), chars = data->vocab.kind == VOCAB_CHARS;
    const bool files_only = chars || data->tokenizer;
    if (val->kind != SOURCE_NONE && is_text(val->kind, val_files_of(data)) != text) {
        die(EXIT_DATA, "data.train = \"%s\" contains %s, but data.val = \"%s\" contains %s",
            train->name, text ? "text" : "token ids", val->name, text ? "token ids" : "text");
    }
    if (files_only && (train->kind > SOURCE_FILES || val->kind > SOURCE_FILES)) {
        die(EXIT_USAGE, "data.vocab = %s needs text files: built-in data consist of bytes",
            options->vocab);
    }
    if (chars && !text) {
        die(EXIT_USAGE, "data.vocab = chars needs text, but data.train = \"%s\" contains %s",
            train->name, data->train_files[0].kind->name);
    }
    if (!text && !data->tokenizer && options->vocab_size == 0) {
        die(EXIT_USAGE,
            "data.train = \"%s\" needs data.vocab_size, the size of the vocabulary (50257 for "
            "GPT-2)",
            train->name);
    }
    if (!data->tokenizer)
        data->vocab = !text   ? vocab_chars(NULL, 0)
                      : chars ? survey_chars(data->train_files) /* must not depend on the split */
                              : vocab_bytes();
    data->V = options->vocab_size ? options->vocab_size : data->vocab.size;
    if (data->V < data->vocab.size) {
        die(EXIT_USAGE,
            "data.vocab_size = %zu is too small: data.vocab = %s of \"%s\" has %zu tokens; use 0 "
            "for all of them",
            data->V, options->vocab, train->name, data->vocab.size);
    }
}

static void check_train(const Dataset *data) {
    if (data->train.kind != SOURCE_FILES || data->train_windows.count > 0) return;
    bool sequential = data->order == ORDER_SEQUENTIAL;
    die(EXIT_DATA,
        "data.train = \"%s\": too short: data.order = %s needs %s + 1 = %zu training tokens in one "
        "file, but the most there are is %" PRIu64,
        data->train.name, data_order_name(data->order),
        sequential ? "train.batch * model.context" : "model.context",
        data->train_windows.length + 1, split_longest_piece(&data->train));
}

static void check_val(const Dataset *data, size_t eval_rows) {
    if (data->val.kind != SOURCE_FILES || data->val_rows > 0 || eval_rows == 0) return;
    const char *name = data->val.name;
    die(EXIT_DATA,
        "data.%s = \"%s\": too short: a validation sequence needs model.context + 1 = %zu tokens "
        "in one file, but the most that %s is %" PRIu64,
        name ? "val" : "train", name ? name : data->train.name, data->T + 1,
        name ? "there are" : "data.val_fraction leaves", split_longest_piece(&data->val));
}

/* The kind of the vocabulary; that of bytes is chosen when the files are known. */
static void open_tokenizer(Dataset *data, const DataOptions *options) {
    data->vocab.kind = (int)vocab_kind(options->vocab);
    if (data->vocab.kind == VOCAB_UNKNOWN)
        die(EXIT_USAGE, "data.vocab = \"%s\" is neither bytes nor chars nor a tokenizer.json",
            options->vocab);
    if (data->vocab.kind != VOCAB_TOKENIZER) return;
    data->tokenizer = tokenizer_open(options->vocab);
    data->vocab = vocab_tokenizer(data->tokenizer);
}

static Dataset *dataset_alloc(size_t context) {
    Dataset *data = mem_alloc(sizeof *data);
    data->T = context;
    data->work = mem_alloc(sizeof *data->work);
    data->work->sequence = mem_alloc(size_mul(context + 1, sizeof(int)));
    data->work->bytes = mem_alloc(context + 1);
    return data;
}

static void open_val_rows(Dataset *data, size_t eval_rows) {
    data->val_windows = split_windows(&data->val, data->T, data->T);
    bool limited = data->val.kind <= SOURCE_FILES && data->val_windows.count < eval_rows;
    data->val_rows = limited ? (size_t)data->val_windows.count : eval_rows;
    check_val(data, eval_rows);
}

Dataset *dataset_open(const DataOptions *options, size_t context, size_t batch, size_t accum,
                      size_t eval_rows, uint32_t seed) {
    Dataset *data = dataset_alloc(context);
    data->B = batch;
    data->accum = accum;
    data->order = options->order;
    data->format = (DataFormat)options->format;
    data->seed = seed;
    open_tokenizer(data, options);
    open_train(data, options);
    if (*options->val) open_val(data, options);
    choose_vocab(data, options);

    size_t length = context, stride = 1;
    if (options->order == ORDER_SEQUENTIAL) length = stride = size_mul(batch, context);
    data->train_windows = split_windows(&data->train, length, stride);
    check_train(data);
    open_val_rows(data, eval_rows);
    return data;
}

Dataset *dataset_open_val(const DataOptions *options, size_t context, size_t eval_rows,
                          const Vocab *vocab, size_t V) {
    Dataset *data = dataset_alloc(context);
    bool text = vocab->size > 0;
    data->vocab = *vocab;
    if (*options->val) {
        open_val(data, options);
    } else {
        open_train(data, options);
    }
    if (vocab->tokenizer && data->val.kind > SOURCE_FILES)
        die(EXIT_DATA, "the model reads tokens of a tokenizer, and built-in data consist of bytes");
    if (data->val.kind != SOURCE_NONE && !vocab->tokenizer &&
        is_text(data->val.kind, val_files_of(data)) != text) {
        die(EXIT_DATA, "\"%s\" contains %s, but the model reads %s",
            *options->val ? options->val : options->train, text ? "token ids" : "text",
            text ? "text" : "token ids");
    }
    data->V = V;
    open_val_rows(data, eval_rows);
    return data;
}

void dataset_close(Dataset *data) {
    mem_free(data->work->sequence);
    mem_free(data->work->bytes);
    mem_free(data->work);
    Split *splits[] = {&data->train, &data->val};
    for (int i = 0; i < 2; i++) {
        mem_free(splits[i]->name);
        arrfree(splits[i]->pieces);
    }
    tokens_close(data->train_files);
    tokens_close(data->val_files);
    tokenizer_free(data->tokenizer);
    mem_free(data);
}

/* --- sequences --- */

/* Sequence `sub` of `index` of a built-in corpus. */
static void generate_sequence(const Dataset *data, SourceKind kind, uint32_t seed, Stream stream,
                              uint64_t index, uint32_t sub, int *sequence) {
    uint32_t low = (uint32_t)index, high = (uint32_t)(index >> 32);
    size_t count = data->T + 1;
    if (kind == SOURCE_STORIES) {
        unsigned char *bytes = data->work->bytes;
        stories_sequence(bytes, count, seed, stream, low, high, sub);
        for (size_t t = 0; t < count; t++) sequence[t] = bytes[t];
        return;
    }
    for (size_t t = 0; t < count; t += 4) {
        Philox random = philox(seed, stream, low, high, sub, 1 + (uint32_t)(t / 4));
        for (size_t i = 0; i < 4 && t + i < count; i++) {
            sequence[t + i] = (int)((uint64_t)random.word[i] * data->V >> 32);
        }
    }
}

/* floor(u / 2^64 * n): uniform over 0 .. n-1, up to the resolution of 64 bits. */
static uint64_t scale_u64(uint64_t u, uint64_t n) {
    __extension__ typedef unsigned __int128 Wide;
    return (uint64_t)((Wide)u * n >> 64);
}

/* Reads the T+1 tokens at `offset` of window k. */
static void read_window(const Dataset *data, const Split *split, const Windows *windows, uint64_t k,
                        size_t offset, int *sequence) {
    split_read(split, windows, k, offset, data->T + 1, &data->vocab, data->V, sequence);
}

static void train_sequence(const Dataset *data, size_t step, size_t micro, size_t r,
                           int *sequence) {
    const Split *split = &data->train;
    const Windows *windows = &data->train_windows;
    uint32_t i = (uint32_t)(micro * data->B + r);
    if (split->kind != SOURCE_FILES) {
        generate_sequence(data, split->kind, data->seed, STREAM_DATA, step, i, sequence);
    } else if (data->order == ORDER_SEQUENTIAL) {
        uint64_t k = ((uint64_t)step - 1) * data->accum + micro;
        read_window(data, split, windows, k % windows->count, r * data->T, sequence);
    } else {
        uint64_t u = philox_u64(philox(data->seed, STREAM_DATA, (uint32_t)step,
                                       (uint32_t)((uint64_t)step >> 32), i, 0));
        read_window(data, split, windows, scale_u64(u, windows->count), 0, sequence);
    }
}

static void val_sequence(const Dataset *data, size_t r, int *sequence) {
    if (data->val.kind == SOURCE_FILES) {
        read_window(data, &data->val, &data->val_windows, r, 0, sequence);
    } else {
        generate_sequence(data, data->val.kind, 0, STREAM_VALIDATION, r, 0, sequence);
    }
}

/* Sequence r of a batch, from its T+1 tokens. */
static void put_sequence(const Dataset *data, int *tokens, int *targets, size_t r,
                         const int *sequence) {
    size_t T = data->T;
    memcpy(tokens + r * T, sequence, T * sizeof *sequence);
    memcpy(targets + r * T, sequence + 1, T * sizeof *sequence);
}

void dataset_train_batch(const Dataset *data, int *tokens, int *targets, size_t step,
                         size_t micro) {
    for (size_t r = 0; r < data->B; r++) {
        train_sequence(data, step, micro, r, data->work->sequence);
        put_sequence(data, tokens, targets, r, data->work->sequence);
    }
}

size_t dataset_val_rows(const Dataset *data) {
    return data->val_rows;
}

void dataset_val_batch(const Dataset *data, int *tokens, int *targets, size_t first, size_t rows) {
    for (size_t r = 0; r < rows; r++) {
        val_sequence(data, first + r, data->work->sequence);
        put_sequence(data, tokens, targets, r, data->work->sequence);
    }
}

/* --- facts about the data --- */

size_t dataset_vocab_size(const Dataset *data) {
    return data->V;
}

const Vocab *dataset_vocab(const Dataset *data) {
    return &data->vocab;
}

uint64_t dataset_train_tokens(const Dataset *data) {
    return data->train.tokens;
}

bool dataset_train_piece(const Dataset *data, size_t i, Piece *piece) {
    if (i >= arrlenu(data->train.pieces)) return false;
    *piece = data->train.pieces[i];
    return true;
}

bool dataset_is_random(const Dataset *data) {
    return data->train.kind == SOURCE_RANDOM || data->val.kind == SOURCE_RANDOM;
}

uint64_t dataset_file_bytes(const Dataset *data) {
    const TokenFile *const lists[] = {data->train_files, data->val_files};
    uint64_t bytes = 0;
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < arrlenu(lists[i]); k++) bytes += lists[i][k].size;
    }
    return bytes;
}

static double stories_floor(const Dataset *data) {
    double nats = 0;
    for (size_t r = 0; r < data->val_rows; r++) {
        val_sequence(data, r, data->work->sequence); /* leaves its bytes in the work buffer */
        nats += stories_sequence_nats(data->work->bytes, data->T + 1);
    }
    return nats / (double)data->val_rows / (double)data->T;
}

double dataset_floor(const Dataset *data) {
    Work *work = data->work;
    if (work->floor_known) return work->floor;
    SourceKind kind = data->val_rows ? data->val.kind : SOURCE_NONE;
    work->floor = kind == SOURCE_STORIES  ? stories_floor(data)
                  : kind == SOURCE_RANDOM ? log((double)data->V)
                                          : (double)NAN;
    work->floor_known = true;
    return work->floor;
}

char *dataset_describe(const Dataset *data) {
    char train[32] = "endless", files[48] = "";
    const char *name = data->train.name;
    if (data->train.kind == SOURCE_FILES) {
        snprintf(train, sizeof train, "%" PRIu64, data->train.tokens);
    }
    if (arrlenu(data->train_files) > 1) {
        snprintf(files, sizeof files, " (%zu files)", arrlenu(data->train_files));
    }
    bool generated = data->val.kind > SOURCE_FILES;
    uint64_t val = generated ? (uint64_t)data->val_rows * data->T : data->val.tokens;
    if (data->val.kind == SOURCE_NONE) {
        return text_format("%s%s: %s training tokens, no validation", name, files, train);
    }
    if (data->val.name) {
        return text_format("%s%s: %s training tokens; %s: %" PRIu64 " validation tokens", name,
                           files, train, data->val.name, val);
    }
    return text_format("%s%s: %s training and %" PRIu64 " validation tokens", name, files, train,
                       val);
}

void dataset_check(const Dataset *data) {
    survey_check(data->train_files, &data->vocab, data->V);
    if (data->val_rows) survey_check(data->val_files, &data->vocab, data->V);
}

void dataset_warn(const Dataset *data, FILE *out) {
    bool sequential = data->order == ORDER_SEQUENTIAL;
    Surprises train = {.out = out,
                       .key = "data.train",
                       .needs = sequential ? "train.batch * model.context" : "model.context",
                       .leaves_rest = sequential,
                       .split = &data->train,
                       .windows = &data->train_windows,
                       .files = data->train_files,
                       .format = data->format};
    Surprises val = {.out = out,
                     .key = "data.val",
                     .needs = "model.context",
                     .split = &data->val,
                     .windows = &data->val_windows,
                     .files = data->val_files,
                     .format = data->format};
    surprises_print(&train);
    if (!data->val_rows) return;
    surprises_print(&val);
    surprises_print_shared(&train, &val);
}

bool dataset_file(const Dataset *data, size_t i, const char **path, uint64_t *bytes,
                  uint64_t *hash) {
    const Split *train = &data->train;
    if (train->kind == SOURCE_FILES) {
        if (i >= arrlenu(data->train_files)) return false;
        TokenFile *file = &data->train_files[i];
        *path = file->path;
        *bytes = file->size;
        *hash = survey_file(file)->hash;
        return true;
    }
    if (i > 0) return false;
    *path = train->name;
    *bytes = 0;
    *hash = hash_text(HASH_START, train->name);
    if (train->kind == SOURCE_STORIES) {
        /* The text identifies the grammar of this version. */
        unsigned char sample[4096];
        stories_sequence(sample, sizeof sample, 0, STREAM_VALIDATION, 0, 0, 0);
        *hash = hash_bytes(HASH_START, sample, sizeof sample);
    }
    return true;
}

uint64_t dataset_val_hash(const Dataset *data) {
    uint64_t all = HASH_START;
    for (size_t i = 0; i < arrlenu(data->val_files); i++) {
        const uint64_t size = data->val_files[i].size,
                       hash = survey_file(&data->val_files[i])->hash;
        all = hash_bytes(all, &size, sizeof size);
        all = hash_bytes(all, &hash, sizeof hash);
    }
    return all;
}

size_t dataset_default_prompt(const DataOptions *options, const Vocab *vocab, uint32_t seed,
                              char *prompt, size_t size) {
    SourceKind kind = source_kind("data.train", options->train);
    *prompt = '\0';
    if (kind == SOURCE_STORIES) stories_prompt(seed, prompt, size);
    if (kind != SOURCE_FILES || !vocab->size) return strlen(prompt);
    static const unsigned char likely[] = {'\n', ' '};
    *prompt = (char)vocab->byte_of[0];
    if (vocab->tokenizer) *prompt = '\n'; /* every vocabulary has some of these */
    for (size_t i = sizeof likely; i-- > 0;) {
        if (vocab->token_of[likely[i]] >= 0) *prompt = (char)likely[i];
    }
    return 1;
}
