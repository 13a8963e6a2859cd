/* test_config_warnings.c - the warnings about a config and their basis.
 *
 * Each warning has a config that causes it and no other, and a minimally different one that causes
 * none. */
#include "tests/lib/config_files.h"

static const struct {
    const char *warned, *silent; /* configs */
    const char *warning;         /* the beginning of the line */
    const char *basis;           /* its end */
} warnings[] = {
    {"{\"train\": {\"steps\": 200}, \"gamma_warmup\": {\"steps\": 201}}",
     "{\"train\": {\"steps\": 200}, \"gamma_warmup\": {\"steps\": 200}}",
     "gamma_warmup.steps = 201 is longer than the run, train.steps = 200: ", "by definition"},
    {"{\"gamma_warmup\": {\"steps\": 9, \"slots\": []}}",
     "{\"gamma_warmup\": {\"steps\": 0, \"slots\": []}}",
     "gamma_warmup.slots is empty: ", "by definition"},
    {"{\"model\": {\"topology\": \"pre\"}, \"gamma_warmup\": {\"steps\": 9, \"slots\": [\"out\"]}}",
     "{\"model\": {\"topology\": \"pre\"}, \"gamma_warmup\": {\"steps\": 9, \"slots\": [\"in\"]}}",
     "gamma_warmup.slots lists no norm that a block of this model has: ", "by definition"},
    {"{\"model\": {\"topology\": \"post\", \"n_layer\": 1, \"wire\": {\"attn.post\": \"none\"}}, "
     "\"gamma_warmup\": {\"steps\": 9, \"slots\": [\"post\"]}}",
     "{\"model\": {\"topology\": \"post\", \"n_layer\": 1}, "
     "\"gamma_warmup\": {\"steps\": 9, \"slots\": [\"post\"]}}",
     "gamma_warmup.slots lists no norm that a block of this model has: ", "by definition"},
    {"{\"model\": {\"topology\": \"pre\", \"gamma_out_start\": 0.5}}",
     "{\"model\": {\"topology\": \"pre\", \"gamma_out_start\": 0.5, \"wire\": {\"mlp.out\": "
     "\"norm\"}}}",
     "model.gamma_out_start has no effect: ", "by definition"},
    {"{\"train\": {\"steps\": 200}, \"model\": {\"n_layer\": 2}, "
     "\"branch_warmup\": {\"steps\": 101}}",
     "{\"train\": {\"steps\": 200}, \"model\": {\"n_layer\": 2}, "
     "\"branch_warmup\": {\"steps\": 100}}",
     "branch_warmup.steps = 101 takes 202 updates in the last block, longer than the run, "
     "train.steps = 200: ",
     "by definition"},
    {"{\"train\": {\"steps\": 200}, \"branch_warmup\": {\"steps\": 201, \"order\": \"equal\"}}",
     "{\"train\": {\"steps\": 200}, \"branch_warmup\": {\"steps\": 200, \"order\": \"equal\"}}",
     "branch_warmup.steps = 201 takes 201 updates in the last block, longer than the run, "
     "train.steps = 200: ",
     "by definition"},
    {"{\"model\": {\"norm\": \"dyt\"}, \"norm_removal\": {\"start\": 5}}",
     "{\"model\": {\"norm\": \"dyt\"}, \"norm_removal\": {\"start\": 0}}",
     "norm_removal.order lists no place where this model has norms with statistics: ",
     "by definition"},
    {"{\"norm_removal\": {\"start\": 5, \"order\": \"qkv\"}}",
     "{\"norm_removal\": {\"start\": 5, \"order\": \"qkv final\"}}",
     "norm_removal.order lists no place where this model has norms with statistics: ",
     "by definition"},
    {"{\"norm_removal\": {\"start\": 1350, \"interval\": 50}}",
     "{\"norm_removal\": {\"start\": 1349, \"interval\": 50}}",
     "norm_removal.start = 1350 and norm_removal.interval = 50 remove the last norms after "
     "step 2000, but the run ends at train.steps = 2000",
     "by definition"},
    {"{\"train\": {\"steps\": 100}}", "{\"train\": {\"steps\": 101}}",
     "optim.warmup_steps = 100 is not shorter than the run, train.steps = 100: ", "by definition"},
    {"{\"model\": {\"norm\": \"none\"}}", "{\"model\": {\"norm\": \"dyt\"}}",
     "model.norm is none: ", "by definition"},
    {"{\"model\": {\"norm\": \"batchnorm\"}}", "{\"model\": {\"norm\": \"layernorm\"}}",
     "model.norm is batchnorm: ", "by definition"},
    {"{\"model\": {\"norm\": \"batchnorm\", \"context\": 1}, \"train\": {\"batch\": 2}}",
     "{\"model\": {\"norm\": \"layernorm\", \"context\": 1}, \"train\": {\"batch\": 1}}",
     "model.norm is batchnorm: ", "by definition"},
    {"{\"model\": {\"norm\": \"batchnorm\", \"context\": 2}, \"train\": {\"batch\": 1}}", "{}",
     "model.norm is batchnorm: ", "by definition"},
    {"{\"model\": {\"topology\": \"post\"}, \"optim\": {\"warmup_steps\": 0}}",
     "{\"model\": {\"topology\": \"deepnorm\"}, \"optim\": {\"warmup_steps\": 0}}",
     "optim.warmup_steps is 0 in a Post-LN model, ",
     "published: Xiong et al. 2020, arXiv 2002.04745"},
    {"{\"model\": {\"topology\": \"post\"}, \"optim\": {\"warmup_steps\": 0}}",
     "{\"model\": {\"topology\": \"b2t\"}, \"optim\": {\"warmup_steps\": 0}}",
     "optim.warmup_steps is 0 in a Post-LN model, ",
     "published: Xiong et al. 2020, arXiv 2002.04745"},
    {"{\"model\": {\"layers\": \"post*\"}, \"optim\": {\"warmup_steps\": 0}}",
     "{\"model\": {\"layers\": \"post* pre*1\"}, \"optim\": {\"warmup_steps\": 0}}",
     "optim.warmup_steps is 0 in a Post-LN model, ",
     "published: Xiong et al. 2020, arXiv 2002.04745"},
    {"{\"model\": {\"topology\": \"post\", \"n_layer\": 24}, \"optim\": {\"lr\": 1e-3}}",
     "{\"model\": {\"topology\": \"post\", \"n_layer\": 23}, \"optim\": {\"lr\": 1e-3}}",
     "model.n_layer = 24 in a Post-LN model with optim.lr = 0.001: ",
     "published: LayerNorm Scaling, github.com/lmsdss/LayerNorm-Scaling"},
    {"{\"model\": {\"topology\": \"post\", \"n_layer\": 24}, \"optim\": {\"lr\": 1e-3}}",
     "{\"model\": {\"topology\": \"post\", \"n_layer\": 24}, \"optim\": {\"lr\": 9e-4}}",
     "model.n_layer = 24 in a Post-LN model with optim.lr = 0.001: ",
     "published: LayerNorm Scaling, github.com/lmsdss/LayerNorm-Scaling"},
    {"{\"model\": {\"rope_theta\": 5e5}}",
     "{\"model\": {\"rope_theta\": 5e5, \"position\": \"rope\"}}",
     "model.rope_theta has no effect: model.position is learned", "by definition"},
    {"{\"model\": {\"position\": \"rope\", \"rope_local_theta\": 5, \"rope_layers\": \"rope*4 "
     "local\", "
     "\"n_layer\": 4}}",
     "{\"model\": {\"position\": \"rope\", \"rope_local_theta\": 5, \"rope_layers\": \"rope*4 "
     "local\", "
     "\"n_layer\": 5}}",
     "model.rope_local_theta has no effect: model.rope_layers has no local block", "by definition"},
    {"{\"model\": {\"bias\": false, \"bias_at\": \"qkv\"}}",
     "{\"model\": {\"bias\": false, \"bias_at\": \"\"}}",
     "model.bias_at has no effect: model.bias is false", "by definition"},
    {"{\"model\": {\"rope_fraction\": 0.5, \"position\": \"none\"}}",
     "{\"model\": {\"rope_fraction\": 0.5, \"position\": \"rope\"}}",
     "model.rope_fraction has no effect: model.position is none", "by definition"},
    {"{\"optim\": {\"muon_lr\": 0.01}}", "{\"optim\": {\"muon_lr\": 0.01, \"kind\": \"muon\"}}",
     "optim.muon_lr has no effect: optim.kind is adamw", "by definition"},
    {"{\"optim\": {\"muon_momentum\": 0.94, \"muon_decay\": 0}}",
     "{\"optim\": {\"muon_momentum\": 0.95, \"muon_decay\": 0.1}}",
     "optim.muon_momentum has no effect: optim.kind is adamw", "by definition"},
    {"{\"model\": {\"base_d_model\": 64}}",
     "{\"model\": {\"base_d_model\": 64, \"scaling\": \"completep\"}}",
     "model.base_d_model has no effect: model.scaling is none", "by definition"},
    {"{\"model\": {\"base_n_layer\": 2}}",
     "{\"model\": {\"base_n_layer\": 2, \"scaling\": \"depth_mup\"}}",
     "model.base_n_layer has no effect: model.scaling is none", "by definition"},
    {"{\"optim\": {\"muon_scale\": \"moonshot\"}}", "{\"optim\": {\"muon_scale\": \"jordan\"}}",
     "optim.muon_scale has no effect: optim.kind is adamw", "by definition"},
    {"{\"optim\": {\"clip\": 0}}", "{\"optim\": {\"clip\": 1e-9}}",
     "optim.clip is 0: ", "folklore: no measurement known to us"},
    {"{\"train\": {\"threads\": 1024}}", "{\"train\": {\"threads\": 1}}",
     "train.threads = 1024 on ", "folklore: no measurement known to us"},
};

static void test_warnings(void) {
    for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++) {
        Config config;
        char begins[256], ends[256];
        must_load(&config, warnings[i].warned, NO_SETS);
        config_free(&config);
        snprintf(begins, sizeof begins, "train: warning: %s", warnings[i].warning);
        snprintf(ends, sizeof ends, " (%s)\n", warnings[i].basis);
        bool found = strncmp(printed, begins, strlen(begins)) == 0 &&
                     strlen(printed) > strlen(ends) &&
                     strcmp(printed + strlen(printed) - strlen(ends), ends) == 0;
        CHECK(found && occurrences(printed, "\n") == 1, "%s: %s", warnings[i].warned, printed);
        must_load(&config, warnings[i].silent, NO_SETS);
        config_free(&config);
        CHECK(!printed[0], "%s: %s", warnings[i].silent, printed);
    }
}

/* No warnings about an invalid config, nor about the length of a run of zero steps. */
static void test_no_warnings(void) {
    Config config;
    CHECK(!load_text(&config, "{\"optim\": {\"clip\": 0}, \"zebra\": 1}", NO_SETS), "accepted");
    CHECK(!strstr(printed, "warning"), "%s", printed);
    must_load(&config,
              "{\"train\": {\"steps\": 0}, \"gamma_warmup\": true, "
              "\"branch_warmup\": {\"steps\": 1}}",
              NO_SETS);
    config_free(&config);
    CHECK(!printed[0], "%s", printed);
}

static const Test tests[] = {
    {"config warnings: causes and basis", test_warnings},
    {"config warnings: configs without any", test_no_warnings},
};
TEST_MAIN(tests)
