/* groups.c - see groups.h.
 *
 * /proc/self/cgroup names the groups of the process: "0::/path" in the one hierarchy of version 2,
 * "4:cpu,cpuacct:/path" in a hierarchy of version 1. /proc/self/mountinfo says where hierarchies are
 * mounted, and which part of them. Both are described in proc(5), the files of limits in cgroups(7)
 * and in the kernel's admin-guide/cgroup-v2. */
#include "base/groups.h"

#include "base/stb_ds.h"
#include "base/text_out.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is read: in version 2, of a file that contains "LIMIT" or "LIMIT PERIOD"; in version 1, of a
 * file for each. A limit with a period is their ratio. */
typedef struct {
    const char *controller, *unified, *file, *period;
} GroupLimit;

static const GroupLimit MEMORY = {"memory", "memory.max", "memory.limit_in_bytes", NULL};
static const GroupLimit CPUS = {"cpu", "cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"};

/* Lines of both files are split in place. */
typedef struct {
    const char *path, *controllers; /* version 2: controllers is "" */
} Group;

typedef struct {
    const char *root;  /* the group that is mounted, seen from the process's namespace */
    const char *point; /* where */
    const char *type, *options;
} Mount;

/* --- texts --- */

/* A file's contents, NUL-terminated, in a stb_ds array; NULL if it cannot be read. */
static char *file_text(const char *root, const char *dir, const char *name) {
    char *path = text_format("%s%s/%s", root, dir, name), *text = NULL;
    FILE *in = fopen(path, "r");
    mem_free(path);
    if (!in) return NULL;
    for (size_t got = 1; got;) {
        enum { PIECE = 4096 };
        size_t used = arrlenu(text);
        arrsetlen(text, used + PIECE);
        got = fread(text + used, 1, PIECE, in);
        arrsetlen(text, used + got);
    }
    fclose(in);
    arrput(text, '\0');
    return text;
}

/* Whether `word` is an element of a list with commas. */
static bool list_has(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (;;) {
        const size_t element = strcspn(list, ",");
        if (element == length && strncmp(list, word, length) == 0) return true;
        if (!list[element]) return false;
        list += element + 1;
    }
}

/* mountinfo writes blanks, newlines and backslashes of paths as "\" and three octal digits. */
static const char *unescape(char *text) {
    char *out = text;
    for (const char *in = text; *in; out++) {
        const bool escaped = in[0] == '\\' && in[1] && in[2] && in[3];
        *out = escaped ? (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + in[3] - '0') : *in;
        in += escaped ? 4 : 1;
    }
    *out = '\0';
    return text;
}

/* A non-negative integer at *text, which moves behind it and the white space that follows; -1 if
 * there is none, as for "max" and "-1", which both mean no limit. */
static double take_number(const char **text) {
    if (!isdigit((unsigned char)**text)) return -1;
    char *end;
    const double value = (double)strtoull(*text, &end, 10);
    *text = end + strspn(end, " \n");
    return value;
}

/* --- limits --- */

/* The limit of the group that is the folder `dir`; INFINITY if it has none, or one that this program
 * does not understand. */
static double group_limit(const char *root, const char *dir, const GroupLimit *limit,
                          bool unified) {
    char *text = file_text(root, dir, unified ? limit->unified : limit->file), *second = NULL;
    const char *at = text ? text : "";
    double value = take_number(&at), period = 1;
    if (limit->period) {
        if (!unified) {
            second = file_text(root, dir, limit->period);
            if (!*at) at = second ? second : "";
        }
        period = take_number(&at);
        if (value == 0) value = -1; /* the kernel has no such quota */
    }
    const bool valid = value >= 0 && period > 0 && !*at;
    arrfree(text);
    arrfree(second);
    return valid ? value / period : INFINITY;
}

static bool has_parent_steps(const char *path) {
    const char *found = strstr(path, "/..");
    while (found && found[3] && found[3] != '/') found = strstr(found + 1, "/..");
    return found != NULL;
}

/* The part of the group's path below the group `top`, "" for `top` itself; NULL if the group is not
 * inside it. In a namespace, groups above its own root are "/..", "/../.." and so on; names between
 * such a group and the process's are unknown, but it is an ancestor. */
static const char *path_below(const char *path, const char *top) {
    const size_t length = strcmp(top, "/") == 0 ? 0 : strlen(top);
    if (strncmp(path, top, length) == 0 && (path[length] == '/' || !path[length]))
        return has_parent_steps(path + length) ? NULL : path + length;
    return strspn(top, "/.") == length && has_parent_steps(top) ? "" : NULL;
}

/* The smallest limit from the group up to the one that is mounted. */
static double mounted_limit(const char *root, const Mount *mount, const char *below,
                            const GroupLimit *limit) {
    const bool unified = strcmp(mount->type, "cgroup2") == 0;
    char *dir = text_format("%s%s", mount->point, below);
    double least = INFINITY;
    for (char *slash = dir; slash;) {
        least = fmin(least, group_limit(root, dir, limit, unified));
        slash = strrchr(dir + strlen(mount->point), '/');
        if (slash) *slash = '\0';
    }
    mem_free(dir);
    return least;
}

/* --- the files of /proc --- */

/* "ID:CONTROLLERS:PATH"; the path may have colons. */
static bool group_read(Group *group, char *line) {
    strsep(&line, ":");
    group->controllers = strsep(&line, ":");
    group->path = line;
    return line != NULL;
}

/* "ID PARENT DEVICE ROOT POINT OPTIONS OPTIONAL... - TYPE SOURCE OPTIONS" */
static bool mount_read(Mount *mount, char *line) {
    enum { ROOT = 3, POINT = 4, FIXED = 6 };
    *mount = (Mount){.root = "", .point = ""};
    char *field = NULL;
    for (int i = 0; i < FIXED; i++) {
        field = strsep(&line, " ");
        if (field && i == ROOT) mount->root = unescape(field);
        if (field && i == POINT) mount->point = unescape(field);
    }
    while (field && strcmp(field, "-") != 0) field = strsep(&line, " ");
    mount->type = strsep(&line, " ");
    (void)strsep(&line, " "); /* the source */
    mount->options = line;
    return line != NULL;
}

/* Whether the limit may be in the hierarchy in which the group is. */
static bool group_has(const Group *group, const GroupLimit *limit) {
    return !*group->controllers || list_has(group->controllers, limit->controller);
}

/* Whether this is a mount of that hierarchy. */
static bool mount_of(const Mount *mount, const Group *group, const GroupLimit *limit) {
    if (!*group->controllers) return strcmp(mount->type, "cgroup2") == 0;
    return strcmp(mount->type, "cgroup") == 0 && list_has(mount->options, limit->controller);
}

/* The smallest limit of `group` and its ancestors in all mounts. */
static double group_and_ancestors(const char *root, const Group *group, const GroupLimit *limit) {
    char *text = file_text(root, "/proc/self", "mountinfo"), *rest = text;
    double least = INFINITY;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        Mount mount;
        if (!mount_read(&mount, line) || !mount_of(&mount, group, limit)) continue;
        const char *below = path_below(group->path, mount.root);
        if (below) least = fmin(least, mounted_limit(root, &mount, below, limit));
    }
    arrfree(text);
    return least;
}

static double groups_limit(const char *root, const GroupLimit *limit) {
    char *text = file_text(root, "/proc/self", "cgroup"), *rest = text;
    double least = INFINITY;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        Group group;
        if (group_read(&group, line) && group_has(&group, limit))
            least = fmin(least, group_and_ancestors(root, &group, limit));
    }
    arrfree(text);
    return least;
}

double groups_memory(const char *root) {
    return groups_limit(root, &MEMORY);
}

double groups_cpus(const char *root) {
    return groups_limit(root, &CPUS);
}
