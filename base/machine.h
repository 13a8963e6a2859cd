/* machine.h - what this machine has, as far as a plan needs to know.
 *
 * One idea: a plan that cannot work is refused in the first second, not by the system's killer on
 * the second day. Linux only: /proc and /sys are read each time, nothing is kept.
 * Read next: ../model/size.h. */
#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H

#include "base/base.h"

typedef struct {
    double bytes;     /* that this process may have in all; INFINITY where nothing says so */
    const char *what; /* the limit, to stand before its number: "this machine has" */
} MachineMemory;

/* The least of physical memory, the limits of the control groups above this process and
 * RLIMIT_AS, the last one less the addresses that are reserved but not used. */
MachineMemory machine_memory(void);
/* Bytes of this process in memory now; the most there ever were. 0 where /proc is missing. */
double machine_resident(void);
double machine_resident_peak(void);

/* Bytes in the unit that suits them, e.g. "25.3 GB" (10^9); returns `text`. */
enum { BYTES_TEXT = 32 };
const char *bytes_text(char text[BYTES_TEXT], double bytes);

#endif
