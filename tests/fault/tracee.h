/* tracee.h - runs a program and stops it at every system call on files.
 *
 * One idea: faults are injected from outside, into the same binary that users run. A kernel filter
 * (seccomp) stops it at the calls listed in CALLS; the tracer (ptrace) inspects them and may kill
 * the program, or fail, shorten or record the call. It also sees calls made by the C library, so it
 * does not depend on how the program writes. x86-64 only, like the program. Read next: fault.c. */
#ifndef TESTS_FAULT_TRACEE_H
#define TESTS_FAULT_TRACEE_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef enum {
    OPEN,
    READ,
    WRITE,
    SYNC,
    CLOSE,
    TRUNCATE,
    RENAME,
    MKDIR,
    REMOVE,
    LOOK,        /* stat, access, statfs, getdents */
    LOCKING,     /* flock */
    UNSUPPORTED, /* changes files in a way that is not modeled */
} CallKind;

enum { PATH_BYTES = 4096 };

/* A call of the program, at its entry. */
typedef struct {
    const char *name;
    CallKind kind;
    char path[PATH_BYTES];   /* absolute */
    char target[PATH_BYTES]; /* of a rename */
    bool changes;            /* may change a file or a folder */
    bool creates, truncates; /* OPEN with O_CREAT of a new file; with O_TRUNC */
    bool folder;             /* mkdir, rmdir */
    bool swaps;              /* RENAME with RENAME_EXCHANGE */
    unsigned long data;      /* READ, WRITE: address of the bytes in the program's memory */
    size_t length;           /* READ, WRITE, TRUNCATE */
    long offset;             /* WRITE: position in the file */
    pid_t thread;
} Call;

/* The fault injected into a call. */
typedef struct {
    int refuse;       /* the errno that the call fails with; 0 = none */
    size_t shorten;   /* the number of bytes of a READ or WRITE; 0 = all */
    int signal;       /* sent to the program before the call; 0 = none */
    int signal_after; /* sent after the call; 0 = none */
} Injection;

/* Callbacks for every call on a path; `after` gets its result, unless the program died. */
typedef struct {
    Injection (*before)(void *self, const Call *call);
    void (*after)(void *self, const Call *call, long result);
    void *self;
} Watcher;

/* Runs argv to its end and returns its wait status. Exits if it cannot be run or traced. */
int tracee_run(char **argv, const Watcher *watcher);

/* Copies `length` bytes from `address` in the program's memory; exits on failure. */
void tracee_read(pid_t thread, void *to, unsigned long address, size_t length);

/* Prints a message and exits with 99, a status that no program under test uses. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
