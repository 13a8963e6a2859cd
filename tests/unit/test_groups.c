/* test_groups.c - limits of control groups, read from trees of files that container runtimes make.
 *
 * One idea: a tree is a row of a table: the texts of mountinfo and cgroup, and the files of groups.
 * The expected limits are computed by hand. */
#define _GNU_SOURCE
#include "base/groups.h"
#include "base/text_out.h"
#include "tests/lib/test.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 8 };

typedef struct {
    const char *name, *mountinfo, *cgroup;
    struct {
        const char *path, *text;
    } files[MAX_FILES];
    double cpus, memory; /* 0 = no limit */
} Tree;

/* Before and behind the lines of a tree: mounts of other types, one with options longer than a page. */
static const char OTHER_MOUNTS[] = "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
                                   "23 27 0:22 / /sys rw,relatime shared:7 - sysfs sysfs rw\n"
                                   "27 1 0:50 / / rw - overlay overlay rw,lowerdir=";

#define V2 "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

static const Tree TREES[] = {
    {"no control groups", "", "", {{0}}, 0, 0},
    {"no limits",
     V2,
     "0::/user.slice\n",
     {{"/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n"}},
     0,
     0},

    /* docker run --cpus 1.5 --memory 512m, version 2: a namespace, whose root is the group. */
    {"Docker, v2",
     "700 690 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n",
     "0::/\n",
     {{"/sys/fs/cgroup/cpu.max", "150000 100000\n"}, {"/sys/fs/cgroup/memory.max", "536870912\n"}},
     1.5,
     536870912},
    /* Version 1 without a namespace: the path is the host's, of which only the end is mounted. */
    {"Docker, v1",
     "701 700 0:27 /docker/3f1 /sys/fs/cgroup/cpu,cpuacct ro master:12 - cgroup cgroup "
     "rw,cpu,cpuacct\n"
     "702 700 0:28 /docker/3f1 /sys/fs/cgroup/memory ro master:13 - cgroup cgroup rw,memory\n",
     "12:cpu,cpuacct:/docker/3f1\n5:memory:/docker/3f1\n1:name=systemd:/docker/3f1\n0::/x\n",
     {{"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"}},
     0.5,
     1073741824},
    {"Docker, v1, no limits",
     "701 700 0:27 /docker/3f1 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n",
     "12:cpu,cpuacct:/docker/3f1\n",
     {{"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}},
     0,
     0},

    /* systemd: CPUQuota=300% for the slice, 800% for the unit inside it. */
    {"a slice",
     V2,
     "0::/user.slice/user-1000.slice/job.scope\n",
     {{"/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n"},
      {"/sys/fs/cgroup/user.slice/user-1000.slice/cpu.max", "300000 100000\n"},
      {"/sys/fs/cgroup/user.slice/user-1000.slice/memory.max", "4000000\n"},
      {"/sys/fs/cgroup/user.slice/user-1000.slice/job.scope/cpu.max", "800000 100000\n"},
      {"/sys/fs/cgroup/user.slice/user-1000.slice/job.scope/memory.max", "max\n"}},
     3,
     4000000},
    {"the smallest quota is the group's own",
     V2,
     "0::/a/b\n",
     {{"/sys/fs/cgroup/a/cpu.max", "800000 100000\n"},
      {"/sys/fs/cgroup/a/b/cpu.max", "25000 50000\n"}},
     0.5,
     0},
    {"the highest group",
     V2,
     "0::/a/b\n",
     {{"/sys/fs/cgroup/cpu.max", "200000 100000\n"},
      {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"}},
     2,
     0},
    {"other groups",
     V2,
     "0::/a\n",
     {{"/sys/fs/cgroup/a/b/cpu.max", "100000 100000\n"},
      {"/sys/fs/cgroup/ab/cpu.max", "100000 100000\n"},
      {"/sys/fs/cgroup/a/cpu.max", "700000 100000\n"}},
     7,
     0},
    {"a group that was removed",
     V2,
     "0::/a/gone (deleted)\n",
     {{"/sys/fs/cgroup/a/cpu.max", "700000 100000\n"}},
     7,
     0},

    /* Kubernetes, version 1: the limit of the pod and of the container; a path with colons. */
    {"Kubernetes, v1",
     "900 890 0:29 /kubepods/burstable/pod7/c1 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup "
     "rw,cpu,cpuacct\n"
     "901 890 0:30 /kubepods/burstable/pod7/c1 /sys/fs/cgroup/cpuset ro - cgroup cgroup "
     "rw,cpuset\n",
     "9:cpuset:/kubepods/burstable/pod7/c1\n4:cpu,cpuacct:/kubepods/burstable/pod7/c1\n",
     {{"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "400000\n"},
      {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"},
      {"/sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "100000\n"},
      {"/sys/fs/cgroup/cpuset/cpu.cfs_period_us", "100000\n"}},
     4,
     0},
    {"Kubernetes, v1, all of the hierarchy",
     "900 890 0:29 / /host/cgroup/cpuacct,cpu ro - cgroup cgroup rw,cpuacct,cpu\n",
     "4:cpuacct,cpu:/kubepods.slice/pod.slice:cri-containerd:c1\n",
     {{"/host/cgroup/cpuacct,cpu/kubepods.slice/cpu.cfs_quota_us", "600000\n"},
      {"/host/cgroup/cpuacct,cpu/kubepods.slice/cpu.cfs_period_us", "100000\n"},
      {"/host/cgroup/cpuacct,cpu/kubepods.slice/pod.slice:cri-containerd:c1/cpu.cfs_quota_us",
       "250000\n"},
      {"/host/cgroup/cpuacct,cpu/kubepods.slice/pod.slice:cri-containerd:c1/cpu.cfs_period_us",
       "100000\n"}},
     2.5,
     0},

    /* Controllers are whole words, in both files. */
    {"cpuset and cpuacct are not cpu",
     "40 23 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,cpuacct,name=cpu\n",
     "3:cpuset,cpuacct,name=cpu:/a\n",
     {{"/sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "100000\n"},
      {"/sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "100000\n"}},
     0,
     0},
    {"the group of another controller",
     "40 23 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
     "3:cpuset:/a\n2:cpu:/b\n",
     {{"/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n"},
      {"/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"},
      {"/sys/fs/cgroup/cpu/b/cpu.cfs_quota_us", "300000\n"},
      {"/sys/fs/cgroup/cpu/b/cpu.cfs_period_us", "100000\n"}},
     3,
     0},
    {"both versions",
     V2 "41 23 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
     "2:cpu:/a\n0::/a\n",
     {{"/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "900000\n"},
      {"/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"},
      {"/sys/fs/cgroup/a/memory.max", "5000000\n"}},
     9,
     5000000},

    /* Bind mounts, and mounts that were made outside of the namespace. */
    {"a part of the hierarchy",
     "50 23 0:26 /a /mnt/part rw - cgroup2 none rw\n",
     "0::/a/b/c\n",
     {{"/mnt/part/cpu.max", "600000 100000\n"},
      {"/mnt/part/b/cpu.max", "500000 100000\n"},
      {"/mnt/part/b/c/cpu.max", "max 100000\n"},
      {"/mnt/part/a/b/c/cpu.max", "100000 100000\n"}},
     5,
     0},
    {"a part of which the group is no part",
     "50 23 0:26 /a /mnt/part rw - cgroup2 none rw\n",
     "0::/ab\n",
     {{"/mnt/part/cpu.max", "100000 100000\n"},
      {"/mnt/part/b/cpu.max", "100000 100000\n"},
      {"/mnt/partb/cpu.max", "100000 100000\n"}},
     0,
     0},
    {"mounted twice",
     "50 23 0:26 /a /mnt/part rw - cgroup2 none rw\n" V2,
     "0::/a/b\n",
     {{"/mnt/part/cpu.max", "600000 100000\n"}, {"/sys/fs/cgroup/cpu.max", "400000 100000\n"}},
     4,
     0},
    {"mounted twice, in the other order",
     V2 "50 23 0:26 /a /mnt/part rw - cgroup2 none rw\n",
     "0::/a/b\n",
     {{"/mnt/part/cpu.max", "600000 100000\n"}, {"/sys/fs/cgroup/cpu.max", "400000 100000\n"}},
     4,
     0},
    {"blanks and backslashes",
     "50 23 0:26 /a\\040b /mnt/my\\040\\134part rw - cgroup2 none rw\n",
     "0::/a b/c\n",
     {{"/mnt/my \\part/c/cpu.max", "300000 100000\n"}},
     3,
     0},
    {"above the namespace",
     "50 23 0:26 /../.. /sys/fs/cgroup rw - cgroup2 none rw\n",
     "0::/\n",
     {{"/sys/fs/cgroup/cpu.max", "300000 100000\n"}},
     3,
     0},
    {"a group above the namespace",
     "50 23 0:26 /../.. /sys/fs/cgroup rw - cgroup2 none rw\n",
     "0::/../../other\n",
     {{"/sys/fs/cgroup/cpu.max", "900000 100000\n"},
      {"/sys/fs/cgroup/other/cpu.max", "300000 100000\n"}},
     3,
     0},
    {"a group next to the namespace",
     "50 23 0:26 /../x /sys/fs/cgroup rw - cgroup2 none rw\n",
     "0::/\n",
     {{"/sys/fs/cgroup/cpu.max", "100000 100000\n"}},
     0,
     0},
    {"a group named by dots",
     "50 23 0:26 /... /sys/fs/cgroup rw - cgroup2 none rw\n",
     "0::/a\n",
     {{"/sys/fs/cgroup/cpu.max", "100000 100000\n"}},
     0,
     0},
    {"outside of what is mounted",
     V2,
     "0::/../x\n",
     {{"/sys/fs/x/cpu.max", "100000 100000\n"}, {"/sys/fs/cgroup/cpu.max", "100000 100000\n"}},
     0,
     0},
    {"names with dots",
     V2,
     "0::/..a/b..\n",
     {{"/sys/fs/cgroup/..a/b../cpu.max", "300000 100000\n"}},
     3,
     0},
    {"an optional field",
     "50 23 0:26 / /c rw shared:1 master:2 propagate_from:3 - cgroup2 - rw\n",
     "0::/\n",
     {{"/c/cpu.max", "100000 100000\n"}},
     1,
     0},
    {"another file system",
     "50 23 0:26 / /c rw - tmpfs cgroup2 rw,cpu\n",
     "0::/\n2:cpu:/\n",
     {{"/c/cpu.max", "100000 100000\n"},
      {"/c/cpu.cfs_quota_us", "1000\n"},
      {"/c/cpu.cfs_period_us", "1000\n"}},
     0,
     0},
};

/* --- the tree on disk --- */

static char root[32];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status, (void)type, (void)at;
    return remove(path);
}

static void put(const char *path, const char *text) {
    char *file = text_format("%s%s", root, path);
    for (char *slash = strchr(file + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(file, 0700);
        *slash = '/';
    }
    FILE *out = fopen(file, "w");
    if (!out || fputs(text, out) < 0 || fclose(out) != 0) abort();
    mem_free(file);
}

static void tree_begin(const char *mountinfo, const char *cgroup) {
    enum { OPTIONS = 10000 };
    strcpy(root, "/tmp/test_groups_XXXXXX");
    if (!mkdtemp(root)) abort();
    /* Split at 4,096 bytes, the end of the options would be a line that mounts a group. */
    char options[OPTIONS + 1];
    for (size_t i = 0; i < OPTIONS; i++) options[i] = "0 0 0 / /fake 0 - cgroup2 x "[i % 28];
    options[OPTIONS] = '\0';
    char *mounts = text_format("%s%s\n%s23 27 0:22 / /dev rw - devtmpfs devtmpfs rw", OTHER_MOUNTS,
                               options, mountinfo);
    put("/proc/self/mountinfo", mounts);
    put("/proc/self/cgroup", cgroup);
    put("/fake/cpu.max", "1000 100000\n");
    mem_free(mounts);
}

static void tree_end(void) {
    if (nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0) abort();
}

static double or_none(double limit) {
    return limit > 0 ? limit : INFINITY;
}

static void check_limits(const char *name, double cpus, double memory) {
    double got = groups_cpus(root);
    CHECK(got == or_none(cpus), "%s: quota %g, want %g", name, got, cpus);
    got = groups_memory(root);
    CHECK(got == or_none(memory), "%s: memory %g, want %g", name, got, memory);
}

/* --- tests --- */

static void trees(void) {
    for (size_t i = 0; i < sizeof TREES / sizeof *TREES; i++) {
        const Tree *tree = &TREES[i];
        tree_begin(tree->mountinfo, tree->cgroup);
        for (size_t f = 0; f < MAX_FILES && tree->files[f].path; f++)
            put(tree->files[f].path, tree->files[f].text);
        check_limits(tree->name, tree->cpus, tree->memory);
        tree_end();
    }
}

/* A file that says something else than the kernel does limits nothing. */
static void texts_of_limits(void) {
    static const struct {
        const char *text;
        double cpus, memory; /* of cpu.max and memory.max */
    } TEXTS[] = {
        {"150000 100000\n", 1.5, 0},
        {"150000 100000", 1.5, 0},
        {"1000 1000000\n", 0.001, 0},
        {"max 100000\n", 0, 0},
        {"max\n", 0, 0},
        {"", 0, 0},
        {"\n", 0, 0},
        {"-1\n", 0, 0},
        {"-1 100000\n", 0, 0},
        {"0 100000\n", 0, 0},
        {"100000 0\n", 0, 0},
        {"100000 -5\n", 0, 0},
        {"100000 max\n", 0, 0},
        {"100000\n", 0, 100000},
        {"100000", 0, 100000},
        {"1e5 1e5\n", 0, 0},
        {"0x10 0x10\n", 0, 0},
        {"inf 100000\n", 0, 0},
        {"nan nan\n", 0, 0},
        {"1 2 3\n", 0, 0},
        {"10k 10k\n", 0, 0},
        {"1.5\n", 0, 0},
        {" 5 5\n", 0, 0},
        {"max max\n", 0, 0},
        {"9223372036854771712\n", 0, 9223372036854771712.0},
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        tree_begin(V2, "0::/a\n");
        put("/sys/fs/cgroup/a/cpu.max", TEXTS[i].text);
        put("/sys/fs/cgroup/a/memory.max", TEXTS[i].text);
        check_limits(TEXTS[i].text, TEXTS[i].cpus, TEXTS[i].memory);
        tree_end();
    }
}

/* Version 1: two files, of which one may be missing or malformed. */
static void quota_and_period(void) {
    static const struct {
        const char *quota, *period;
        double cpus;
    } PAIRS[] = {
        {"150000\n", "100000\n", 1.5}, {"150000\n", NULL, 0},       {NULL, "100000\n", 0},
        {"-1\n", "100000\n", 0},       {"150000\n", "0\n", 0},      {"150000\n", "", 0},
        {"150000\n", "many\n", 0},     {"0\n", "100000\n", 0},      {"many\n", "100000\n", 0},
        {"150000 x\n", "100000\n", 0}, {"150000\n", "100000 x", 0}, {"\n", "100000\n", 0},
    };
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
        tree_begin("40 23 0:31 / /c rw - cgroup cgroup rw,cpu\n", "2:cpu:/a\n");
        put("/c/a/tasks", "");
        if (PAIRS[i].quota) put("/c/a/cpu.cfs_quota_us", PAIRS[i].quota);
        if (PAIRS[i].period) put("/c/a/cpu.cfs_period_us", PAIRS[i].period);
        check_limits(PAIRS[i].quota ? PAIRS[i].quota : "no quota", PAIRS[i].cpus, 0);
        tree_end();
    }
}

/* Malformed lines are ignored, and the lines around them are read. */
static void malformed_lines(void) {
    static const char *const MOUNTS[] = {
        "",
        "\n",
        " \n",
        "- cgroup2 x rw\n",
        "50 23 0:26 /\n",
        "50 23 0:26 / /c\n",
        "50 23 0:26 / /c rw\n",
        "50 23 0:26 / /c rw -\n",
        "50 23 0:26 / /c rw - cgroup2\n",
        "50 23 0:26 / /c rw - cgroup2 x\n",
        "50 23 0:26 / /c rw cgroup2 x rw\n",
        "50 23 0:26 a /c rw - cgroup2 x rw\n",
        "50 23 0:26 / c rw - cgroup2 x rw\n",
        "50 23 0:26  / /c rw - cgroup2 x rw\n",
        "50 23 0:26 /\\ /c\\1 rw - cgroup2 x rw\n",
    };
    static const char *const GROUPS[] = {"",       "\n",      "0\n",   "0:\n", "0::\n",
                                         "0::a\n", "0:cpu\n", ":::\n", "::\n", "0 /a\n"};
    for (size_t i = 0; i < sizeof MOUNTS / sizeof *MOUNTS; i++) {
        const char *group = GROUPS[i % (sizeof GROUPS / sizeof *GROUPS)];
        char *mounts = text_format("%s%s", MOUNTS[i], V2),
             *groups = text_format("%s0::/a\n", group);
        tree_begin(mounts, groups);
        put("/c/cpu.max", "100000 100000\n");
        put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
        check_limits(MOUNTS[i], 3, 0);
        put("/proc/self/cgroup", group);
        check_limits(group, 0, 0);
        tree_end();
        mem_free(mounts);
        mem_free(groups);
    }
}

/* Without /proc, and with one of its files alone. */
static void missing_files(void) {
    strcpy(root, "/nowhere");
    check_limits("nowhere", 0, 0);
    for (int missing = 0; missing < 2; missing++) {
        tree_begin(V2, "0::/\n");
        put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
        check_limits("both", 1, 0);
        char *path = text_format("%s/proc/self/%s", root, missing ? "mountinfo" : "cgroup");
        if (unlink(path) != 0) abort();
        mem_free(path);
        check_limits("one missing", 0, 0);
        tree_end();
    }
}

static const Test tests[] = {
    {"groups: trees of container runtimes", trees},
    {"groups: texts of limits", texts_of_limits},
    {"groups: quota and period in two files", quota_and_period},
    {"groups: malformed lines", malformed_lines},
    {"groups: missing files", missing_files},
};
TEST_MAIN(tests)
