#!/usr/bin/env bash
# cli_sweep.sh - scripts/sweep.sh: plans, outcomes, resuming and errors.
set -euo pipefail
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm
source "$(dirname "$0")/../lib/cli.sh"
source tests/lib/sweep.sh

# Without jq sweep files cannot be read.
without_jq() {
    command -v jq >/dev/null && return 1
    echo "note: skipped sweep files: no jq"
}

names_are_values() {
    fixed_estimate
    sweep 0 --dry-run --out "$tmp/a" --grid model.topology=post,pre --grid optim.lr=3e-4,0.001,1 --seeds 2 \
        --grid model.norm=rmsnorm "$tmp/toy.json"
    same "names" "$out" "post-lr3e-4-rmsnorm-s1
post-lr1e-3-rmsnorm-s1
post-lr1-rmsnorm-s1
pre-lr3e-4-rmsnorm-s1
pre-lr1e-3-rmsnorm-s1
pre-lr1-rmsnorm-s1
post-lr3e-4-rmsnorm-s2
post-lr1e-3-rmsnorm-s2
post-lr1-rmsnorm-s2
pre-lr3e-4-rmsnorm-s2
pre-lr1e-3-rmsnorm-s2
pre-lr1-rmsnorm-s2"
    has "counts" "$said" "$tmp/a: 12 runs, 0 done, 0 diverged, 0 unfinished, 12 new"
    has "estimate" "$said" "about 24 min with 1 at once"
    has "estimate" "$said" ", 36 MB of checkpoints"
    [[ ! -e $tmp/a ]] || fail "--dry-run leaves a folder"
    sweep 0 --dry-run --out "$tmp/a" --jobs 4 --grid train.steps=20,1e2 --grid gamma_warmup.steps=0,5 \
        --grid "model.layers=post*1 pre*,pre*" --grid optim.schedule=wsd "$tmp/toy.json"
    same "full keys where the last parts are equal" "$(head -1 <<<"$out")" \
        "train.steps20-gamma_warmup.steps0-layers_post_1_pre-schedule_wsd"
    has "four at once" "$said" "about 4 min with 4 at once on 1 thread each"
}

# The same sweep as a file, with comments and its config in the same folder, and as options.
files_equal_options() {
    without_jq && return
    cat >"$tmp/file.json" <<JSON
// "A question" // with a comment in a comment
{
  "about": "not a // comment",
  "config": "toy.json", // beside this file
  "set": {"train.steps": 8, "optim.min_lr_ratio": 0.5},
  "grid": {"model.topology": ["post", "pre"], "model.wire": [{}, {"mlp.skip": 0.5, "attn.branch": 2}]},
  "seeds": [3],
  "out": "$tmp/file"
}
JSON
    sweep 0 "$tmp/file.json"
    sweep 0 --grid model.topology=post,pre --grid train.seed=3 --set train.steps=8 --set optim.min_lr_ratio=0.5 \
        --set model.wire={} --out "$tmp/options" "$tmp/toy.json"
    same "runs" "$(cd "$tmp/file" && echo */)" \
        "post-wire-s3/ post-wire_mlp.skip_0.5_attn.branch_2-s3/ pre-wire-s3/ pre-wire_mlp.skip_0.5_attn.branch_2-s3/"
    for topology in post pre; do
        diff <(grep -v '"name"' "$tmp/file/$topology-wire-s3/config.json") \
            <(grep -v '"name"' "$tmp/options/$topology-s3/config.json") || fail "other configs of $topology"
        same_run "file/$topology-wire-s3" "options/$topology-s3"
        differs "file/$topology-wire-s3" "file/$topology-wire_mlp.skip_0.5_attn.branch_2-s3"
    done
}

options_override_the_file() {
    without_jq && return
    fixed_estimate
    sweep 0 --dry-run "$tmp/file.json" --set model.topology=peri --grid model.wire={} --seeds 2 --grid optim.lr=1,2
    same "names" "$out" "wire-lr1-s1
wire-lr2-s1
wire-lr1-s2
wire-lr2-s2"
    has "folder of the file" "$said" "$tmp/file: 4 runs"
    sweep 0 --dry-run "$tmp/file.json" --set train.seed=7 --set model.wire={}
    same "names" "$out" $'post\npre'
}

# The second time nothing is trained: a diverged run is a result, and no file changes.
outcomes_are_kept() {
    local args=(--grid "optim.lr=1e30,1e-3" --seeds 2 --jobs 2 --out "$tmp/kept" "$tmp/toy.json") first before
    sweep 0 "${args[@]}"
    has "line of a run" "$out" "lr1e-3-s1 done $(cell kept/lr1e-3-s1 20 val_loss | cut -c 1-5)"
    has "line of a run" "$out" "lr1e30-s2 diverged "
    first=$(sed -n '/^run /,$p' <<<"$out")
    same "rows" "$(awk '{ print $1, $2, $4 }' <<<"$first" | sed -n '2,5s/-s[12] / /p' | paste -sd ';')" \
        "lr1e-3 20 no;lr1e-3 20 no;lr1e30 2 yes;lr1e30 2 yes"
    same "order" "$(awk '$4 == "no" { print $3 }' <<<"$first")" "$(awk '$4 == "no" { print $3 }' <<<"$first" | sort -n)"
    has "next command" "$first" "next: scripts/report.sh $tmp/kept"
    before=$(stat -c '%n %y' "$tmp"/kept/*/*.{csv,json})
    sweep 0 "${args[@]}"
    has "states" "$said" "4 runs, 2 done, 2 diverged, 0 unfinished, 0 new"
    same "table" "$(sed -n '/^run /,$p' <<<"$out")" "$first"
    same "files" "$(stat -c '%n %y' "$tmp"/kept/*/*.{csv,json})" "$before"
    # Another config in the same folder is refused.
    sweep 1 "${args[@]}" --set optim.warmup_steps=4
    has "another config" "$said" "lr1e30-s1 failed with exit code 2: train: error: $tmp/kept/lr1e30-s1 contains a run with another config"
}

# A finished sweep is repeated with other steps: nothing is trained on, and the names stay.
other_steps_are_refused() {
    local args=(--grid "model.topology=pre,peri" --seeds 2 --jobs 2 --out "$tmp/steps" "$tmp/toy.json") before dry steps
    sweep 0 "${args[@]}"
    before=$(results "$tmp/steps" && stat -c '%n %y' "$tmp"/steps/*/*.{csv,json})
    for steps in 40 7 4e1; do
        for dry in "" --dry-run; do
            sweep 1 "${args[@]}" --set "train.steps=$steps" ${dry:+"$dry"}
            has "reason" "$said" "4 of the runs in $tmp/steps exist with other steps; nothing was trained"
            has "name" "$said" "pre-s1: train.steps differs, 20 there and $(printf %.0f "$steps") here"
            has "name" "$said" "peri-s2: train.steps differs"
            same "output" "$out" ""
        done
    done
    # The steps may also differ because the config says so, and one run alone is enough.
    sed 's/"steps": 20/"steps": 30/' "$tmp/toy.json" >"$tmp/longer.json"
    rm -r "$tmp"/steps/peri-s[12] "$tmp/steps/pre-s1"
    before=$(results "$tmp/steps")
    sweep 1 "${args[@]:0:8}" "$tmp/longer.json"
    has "reason" "$said" "1 of the runs in"
    has "name" "$said" "pre-s2: train.steps differs, 20 there and 30 here"
    same "runs" "$(results "$tmp/steps")" "$before"
    sweep 0 "${args[@]}" --set train.steps=2e1
    has "states" "$said" "4 runs, 1 done, 0 diverged, 0 unfinished, 3 new"
}

# Where the steps are part of the grid, each run has its own.
steps_in_the_grid_are_compared() {
    local args=(--seeds 1 --out "$tmp/lengths" "$tmp/toy.json")
    sweep 0 --grid train.steps=5,9 "${args[@]}"
    sweep 0 --grid train.steps=5,9,12 "${args[@]}"
    has "states" "$said" "3 runs, 2 done, 0 diverged, 0 unfinished, 1 new"
    same "last step" "$(tail -1 "$tmp/lengths/steps9-s1/log.csv" | cut -d, -f1)" 9
}

# A run that learned nothing has a word of its own, and is not trained again.
stuck_runs_are_marked() {
    local args=(--grid "optim.lr=0.3,0.003" --set model.topology=post --set train.steps=60 --out "$tmp/stuck" "$tmp/toy.json")
    sweep 0 "${args[@]}"
    has "line of a run" "$out" "lr0.3 stuck 2."
    same "rows" "$(sed -n '/^run /,/^$/p' <<<"$out" | awk 'NF && $1 != "run" { print $1, $4 }' | sort | paste -sd ';')" \
        "lr0.3 stuck;lr3e-3 $(grep -q '"ending": "stuck"' "$tmp/stuck/lr3e-3/run.json" && echo stuck || echo no)"
    sweep 0 "${args[@]}"
    has "states" "$said" " stuck, 0 diverged, 0 unfinished, 0 new"
}

# The factor on the learning rate of RMSNorm is said before and after training.
effective_rates_are_shown() {
    local args=(--grid "model.norm=layernorm,rmsnorm" --grid "optim.lr=1e-3,2e-3" --seeds 2 --out "$tmp/rates" "$tmp/toy.json")
    sweep 0 "${args[@]}" --set optim.rmsnorm_lr_scale=0.9
    has "announcement" "$said" "optim.rmsnorm_lr_scale: 4 of 8 runs train at a lower or higher rate than optim.lr, \
rmsnorm-lr1e-3-s1 at 0.9 times optim.lr (effective 0.0009)"
    has "head" "$out" "diverged  effective lr"
    same "rates" "$(sed -n '/^run /,/^$/p' <<<"$out" | awk '$1 ~ /s1$/ { print $1, $5 }' | sort | paste -sd ';')" \
        "layernorm-lr1e-3-s1 0.001;layernorm-lr2e-3-s1 0.002;rmsnorm-lr1e-3-s1 0.0009;rmsnorm-lr2e-3-s1 0.0018"
    sweep 0 --dry-run "${args[@]}" --set optim.rmsnorm_lr_scale=1
    [[ $said != *effective* ]] || fail "an effective rate without a factor: $said"
}

failures_are_reported() {
    # shellcheck disable=SC2016 # for the program
    program_that '[[ " $* " != *"/s2 --resume "* ]] || { echo "train: error: broken" && exit 4; }'
    sweep 1 --seeds 3 --out "$tmp/failing" "$tmp/toy.json"
    has "failure" "$said" "sweep.sh: s2 failed with exit code 4: train: error: broken"
    has "line" "$out" "s2 failed -"
    has "the others" "$out" "s3 done "
    same "row without a loss" "$(grep -A 3 '^run' <<<"$out" | awk 'END { print $1, $2, $3 }')" "s2 - -"
}

# wrong PART ARGUMENT...: these are refused with a one-line message that contains PART.
wrong() {
    sweep 2 "${@:2}"
    has "sweep.sh ${*:2}" "$said" "$1"
    same "lines of: $said" "$(wc -l <<<"$said")" 1
}

# wrong_file PART JSON: this sweep is refused.
wrong_file() {
    echo "$2" >"$tmp/wrong.json"
    wrong "$1" --dry-run --out "$tmp/none" "$tmp/wrong.json"
}

mistakes_are_refused() {
    local to=(--out "$tmp/none")
    has "help" "$(scripts/sweep.sh --help)" "sweep.sh FILE [OPTION...] - trains every combination"
    wrong "a sweep or a config is missing"
    wrong "unknown option --grids" --grids a=b
    wrong "--grid needs a value" --grid
    wrong "not a.json and b.json" a.json b.json
    wrong "there is no file sweeps/placment.json" sweeps/placment.json
    wrong 'takes KEY=VALUE, not "lr"' "${to[@]}" --grid lr "$tmp/toy.json"
    wrong 'from 1 to 9999, not "0"' "${to[@]}" --seeds 0 "$tmp/toy.json"
    wrong 'from 1 to 9999, not "x"' "${to[@]}" --seeds 1 --jobs x "$tmp/toy.json"
    wrong "--out DIR" --seeds 2 "$tmp/toy.json"
    wrong "nothing varies" "${to[@]}" "$tmp/toy.json"
    wrong "optim.lr cannot both vary" "${to[@]}" --grid optim.lr=1,2 --set optim.lr=1 "$tmp/toy.json"
    wrong "same name: 3e-4 and 0.0003" "${to[@]}" --grid optim.lr=3e-4,0.0003 "$tmp/toy.json"
    sweep 2 "${to[@]}" --grid train.seed=1,2,-3 "$tmp/toy.json"
    has "the trainer's message" "$said" "train.seed=-3: error"
    sweep 2 "${to[@]}" --grid model.norm=rmsnorm,rmsnrom "$tmp/toy.json"
    has "the trainer's message" "$said" 'did you mean "rmsnorm"?'
    [[ ! -e $tmp/none ]] || fail "a mistake leaves a folder"
    touch "$tmp/file_there"
    sweep 4 --out "$tmp/file_there" --seeds 1 "$tmp/toy.json"
}

mistakes_in_files_are_refused() {
    without_jq && return
    wrong_file 'unknown key "grids"; a sweep has about, config' '{"config": "toy.json", "grids": {}}'
    wrong_file "line 3, column" $'{"config": "toy.json", // a\n"seeds": 1\n"out": 2}'
    wrong_file "config is the name of a file" '{"seeds": 1}'
    wrong_file "seeds is an integer" '{"config": "toy.json", "seeds": 0}'
    wrong_file "list of values" '{"config": "toy.json", "grid": {"optim.lr": 1}}'
}

# All programs except jq are available.
jq_is_required() {
    mkdir "$tmp/bin"
    ln -s /usr/bin/* "$tmp/bin"
    rm -f "$tmp/bin/jq"
    echo '{"config": "toy.json", "seeds": 1}' >"$tmp/two.json"
    program=$TRAIN
    PATH=$tmp/bin sweep 1 --out "$tmp/none" "$tmp/two.json"
    has "missing program" "$said" "takes jq: scripts/install-packages.sh sweep"
    PATH=$tmp/bin sweep 0 --out "$tmp/bare" --seeds 1 "$tmp/toy.json"
}

provided_sweeps_are_valid() {
    without_jq && return
    fixed_estimate
    local file
    for file in sweeps/*.json; do
        sweep 0 --dry-run "$file"
        has "$file" "$said" "runs/$(basename "$file" .json): $(wc -l <<<"$out") runs"
        [[ $file != */placement.json ]] || same "runs of placement" "$(wc -l <<<"$out")" 54
    done
}

test_case "sweep: names of runs" names_are_values
test_case "sweep: a file and the same options" files_equal_options
test_case "sweep: options override the file" options_override_the_file
test_case "sweep: outcomes are kept, diverged ones too" outcomes_are_kept
test_case "sweep: other steps are refused" other_steps_are_refused
test_case "sweep: steps in the grid" steps_in_the_grid_are_compared
test_case "sweep: stuck runs are marked" stuck_runs_are_marked
test_case "sweep: effective learning rates" effective_rates_are_shown
test_case "sweep: failures are reported, and the other runs trained" failures_are_reported
test_case "sweep: mistakes" mistakes_are_refused
test_case "sweep: mistakes in files" mistakes_in_files_are_refused
test_case "sweep: without jq" jq_is_required
test_case "sweep: the sweeps in sweeps/" provided_sweeps_are_valid
test_done
