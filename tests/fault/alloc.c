/* alloc.c - a library (LD_PRELOAD) that makes one allocation of a program fail.
 *
 *     FAIL_ALLOC=N           the N-th allocation fails; N+: it and all later ones
 *     FAIL_ALLOC_LIST=FILE   writes the bytes of each counted allocation, one per line
 *
 * Counts from 1, from the start of main(), the allocations made by the program, by cJSON, or by the
 * C library for them. Allocations of OpenBLAS and of the thread library never fail here: those
 * libraries end the process when memory is short, and the program cannot prevent it.
 *
 * One idea: a test that tries every N needs no knowledge of the program. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

typedef struct {
    uintptr_t from, to;
} Range;

static Range counted[8]; /* code whose allocations count */
static size_t n_counted;
static size_t number, first; /* first = 0: none fails */
static bool rest, running;
static int list = -1; /* a descriptor; a FILE would allocate */

static int add_range(struct dl_phdr_info *info, size_t size, void *nothing) {
    const char *slash = strrchr(info->dlpi_name, '/');
    bool own = info->dlpi_name[0] == '\0';
    bool wanted = own || (slash && (strstr(slash, "/libcjson") || strstr(slash, "/libc.so")));
    (void)size;
    (void)nothing;
    for (int i = 0; wanted && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        bool code = part->p_type == PT_LOAD && part->p_flags & PF_X;
        uintptr_t from = info->dlpi_addr + part->p_vaddr;
        if (code && n_counted < sizeof counted / sizeof *counted)
            counted[n_counted++] = (Range){from, from + part->p_memsz};
    }
    return 0;
}

static bool counts(uintptr_t caller) {
    for (size_t i = 0; i < n_counted; i++) {
        if (caller >= counted[i].from && caller < counted[i].to) return running;
    }
    return false;
}

static void list_add(size_t bytes) {
    char line[32];
    int length = snprintf(line, sizeof line, "%zu\n", bytes);
    if (write(list, line, (size_t)length) != length) abort();
}

/* Counts an allocation; true if it must fail. */
static bool fails(const void *caller, size_t bytes) {
    if (!counts((uintptr_t)caller)) return false;
    size_t n = __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED);
    if (list >= 0) list_add(bytes);
    bool hit = first && (n == first || (rest && n > first));
    if (hit) errno = ENOMEM;
    return hit;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t size) {
    return fails(CALLER, size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return fails(CALLER, count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size) {
    return fails(CALLER, size) ? NULL : __libc_realloc(pointer, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return fails(CALLER, size) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **pointer, size_t alignment, size_t size) {
    if (fails(CALLER, size)) return ENOMEM;
    *pointer = __libc_memalign(alignment, size);
    return *pointer ? 0 : ENOMEM;
}

static int (*real_main)(int, char **, char **);

static int counted_main(int argc, char **argv, char **environment) {
    const char *which = getenv("FAIL_ALLOC"), *path = getenv("FAIL_ALLOC_LIST");
    char *end = NULL;
    dl_iterate_phdr(add_range, NULL);
    if (which) first = strtoul(which, &end, 10);
    rest = end && *end == '+';
    if (path) list = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    running = true;
    int code = real_main(argc, argv, environment);
    running = false;
    return code;
}

/* The C library calls main() through this function. */
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*loader)(void), void *stack) {
    int (*start)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
                 void (*)(void), void *);
    *(void **)&start = dlsym(RTLD_NEXT, "__libc_start_main");
    real_main = main;
    return start(counted_main, argc, argv, init, fini, loader, stack);
}
