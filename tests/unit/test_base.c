/* test_base.c - random numbers, memory, names, hashes, clocks and fatal errors. */
#include "base/words.h"
#include "base/phase.h"
#include "base/philox.h"
#include "tests/lib/child.h"

/* By default AddressSanitizer aborts where malloc would return NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

/* --- philox --- */

/* From kat_vectors of Random123, the lines "philox4x32 10". */
static void philox_known_answers(void) {
    static const struct {
        uint32_t counter[4], key[2], word[4];
    } ANSWERS[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof ANSWERS / sizeof *ANSWERS; i++) {
        const uint32_t *c = ANSWERS[i].counter, *key = ANSWERS[i].key;
        Philox r = philox(key[0], key[1], c[0], c[1], c[2], c[3]);
        for (int w = 0; w < 4; w++) {
            CHECK(r.word[w] == ANSWERS[i].word[w], "answer %zu, word %d: %08x", i, w, r.word[w]);
        }
    }
}

static void philox_low_word_first(void) {
    Philox r = {{0x11223344u, 0xaabbccddu, 1, 2}};
    CHECK(philox_u64(r) == 0xaabbccdd11223344ULL, "%llx", (unsigned long long)philox_u64(r));
}

/* --- memory --- */

static bool all_zero(const unsigned char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (bytes[i]) return false;
    }
    return true;
}

static void mem_alloc_returns_aligned_zeros(void) {
    static const size_t SIZES[] = {0, 1, 63, 64, 65, 4096, 1000001};
    for (int round = 0; round < 3; round++) { /* later rounds may reuse freed memory */
        for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
            unsigned char *bytes = mem_alloc(SIZES[i]);
            CHECK(bytes != NULL, "%zu bytes", SIZES[i]);
            CHECK((uintptr_t)bytes % 64 == 0, "%zu bytes at %p", SIZES[i], (void *)bytes);
            CHECK(all_zero(bytes, SIZES[i]), "%zu bytes", SIZES[i]);
            memset(bytes, 0xff, SIZES[i]);
            mem_free(bytes);
        }
    }
}

/* Blocks that are mapped, freed in another order than they were allocated. */
static void mem_alloc_maps_large_blocks(void) {
    static const size_t SIZES[] = {(32 << 20) - 1, 32 << 20, (40 << 20) + 5, 33 << 20};
    enum { COUNT_OF_SIZES = sizeof SIZES / sizeof *SIZES };
    for (size_t again = 0; again < 3; again++) {
        unsigned char *piece[COUNT_OF_SIZES];
        for (size_t i = 0; i < COUNT_OF_SIZES; i++) {
            piece[i] = mem_alloc(SIZES[i]);
            CHECK((uintptr_t)piece[i] % (2 << 20) == 0, "%zu bytes at %p", SIZES[i],
                  (void *)piece[i]);
            CHECK(all_zero(piece[i], SIZES[i]), "%zu bytes", SIZES[i]);
            memset(piece[i], (int)i + 1, SIZES[i]);
        }
        for (size_t i = 0; i < COUNT_OF_SIZES; i++) {
            size_t at = (i + again) % COUNT_OF_SIZES;
            CHECK(piece[at][0] == at + 1 && piece[at][SIZES[at] - 1] == at + 1, "piece %zu", at);
            mem_free(piece[at]);
        }
    }
}

static void mem_realloc_keeps_the_content(void) {
    char *text = mem_realloc(NULL, 8);
    memcpy(text, "abcdefg", 8);
    text = mem_realloc(text, 100000);
    CHECK(strcmp(text, "abcdefg") == 0, "%.8s", text);
    mem_free(text);
}

enum { PLAN = 7 };
static const size_t COUNTS[PLAN] = {1, 0, 16, 17, 5, 1000, 3};
static const size_t WIDTHS[PLAN] = {sizeof(real), 8, 4, 4, 1, sizeof(double), 64};

static void take_plan(Arena *arena, unsigned char **taken, size_t *offsets) {
    for (int i = 0; i < PLAN; i++) {
        offsets[i] = arena->used;
        taken[i] = arena_take(arena, COUNTS[i], WIDTHS[i]);
    }
}

static void arena_measures_then_binds(void) {
    unsigned char *taken[PLAN];
    size_t measured[PLAN], bound[PLAN];
    Arena arena = {0};
    take_plan(&arena, taken, measured);
    for (int i = 0; i < PLAN; i++) CHECK(taken[i] == NULL, "take %d before arena_bind", i);
    size_t total = arena.used;
    arena_bind(&arena);
    CHECK(arena.size == total && arena.used == 0, "%zu of %zu", arena.used, arena.size);
    take_plan(&arena, taken, bound);
    CHECK(arena.used == total, "%zu, measured %zu", arena.used, total);
    for (int i = 0; i < PLAN; i++) {
        size_t bytes = COUNTS[i] * WIDTHS[i];
        CHECK(bound[i] == measured[i], "take %d: %zu, measured %zu", i, bound[i], measured[i]);
        CHECK(taken[i] == arena.base + bound[i], "take %d", i);
        CHECK((uintptr_t)taken[i] % 64 == 0, "take %d at %p", i, (void *)taken[i]);
        CHECK(all_zero(taken[i], bytes), "take %d", i);
        memset(taken[i], 0xff, bytes); /* a later take that overlaps this one would see it */
    }
    arena_free(&arena);
    CHECK(!arena.base && !arena.used && !arena.size, "a freed arena is empty");
}

static void arena_rounds_to_cache_lines(void) {
    Arena arena = {0};
    CHECK(arena_reals(&arena, 1) == NULL && arena.used == 64, "%zu", arena.used);
    arena_take(&arena, 65, 1);
    CHECK(arena.used == 64 + 128, "%zu", arena.used);
    arena_reals(&arena, 32);
    CHECK(arena.used == 64 + 128 + 32 * sizeof(real), "%zu", arena.used);
}

static void size_mul_multiplies(void) {
    CHECK(size_mul(3, 5) == 15, "3 * 5");
    CHECK(size_mul(0, SIZE_MAX) == 0, "0 * max");
    CHECK(size_mul(SIZE_MAX / 3, 3) == SIZE_MAX / 3 * 3, "max/3 * 3");
}

/* --- fatal errors --- */

static void overflow_a_multiplication(void) {
    size_mul(SIZE_MAX / 3 + 1, 3);
}
static void overflow_a_take(void) {
    Arena arena = {0};
    arena_take(&arena, SIZE_MAX / 2, 4);
}
static void overflow_the_rounding(void) {
    Arena arena = {0};
    arena_take(&arena, SIZE_MAX - 3, 1);
    arena_bind(&arena);
}
static void overflow_the_plan(void) {
    Arena arena = {0};
    arena_take(&arena, SIZE_MAX / 2, 1);
    arena_take(&arena, SIZE_MAX / 2, 1);
    arena_take(&arena, 128, 1);
    arena_take(&arena, 128, 1);
    arena_bind(&arena);
}
static void take_more_than_measured(void) {
    Arena arena = {0};
    arena_take(&arena, 64, 1);
    arena_bind(&arena);
    arena_take(&arena, 64, 1);
    arena_take(&arena, 1, 1);
}
static void request_everything(void) {
    mem_alloc(SIZE_MAX);
}
static void request_half(void) {
    mem_alloc(SIZE_MAX / 2);
}
static void grow_to_half(void) {
    mem_realloc(NULL, SIZE_MAX / 2);
}
static void die_with_a_message(void) {
    die(EXIT_DATA, "%s:%d: no such token", "file.bin", 17);
}

/* `function` points to a function pointer. */
static void call(const void *function) {
    (*(void (*const *)(void))function)();
}

static void errors_exit(void) {
    static const struct {
        void (*run)(void);
        ExitCode code;
        const char *message;
    } CASES[] = {
        {overflow_a_multiplication, EXIT_USAGE,
         "train: error: sizes too large: 6148914691236517206 * 3 "},
        {overflow_a_take, EXIT_USAGE, "sizes too large"},
        {overflow_the_rounding, EXIT_USAGE, "sizes too large: 18446744073709551616 bytes"},
        {overflow_the_plan, EXIT_USAGE, "sizes too large: 18446744073709551616 bytes"},
        {take_more_than_measured, EXIT_INTERNAL, "planning passes need different amounts"},
        {request_everything, EXIT_IO, "out of memory: 18446744073709551615 bytes"},
        {request_half, EXIT_IO, "out of memory: 9223372036854775807 bytes"},
        {grow_to_half, EXIT_IO, "out of memory: 9223372036854775807 bytes"},
        {die_with_a_message, EXIT_DATA, "train: error: file.bin:17: no such token\n"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int code = run_child(call, &CASES[i].run);
        CHECK(code == (int)CASES[i].code, "case %zu: exit %d, want %d", i, code, CASES[i].code);
        CHECK(strstr(said, CASES[i].message), "case %zu printed: %s", i, said);
    }
}

/* --- names, hashes, time --- */

static void name_nearest_suggests(void) {
    static const char *const NAMES[] = {"layernorm", "rmsnorm", "rmsnorm_plus1", "dyt",
                                        "peri",      "post",    "pre",           NULL};
    static const struct {
        const char *word, *nearest;
    } CASES[] = {
        {"layernorm", "layernorm"},
        {"layernrom", "layernorm"}, /* swap of two neighbours: distance 1 */
        {"layrnomr", "layernorm"},  /* a deletion and a swap: distance 2 */
        {"lyrnorm", "layernorm"},
        {"rmsnrom", "rmsnorm"},
        {"rmsnorms", "rmsnorm"},
        {"rmsnorm_", "rmsnorm"},  /* distance 1, nearer than the prefix of rmsnorm_plus1 */
        {"rmsnorm_p", "rmsnorm"}, /* distance 2: the first of two equally near names */
        {"rmsnorm_pl", "rmsnorm_plus1"},
        {"layer", "layernorm"}, /* a prefix */
        {"rms", "rmsnorm"},     /* a short prefix */
        {"la", NULL},           /* too short for a prefix */
        {"dit", "dyt"},
        {"dty", "dyt"},
        {"ydt", "dyt"},
        {"xyz", NULL},
        {"pexx", NULL}, /* short words: at most one edit */
        {"perl", "peri"},
        {"pots", "post"},
        {"batchnorm", NULL},
        {"RMSNrom", "rmsnorm"}, /* in any case */
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const char *got = name_nearest(CASES[i].word, NAMES), *want = CASES[i].nearest;
        CHECK(got == want || (got && want && strcmp(got, want) == 0), "%s: %s, want %s",
              CASES[i].word, got ? got : "nothing", want ? want : "nothing");
    }
}

static const char *meant_name(int i) {
    static const char *const NAMES[] = {"layernorm", "rmsnorm", "rmsnorm_plus1",
                                        "pre",       "mixln",   "pre_post"};
    return NAME_AT(NAMES, i);
}

static void name_meant_ignores_spelling(void) {
    static const Synonym SYNONYMS[] = {{"zeta", "pre"}, {"rms", "layernorm"}, {0}};
    static const struct {
        const char *word, *meant;
    } CASES[] = {
        {"layernorm", "layernorm"},
        {"LayerNorm", "layernorm"},
        {"Layer Norm", "layernorm"},
        {"layer", "layernorm"},
        {"RMSNorm-Plus1", "rmsnorm_plus1"},
        {"RMS", "layernorm"}, /* a synonym is asked before endings are dropped */
        {"ze-TA", "pre"},
        {"Pre-LN", "pre"},
        {"prenorm", "pre"},
        {"pre_layernorm", "pre"},
        {"Mix-LN", "mixln"},
        {"mix", "mixln"},
        {"PrePost", "pre_post"},
        {"pre-post norm", "pre_post"},
        {"norm", NULL},
        {"ln", NULL},
        {"-", NULL},
        {"", NULL},
        {"prelude", NULL},
        {"preln ln", NULL},
        {"pre------------------------------------------------------------------------", "pre"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int index = name_meant(meant_name, SYNONYMS, CASES[i].word);
        const char *got = index < 0 ? NULL : meant_name(index), *want = CASES[i].meant;
        CHECK(got == want || (got && want && strcmp(got, want) == 0), "%s: %s, want %s",
              CASES[i].word, got ? got : "nothing", want ? want : "nothing");
    }
    CHECK(name_meant(meant_name, NULL, "RMS") == 1, "without synonyms");
}

static void name_nearest_ignores_long_words(void) {
    char name[80], word[80];
    for (size_t i = 0; i < 25; i++) {
        size_t length = 62 + i / 5, other = 62 + i % 5;
        memset(name, 'a', other);
        memset(word, 'a', length);
        word[0] = 'b';
        name[other] = word[length] = '\0';
        const char *const names[] = {name, NULL};
        bool found = name_nearest(word, names) != NULL;
        CHECK(found == (length < 64 && other < 64), "%zu and %zu letters", length, other);
    }
}

/* Test vectors of the authors of FNV for 64-bit FNV-1a. */
static void hash_text_known_answers(void) {
    static const struct {
        const char *text;
        uint64_t hash;
    } ANSWERS[] = {
        {"", 0xcbf29ce484222325ULL},
        {"a", 0xaf63dc4c8601ec8cULL},
        {"b", 0xaf63df4c8601f1a5ULL},
        {"foobar", 0x85944171f73967e8ULL},
    };
    for (size_t i = 0; i < sizeof ANSWERS / sizeof *ANSWERS; i++) {
        uint64_t hash = hash_text(HASH_START, ANSWERS[i].text);
        CHECK(hash == ANSWERS[i].hash, "%s: %llx", ANSWERS[i].text, (unsigned long long)hash);
    }
    CHECK(hash_text(hash_text(HASH_START, "foo"), "bar") == 0x85944171f73967e8ULL, "chained");
    CHECK(hash_text(HASH_START, "\xff") == 0xaf64724c8602eb6eULL, "bytes are unsigned");
}

static void clock_is_monotonic(void) {
    double before = clock_seconds();
    usleep(20000);
    double passed = clock_seconds() - before;
    CHECK(passed >= 0.0199 && passed < 10, "%g s for 20 ms", passed);
}

static void wait_for(double seconds) {
    double end = clock_seconds() + seconds;
    while (clock_seconds() < end) continue;
}

static void inner_phase(void) {
    PHASE(PHASE_GEMM);
    wait_for(0.004);
}

static void outer_phase(void) {
    PHASE(PHASE_LOSS);
    wait_for(0.001);
    inner_phase();
    wait_for(0.001);
}

static void phases_add_up(void) {
    double seconds[PHASES], begin = clock_seconds(), total = 0;
    outer_phase(); /* not counted: the profiler is off */
    phase_start();
    outer_phase();
    phase_stop(seconds);
    double passed = clock_seconds() - begin;
    inner_phase(); /* not counted: stopped again */
    for (int i = 0; i < PHASES; i++) total += seconds[i];
    CHECK(seconds[PHASE_GEMM] >= 0.004, "gemm %g s", seconds[PHASE_GEMM]);
    CHECK(seconds[PHASE_LOSS] >= 0.002, "loss %g s", seconds[PHASE_LOSS]);
    CHECK(seconds[PHASE_NORM] == 0, "norm %g s", seconds[PHASE_NORM]);
    CHECK(total <= passed - 0.006, "%g s in phases, %g s in all", total, passed);
    phase_start();
    phase_stop(seconds);
    CHECK(seconds[PHASE_GEMM] == 0, "gemm %g s after a restart", seconds[PHASE_GEMM]);
    for (int i = 0; i < PHASES; i++) CHECK(phase_name(i), "phase %d has no name", i);
    CHECK(!phase_name(PHASES), "a name past the end");
}

static const Test TESTS[] = {
    {"philox: published known answers", philox_known_answers},
    {"philox_u64: low word first", philox_low_word_first},
    {"mem_alloc returns aligned zeros", mem_alloc_returns_aligned_zeros},
    {"mem_alloc maps large blocks", mem_alloc_maps_large_blocks},
    {"mem_realloc keeps the content", mem_realloc_keeps_the_content},
    {"arena: measure, then bind", arena_measures_then_binds},
    {"arena: sizes are rounded to cache lines", arena_rounds_to_cache_lines},
    {"size_mul multiplies", size_mul_multiplies},
    {"errors exit with their code and message", errors_exit},
    {"name_nearest suggests near names", name_nearest_suggests},
    {"name_meant ignores spelling", name_meant_ignores_spelling},
    {"name_nearest ignores long words", name_nearest_ignores_long_words},
    {"hash_text: published known answers", hash_text_known_answers},
    {"the clock is monotonic", clock_is_monotonic},
    {"phases: nested times add up", phases_add_up},
};
TEST_MAIN(TESTS)
