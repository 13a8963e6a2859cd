#!/usr/bin/env bash
# cli_sweep_time.sh - scripts/sweep.sh --equal-time: train.steps from measured times.
set -euo pipefail
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm
source "$(dirname "$0")/../lib/cli.sh"
source tests/lib/sweep.sh

# steps_in RUN: its train.steps, of config.json.
steps_in() {
    sed -n '/"train"/,/}/s/^ *"steps": *\([0-9]*\).*/\1/p' "$tmp/$1/config.json"
}

# measured_as: a trainer on a machine that becomes slower from call to call of --bench: Pre-LN takes 10 ms in the
# first call, Peri-LN 1.25 and Post-LN 0.8 times as long as Pre-LN next to it; one call in ten is disturbed.
measured_as() {
    # shellcheck disable=SC2016 # for the program
    program_that '[[ " $* " != *" --bench "* ]] || {
        echo "$*" >>"$0.calls"
        awk -v words="$*" -v call="$(wc -l <"$0.calls")" "BEGIN {
            ms = 10 * (1 + int((call - 1) / 2) / 2)
            ms *= words ~ /topology=peri/ ? 1.25 : words ~ /topology=post/ ? 0.8 : 1
            printf \"gemm=9%%\nms_per_step=%.6g tokens_per_s=1\n\", call % 10 ? ms : 9 * ms }"
        exit
    }'
    rm -f "$program.calls"
}

calls() {
    wc -l <"$program.calls"
}

equal_time_gives_each_arm_its_steps() {
    local args=(--equal-time --grid "optim.lr=1e-3,3e-3" --seeds 2 --jobs 2 --out "$tmp/time" "$tmp/toy.json") run
    measured_as
    sweep 0 --dry-run --grid model.topology=peri,pre "${args[@]}"
    has "note" "$said" "the steps of peri are not known"
    [[ ! -e $program.calls ]] || fail "--dry-run measured"
    sweep 0 --grid model.topology=peri,pre "${args[@]}"
    same "measurements" "$(calls)" 10
    same "in turn" "$(sed -E 's/.*topology=([a-z]*).*/\1/' "$program.calls" | sort | uniq -c | tr -s ' \n' ' ')" " 5 peri 5 pre "
    for run in lr1e-3-s1 lr1e-3-s2 lr3e-3-s1 lr3e-3-s2; do
        same "steps of pre-$run" "$(steps_in "time/pre-$run")" 20
        same "steps of peri-$run" "$(steps_in "time/peri-$run")" 16
        same "last step" "$(tail -1 "$tmp/time/peri-$run/log.csv" | cut -d, -f1)" 16
    done
    same "sweep.json" "$(tr -d ' \n' <"$tmp/time/sweep.json")" \
        '{"equal_time":true,"baseline":"pre","step_seconds":{"pre":0.02,"peri":0.025}}'
    # Again: nothing is measured and nothing trained. Another arm is measured alone.
    sweep 0 --grid model.topology=peri,pre "${args[@]}"
    has "states" "$said" "8 runs, 8 done"
    same "measurements" "$(calls)" 10
    sweep 0 --grid model.topology=post,peri,pre "${args[@]}"
    has "states" "$said" "12 runs, 8 done, 0 diverged, 0 unfinished, 4 new"
    same "measurements" "$(calls)" 20
    same "steps of post" "$(steps_in time/post-lr1e-3-s1)" 25
    scripts/report.sh "$tmp/time" >"$tmp/said"
    has "report" "$(<"$tmp/said")" "At equal time, "
    has "report" "$(<"$tmp/said")" "Steps in that time: "
}

# The same steps or none: a folder at equal time is not continued otherwise, and its steps have one source.
equal_time_is_kept() {
    local args=(--grid "model.topology=peri,pre" --out "$tmp/time" "$tmp/toy.json")
    measured_as
    sweep 2 "${args[@]}"
    has "without the option" "$said" "at equal time: add --equal-time, or choose another --out"
    sweep 1 "${args[@]}" --equal-time --grid "optim.lr=1e-3,3e-3" --seeds 2 --set train.steps=40
    has "other steps" "$said" "peri-lr1e-3-s1: train.steps differs, 16 there and 32 here"
    sweep 2 "${args[@]}" --equal-time --grid train.steps=20,40
    has "steps in the grid" "$said" "--equal-time chooses train.steps"
    sweep 2 --equal-time --grid "optim.lr=1e-3,3e-3" --out "$tmp/one" "$tmp/toy.json"
    has "one arm" "$said" "--equal-time needs two arms"
    # The runs of such a folder would be taken for runs at equal time.
    sweep 0 --set train.steps=5 --grid model.topology=peri,pre --out "$tmp/plain" "$tmp/toy.json"
    sweep 2 --set train.steps=5 --grid model.topology=peri,pre --out "$tmp/plain" "$tmp/toy.json" --equal-time
    has "runs without the option" "$said" "the runs in $tmp/plain were not begun at equal time: choose another --out"
    [[ ! -e $tmp/plain/sweep.json ]] || fail "the folder is marked"
    program_that '[[ " $* " != *" --bench "* ]] || { echo "train: error: no" >&2; exit 3; }'
    sweep 3 --equal-time --grid model.topology=peri,pre --out "$tmp/fails" "$tmp/toy.json"
    has "failed measurement" "$said" "cannot be measured"
}

if command -v python3 >/dev/null; then
    test_case "sweep: each arm trains for the same time" equal_time_gives_each_arm_its_steps
    test_case "sweep: equal time has one source" equal_time_is_kept
else
    echo "note: skipped: no python3"
fi
test_done
