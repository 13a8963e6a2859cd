/* groups.h - the limits of this process's control groups.
 *
 * One idea: a container has the memory and the processor time that its control groups allow, not
 * what the machine has. A limit of a group holds for all groups inside it, so the smallest one
 * counts, from the process's own group up to the highest that is mounted.
 *
 * `root` is put before the paths of all files below /proc and /sys: "", except in tests. Nothing is
 * cached. Read next: groups.c, machine.h. */
#ifndef BASE_GROUPS_H
#define BASE_GROUPS_H

/* Bytes of memory; INFINITY if no limit is known. */
double groups_memory(const char *root);
/* The CPU quota, in processors: the time that the process gets of all processors together, over the
 * time that passes. INFINITY if there is none. */
double groups_cpus(const char *root);

#endif
