/* test_data_surprises.c - what a user would not expect of the data is said at the start.
 *
 * One idea: warnings go to a stream, so they are read back from memory; errors end a child process. */
#include "base/text_out.h"
#include "data/foreign.h"
#include "tests/lib/child.h"
#include "tests/lib/data_files.h"

#include <dirent.h>
#include <sys/resource.h>

enum { T = 8, B = 3, ROWS_MAX = 1000, FILES = 200 };

static Dataset *open_plain(const DataOptions *options) {
    return dataset_open(options, T, B, 1, ROWS_MAX, 1337);
}

/* All warnings about the data, after the files were read; for mem_free. */
static char *warnings_of(const DataOptions *options) {
    TextOut text;
    Dataset *data = open_plain(options);
    dataset_check(data);
    dataset_warn(data, text_begin(&text));
    dataset_close(data);
    return text_end(&text);
}

#define CHECK_WARNING(options, part)                                                               \
    do {                                                                                           \
        char *warnings = warnings_of(options);                                                     \
        CHECK(*(part) ? strstr(warnings, part) != NULL : !*warnings, "no \"%s\" in \"%s\"", part,  \
              warnings);                                                                           \
        mem_free(warnings);                                                                        \
    } while (0)

/* --- many files, and files that change --- */

/* A folder of FILES raw files, each with its own tokens. */
static DataOptions put_many(void) {
    char name[32];
    make_folder("many");
    for (size_t i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "many/%03zu.bin", i);
        put_u16(name, 100 * i, 40);
    }
    DataOptions options = options_raw(in_folder("many"));
    options.val_fraction = 0;
    return options;
}

static size_t lines_with(const char *path, const char *part) {
    char line[1024];
    size_t count = 0;
    FILE *file = fopen(path, "r");
    if (!file) abort();
    while (fgets(line, sizeof line, file)) count += strstr(line, part) != NULL;
    fclose(file);
    return count;
}

static int descriptors(void) {
    int count = 0;
    DIR *stream = opendir("/proc/self/fd");
    if (!stream) abort();
    while (readdir(stream)) count++;
    closedir(stream);
    return count;
}

/* The system limits mappings (vm.max_map_count) and descriptors of a process, not its files. */
static void test_many_files(void) {
    int tokens[B * T], targets[B * T], before = descriptors();
    DataOptions options = put_many();
    Dataset *data = open_plain(&options);
    CHECK(lines_with("/proc/self/maps", folder) == 0, "data files are mapped");
    CHECK(descriptors() - before <= 64, "%d descriptors", descriptors() - before);
    for (size_t step = 1; step <= 300; step++) {
        dataset_train_batch(data, tokens, targets, step, 0);
        for (size_t i = 0; i < B * T; i++) {
            int first = tokens[i / T * T];
            CHECK(first % 100 + T < 40 && tokens[i] == first + (int)(i % T) &&
                      targets[i] == tokens[i] + 1,
                  "step %zu token %d of row %d", step, tokens[i], first);
        }
    }
    dataset_close(data);
    CHECK(descriptors() == before, "a descriptor is still open");
}

typedef struct {
    void (*change)(const char *path);
    const char *file;
} Change;

static void shorten(const char *path) {
    if (truncate(path, 30) != 0) abort();
}

static void replace(const char *path) {
    const char *other = put_u16("other.bin", 0, 50);
    if (rename(other, path) != 0) abort();
}

static void remove_file(const char *path) {
    if (unlink(path) != 0) abort();
}

/* Two of the files at most are kept open: the first ones. */
static void read_changed(const void *argument) {
    const Change *change = argument;
    int tokens[B * T], targets[B * T];
    struct rlimit limit = {8, 8};
    DataOptions options = options_raw(in_folder("many"));
    options.val_fraction = 0;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) abort();
    Dataset *data = open_plain(&options);
    dataset_check(data);
    change->change(in_folder(change->file));
    for (size_t step = 1; step <= 3000; step++) dataset_train_batch(data, tokens, targets, step, 0);
}

static void test_changes(void) {
    const struct {
        Change change;
        int code;
        const char *part;
    } cases[] = {
        {{shorten, "many/000.bin"}, EXIT_DATA, "80 bytes at the start, 30 now"},
        {{shorten, "many/150.bin"}, EXIT_DATA, "80 bytes at the start, 30 now"},
        {{replace, "many/150.bin"}, EXIT_DATA, "another file has taken its place"},
        {{remove_file, "many/150.bin"}, EXIT_DATA, "No such file"},
        /* A file that is kept open is not lost with its name. */
        {{remove_file, "many/000.bin"}, EXIT_DONE, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_many();
        int code = run_child(read_changed, &cases[i].change);
        CHECK(code == cases[i].code && strstr(said, cases[i].part), "case %zu: %d, %s", i, code,
              said);
        CHECK(code == EXIT_DONE || strstr(said, cases[i].change.file), "no file in: %s", said);
    }
}

/* --- one pass over all bytes --- */

static void test_hashes(void) {
    enum { AROUND = 1 << 16 };
    static unsigned char bytes[2 * AROUND + 1024];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 2654435761u >> 11);
    const size_t sizes[] = {100, AROUND - 1, AROUND, AROUND + 1, 2 * AROUND + 2};
    for (size_t i = 0; i < 5; i++) {
        const char *found;
        uint64_t size, hash;
        DataOptions options = options_for(put("hashed.txt", bytes, sizes[i]));
        Dataset *data = open_plain(&options);
        dataset_check(data);
        dataset_file(data, 0, &found, &size, &hash);
        CHECK(size == sizes[i] && hash == hash_bytes(HASH_START, bytes, sizes[i]), "%zu bytes",
              sizes[i]);
        dataset_close(data);
    }
}

static void check_all(const void *argument) {
    dataset_check(open_plain(argument));
}

/* The last token of a large file, which no batch of a short run reads. */
static void test_last_token(void) {
    enum { COUNT = 100001 };
    static uint16_t numbers[COUNT];
    numbers[COUNT - 1] = 300;
    DataOptions options = options_raw(put("last.bin", numbers, sizeof numbers));
    options.vocab_size = 301;
    CHECK(run_child(check_all, &options) == EXIT_DONE, "%s", said);
    options.vocab_size = 300;
    CHECK(run_child(check_all, &options) == EXIT_DATA, "not found");
    CHECK(strstr(said, "last.bin: token 300 at position 100000 (from 0)"), "%s", said);
    options.val = options.train;
    options.train = put_u16("counting.bin", 0, 300);
    CHECK(run_child(check_all, &options) == EXIT_DATA && strstr(said, "last.bin: token 300"),
          "validation: %s", said);
}

/* --- warnings --- */

static void test_unread(void) {
    DataOptions options = put_many();
    CHECK_WARNING(&options, "");
    put_u16("many/short.bin", 0, T);
    CHECK_WARNING(&options, "1 of 201 files hold fewer than model.context + 1 = 9 tokens and are "
                            "never read (8 of 8008 tokens)");
    options.order = ORDER_SEQUENTIAL;
    CHECK_WARNING(&options, "fewer than train.batch * model.context + 1 = 25 tokens");
    unlink(in_folder("many/short.bin"));
    CHECK_WARNING(&options, "3000 of 8000 tokens are never read");
    options = options_raw(put_u16("even.bin", 0, 10 * B * T + 1));
    options.val_fraction = 0;
    options.order = ORDER_SEQUENTIAL;
    CHECK_WARNING(&options, "");
    /* The border of the split leaves 3 tokens of the second file, which is long enough. */
    make_folder("two");
    put_u16("two/a.bin", 0, 97);
    put_u16("two/b.bin", 0, 103);
    options = options_raw(in_folder("two"));
    options.val_fraction = 0.5;
    CHECK_WARNING(&options, "");
    options.val = in_folder("many");
    put_u16("many/short.bin", 0, T);
    CHECK_WARNING(&options, "data.val = \"");
    CHECK_WARNING(&options, "1 of 201 files hold fewer");
    unlink(in_folder("many/short.bin"));
}

static void test_shared(void) {
    DataOptions options = put_many();
    options.val = in_folder("many/0*.bin");
    CHECK_WARNING(&options, "100 of 100 files are among those of data.train");
    options.val = put_u16("copy.bin", 0, 40);
    CHECK_WARNING(&options, "");
    unlink(options.val);
    if (link(in_folder("many/007.bin"), options.val) != 0) abort();
    CHECK_WARNING(&options, "1 of 1 files are among those of data.train");
}

static void test_contents(void) {
    const char *path = put_text("good.txt", "line after line\nof a text\nthat is good enough\n");
    DataOptions options = options_for(path);
    options.val_fraction = 0;
    CHECK_WARNING(&options, "");
    options.train = put_text("crlf.txt", "line after line\r\nof a text\r\nthat is good enough\r\n");
    CHECK_WARNING(&options, "crlf.txt has 3 carriage returns");
    options.train = put_text("bom.txt", "\xEF\xBB\xBFline after line\nof a text\n");
    CHECK_WARNING(&options, "bom.txt begins with a UTF-8 byte order mark");
    options.train = put("nul.txt", "line after line\0of a text", 25);
    CHECK_WARNING(&options, "nul.txt has 1 NUL bytes in 25");
    options.train = in_folder("[cgb]*.txt");
    CHECK_WARNING(&options, "crlf.txt has 3 carriage");
    put_text("crlf2.txt", "line after line\r\nof a text\r\nthat is good enough\r\n");
    options.train = in_folder("[cg]*.txt");
    CHECK_WARNING(&options, "crlf.txt, and 1 more of 3 files, has 3 carriage returns");
    /* Numbers are no text: 0x0D0D and 0 are tokens. */
    options = options_raw(put_u16("n.bin", 3300, 100));
    CHECK_WARNING(&options, "");
}

static void test_skipped(void) {
    make_folder("part");
    put_text("part/a.txt", "a text that is long enough for a sequence");
    put_text("part/.hidden.md", "hidden");
    DataOptions options = options_for(in_folder("part"));
    options.val_fraction = 0;
    CHECK_WARNING(&options, "");
    put_text("part/b.txt.gz", "this one would be missed");
    CHECK_WARNING(&options, "1 of 2 entries of this folder are not read");
    make_folder("part/a");
    make_folder("part/folder.txt");
    CHECK_WARNING(&options, "3 of 4 entries of this folder are not read");
    CHECK_WARNING(&options, "(first: a)");
    options.train = in_folder("part/*.txt");
    rmdir(in_folder("part/folder.txt"));
    CHECK_WARNING(&options, "");
}

static void open_only(const void *argument) {
    dataset_close(open_plain(argument));
}

static void test_foreign(void) {
    static const struct {
        const char *bytes;
        size_t size;
        const char *name;
    } cases[] = {
        {"\x1F\x8B\x08\0.......", 12, "gzip -dc"},
        {"\x28\xB5\x2F\xFD........", 12, "zstd -dc"},
        {"\xFD"
         "7zXZ\0......",
         12, "xz -dc"},
        {"BZh91AY&SY..", 12, "bzip2 -dc"},
        {"PK\x03\x04........", 12, "unzip -p"},
        {"PAR1\x15.......", 12, "pandas"},
        {"\x93NUMPY......", 12, "numpy"},
        {"\xFF\xFEl\0i\0n\0e\0\n\0", 12, "UTF-16 text"},
        {"\xFE\xFF\0l\0i\0n\0e\0\n", 12, "UTF-16 text"},
        {"\xFF\xFE\0\0l\0\0\0i\0\0\0", 12, "UTF-32 text"},
        {"a\0 \0l\0i\0n\0e\0 \0o\0f\0 \0t\0e\0x\0t\0\n\0", 30, "iconv -f UTF-16LE"},
        {"\0a\0 \0l\0i\0n\0e\0 \0o\0f\0 \0t\0e\0x\0t\0\n", 30, "iconv -f UTF-16BE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        DataOptions options = options_for(put("foreign.txt", cases[i].bytes, cases[i].size));
        options.val_fraction = 0;
        CHECK(run_child(open_only, &options) == EXIT_DATA && strstr(said, cases[i].name),
              "case %zu: %s", i, said);
        options.format = FORMAT_TEXT;
        CHECK_WARNING(&options, cases[i].name);
    }
    const unsigned char *good[] = {(const unsigned char *)"BZh is not bzip2 alone",
                                   (const unsigned char *)"PAR1 stars a line of text",
                                   (const unsigned char *)"\x1F\x8B"};
    for (size_t i = 0; i < 3; i++) {
        CHECK(!foreign_find(good[i], strlen((const char *)good[i]), true), "text %zu", i);
    }
    CHECK(!foreign_find((const unsigned char[32]){[5] = 'a', [8] = 'b'}, 32, true), "binary data");
    CHECK(!foreign_find((const unsigned char *)"\xFF\xFE..", 4, false), "token 65279 comes first");
}

/* --- names and prompts --- */

/* A cut would fall inside a character of two bytes, and would lose the counts. */
static void test_long_names(void) {
    TextOut text;
    FILE *name = text_begin(&text);
    fputs(in_folder("./"), name);
    for (int i = 0; i < 150; i++) fputs("././", name);
    for (int i = 0; i < 60; i++) fputs("\xC3\xA4", name);
    fputs(".txt", name);
    char *path = text_end(&text);
    FILE *file = fopen(path, "w");
    if (!file || fputs("a text that is long enough for eight tokens\n", file) < 0) abort();
    fclose(file);
    DataOptions options = options_for(path);
    options.val_fraction = 0;
    Dataset *data = open_plain(&options);
    char *line = dataset_describe(data);
    CHECK(strncmp(line, path, strlen(path)) == 0 &&
              strcmp(line + strlen(path), ": 44 training tokens, no validation") == 0,
          "%s", line);
    dataset_close(data);
    mem_free(line);
    mem_free(path);
}

static void test_prompts(void) {
    const struct {
        const char *alphabet, *prompt;
    } cases[] = {{"\n ab", "\n"}, {"\t ab", " "}, {"ACGT", "A"}, {"\n", "\n"}, {"+/09", "+"}};
    DataOptions options = options_for("some.txt");
    char prompt[8];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *alphabet = cases[i].alphabet;
        Vocab vocab = vocab_chars((const unsigned char *)alphabet, strlen(alphabet));
        size_t length = dataset_default_prompt(&options, &vocab, 1, prompt, sizeof prompt);
        CHECK(length == 1 && *prompt == *cases[i].prompt, "case %zu: %zu, %c", i, length, *prompt);
    }
    Vocab none = vocab_chars(NULL, 0), nul = vocab_chars((const unsigned char *)"", 1);
    CHECK(dataset_default_prompt(&options, &none, 1, prompt, sizeof prompt) == 0, "no text");
    CHECK(dataset_default_prompt(&options, &nul, 1, prompt, sizeof prompt) == 1 && !*prompt, "NUL");
}

static const Test tests[] = {
    {"data: many files, without mappings", test_many_files},
    {"data: files that change", test_changes},
    {"data: hashes of files of any size", test_hashes},
    {"data: the last token is checked", test_last_token},
    {"data: tokens that are never read", test_unread},
    {"data: validation files that are trained on", test_shared},
    {"data: entries of a folder that are not read", test_skipped},
    {"data: what text contains", test_contents},
    {"data: compressed files, tables and other encodings", test_foreign},
    {"data: long names are not cut", test_long_names},
    {"data: prompts that the alphabet has", test_prompts},
};

TEST_MAIN(tests)
