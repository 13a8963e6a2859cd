/* list.c - see list.h. */
#include "run/commands/list.h"

#include "base/base.h"
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/words.h"
#include "model/topologies.h"
#include "norm/norm.h"
#include "run/config/config_files.h"
#include "run/config/config_keys.h"
#include "run/io/json_out.h"

#include <stdio.h>
#include <string.h>

/* An item as --list prints it. */
typedef struct {
    char *name, *about; /* for mem_free; the name as a command takes it */
    char *file;         /* for mem_free; NULL if the item is no file */
    const Key *key;     /* NULL if the item is no key */
    const char *family; /* NULL if the item is no topology */
} Item;

/* --- the items of each list, an stb_ds array --- */

static Item item_of(const char *name, const char *about) {
    return (Item){.name = text_format("%s", name), .about = text_format("%s", about)};
}

static Item *topologies(void) {
    Item *items = NULL;
    for (int i = 0; topology_at(i); i++) {
        Item item = item_of(topology_name(i), topology_about(i));
        item.family = topology_family((int)topology_at(i)->family);
        arrput(items, item);
    }
    return items;
}

static Item *norms(void) {
    Item *items = NULL;
    for (int i = 0; norm_name(i); i++) arrput(items, item_of(norm_name(i), norm_kind(i)->equation));
    return items;
}

static Item *keys(void) {
    Item *items = NULL;
    for (size_t i = 0; key_at(i); i++) {
        Item item = item_of(key_at(i)->path, key_at(i)->help);
        item.key = key_at(i);
        arrput(items, item);
    }
    return items;
}

/* `bare`: the program finds them by their name alone. */
static Item *files_of(const char *kind, bool bare) {
    Item *items = NULL;
    char **files = config_files(kind);
    for (size_t i = 0; i < arrlenu(files); i++) {
        char *name = bare ? config_base(files[i]) : text_format("%s", files[i]);
        Item item = {name, config_about(files[i]), .file = files[i]};
        arrput(items, item);
    }
    arrfree(files); /* the items own the names */
    return items;
}

static Item *configs(void) {
    return files_of("configs", true);
}

static Item *sweeps(void) {
    return files_of("sweeps", false);
}

static const struct {
    const char *name;
    Item *(*items)(void);
} LISTS[] = {
    {"topologies", topologies}, {"norms", norms},   {"keys", keys},
    {"configs", configs},       {"sweeps", sweeps},
};
enum { LIST_COUNT = sizeof LISTS / sizeof *LISTS };

const char *list_name(int i) {
    return i >= 0 && i < LIST_COUNT ? LISTS[i].name : NULL;
}

/* --- printing --- */

static void print_text(const Item *items) {
    int width = 0;
    if (arrlenu(items) && items->key) { /* three lines of a key do not fit one */
        config_list_keys(stdout);
        return;
    }
    for (size_t i = 0; i < arrlenu(items); i++) {
        const int length = (int)strlen(items[i].name);
        width = length > width ? length : width;
    }
    for (size_t i = 0; i < arrlenu(items); i++) {
        printf("%-*s %s", width + 1, items[i].name, items[i].about);
        if (items[i].family) printf(" [%s]", items[i].family);
        putchar('\n');
    }
}

static void print_json_item(Json *json, const Item *item) {
    json_item(json);
    json_open(json, NULL);
    json->layout = JSON_INLINE;
    json_string(json, "name", item->name);
    if (item->file) json_string(json, "file", item->file);
    if (item->key) {
        char takes[640];
        key_takes(item->key, takes, sizeof takes);
        json_key(json, "default");
        fputs(item->key->default_json, json->out);
        json_string(json, "takes", takes);
    }
    if (item->family) json_string(json, "family", item->family);
    json_string(json, "about", item->about);
    json_close(json);
    json->layout = JSON_LINES;
}

static void print_json(const Item *items) {
    Json json = {.out = stdout};
    json_list_open(&json, NULL);
    for (size_t i = 0; i < arrlenu(items); i++) print_json_item(&json, &items[i]);
    json_list_close(&json);
    putchar('\n');
}

static _Noreturn void unknown_list(const char *what) {
    char *all = NULL;
    const char *near = name_near(list_name, what);
    for (int i = 0; i < LIST_COUNT; i++)
        text_add(&all, "%s%s", i == 0 ? "" : i + 1 < LIST_COUNT ? ", " : " or ", list_name(i));
    die(EXIT_USAGE, "--list takes %s, not \"%s\"%s%s%s", all, what, near ? "; did you mean " : "",
        near ? near : "", near ? "?" : "");
}

void list_print(const char *what, bool as_json) {
    const int list = name_meant(list_name, NULL, what);
    if (list < 0) unknown_list(what);
    Item *items = LISTS[list].items();
    if (as_json)
        print_json(items);
    else
        print_text(items);
    for (size_t i = 0; i < arrlenu(items); i++) {
        mem_free(items[i].name);
        mem_free(items[i].about);
        mem_free(items[i].file);
    }
    arrfree(items);
}
