/* test_config_files.c - a config that extends another, and where a config is looked for. */
#include "tests/lib/config_files.h"

#include <sys/stat.h>

static void test_extends(void) {
    Config c;
    mkdir(in_folder("sub"), 0777);
    put("base.json", "{\"model\": {\"n_layer\": 2, \"n_head\": 4, \"wire\": {\"mlp.skip\": 2}},"
                     " \"optim\": {\"lr\": 1, \"clip\": 5}}");
    put("sub/middle.json", "{\"model\": {\"n_layer\": 3}, \"extends\": \"../base.json\"}");
    const char *top = put("top.json", "{\"extends\": \"sub/middle.json\", \"optim\": {\"lr\": 2},"
                                      " \"model\": {\"wire\": {\"attn.skip\": 3}}}");
    CHECK(load(&c, top, SETS("optim.beta1=0.5")), "%s", printed);
    CHECK(c.model.n_layer == 3 && c.model.n_head == 4, "base and middle");
    CHECK(c.optim.lr == 2 && c.optim.clip == 5 && c.optim.beta1 == 0.5, "merged objects");
    check_value(&c, "model.wire", "{\"attn.skip\": 3}");
    CHECK(strcmp(c.name, "top") == 0, "%s", c.name);
    config_free(&c);

    put("a.json", "{\"extends\": \"b.json\"}");
    put("b.json", "{\"extends\": \"./a.json\"}");
    CHECK(!load(&c, in_folder("a.json"), NO_SETS), "a cycle was accepted");
    CHECK(strstr(printed, "b.json:1:13: error: circular extends: "), "%s", printed);

    check_error("{\"extends\": \"nope.json\"}", NULL, "x.json:1:13: error: extends ");
    CHECK(strstr(printed, "/nope.json: No such file"), "%s", printed);
    check_error("{\"extends\": 3}", NULL, "extends must be the path of a config file");
    check_error(NULL, "extends=base.json", "unknown key \"extends\"");
    CHECK(!parse(&c, "{\"extends\": \"a.json\"}") && strstr(printed, "extends"), "%s", printed);

    for (int i = 1; i <= 16; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "deep%d.json", i);
        snprintf(text, sizeof text, "{\"extends\": \"deep%d.json\"}", i - 1);
        put(name, text);
    }
    put("deep0.json", "{\"model\": {\"n_layer\": 9}}");
    CHECK(load(&c, in_folder("deep15.json"), NO_SETS) && c.model.n_layer == 9, "%s", printed);
    config_free(&c);
    CHECK(!load(&c, in_folder("deep16.json"), NO_SETS), "17 files");
    CHECK(strstr(printed, "more than 16 files"), "%s", printed);
}

/* A name without a folder is searched in the current folder, then in configs/. */
static void test_find(void) {
    Config c;
    char here[4096];
    if (!getcwd(here, sizeof here) || chdir(in_folder(".")) != 0) abort();
    mkdir("configs", 0777);
    put("configs/found.json", "{\"model\": {\"n_layer\": 4}}");
    CHECK(load(&c, "found", NO_SETS) && strcmp(c.name, "found") == 0, "%s", printed);
    config_free(&c);
    CHECK(load(&c, "found.json", NO_SETS) && c.model.n_layer == 4, "%s", printed);
    config_free(&c);
    CHECK(load(&c, "configs/found", NO_SETS) && c.model.n_layer == 4, "%s", printed);
    config_free(&c);
    static const char *const TYPOS[] = {"fuond",        "Fuond.json", "configs/fonud.json",
                                        "config/found", "foun",       "/nowhere/founds.json"};
    for (size_t i = 0; i < sizeof TYPOS / sizeof *TYPOS; i++) {
        CHECK(!load(&c, TYPOS[i], NO_SETS), "%s is found", TYPOS[i]);
        CHECK(strstr(printed, "; did you mean configs/found.json?\n"), "%s", printed);
    }
    CHECK(!load(&c, "lost", NO_SETS), "found a lost config");
    CHECK(strstr(printed, "tried lost, configs/lost, lost.json, configs/lost.json; ./train --list"),
          "%s", printed);
    CHECK(!load(&c, "/lost", NO_SETS) && strstr(printed, "tried /lost, /lost.json; "), "%s",
          printed);
    if (chdir(here) != 0) abort();
}

static const Test tests[] = {
    {"config files: extends", test_extends},
    {"config files: search in configs/", test_find},
};
TEST_MAIN(tests)
