/* tracee.c - see tracee.h. */
#include "tests/fault/tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h> /* RENAME_EXCHANGE */
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- system calls --- */

/* The meaning of the arguments of a call; -1 = none. A path is relative to the folder `at`, or to
 * the current one. */
typedef struct {
    int number;
    const char *name;
    CallKind kind;
    int file, at, path, to_at, to_path; /* file: descriptor */
    int flags;                          /* of OPEN and unlinkat */
} CallShape;

#define BY_FILE(call, kind)                                                                        \
    { SYS_##call, #call, kind, 0, -1, -1, -1, -1, -1 }
#define BY_PATH(call, kind)                                                                        \
    { SYS_##call, #call, kind, -1, -1, 0, -1, -1, -1 }
#define BY_PATH_AT(call, kind)                                                                     \
    { SYS_##call, #call, kind, -1, 0, 1, -1, -1, -1 }

static const CallShape CALLS[] = {
    {SYS_open, "open", OPEN, -1, -1, 0, -1, -1, 1},
    {SYS_openat, "openat", OPEN, -1, 0, 1, -1, -1, 2},
    {SYS_creat, "creat", OPEN, -1, -1, 0, -1, -1, -1},
    BY_FILE(read, READ),
    BY_FILE(pread64, READ),
    BY_FILE(readv, READ),
    BY_FILE(write, WRITE),
    BY_FILE(pwrite64, WRITE),
    BY_FILE(writev, WRITE),
    BY_FILE(fsync, SYNC),
    BY_FILE(fdatasync, SYNC),
    BY_FILE(close, CLOSE),
    BY_FILE(ftruncate, TRUNCATE),
    BY_PATH(truncate, TRUNCATE),
    {SYS_rename, "rename", RENAME, -1, -1, 0, -1, 1, -1},
    {SYS_renameat, "renameat", RENAME, -1, 0, 1, 2, 3, -1},
    {SYS_renameat2, "renameat2", RENAME, -1, 0, 1, 2, 3, -1},
    BY_PATH(mkdir, MKDIR),
    BY_PATH_AT(mkdirat, MKDIR),
    BY_PATH(unlink, REMOVE),
    {SYS_unlinkat, "unlinkat", REMOVE, -1, 0, 1, -1, -1, 2},
    BY_PATH(rmdir, REMOVE),
    BY_PATH(stat, LOOK),
    BY_PATH(lstat, LOOK),
    BY_PATH_AT(newfstatat, LOOK),
    BY_PATH_AT(statx, LOOK),
    BY_FILE(fstat, LOOK),
    BY_PATH(access, LOOK),
    BY_PATH_AT(faccessat, LOOK),
    BY_PATH_AT(faccessat2, LOOK),
    BY_PATH(statfs, LOOK),
    BY_FILE(fstatfs, LOOK),
    BY_FILE(getdents64, LOOK),
    BY_FILE(flock, LOCKING),
    BY_FILE(pwritev, UNSUPPORTED),
    BY_FILE(pwritev2, UNSUPPORTED),
    BY_FILE(fallocate, UNSUPPORTED),
    BY_FILE(sendfile, UNSUPPORTED),
    {SYS_copy_file_range, "copy_file_range", UNSUPPORTED, 2, -1, -1, -1, -1, -1},
    {SYS_link, "link", UNSUPPORTED, -1, -1, 1, -1, -1, -1},
    {SYS_linkat, "linkat", UNSUPPORTED, -1, 2, 3, -1, -1, -1},
    {SYS_symlink, "symlink", UNSUPPORTED, -1, -1, 1, -1, -1, -1},
    {SYS_openat2, "openat2", UNSUPPORTED, -1, 0, 1, -1, -1, -1},
};
enum { N_CALLS = sizeof CALLS / sizeof *CALLS };

/* Stops the program at CALLS and allows all other calls. */
static void install_filter(void) {
    struct sock_filter filter[N_CALLS + 3];
    size_t n = 0;
    filter[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < N_CALLS; i++) {
        filter[n++] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, (unsigned)CALLS[i].number, (unsigned char)(N_CALLS - i), 0);
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    struct sock_fprog program = {(unsigned short)n, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &program))
        give_up("cannot install a system call filter: %s", strerror(errno));
}

/* --- decoding a call --- */

void tracee_read(pid_t thread, void *to, unsigned long address, size_t length) {
    struct iovec here = {to, length}, there = {(void *)address, length};
    if (process_vm_readv(thread, &here, 1, &there, 1, 0) != (ssize_t)length)
        give_up("cannot read the program's memory: %s", strerror(errno));
}

/* Reads byte by byte: the memory after the string may not be mapped. */
static void read_path(pid_t thread, char *to, unsigned long address) {
    size_t n = 0;
    do {
        tracee_read(thread, to + n, address + n, 1);
    } while (to[n] && ++n < PATH_BYTES - 1);
    to[n] = '\0';
}

/* The target of a link in /proc/<thread>; empty if it does not exist. */
static void proc_link(pid_t thread, const char *what, int number, char to[PATH_BYTES]) {
    char link[64];
    if (number >= 0)
        snprintf(link, sizeof link, "/proc/%d/%s/%d", thread, what, number);
    else
        snprintf(link, sizeof link, "/proc/%d/%s", thread, what);
    ssize_t n = readlink(link, to, PATH_BYTES - 1);
    to[n < 0 ? 0 : n] = '\0';
}

static void full_path(pid_t thread, int folder, unsigned long address, char to[PATH_BYTES]) {
    char path[PATH_BYTES];
    read_path(thread, path, address);
    if (path[0] == '/') {
        memcpy(to, path, sizeof path);
        return;
    }
    proc_link(thread, folder >= 0 ? "fd" : "cwd", folder, to);
    size_t n = strlen(to);
    if (path[0]) snprintf(to + n, PATH_BYTES - n, "/%s", path);
}

static unsigned long argument(const struct user_regs_struct *regs, int i) {
    const unsigned long long values[] = {regs->rdi, regs->rsi, regs->rdx,
                                         regs->r10, regs->r8,  regs->r9};
    return (unsigned long)values[i];
}

static int folder_argument(const struct user_regs_struct *regs, int i) {
    return i < 0 ? AT_FDCWD : (int)argument(regs, i);
}

/* The file position of a write: the end of the file with O_APPEND, else the descriptor's position.
 */
static long position(pid_t thread, int file) {
    char name[64], line[128];
    unsigned long place = 0;
    unsigned flags = 0;
    snprintf(name, sizeof name, "/proc/%d/fdinfo/%d", thread, file);
    FILE *in = fopen(name, "r");
    while (in && fgets(line, sizeof line, in)) {
        if (sscanf(line, "pos: %lu", &place) != 1) sscanf(line, "flags: %o", &flags);
    }
    if (in) fclose(in);
    struct stat status;
    snprintf(name, sizeof name, "/proc/%d/fd/%d", thread, file);
    return flags & O_APPEND && stat(name, &status) == 0 ? (long)status.st_size : (long)place;
}

static void decode_open(Call *call, const struct user_regs_struct *regs, const CallShape *shape) {
    struct stat status;
    int flags = shape->flags < 0 ? O_CREAT | O_WRONLY | O_TRUNC : (int)argument(regs, shape->flags);
    bool exists = lstat(call->path, &status) == 0;
    call->creates = flags & O_CREAT && !exists;
    call->truncates = flags & O_TRUNC && exists;
    call->changes = (flags & (O_ACCMODE | O_CREAT)) != O_RDONLY;
}

static void decode_transfer(Call *call, const struct user_regs_struct *regs, int file) {
    call->data = argument(regs, 1);
    call->length = argument(regs, 2);
    if (strchr(call->name, 'v')) { /* readv, writev: only one piece is supported */
        struct iovec piece;
        tracee_read(call->thread, &piece, call->data, sizeof piece);
        if (call->length != 1) call->kind = UNSUPPORTED;
        call->data = (unsigned long)piece.iov_base;
        call->length = piece.iov_len;
    }
    bool placed = strcmp(call->name, "pwrite64") == 0;
    if (call->kind == WRITE)
        call->offset = placed ? (long)argument(regs, 3) : position(call->thread, file);
}

static void decode(Call *call, const struct user_regs_struct *regs, const CallShape *shape) {
    pid_t thread = call->thread;
    int file = shape->file < 0 ? -1 : (int)argument(regs, shape->file);
    call->name = shape->name;
    call->kind = shape->kind;
    if (file >= 0) proc_link(thread, "fd", file, call->path);
    if (shape->path >= 0)
        full_path(thread, folder_argument(regs, shape->at), argument(regs, shape->path),
                  call->path);
    if (shape->to_path >= 0)
        full_path(thread, folder_argument(regs, shape->to_at), argument(regs, shape->to_path),
                  call->target);
    call->swaps = strcmp(call->name, "renameat2") == 0 && argument(regs, 4) & RENAME_EXCHANGE;
    call->changes = call->kind != READ && call->kind != LOOK && call->kind != LOCKING;
    call->folder = call->kind == MKDIR || strcmp(call->name, "rmdir") == 0;
    if (strcmp(call->name, "unlinkat") == 0)
        call->folder = (int)argument(regs, shape->flags) & AT_REMOVEDIR;
    if (call->kind == OPEN) decode_open(call, regs, shape);
    if (call->kind == READ || call->kind == WRITE) decode_transfer(call, regs, file);
    if (call->kind == TRUNCATE) call->length = argument(regs, 1);
}

/* --- threads --- */

typedef struct {
    bool inside; /* between entry and exit of a call */
    Call call;
    Injection injection;
} Thread;

enum { THREADS = 64 };
static Thread threads[THREADS];

static Thread *thread_of(pid_t id) {
    Thread *empty = NULL;
    for (int i = 0; i < THREADS; i++) {
        if (threads[i].call.thread == id) return &threads[i];
        if (!threads[i].call.thread && !empty) empty = &threads[i];
    }
    if (!empty) give_up("more than %d threads", THREADS);
    empty->call.thread = id;
    return empty;
}

/* A failing close() still closes the descriptor, so it is executed and only its result changed. */
static void enter(Thread *thread, const Watcher *watcher) {
    struct user_regs_struct regs;
    pid_t id = thread->call.thread;
    ptrace(PTRACE_GETREGS, id, 0, &regs);
    size_t i = 0;
    while (i < N_CALLS && CALLS[i].number != (int)regs.orig_rax) i++;
    if (i == N_CALLS) return;
    thread->call = (Call){.thread = id};
    decode(&thread->call, &regs, &CALLS[i]);
    if (thread->call.path[0] != '/') return;
    Injection *injection = &thread->injection;
    *injection = watcher->before(watcher->self, &thread->call);
    if (injection->signal) kill(id, injection->signal);
    if (injection->refuse && thread->call.kind != CLOSE) {
        regs.orig_rax = (unsigned long long)-1;
        regs.rax = (unsigned long long)-injection->refuse;
    }
    if (injection->shorten) regs.rdx = injection->shorten;
    if (injection->refuse || injection->shorten) ptrace(PTRACE_SETREGS, id, 0, &regs);
    thread->inside = true;
}

static void leave(Thread *thread, const Watcher *watcher) {
    struct user_regs_struct regs;
    pid_t id = thread->call.thread;
    ptrace(PTRACE_GETREGS, id, 0, &regs);
    if (thread->injection.refuse) {
        regs.rax = (unsigned long long)-thread->injection.refuse;
        ptrace(PTRACE_SETREGS, id, 0, &regs);
    }
    watcher->after(watcher->self, &thread->call, (long)regs.rax);
    if (thread->injection.signal_after) kill(id, thread->injection.signal_after);
    thread->inside = false;
}

/* Handles a stop of a thread; returns the signal to deliver to it. */
static int stopped(pid_t id, int status, const Watcher *watcher) {
    Thread *thread = thread_of(id);
    int signal = WSTOPSIG(status), event = status >> 16;
    if (event == PTRACE_EVENT_SECCOMP) {
        enter(thread, watcher);
        return 0;
    }
    if (signal == (SIGTRAP | 0x80)) {
        if (thread->inside) leave(thread, watcher);
        return 0;
    }
    return event || signal == SIGSTOP ? 0 : signal;
}

static void start(char **argv) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0)) give_up("cannot trace: %s", strerror(errno));
    raise(SIGSTOP);
    install_filter();
    execvp(argv[0], argv);
    give_up("cannot run %s: %s", argv[0], strerror(errno));
}

int tracee_run(char **argv, const Watcher *watcher) {
    int status;
    pid_t program = fork();
    if (program < 0) give_up("cannot fork: %s", strerror(errno));
    if (program == 0) start(argv);
    if (waitpid(program, &status, 0) != program || !WIFSTOPPED(status))
        give_up("cannot trace the program");
    if (ptrace(PTRACE_SETOPTIONS, program, 0,
               PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL |
                   PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACEEXEC))
        give_up("cannot set up tracing: %s", strerror(errno));
    ptrace(PTRACE_CONT, program, 0, 0);
    for (;;) {
        pid_t id = waitpid(-1, &status, __WALL);
        if (id < 0) give_up("cannot wait for the program: %s", strerror(errno));
        if (!WIFSTOPPED(status)) {
            thread_of(id)->call.thread = 0;
            if (id == program) return status;
            continue;
        }
        long signal = stopped(id, status, watcher);
        ptrace(thread_of(id)->inside ? PTRACE_SYSCALL : PTRACE_CONT, id, 0, signal);
    }
}
