/* tracee.h - runs a program and stops it at every system call that touches files.
 *
 * One idea: faults come from outside. The program under test is the one that users run; a kernel
 * filter (seccomp) stops it at the calls named in CALLS, this side looks at them (ptrace), and may
 * kill, refuse, shorten or write them down. Calls that the C library makes for itself are seen as
 * well, so nothing has to be known of how the program writes. x86-64 only, as the program is.
 * Read next: fault.c. */
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
    LOOK,    /* stat, access, statfs, lists of folders */
    LOCKING, /* flock */
    STRANGE, /* changes files in a way that nothing here models */
} CallKind;

enum { PATH_BYTES = 4096 };

/* One call of the program, at its entry. */
typedef struct {
    const char *name;
    CallKind kind;
    char path[PATH_BYTES];   /* absolute */
    char target[PATH_BYTES]; /* of a rename */
    bool changes;            /* it may change a file or a folder */
    bool creates, truncates; /* OPEN with O_CREAT where nothing was; with O_TRUNC */
    bool folder;             /* mkdir, rmdir */
    bool swaps;              /* a RENAME that gives both each other's name */
    unsigned long data;      /* READ, WRITE: address of the bytes in the program */
    size_t length;           /* READ, WRITE, TRUNCATE */
    long offset;             /* WRITE: where in the file it goes */
    pid_t thread;
} Call;

/* What is done to a call. */
typedef struct {
    int refuse;       /* the call fails with this errno */
    size_t shorten;   /* a READ or WRITE gets this many bytes only; 0 = all */
    int signal;       /* sent to the program before the call */
    int signal_after; /* and after it */
} Fate;

/* Told of every call with a path; `after` of its result, unless the program died. */
typedef struct {
    Fate (*before)(void *self, const Call *call);
    void (*after)(void *self, const Call *call, long result);
    void *self;
} Watcher;

/* Runs argv to its end; its wait status. Ends this program where it cannot be run or traced. */
int tracee_run(char **argv, const Watcher *watcher);

/* Copies `length` bytes at `address` of the program; ends this program where it cannot. */
void tracee_read(pid_t thread, void *to, unsigned long address, size_t length);

/* Prints a sentence and exits with 99, which no program under test does. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
