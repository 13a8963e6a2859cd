/* machine.c - see machine.h. */
#include "base/machine.h"

#include "base/groups.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { LINE_SIZE = 4096 };

/* The value of `name` in a file of lines "name: number kB", in bytes; `missing` if not found. */
static double kilobytes(const char *path, const char *name, double missing) {
    char line[LINE_SIZE];
    double found = missing;
    FILE *in = fopen(path, "r");
    while (in && fgets(line, sizeof line, in)) {
        size_t length = strlen(name);
        double value;
        if (strncmp(line, name, length) != 0 || line[length] != ':') continue;
        if (sscanf(line + length + 1, "%lf kB", &value) == 1) found = 1024 * value;
        break;
    }
    if (in) fclose(in);
    return found;
}

/* RLIMIT_AS limits addresses, and libraries and threads reserve many that they never use. */
static double address_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return INFINITY;
    double reserved = kilobytes("/proc/self/status", "VmSize", 0) - machine_resident();
    return fmax((double)limit.rlim_cur - reserved, 0);
}

MachineMemory machine_memory(void) {
    const MachineMemory limits[] = {
        {kilobytes("/proc/meminfo", "MemTotal", INFINITY), "this machine has"},
        {groups_memory(""), "this control group allows"},
        {address_limit(), "ulimit -v leaves"},
    };
    MachineMemory least = limits[0];
    for (size_t i = 1; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].bytes < least.bytes) least = limits[i];
    }
    return least;
}

double machine_resident(void) {
    return kilobytes("/proc/self/status", "VmRSS", 0);
}

double machine_resident_peak(void) {
    return kilobytes("/proc/self/status", "VmHWM", 0);
}

const char *bytes_text(char text[BYTES_TEXT], double bytes) {
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB", "ZB"};
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000;
        unit++;
    }
    snprintf(text, BYTES_TEXT, "%.3g %s", bytes, units[unit]);
    return text;
}
