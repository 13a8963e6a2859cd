/* machine.h - how much memory this machine and this process have.
 *
 * One idea: a run that does not fit in memory is rejected in the first second, not by the kernel's
 * OOM killer on the second day. Linux only: every call reads /proc and /sys, nothing is cached.
 * Read next: groups.h, ../model/size.h. */
#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H

#include "base/base.h"

typedef struct {
    double bytes;     /* limit for this process; INFINITY if none is known */
    const char *what; /* which limit, as words before the number: "this machine has" */
} MachineMemory;

/* The smallest of physical memory, the limits of this process's control groups, and RLIMIT_AS
 * minus the addresses that are reserved but not used. */
MachineMemory machine_memory(void);
/* Resident bytes of this process, now and at their peak. 0 if /proc is missing. */
double machine_resident(void);
double machine_resident_peak(void);

/* Bytes with a decimal unit, e.g. "25.3 GB" (10^9 bytes); returns `text`. */
enum { BYTES_TEXT = 32 };
const char *bytes_text(char text[BYTES_TEXT], double bytes);

#endif
