/* test_config_errors.c - invalid configs and their error messages.
 *
 * A table lists every class of error with a part of the expected message. Values are tested in a
 * file and as --set. */
#include "run/config/config_keys.h"
#include "tests/lib/config_files.h"

/* --- errors --- */

/* Every kind of invalid value, by file and by --set. */
static const struct {
    const char *path, *json, *message;
} bad_values[] = {
    {"model.n_layer", "\"six\"", "model.n_layer must be an integer, not the string \"six\""},
    {"model.n_layer", "1.5", "model.n_layer must be an integer, not the number 1.5"},
    {"model.n_layer", "true", "model.n_layer must be an integer, not true"},
    {"model.n_layer", "null", "model.n_layer must be an integer, not null"},
    {"model.n_layer", "1e999", "error: number too large for a double"},
    {"model.n_layer", "0", "model.n_layer is 0; it must be 1 to 1024"},
    {"model.n_layer", "-1", "model.n_layer is -1; it must be 1 to 1024"},
    {"model.n_layer", "9007199254740993", "model.n_layer is 9007199254740992; it must be"},
    {"model.n_layer", "18446744073709551617", "model.n_layer is 1.8446744073709552e+19"},
    {"model.context", "1048577", "model.context is 1048577; it must be 1 to 1048576"},
    {"model.dropout", "1", "model.dropout is 1; it must be at least 0 and below 1"},
    {"model.init_std", "0", "model.init_std is 0; it must be above 0"},
    {"model.norm_eps", "-1e-9", "model.norm_eps is -1e-09; it must be at least 0 and below 1"},
    {"model.bias", "\"yes\"", "model.bias must be true or false, not the string \"yes\""},
    {"model.bias", "1", "model.bias must be true or false, not the number 1"},
    {"model.norm", "\"rmsnrom\"",
     "model.norm: unknown value \"rmsnrom\"; did you mean \"rmsnorm\"? "
     "(allowed: layernorm, rmsnorm, "},
    {"model.norm", "3", "model.norm must be a string, not the number 3 (allowed: layernorm, "},
    {"model.norm", "\"GroupNorm\"", "model.norm: unknown value \"GroupNorm\" (allowed: "},
    {"model.qk_norm", "true", "model.qk_norm must be a string, not true (allowed: auto, on, off)"},
    {"model.wire", "[]", "model.wire must be an object, not a list"},
    {"model.wire", "{\"mlp.out\": true}",
     "model.wire.mlp.out must be a string or a number or {\"learn\": ...}, not tr"},
    {"model.wire", "{\"a\": 1, \"a\": 2}", "duplicate key \"a\""},
    {"gamma_warmup", "3", "gamma_warmup must be true, false or an object, not the number 3"},
    {"gamma_warmup.from", "-0.1", "gamma_warmup.from is -0.1; it must be at least 0"},
    {"branch_warmup.from", "1.5", "branch_warmup.from is 1.5; it must be 0 to 1"},
    {"gamma_warmup.slots", "\"out\"",
     "gamma_warmup.slots must be a list of strings, not the strin"},
    {"gamma_warmup.slots", "[\"outt\"]",
     "unknown value \"outt\"; did you mean \"out\"? (allowed: i"},
    {"gamma_warmup.slots", "[\"in\", \"in\"]", "gamma_warmup.slots lists \"in\" twice"},
    {"gamma_warmup.slots", "[1]", "gamma_warmup.slots must be a string, not the number 1"},
    {"norm_removal.average", "1", "norm_removal.average is 1; it must be at least 0 and below 1"},
    {"norm_removal.order", "\"mlp atn\"",
     "norm_removal.order: \"atn\" is not a place of norms (mlp, attn, qkv, emb, final); did you "
     "mean \"attn\"?"},
    {"norm_removal.order", "\"mlp  final mlp\"", "norm_removal.order: \"mlp\" is listed twice"},
    {"optim", "[]", "optim must be an object, not a list"},
    {"optim.lr", "-1", "optim.lr is -1; it must be at least 0"},
    {"optim.lr", "1e999", "error: number too large for a double"},
    {"optim.lr", "\"1e-3\"", "optim.lr must be a number, not the string \"1e-3\""},
    {"optim.lr", "{}", "optim.lr must be a number, not an object"},
    {"optim.min_lr_ratio", "1.1", "optim.min_lr_ratio is 1.1; it must be 0 to 1"},
    {"optim.beta1", "1", "optim.beta1 is 1; it must be at least 0 and below 1"},
    {"optim.beta2", "-0.1", "optim.beta2 is -0.1; it must be at least 0 and below 1"},
    {"optim.eps", "0", "optim.eps is 0; it must be above 0"},
    {"optim.clip", "-1", "optim.clip is -1; it must be at least 0"},
    {"optim.weight_decay", "-1", "optim.weight_decay is -1; it must be at least 0"},
    {"model.scaling", "\"mup\"",
     "model.scaling: unknown value \"mup\" (allowed: none, depth_mup, completep)"},
    {"model.base_d_model", "65537", "model.base_d_model is 65537; it must be 0 to 65536"},
    {"model.base_n_layer", "-1", "model.base_n_layer is -1; it must be 0 to 1024"},
    {"optim.kind", "\"sgd\"", "optim.kind: unknown value \"sgd\" (allowed: adamw, muon)"},
    {"optim.muon_momentum", "1", "optim.muon_momentum is 1; it must be at least 0 and below 1"},
    {"optim.muon_scale", "1",
     "optim.muon_scale must be a string, not the number 1 (allowed: jordan, moonshot)"},
    {"data.train", "\"\"", "data.train is empty"},
    {"data.val_fraction", "1.0", "data.val_fraction is 1; it must be at least 0 and below 1"},
    {"train.batch", "0", "train.batch is 0; it must be 1 to 65536"},
    {"train.accum", "0", "train.accum is 0; it must be 1 to 65536"},
    {"train.seed", "4294967296", "train.seed is 4294967296; it must be 0 to 4294967295"},
    {"train.seed", "-1", "train.seed is -1; it must be 0 to 4294967295"},
    {"spike.threshold", "0", "spike.threshold is 0; it must be above 0"},
    {"spike.window", "1", "spike.window is 1; it must be 2 to 100000"},
    {"spike.window", "15", "spike.min_history = 16 is greater than spike.window = 15"},
    {"name", "\"\"", "name is empty"},
    {"name", "\"..\"", "name: \"..\" is not a valid folder name"},
    {"name", "\"a/b\"", "name: \"a/b\" is not a valid folder name"},
    {"name", "\"a\\nb\"", "name: \"a?b\" is not a valid folder name"},
    {"name", "\"a\\u0000b\"", "\\u0000 is not allowed in a string"},
    {"model.n_head", "5", "model.n_head"},
};

static void test_bad_values(void) {
    for (size_t i = 0; i < sizeof(bad_values) / sizeof(bad_values[0]); i++) {
        char nested[256], set[256];
        nest(nested, sizeof nested, bad_values[i].path, bad_values[i].json);
        snprintf(set, sizeof set, "%s=%s", bad_values[i].path, bad_values[i].json);
        check_error(nested, NULL, bad_values[i].message);
        CHECK(strstr(printed, "x.json"), "%s", printed);
        check_error(NULL, set, bad_values[i].message);
        CHECK(occurrences(printed, "\n1 error; ") == 1, "%s", printed);
    }
    check_error(NULL, "optim.lr=fast",
                "--set optim.lr=fast: error: optim.lr must be a number, not");
    check_error(NULL, "model.bias=", "model.bias must be true or false, not the string \"\"");
    check_error(NULL, "model.n_layer", "--set model.n_layer: error: expected --set key=value");
    check_error(NULL, "model.wire.mlp.out=null", "model.wire.mlp.out must be a string or a number");
    check_error(NULL, "model.wire.\xff=1", "control character or invalid UTF-8 in the key");
    check_error(NULL, "model.wire.a\nb=1", "control character or invalid UTF-8 in the key");
    check_error(NULL, "name=\x1b[1m", "--set name=?[1m: error: control character");
}

static void test_bad_text(void) {
    check_error("", NULL, "x.json:1:1: error: not JSON: unexpected end of the text");
    check_error("[]", NULL, "x.json:1:1: error: a config must be a JSON object");
    check_error("{\n \"optim\": {\"lr\": 1}\n} x", NULL,
                "x.json:3:3: error: not JSON: unexpected x");
    check_error("{\n \"optim\": {\"lr\": 1,}}", NULL, "x.json:2:20: error: not JSON: unexpected }");
    check_error("[1, x]", NULL, "x.json:1:5: error: not JSON: unexpected x");
    check_error("{ x: 1}", NULL, "x.json:1:3: error: not JSON: unexpected x");
    check_error("{\"optim\": ,}", NULL, "x.json:1:11: error: not JSON: unexpected ,");
    check_error("{\"optim\": {}\"a\": 1}", NULL, "x.json:1:13: error: not JSON: unexpected \"");
    check_error("{\"optim\": {}", NULL, "x.json:1:13: error: not JSON: unexpected end of the text");
    check_error("{\"optim\": 1} /* no */", NULL, "x.json:1:14: error: not JSON: unexpected /*");
    check_error("{\n\n \"name\": \"a\n\"}", NULL, "x.json:3:12: error: unterminated string");
    check_error("{\"name\": \"a\tb\"}", NULL, "x.json:1:12: error: control character");
    check_error("{\v}", NULL, "x.json:1:2: error: control character");
    static const char *const invalid[] = {
        "\xff", "\xc3(", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"};
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"name\": \"%s\"}", invalid[i]);
        check_error(text, NULL, "x.json:1:11: error: invalid UTF-8");
    }
    Config c;
    CHECK(!load(&c, put("\xff.json", "{}"), NO_SETS), "a name that is not UTF-8 was accepted");
    CHECK(strstr(printed, "is not a valid folder name"), "%s", printed);
    CHECK(!load(&c, put_bytes("nul.json", "{\0}", 3), NO_SETS), "a NUL was accepted");
    CHECK(strstr(printed, "nul.json:1:2: error: NUL byte"), "%s", printed);
    CHECK(load(&c, put("mark.json", "\xef\xbb\xbf{}"), NO_SETS), "%s", printed);
    CHECK(strstr(printed, "mark.json: note: ignoring the byte order mark"), "%s", printed);
    config_free(&c);
    static char big[(1 << 20) + 1];
    memset(big, ' ', sizeof big);
    memcpy(big, "{}", 2);
    CHECK(!load(&c, put_bytes("big.json", big, sizeof big), NO_SETS), "1 MiB + 1 was accepted");
    CHECK(strstr(printed, "is longer than 1 MiB"), "%s", printed);
    CHECK(load(&c, put_bytes("big.json", big, sizeof big - 1), NO_SETS), "%s", printed);
    config_free(&c);
}

static void test_bad_keys(void) {
    check_error("{\"modle\": {\"n_layer\": 3}}", NULL,
                "unknown key \"modle\"; did you mean \"model\"?");
    check_error("{\"model\": {\"n_layers\": 3}}", NULL,
                "/x.json:1:12: error: unknown key \"model.n_layers\"; did you mean "
                "\"model.n_layer\"?\n    1 | {\"model\": {\"n_layers\": 3}}\n"
                "      |            ^~~~~~~~~~\n1 error; nothing was written.");
    check_error("{\"_comment\": 3}", NULL, "unknown key \"_comment\"\n");
    check_error("{\"model\": {\"$schema\": 3}}", NULL, "unknown key \"model.$schema\"\n");
    check_error("{\"model.n_layer\": 3}", NULL, "key \"model.n_layer\" contains a dot");
    check_error("{\"Name\": \"a\"}", NULL, "unknown key \"Name\"; did you mean \"name\"?");
    check_error("{\"\": 1}", NULL, "unknown key \"\"");
    check_error("{\"name\": \"a\", \"model\": {}, \"name\": \"b\"}", NULL,
                "duplicate key \"name\"");
    check_error("{\"optim\": {\"lr\": 1, \"lr\": 1}}", NULL, "duplicate key \"lr\"");
    check_error("{\"a\\u001b[1mb\": 1}", NULL, "unknown key \"a?[1mb\"");
}

/* The source line of an error and the caret line, byte by byte. */
static void check_shown(const char *json, const char *line, const char *caret) {
    char want[512];
    snprintf(want, sizeof want, "\n%s\n      | %s\n1 error; ", line, caret);
    check_error(json, NULL, want);
}

static void test_shown_lines(void) {
    check_shown("{\r\n\t\"zebra\":\t1\r\n}", "    2 |     \"zebra\":    1", "    ^~~~~~~");
    check_shown("{\"\xc3\xa9\": 1, \"a\": \"\xff\x1b[\"}",
                "    1 | {\"\xc3\xa9\": 1, \"a\": \"??[\"}", "               ^");
    char json[512], line[256], caret[128];
    /* A value that does not fit: the first 96 characters of the line are shown. */
    memset(json, 'x', sizeof json);
    memcpy(json, "{\"log\": {\"every\": \"", 19);
    memcpy(json + 300, "\"}}", 4);
    snprintf(line, sizeof line, "    1 | %.96s...", json);
    memset(caret, '~', 96);
    memset(caret, ' ', 18);
    caret[18] = '^';
    caret[96] = '\0';
    check_shown(json, line, caret);
    /* A key far to the right: 48 cells before it are shown. */
    memset(json, ' ', sizeof json);
    json[0] = '{';
    strcpy(json + 100, "\"zebra\": 1}");
    snprintf(line, sizeof line, "    1 | ...%48s\"zebra\": 1}", "");
    snprintf(caret, sizeof caret, "%51s^~~~~~~", "");
    check_shown(json, line, caret);
}

/* The errors of all sources are printed, up to 20; the total counts all of them. */
static void test_many_errors(void) {
    Config c;
    CHECK(!load_text(&c, "{\"a\": 1, \"model\": {\"n_layer\": 0, \"bias\": 3}}",
                     SETS("optim.lr=-1", "b=2")),
          "accepted");
    CHECK(occurrences(printed, ": error: ") == 5, "%s", printed);
    CHECK(strstr(printed, "\n5 errors; nothing was written."), "%s", printed);
    char text[1024] = "{\"model\": {";
    for (int i = 0; i < 25; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s\"zzzzzz%d\": 1", i ? "," : "",
                 i);
    }
    strcat(text, "}}");
    CHECK(!load_text(&c, text, NO_SETS), "accepted");
    CHECK(occurrences(printed, ": error: ") == 20, "%s", printed);
    CHECK(strstr(printed, "\n25 errors; nothing was written."), "%s", printed);
}

/* --- suggestions --- */

static void try_typo(const char *path, const char *typo, int *right, int *total) {
    if (key_find(typo) || strcmp(path, typo) == 0) return;
    const char *guess = key_suggest(typo);
    bool hit = guess && strcmp(guess, path) == 0;
    if (!hit && getenv("VERBOSE")) printf("    %s -> %s, not %s\n", typo, guess, path);
    *right += hit;
    (*total)++;
}

static void test_typos(void) {
    int right = 0, total = 0;
    for (size_t k = 0; key_at(k); k++) {
        const char *path = key_at(k)->path, *dot = strchr(path, '.');
        size_t length = strlen(path), start = dot ? (size_t)(dot - path) + 1 : 0;
        for (size_t i = start; i < length; i++) {
            char typo[64];
            snprintf(typo, sizeof typo, "%.*s%s", (int)i, path, path + i + 1);
            try_typo(path, typo, &right, &total);
            if (i + 1 == length) continue;
            snprintf(typo, sizeof typo, "%s", path);
            typo[i] = path[i + 1];
            typo[i + 1] = path[i];
            try_typo(path, typo, &right, &total);
        }
    }
    CHECK(total > 750, "only %d typos", total);
    CHECK(right >= 0.95 * total, "%d of %d suggestions are right", right, total);
}

static void test_other_names(void) {
    static const char *const pairs[][2] = {
        {"learning_rate", "optim.lr"},
        {"optim.learning_rate", "optim.lr"},
        {"block_size", "model.context"},
        {"model.n_embd", "model.d_model"},
        {"num_layers", "model.n_layer"},
        {"model.n_layers", "model.n_layer"},
        {"dim", "model.d_model"},
        {"hidden_size", "model.d_model"},
        {"model.num_heads", "model.n_head"},
        {"vocab_size", "data.vocab_size"},
        {"model.vocab_size", "data.vocab_size"},
        {"train.batch_size", "train.batch"},
        {"max_iters", "train.steps"},
        {"train.weight_decay", "optim.weight_decay"},
        {"weight_decay", "optim.weight_decay"},
        {"seed", "train.seed"},
        {"model.seed", "train.seed"},
        {"model.lr", "optim.lr"},
        {"train.lr", "optim.lr"},
        {"steps", "train.steps"},
        {"optim.steps", "train.steps"},
        {"trian.steps", "train.steps"},
        {"gamma_warm_up.steps", "gamma_warmup.steps"},
        {"n_lyaer", "model.n_layer"},
        {"topology", "model.topology"},
        {"model.train", "data.train"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const char *guess = key_suggest(pairs[i][0]);
        CHECK(guess && strcmp(guess, pairs[i][1]) == 0, "%s -> %s", pairs[i][0], guess);
    }
    CHECK(!key_suggest("zebra"), "%s", key_suggest("zebra"));
    CHECK(strcmp(config_key_of_word("topology"), "model.topology") == 0, "topology");
    CHECK(strcmp(config_key_of_word("name"), "name") == 0, "name");
    CHECK(strcmp(config_key_of_word("steps"), "train.steps") == 0, "the one in train");
    CHECK(strcmp(config_key_of_word("order"), "data.order") == 0, "the one in data");
    CHECK(!config_key_of_word("from"), "one of two");
    CHECK(!config_key_of_word("slot") && !config_key_of_word("zebra"), "not a key");
}

static const Test tests[] = {
    {"config errors: values", test_bad_values},
    {"config errors: text", test_bad_text},
    {"config errors: keys", test_bad_keys},
    {"config errors: source lines and carets", test_shown_lines},
    {"config errors: several at once", test_many_errors},
    {"config errors: one-letter typos", test_typos},
    {"config errors: key names of other trainers", test_other_names},
};
TEST_MAIN(tests)
