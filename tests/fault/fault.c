/* fault.c - runs a program and lets one of its file calls go wrong.
 *
 *     fault --under DIR [--all] [--before N SIGNAL] [--after N SIGNAL] [--fail N ERROR]
 *           [--list FILE] [--record FILE] PROGRAM ARGUMENT...
 *
 * Calls that change something below DIR are counted from 1; with --all those that only look are
 * counted too. --before and --after send a signal (9 is a kill -9) around call N; --fail lets
 * call N fail with an errno by name, or makes it `short`: half the bytes. N+ means every call from
 * N on, N/ every second one from N on. --list writes a line "N name path" per call, a rename with
 * "-> target", a star where something was done; --record what powerloss needs to know. Ends as the
 * program ended.
 *
 * One idea: a test that tries every N needs to know nothing of the program. Read next: tracee.h,
 * record.c. */
#include "tests/fault/record.h"
#include "tests/fault/tracee.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* A call by number: alone, from it on, or every second from it on. */
typedef struct {
    size_t first; /* 0 = none */
    char rest;    /* '\0', '+' or '/' */
} Which;

typedef struct {
    char under[PATH_BYTES];
    bool all;
    Which before, after, fail;
    int before_signal, after_signal;
    int error;     /* errno; 0 = short */
    FILE *list;    /* NULL = none */
    FILE *record;  /* NULL = none */
    size_t number; /* of the call that is being made */
} Plan;

static const struct {
    const char *name;
    int number;
} ERRORS[] = {
    {"short", 0},       {"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EINTR", EINTR},
    {"EDQUOT", EDQUOT}, {"EACCES", EACCES}, {"EROFS", EROFS},   {"EMFILE", EMFILE},
    {"ENOMEM", ENOMEM}, {"EFBIG", EFBIG},   {"ENOLCK", ENOLCK},
};

static bool hits(Which which, size_t number) {
    if (!which.first || number < which.first) return false;
    if (which.rest == '/') return (number - which.first) % 2 == 0;
    return which.rest == '+' || number == which.first;
}

static bool below(const Plan *plan, const char *path) {
    size_t n = strlen(plan->under);
    return strncmp(path, plan->under, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* A signal interrupts only calls that may wait. */
static bool may_meet(int error, CallKind kind) {
    bool waits = kind == OPEN || kind == READ || kind == WRITE || kind == SYNC || kind == CLOSE ||
                 kind == TRUNCATE || kind == LOCKING;
    return error != EINTR || waits;
}

static Fate before(void *self, const Call *call) {
    Plan *plan = self;
    Fate fate = {0};
    if (!below(plan, call->path) || !(plan->all || call->changes)) return fate;
    if (call->kind == STRANGE) give_up("%s is a call that nothing here understands", call->name);
    size_t number = ++plan->number;
    if (hits(plan->before, number)) fate.signal = plan->before_signal;
    if (hits(plan->after, number)) fate.signal_after = plan->after_signal;
    if (hits(plan->fail, number) && may_meet(plan->error, call->kind)) {
        fate.refuse = plan->error;
        bool bytes = call->kind == READ || call->kind == WRITE;
        if (!plan->error && bytes && call->length > 1) fate.shorten = call->length / 2;
    }
    if (plan->list) {
        bool hit = fate.signal || fate.signal_after || fate.refuse || fate.shorten;
        fprintf(plan->list, "%zu %s %s%s%s%s\n", number, call->name, call->path,
                call->target[0] ? " -> " : "", call->target, hit ? " *" : "");
        fflush(plan->list);
    }
    return fate;
}

static void after(void *self, const Call *call, long result) {
    Plan *plan = self;
    if (plan->record && below(plan, call->path) && result >= 0)
        record_call(plan->record, call, result);
}

/* --- arguments --- */

static Which which_call(const char *text) {
    char *end;
    Which which = {.first = strtoul(text, &end, 10)};
    which.rest = *end;
    if (!which.first || (*end && (!strchr("+/", *end) || end[1])))
        give_up("\"%s\" is no number of a call", text);
    return which;
}

static int error_number(const char *name) {
    for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++) {
        if (strcmp(ERRORS[i].name, name) == 0) return ERRORS[i].number;
    }
    give_up("no error is called %s", name);
}

static FILE *create(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) give_up("cannot create %s: %s", path, strerror(errno));
    return file;
}

/* Takes one option and its arguments off `argv`; how many words those were, 0 = not an option. */
static int option(Plan *plan, char **argv) {
    static const struct {
        const char *name;
        int words;
    } OPTIONS[] = {{"--under", 2}, {"--all", 1},  {"--before", 3}, {"--after", 3},
                   {"--fail", 3},  {"--list", 2}, {"--record", 2}};
    int words = 0;
    for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++) {
        if (strcmp(argv[0], OPTIONS[i].name) == 0) words = OPTIONS[i].words;
    }
    for (int i = 1; i < words; i++) {
        if (!argv[i]) give_up("%s wants %d arguments", argv[0], words - 1);
    }
    const char *name = argv[0] + 2;
    if (words == 1) plan->all = true;
    if (words < 2) return words;
    if (strcmp(name, "under") == 0 && !realpath(argv[1], plan->under))
        give_up("cannot find %s: %s", argv[1], strerror(errno));
    if (strcmp(name, "list") == 0) plan->list = create(argv[1]);
    if (strcmp(name, "record") == 0) plan->record = create(argv[1]);
    if (words < 3) return words;
    if (strcmp(name, "fail") == 0) {
        plan->fail = which_call(argv[1]);
        plan->error = error_number(argv[2]);
    } else {
        bool ahead = strcmp(name, "before") == 0;
        *(ahead ? &plan->before : &plan->after) = which_call(argv[1]);
        *(ahead ? &plan->before_signal : &plan->after_signal) = atoi(argv[2]);
    }
    return words;
}

/* Dies as the program died, without a core file. */
static int end_alike(int status) {
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
    return end_alike(status);
}
