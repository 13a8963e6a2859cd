#!/usr/bin/env bash
# cli_errors.sh - invalid configs and flags: exit codes and messages; the help.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# refused PART ARGUMENT...: exit code 2, a message that contains PART, and no run folder.
refused() {
    fails 2 "$@"
    [[ ! -e $tmp/fails ]] || fail "train $*: wrote a run folder"
}

keys_are_checked() {
    refused 'did you mean "model.n_layer"' --set model.n_layers=3
    refused 'optim.lr' --set learning_rate=1
    refused 'unknown key "zebra"' --set zebra=1
    refused 'model.n_layer' --set model.n_layer=two
    refused 'model.n_layer' --set model.n_layer=1.5
    refused 'model.bias' --set model.bias=1
    refused 'model.dropout' --set model.dropout=1
    refused 'did you mean "peri"' --set model.topology=perri
    refused 'sandwich' --set model.topology=sandwhich
    refused '--set takes KEY=VALUE' --set model.topology
    refused 'model.n_head' --set model.n_head=3
}

files_are_checked() {
    exits 2 --config "$tmp/missing.json"
    has "missing config" "$said" "no such config file"
    printf '{\n  "model": {"n_layer": 2, "norm": "rmsnrom"},\n  "zebra": 1\n}\n' >"$tmp/bad.json"
    exits 2 --config "$tmp/bad.json"
    has "bad value" "$said" 'did you mean "rmsnorm"'
    has "second error" "$said" 'unknown key "zebra"'
    printf '{"model": ' >"$tmp/torn.json"
    exits 2 --config "$tmp/torn.json"
    has "torn file" "$said" "torn.json:1:"
    exits 2 --config "$tmp"
}

impossible_models_are_refused() {
    refused "keel" --topology keel --norm none
    refused "n_layer" --topology mixln --set model.n_layer=3
    refused "model.layers" --set model.layers=post*3
    refused "model.wire" --set model.wire.mlp.side=none
    refused "dual" --set model.wire.mlp.dual=1
    refused "resi_dual" --set 'model.layers=resi_dual*1 pre*'
    refused "rope" --set model.position=rope --set model.n_head=16
}

warnings_do_not_stop_a_run() {
    exits 0 --config "$tmp/toy.json" --describe --norm none
    has "norm none" "$said" "warning"
    exits 0 --config "$tmp/toy.json" --describe --set gamma_warmup.steps=21
    has "long gamma-warmup" "$said" "warning"
}

flags_are_checked() {
    local words
    for words in "--norms frozen" "--force-topology pre" "--tokens 5" "--prompt x" "--top-p 0.5"; do
        # shellcheck disable=SC2086 # a flag and its value
        refused "does not apply to training" $words
    done
    exits 2 --sample "$tmp/nothing" --set train.steps=3
    has "a key beside --sample" "$said" "--set does not apply to --sample"
    exits 2 --eval "$tmp/nothing" --temperature 1
    has "a draw beside --eval" "$said" "--temperature does not apply to --eval"
    exits 2 --resume --version
    exits 0 --norms x --help
    exits 2
    has "no arguments" "$said" " --config peri_rms.json"
    refused "did you mean --overwrite" --overwite
    refused "did you mean --set model.topology=...?" --topolgy pre
    refused "unknown argument" peri
    refused "needs a value" --topology
    refused "needs" --run-dir
    refused "cannot be combined with" --describe --list norms
    exits 2 --list topologys
    has "--list" "$said" "did you mean topologies"
    exits 2 --sample "$tmp/nothing" --tokens many
    exits 3 --sample "$tmp/nothing"
}

# lists_choices WHAT KEY LINE: --list WHAT prints a name and its meaning a line, LINE among them, in the order of KEY.
lists_choices() {
    local names
    exits 0 --list "$1"
    grep -q "^$3" <<<"$said" || fail "--list $1 lacks $3"
    ! grep -qvE '^[a-z0-9_]+ +[^ ]' <<<"$said" || fail "--list $1: a line without a meaning"
    names=$(cut -d' ' -f1 <<<"$said" | paste -sd ' ')
    exits 0 --list keys
    has "the choices of $2" "$(grep "^$2 " <<<"$said")" "(one of ${names// /, })"
}

help_and_lists() {
    exits 0 --help
    has "--help" "$said" "--overwrite"
    has "--help" "$said" "Exit codes"
    exits 0 --version
    has "--version" "$said" "OpenBLAS"
    lists_choices topologies model.topology "peri  *x = x + N(F(N(x)))"
    lists_choices norms model.norm "rmsnorm  *x / sqrt(mean(x^2) + eps) "
    exits 0 --list keys
    has "--list keys" "$said" "optim.rmsnorm_lr_scale"
    exits 0 --print-schema
    same "--print-schema" "$said" "$(<configs/schema.json)"
}

every_topology_trains() {
    local row norm=rmsnorm
    for row in $("$TRAIN" --list topologies | cut -d' ' -f1); do
        toy "$row" --topology "$row" --norm "$norm" --steps 3 --set model.n_layer=4
        norm=$([[ $norm == rmsnorm ]] && echo layernorm || echo rmsnorm)
    done
}

every_config_is_valid() {
    local config
    for config in configs/*.json; do
        [[ $config == */schema.json ]] || exits 0 --config "$config" --describe
    done
    exits 0 --config peri_rms --describe
    exits 0 --config peri_rms.json --describe
}

test_case "errors: keys and values" keys_are_checked
test_case "errors: config files" files_are_checked
test_case "errors: impossible models" impossible_models_are_refused
test_case "errors: warnings" warnings_do_not_stop_a_run
test_case "errors: flags" flags_are_checked
test_case "errors: --help, --version, --list" help_and_lists
test_case "errors: every topology trains" every_topology_trains
test_case "errors: every config is valid" every_config_is_valid
test_done
