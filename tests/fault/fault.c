/* fault.c - runs a program and injects a fault into one of its file system calls.
 *
 *     fault --under DIR [--all] [--before N SIGNAL] [--after N SIGNAL] [--fail N ERROR]
 *           [--only NAME,...] [--list FILE] [--record FILE] PROGRAM ARGUMENT...
 *
 * Calls that change something below DIR are counted from 1; with --all, read-only calls are
 * counted too. --before and --after send a signal (9 is SIGKILL) before or after call N. --fail
 * makes call N fail with an errno, given by name; `short` makes it transfer half of its bytes. N+
 * means every call from N on, N/ every second call from N on; with --only, --fail fails only the
 * system calls of these names. --list writes a line "N name path"
 * per call, a rename with "-> target" and a faulted call with a star. --record writes the record
 * that powerloss reads. The exit status is that of the program.
 *
 * One idea: a test that tries every N needs no knowledge of the program.
 * Read next: tracee.h, record.c. */
#include "tests/fault/record.h"
#include "tests/fault/tracee.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* A set of calls: one call, all calls from it on, or every second call from it on. */
typedef struct {
    size_t first; /* 0 = none */
    char rest;    /* '\0', '+' or '/' */
} Selection;

typedef struct {
    char under[PATH_BYTES];
    bool all;
    Selection before, after, fail;
    int before_signal, after_signal;
    int error;     /* errno; 0 = short */
    char *only;    /* names of calls, with commas around them; NULL = all */
    FILE *list;    /* NULL = none */
    FILE *record;  /* NULL = none */
    size_t number; /* of the current call */
} Plan;

static const struct {
    const char *name;
    int number;
} ERRORS[] = {
    {"short", 0},       {"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EINTR", EINTR},
    {"EDQUOT", EDQUOT}, {"EACCES", EACCES}, {"EROFS", EROFS},   {"EMFILE", EMFILE},
    {"ENOMEM", ENOMEM}, {"EFBIG", EFBIG},   {"ENOLCK", ENOLCK}, {"ENOSYS", ENOSYS},
    {"EINVAL", EINVAL}, {"EBADF", EBADF},   {"EXDEV", EXDEV},   {"EOPNOTSUPP", EOPNOTSUPP},
    {"EPERM", EPERM},   {"EBUSY", EBUSY},
};

static bool selects(Selection calls, size_t number) {
    if (!calls.first || number < calls.first) return false;
    if (calls.rest == '/') return (number - calls.first) % 2 == 0;
    return calls.rest == '+' || number == calls.first;
}

static bool below(const Plan *plan, const char *path) {
    size_t n = strlen(plan->under);
    return strncmp(path, plan->under, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Reads of metadata are not interrupted; changes are, on network and user-space file systems. */
static bool may_fail(const Plan *plan, const Call *call) {
    if (plan->error == EINTR && call->kind == LOOK) return false;
    char name[64];
    snprintf(name, sizeof name, ",%s,", call->name);
    return !plan->only || strstr(plan->only, name);
}

static Injection before(void *self, const Call *call) {
    Plan *plan = self;
    Injection injection = {0};
    if (!below(plan, call->path) || !(plan->all || call->changes)) return injection;
    if (call->kind == UNSUPPORTED) give_up("unsupported system call %s", call->name);
    size_t number = ++plan->number;
    if (selects(plan->before, number)) injection.signal = plan->before_signal;
    if (selects(plan->after, number)) injection.signal_after = plan->after_signal;
    if (selects(plan->fail, number) && may_fail(plan, call)) {
        injection.refuse = plan->error;
        bool bytes = call->kind == READ || call->kind == WRITE;
        if (!plan->error && bytes && call->length > 1) injection.shorten = call->length / 2;
    }
    if (plan->list) {
        bool hit =
            injection.signal || injection.signal_after || injection.refuse || injection.shorten;
        fprintf(plan->list, "%zu %s %s%s%s%s\n", number, call->name, call->path,
                call->target[0] ? " -> " : "", call->target, hit ? " *" : "");
        fflush(plan->list);
    }
    return injection;
}

static void after(void *self, const Call *call, long result) {
    Plan *plan = self;
    if (plan->record && below(plan, call->path) && result >= 0)
        record_call(plan->record, call, result);
}

/* --- arguments --- */

static Selection selection_parse(const char *text) {
    char *end;
    Selection calls = {.first = strtoul(text, &end, 10)};
    calls.rest = *end;
    if (!calls.first || (*end && (!strchr("+/", *end) || end[1])))
        give_up("\"%s\" is not the number of a call", text);
    return calls;
}

static int error_number(const char *name) {
    for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++) {
        if (strcmp(ERRORS[i].name, name) == 0) return ERRORS[i].number;
    }
    give_up("there is no error named %s", name);
}

static FILE *create(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) give_up("cannot create %s: %s", path, strerror(errno));
    return file;
}

/* Parses one option with its arguments; returns the number of words, 0 if it is not an option. */
static int option(Plan *plan, char **argv) {
    static const struct {
        const char *name;
        int words;
    } OPTIONS[] = {{"--under", 2}, {"--all", 1},  {"--before", 3}, {"--after", 3},
                   {"--fail", 3},  {"--list", 2}, {"--record", 2}, {"--only", 2}};
    int words = 0;
    for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++) {
        if (strcmp(argv[0], OPTIONS[i].name) == 0) words = OPTIONS[i].words;
    }
    for (int i = 1; i < words; i++) {
        if (!argv[i]) give_up("%s needs %d arguments", argv[0], words - 1);
    }
    const char *name = argv[0] + 2;
    if (words == 1) plan->all = true;
    if (words < 2) return words;
    if (strcmp(name, "under") == 0 && !realpath(argv[1], plan->under))
        give_up("cannot find %s: %s", argv[1], strerror(errno));
    if (strcmp(name, "only") == 0 && asprintf(&plan->only, ",%s,", argv[1]) < 0)
        give_up("out of memory");
    if (strcmp(name, "list") == 0) plan->list = create(argv[1]);
    if (strcmp(name, "record") == 0) plan->record = create(argv[1]);
    if (words < 3) return words;
    if (strcmp(name, "fail") == 0) {
        plan->fail = selection_parse(argv[1]);
        plan->error = error_number(argv[2]);
    } else {
        bool is_before = strcmp(name, "before") == 0;
        *(is_before ? &plan->before : &plan->after) = selection_parse(argv[1]);
        *(is_before ? &plan->before_signal : &plan->after_signal) = atoi(argv[2]);
    }
    return words;
}

/* Exits or dies like the program, without a core file. */
static int end_like(int status) {
    if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
    return 128 + WTERMSIG(status);
}

int main(int argc, char **argv) {
    Plan plan = {0};
    int first = 1;
    for (int words; first < argc && (words = option(&plan, argv + first)) > 0;) first += words;
    if (first >= argc || !plan.under[0])
        give_up("usage: fault --under DIR [OPTION]... PROGRAM [ARGUMENT]...");
    int status = tracee_run(argv + first, &(Watcher){before, after, &plan});
    if (plan.list && fclose(plan.list)) give_up("cannot write the list");
    if (plan.record && fclose(plan.record)) give_up("cannot write the record");
    return end_like(status);
}
