/* disk.c - see disk.h. */
#include "tests/fault/disk.h"

#include "tests/fault/tracee.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STB_DS_IMPLEMENTATION
#include <stb_ds.h>

enum { SECTOR = 512 };

typedef struct {
    bool truncate; /* to `offset`; otherwise `length` bytes at `offset` */
    size_t offset, length;
    char *bytes;
} Change;

typedef struct {
    char *name;
    Node *node;
} Link;

/* An atomic change of a folder's names: `name` refers to `node` from now on, and `gone` is removed
 * or, in a swap, refers to `other`. Any part may be NULL. */
typedef struct {
    char *gone, *name;
    Node *node, *other;
} Move;

struct Node {
    bool folder;
    char *bytes;     /* durable contents (stb_ds array) */
    Change *changes; /* unsynced changes of the contents */
    Link *durable, *now;
    Move *moves; /* unsynced changes of names, from `durable` to `now` */
};

/* --- names --- */

static char *copy_text(const char *text, size_t length) {
    char *copy = strndup(text, length);
    if (!copy) give_up("out of memory");
    return copy;
}

static Node *node_new(bool folder) {
    Node *node = calloc(1, sizeof *node);
    if (!node) give_up("out of memory");
    node->folder = folder;
    return node;
}

static Node *links_find(const Link *links, const char *name) {
    for (ptrdiff_t i = 0; i < arrlen(links); i++) {
        if (strcmp(links[i].name, name) == 0) return links[i].node;
    }
    return NULL;
}

static void links_move(Link **links, Move move) {
    for (ptrdiff_t i = arrlen(*links) - 1; i >= 0; i--) {
        const char *name = (*links)[i].name;
        bool replaced = move.name && strcmp(name, move.name) == 0;
        if (replaced || (move.gone && strcmp(name, move.gone) == 0)) arrdel(*links, i);
    }
    Link link = {move.name, move.node}, second = {move.gone, move.other};
    if (move.name) arrput(*links, link);
    if (move.other) arrput(*links, second);
}

/* The parent folder of a path, and the last name of the path; NULL if there is no such folder. */
static Node *parent_of(Node *root, const char *path, char **name) {
    Node *folder = root;
    for (;;) {
        while (*path == '/') path++;
        const char *slash = strchr(path, '/');
        *name = copy_text(path, slash ? (size_t)(slash - path) : strlen(path));
        if (!slash) return folder;
        folder = links_find(folder->now, *name);
        if (!folder || !folder->folder) return NULL;
        path = slash;
    }
}

static Node *find(Node *root, const char *path) {
    char *name;
    Node *folder = parent_of(root, path, &name);
    if (!folder) return NULL;
    return *name ? links_find(folder->now, name) : folder;
}

static void move_names(Node *folder, Move move) {
    arrput(folder->moves, move);
    links_move(&folder->now, move);
}

void disk_create(Node *root, const char *path, bool folder) {
    char *name;
    Node *parent = parent_of(root, path, &name);
    if (parent) move_names(parent, (Move){.name = name, .node = node_new(folder)});
}

void disk_remove(Node *root, const char *path) {
    char *name;
    Node *parent = parent_of(root, path, &name);
    if (parent) move_names(parent, (Move){.gone = name});
}

void disk_rename(Node *root, const char *path, const char *target, bool swaps) {
    char *from, *to;
    Node *parent = parent_of(root, path, &from), *target_parent = parent_of(root, target, &to);
    if (parent != target_parent)
        give_up("%s is renamed into another folder, which is not supported", path);
    if (!parent) return;
    Node *node = links_find(parent->now, from), *other = links_find(parent->now, to);
    Move move = {.gone = from, .name = to, .node = node, .other = swaps ? other : NULL};
    if (node) move_names(parent, move);
}

/* --- bytes --- */

static void bytes_resize(char **bytes, size_t size) {
    size_t old = arrlenu(*bytes);
    arrsetlen(*bytes, size);
    if (size > old) memset(*bytes + old, 0, size - old);
}

static void bytes_put(char **bytes, size_t offset, const char *from, size_t length) {
    if (offset + length > arrlenu(*bytes)) bytes_resize(bytes, offset + length);
    if (length) memcpy(*bytes + offset, from, length);
}

static void bytes_change(char **bytes, const Change *change) {
    if (change->truncate)
        bytes_resize(bytes, change->offset);
    else
        bytes_put(bytes, change->offset, change->bytes, change->length);
}

static void change_file(Node *root, const char *path, Change change) {
    Node *file = find(root, path);
    if (file && !file->folder) arrput(file->changes, change);
}

void disk_write(Node *root, const char *path, size_t offset, const char *bytes, size_t length) {
    char *copy = malloc(length + 1);
    if (!copy) give_up("out of memory");
    memcpy(copy, bytes, length);
    change_file(root, path, (Change){.offset = offset, .length = length, .bytes = copy});
}

void disk_truncate(Node *root, const char *path, size_t length) {
    change_file(root, path, (Change){.truncate = true, .offset = length});
}

void disk_sync(Node *root, const char *path) {
    Node *node = find(root, path);
    if (!node) return;
    for (ptrdiff_t i = 0; i < arrlen(node->changes); i++)
        bytes_change(&node->bytes, &node->changes[i]);
    arrsetlen(node->changes, 0);
    arrsetlen(node->durable, 0);
    for (ptrdiff_t i = 0; i < arrlen(node->now); i++) arrput(node->durable, node->now[i]);
    arrsetlen(node->moves, 0);
}

/* --- power loss --- */

static double draw(Outage *outage) { /* splitmix64 */
    uint64_t z = outage->random += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

/* The probability that a change of one file or folder survives: 0, 1 or random. */
static double survival_chance(Outage *outage) {
    double roll = draw(outage);
    return roll < 0.3 ? 0 : roll < 0.6 ? 1 : draw(outage);
}

static bool survives(Outage *outage, double chance) {
    bool kept = draw(outage) < chance;
    outage->lost += !kept;
    return kept;
}

/* Applies a write partly: its first bytes, or some of its sectors. The rest keeps its old contents
 * or is zero. */
static void bytes_tear(char **bytes, const Change *change, Outage *outage) {
    outage->torn++;
    if (draw(outage) < 0.5) {
        size_t front = (size_t)(draw(outage) * (double)change->length);
        if (draw(outage) < 0.5 && arrlenu(*bytes) < change->offset + change->length)
            bytes_resize(bytes, change->offset + change->length);
        bytes_put(bytes, change->offset, change->bytes, front);
        return;
    }
    size_t end = change->offset + change->length;
    for (size_t from = change->offset; from < end;) {
        size_t to = (from / SECTOR + 1) * SECTOR;
        if (to > end) to = end;
        if (draw(outage) < 0.5)
            bytes_put(bytes, from, change->bytes + (from - change->offset), to - from);
        from = to;
    }
}

static void crash_file(const Node *file, Outage *outage, const char *to) {
    char *bytes = NULL;
    double chance = survival_chance(outage), tear = draw(outage) < 0.5 ? 0.5 : 0;
    bytes_put(&bytes, 0, file->bytes, arrlenu(file->bytes));
    for (ptrdiff_t i = 0; i < arrlen(file->changes); i++) {
        const Change *change = &file->changes[i];
        if (!survives(outage, chance)) continue;
        if (!change->truncate && draw(outage) < tear)
            bytes_tear(&bytes, change, outage);
        else
            bytes_change(&bytes, change);
    }
    FILE *out = fopen(to, "w");
    size_t size = arrlenu(bytes);
    if (!out || (size && fwrite(bytes, 1, size, out) != size) || fclose(out))
        give_up("cannot write %s: %s", to, strerror(errno));
    arrfree(bytes);
}

void disk_crash(const Node *root, Outage *outage, const char *to) {
    Link *links = NULL;
    double chance = survival_chance(outage);
    bool in_order = draw(outage) < 0.5, stopped = false;
    for (ptrdiff_t i = 0; i < arrlen(root->durable); i++) arrput(links, root->durable[i]);
    for (ptrdiff_t i = 0; i < arrlen(root->moves); i++) {
        bool kept = survives(outage, chance) && !stopped;
        if (kept) links_move(&links, root->moves[i]);
        if (!kept && in_order) stopped = true;
    }
    if (mkdir(to, 0777)) give_up("cannot make %s: %s", to, strerror(errno));
    for (ptrdiff_t i = 0; i < arrlen(links); i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s", to, links[i].name);
        (links[i].node->folder ? disk_crash : crash_file)(links[i].node, outage, path);
    }
    arrfree(links);
}

/* --- loading --- */

static Node *load_file(const char *path) {
    Node *file = node_new(false);
    FILE *in = fopen(path, "r");
    if (!in) give_up("cannot read %s: %s", path, strerror(errno));
    for (int c; (c = fgetc(in)) != EOF;) arrput(file->bytes, (char)c);
    fclose(in);
    return file;
}

Node *disk_load(const char *folder) {
    Node *root = node_new(true);
    DIR *in = opendir(folder);
    if (!in) give_up("cannot read %s: %s", folder, strerror(errno));
    for (struct dirent *entry; (entry = readdir(in));) {
        char path[PATH_BYTES];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        Link link = {copy_text(entry->d_name, strlen(entry->d_name)),
                     entry->d_type == DT_DIR ? disk_load(path) : load_file(path)};
        arrput(root->durable, link);
        arrput(root->now, link);
    }
    closedir(in);
    return root;
}
