#!/usr/bin/env bash
# long_adding.sh - the norm, the topology and the MLP kind of docs/adding.md, added to a copy of the tree as that page
# says. Tests that enumerate them then pass: nothing else repeats their names.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
tree=$tmp/tree
export TRAIN=$tree/train

# The unit tests that enumerate norms or topologies, or print their names.
units=(norm norm_gradients ops_threads ops_tails frozen model wiring wire equations params placement theory generate config bad_configs
    config_errors)

# copy: the sources, and what is built of them, so that make only compiles what the additions change.
copy() {
    mkdir "$tree"
    tar -cf - --exclude='build/*/tests/*/test_*[!o]' Makefile train.c README.md base ops norm data model run configs docs scripts \
        tests/{lib,unit,grad,bench,cli} build/float/{flags,train.o,base,ops,norm,data,model,run} \
        build/double/{flags,base,ops,norm,data,model,run} | tar -C "$tree" -xf -
}

# additions: the diffs of the page, up to its first part that is not about the model.
additions() {
    awk '/^## A config key/ { exit } /^```/ { on = $0 == "```diff"; next } on' docs/adding.md
}

add() {
    copy
    additions | (cd "$tree" && patch -s -p1 --fuzz=0) || fail "a diff of docs/adding.md does not apply"
    [[ -z $(find "$tree" -name '*.rej') && -s $tree/norm/selfgated.c ]] || fail "not everything was applied"
    make -C "$tree" -s -j2 WERROR=1 all "${units[@]/#/build/float/tests/unit/test_}"
    make -C "$tree" -s -j2 WERROR=1 REAL=double build/double/tests/unit/test_norm_gradients build/double/tests/grad/grad_model
    cd "$tree"
    ./train --print-schema >configs/schema.json
    scripts/keys_page.sh >docs/keys.md
}

# in_tree PROGRAM...: it passes in the copy.
in_tree() {
    cd "$tree"
    "$@" || fail "$* fails"
}

added() {
    in_tree ./train --config peri_rms.json --topology triple --norm selfgated --set model.mlp=reglu --describe >"$tmp/said"
    has "equations" "$(<"$tmp/said")" "x = N(x + Nw(attention(u)))"
    has "equations" "$(<"$tmp/said")" "selfgated    N(x) = x' * sigmoid(a x' + b) * gamma, x' = x / sqrt(mean(x^2) + eps), eps 1e-06"
}

# units_pass: all at once would hide which one failed.
units_pass() {
    local unit
    for unit in "${units[@]}"; do
        (in_tree "build/float/tests/unit/test_$unit" >"$tmp/unit.txt" 2>&1) || fail "test_$unit: $(cat "$tmp/unit.txt")"
    done
}

test_case "adding: the diffs of docs/adding.md apply and build without a warning" add
test_case "adding: --describe shows the additions" added
test_case "adding: unit tests of norms and topologies pass" units_pass
test_case "adding: gradients of the new norm, formula and differences" in_tree build/double/tests/unit/test_norm_gradients
test_case "adding: gradients of the new norm in three topologies" in_tree build/double/tests/grad/grad_model selfgated
test_case "adding: the command line lists the additions" in_tree tests/cli/cli_errors.sh
test_done
