#!/usr/bin/env bash
# cli_continue.sh - which runs --resume continues: longer plans, moved folders and data, changed logs.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

often=(--set train.checkpoint_every=5 --set train.keep=100 --set log.layers_every=2 --set spike.min_history=3
    --set spike.threshold=0.5)

# all_equal A B: weights, state and all logs of two runs are equal, except for times.
all_equal() {
    same_run "$1" "$2"
    cmp "$(dirname "$(weights "$1")")/optimizer.safetensors" "$(dirname "$(weights "$2")")/optimizer.safetensors" ||
        fail "runs $1 and $2 have different states"
    cmp "$tmp/$1/spikes.csv" "$tmp/$2/spikes.csv" || fail "runs $1 and $2 have different spikes"
    cmp "$tmp/$1/layers.csv" "$tmp/$2/layers.csv" || fail "runs $1 and $2 have different layers"
    cmp "$tmp/$1/tensors.csv" "$tmp/$2/tensors.csv" || fail "runs $1 and $2 have different tensors"
}

# steps FILE: the first and the last step of a CSV file.
steps() {
    echo "$(sed -n 2p "$1" | cut -d, -f1) to $(tail -n 1 "$1" | cut -d, -f1)"
}

# --- more steps ---

more_steps_take_a_flag() {
    local flag before
    toy plan
    before=$(cd "$tmp/plan" && find . -type f ! -name LOCK -exec cksum {} + | sort)
    for flag in --resume ""; do
        exits 2 --config "$tmp/toy.json" --set name=plan --steps 25 ${flag:+"$flag"}
        has "both plans" "$said" "20 there and 25 here"
        [[ $said == *"--set name=NAME or --run-dir DIR"*"--extend"* ]] || fail "the harmless way is not first: $said"
        [[ $said != *--overwrite* ]] || fail "advice that destroys the run: $said"
    done
    same "files" "$(cd "$tmp/plan" && find . -type f ! -name LOCK -exec cksum {} + | sort)" "$before"
    exits 2 --config "$tmp/toy.json" --set name=plan --steps 25 --extend
    has "without --resume" "$said" "needs --resume"
}

extensions_are_recorded() {
    toy plan --set train.checkpoint_every=5 --overwrite
    toy plan --set train.checkpoint_every=5 --steps 25 --resume --extend
    has "old rate" "$said" "was $(printf '%.6g' "$(cell plan 20 lr)") at step 20 of the old schedule"
    has "new rate" "$said" "is $(printf '%.6g' "$(cell plan 21 lr)") at step 21 of the new one"
    has "run.json" "$(<"$tmp/plan/run.json")" '"extensions": [{"step":20,"from_steps":20,"to_steps":25,"utc":"2'
    # Killed before it had a checkpoint of the new plan: the plan is known, and noted once.
    split_at plan 20 cut
    exits 0 --config "$tmp/toy.json" --set name=plan --run-dir "$tmp/cut" --set train.checkpoint_every=5 --steps 25 --resume
    same "extensions" "$(grep -o from_steps "$tmp/cut/run.json" | wc -l)" 1
    same_run plan cut
    toy plan --set train.checkpoint_every=5 --steps 35 --resume --extend
    same "extensions" "$(grep -o '"from_steps":[0-9]*' "$tmp/plan/run.json" | tr '\n' ' ')" '"from_steps":20 "from_steps":25 '
    if command -v python3 >/dev/null; then python3 -m json.tool "$tmp/plan/run.json" >/dev/null; fi
    # An interrupted run with its own steps needs no flag.
    split_at plan 30 cut
    exits 0 --config "$tmp/toy.json" --set name=plan --run-dir "$tmp/cut" --set train.checkpoint_every=5 --steps 35 --resume
    [[ $said != *"old schedule"* ]] || fail "an extension was reported: $said"
}

# An extended run is not a further seed of the plan that others followed from the start.
reports_keep_extended_runs_apart() {
    local seed rows
    command -v python3 >/dev/null || { echo "note: skipped the report: no python3" && return; }
    for seed in 1 2; do toy "s$seed" --seed "$seed" --set "log.dir=$tmp/plans"; done
    toy s3 --seed 3 --steps 10 --set "log.dir=$tmp/plans"
    toy s3 --seed 3 --steps 20 --set "log.dir=$tmp/plans" --resume --extend
    scripts/report.sh "$tmp/plans" >/dev/null
    rows=$(awk '/^## / { inside = $0 == "## Results" } inside && /^\| /' "$tmp/plans/report.md")
    has "the group of the plan" "$rows" "peri rmsnorm | 2 |"
    has "the extended run" "$rows" "extended 10 to 20 at step 10 | 1 |"
}

# --- moved folders ---

renamed_runs_stay_the_same() {
    toy first "${often[@]}"
    split_at first 10 renamed
    mv "$tmp/first" "$tmp/kept"
    exits 0 --config "$tmp/renamed/config.json" --resume
    has "folder" "$said" "so this is that run, not $tmp/first"
    [[ ! -e $tmp/first ]] || fail "another run was begun under the old name"
    all_equal kept renamed
    exits 0 --config "$tmp/renamed/config.json"
    has "finished" "$said" "$tmp/renamed is already finished"
    # From inside, with a relative log.dir.
    mkdir "$tmp/lab"
    (
        cd "$tmp/lab"
        exits 0 --config "$tmp/toy.json" --set log.dir=runs --set name=x "${often[@]}"
        rm -r runs/x/checkpoints/step_0000001[5-9] runs/x/checkpoints/step_00000020
        cd runs/x
        exits 0 --config config.json --resume
        [[ ! -e runs ]] || fail "a run was begun inside the run"
    )
    all_equal kept lab/runs/x
}

copies_are_runs_of_their_own() {
    local before
    toy whole "${often[@]}" --overwrite
    before=$(cksum <"$tmp/whole/log.csv")
    split_at whole 15 copy
    exits 0 --config "$tmp/copy/config.json" --resume
    all_equal whole copy
    same "the original" "$(cksum <"$tmp/whole/log.csv")" "$before"
    # With a name of its own, the config is the recipe of another run.
    exits 0 --config "$tmp/copy/config.json" --set name=again --resume
    has "begins" "$said" "$tmp/again has no checkpoint, so the run begins at step 0"
    all_equal whole again
    # A config that was only copied belongs to no run.
    mkdir "$tmp/recipe"
    cp "$tmp/copy/config.json" "$tmp/recipe/"
    exits 0 --config "$tmp/recipe/config.json"
    has "finished" "$said" "$tmp/whole is already finished"
}

# --- moved data ---

same_data_at_another_path() {
    seq 2000 >"$tmp/a.txt"
    seq 3000 3400 >"$tmp/v.txt"
    local text=("${often[@]}" --set name=text --set "data.train=$tmp/a.txt" --set "data.val=$tmp/v.txt")
    exits 0 --config "$tmp/toy.json" "${text[@]}"
    split_at text 10 text2
    mkdir "$tmp/elsewhere"
    mv "$tmp/a.txt" "$tmp/elsewhere/b.txt"
    mv "$tmp/v.txt" "$tmp/elsewhere/w.txt"
    local moved=("${text[@]}" --set "data.train=$tmp/elsewhere/b.txt" --set "data.val=$tmp/elsewhere/w.txt")
    exits 0 --config "$tmp/toy.json" "${moved[@]}" --run-dir "$tmp/text2" --resume
    has "banner" "$said" "at step 11"
    same "weights" "$(payload text2 | cksum)" "$(payload text | cksum)" # the headers contain the paths
    diff <(numbers text) <(numbers text2) || fail "the records differ"
    exits 0 --config "$tmp/toy.json" "${moved[@]}" --run-dir "$tmp/text" --resume
    has "finished" "$said" "already finished"
    split_at text 10 text3
    seq 2001 >"$tmp/elsewhere/c.txt"
    exits 2 --config "$tmp/toy.json" "${moved[@]}" --set "data.train=$tmp/elsewhere/c.txt" --run-dir "$tmp/text3" --resume
    has "other bytes" "$said" "data.train differs"
    exits 2 --config "$tmp/toy.json" "${moved[@]}" --set "data.val=$tmp/elsewhere/c.txt" --run-dir "$tmp/text" --resume
    has "other validation" "$said" "data.val differs"
    exits 2 --config "$tmp/toy.json" "${moved[@]}" --set data.val= --run-dir "$tmp/text3" --resume
    has "another split" "$said" "data.val differs"
    cp "$tmp/elsewhere/b.txt" "$tmp/a.txt"
    cp "$tmp/elsewhere/w.txt" "$tmp/v.txt"
    exits 0 --config "$tmp/toy.json" "${text[@]}" --run-dir "$tmp/text3" --resume
    all_equal text text3
}

# --- logs ---

# continues NAME: the copy of $tmp/whole at step 15 continues there.
continues() {
    exits 0 --config "$tmp/toy.json" "${often[@]}" --set name=whole --run-dir "$tmp/$1" --resume
    has "banner" "$said" "at step 16"
    cmp "$(weights whole)" "$(weights "$1")" || fail "the weights differ"
    [[ $said != *--overwrite* ]] || fail "advice that destroys the run: $said"
}

missing_logs_are_started_again() {
    local log
    toy whole "${often[@]}" --overwrite
    split_at whole 15 bare
    rm "$tmp"/bare/*.csv "$tmp/bare/run.json"
    continues bare
    for log in log spikes layers tensors; do has "warning" "$said" "bare/$log.csv is not as the checkpoint recorded it"; done
    same "steps" "$(steps "$tmp/bare/log.csv")" "16 to 20"
    for log in log spikes layers tensors; do
        split_at whole 15 bare
        rm "$tmp/bare/$log.csv"
        continues bare
        has "first step" "$said" "$log.csv is not as the checkpoint recorded it: it is started again and begins at step 16"
        [[ $log == log ]] || diff <(numbers whole) <(numbers bare) || fail "log.csv has changed, too"
    done
}

short_logs_are_kept() {
    toy whole "${often[@]}" --overwrite
    split_at whole 15 short
    head -n 8 "$tmp/whole/log.csv" >"$tmp/short/log.csv"
    continues short
    has "kept" "$said" "the old one is now $tmp/short/log.csv.old-1"
    same "the old one" "$(cat "$tmp/short/log.csv.old-1")" "$(head -n 8 "$tmp/whole/log.csv")"
    same "steps" "$(steps "$tmp/short/log.csv")" "16 to 20"
    # Killed after that: nothing is kept twice.
    split_at short 15 short2
    head -n 3 "$tmp/short/log.csv" >"$tmp/short2/log.csv"
    continues short2
    same "steps" "$(steps "$tmp/short2/log.csv")" "16 to 20"
    [[ ! -e $tmp/short2/log.csv.old-2 ]] || fail "records that are repeated were kept"
    # A log that is no longer ours at all.
    split_at whole 15 other
    tr , ';' <"$tmp/whole/log.csv" >"$tmp/other/log.csv"
    continues other
    has "kept" "$(head -n 1 "$tmp/other/log.csv.old-1")" "step;tokens"
}

converted_logs_are_repaired() {
    toy whole "${often[@]}" --overwrite
    split_at whole 15 windows
    sed -i 's/$/\r/' "$tmp"/windows/*.csv
    sed -i '1s/^/\xEF\xBB\xBF/' "$tmp/windows/log.csv"
    continues windows
    has "warning" "$said" "windows/log.csv had other line ends"
    all_equal whole windows
    split_at whole 15 windows
    truncate -s -1 "$tmp/windows/layers.csv"
    sed -i 's/$/\r/' "$tmp/windows/log.csv"
    continues windows
    all_equal whole windows
}

# A checkpoint of a version without tensors.csv: the file begins where the run continues.
logs_of_later_versions_begin_late() {
    local meta
    command -v python3 >/dev/null || { echo "note: skipped checkpoints without tensors.csv: no python3" && return; }
    toy whole "${often[@]}" --overwrite
    split_at whole 15 earlier
    rm "$tmp/earlier/tensors.csv"
    printf 'step_00000010\n' >"$tmp/earlier/checkpoints/latest" # killed before the name was written
    for meta in "$tmp"/earlier/checkpoints/*/meta.json; do python3 tests/lib/without_log.py "$meta" tensors.csv; done
    continues earlier
    [[ $said != *tensors.csv* ]] || fail "a warning: $said"
    cmp "$tmp/whole/layers.csv" "$tmp/earlier/layers.csv"
    diff "$tmp/earlier/tensors.csv" <(awk -F, 'NR == 1 || $1 > 15' "$tmp/whole/tensors.csv")
}

# A checkpoint that could not be read once, while the logs were continued from the one before it.
stale_checkpoints_do_not_cut_logs() {
    toy whole "${often[@]}" --overwrite
    split_at whole 15 stale
    printf 'step_00000010\n' >"$tmp/stale/checkpoints/latest"
    sed -i '14q' "$tmp/stale/log.csv" # up to step 12
    exits 0 --config "$tmp/toy.json" "${often[@]}" --set name=whole --run-dir "$tmp/stale" --resume
    has "banner" "$said" "at step 11"
    same_run whole stale
}

# --- other parts of a run that are missing ---

lost_configs_do_not_matter() {
    local before
    toy whole "${often[@]}" --overwrite
    split_at whole 15 noconfig
    rm "$tmp/noconfig/config.json"
    exits 2 --config "$tmp/toy.json" "${often[@]}" --set name=whole --run-dir "$tmp/noconfig"
    has "advice" "$said" "--resume continues it"
    exits 2 --config "$tmp/toy.json" "${often[@]}" --set name=whole --steps 25 --run-dir "$tmp/noconfig" --resume
    has "plan of the checkpoint" "$said" "20 there and 25 here"
    continues noconfig
    all_equal whole noconfig
    split_at whole 20 ended
    rm -r "$tmp/ended/checkpoints"
    before=$(cksum "$tmp/ended/log.csv")
    exits 0 --config "$tmp/toy.json" "${often[@]}" --set name=whole --run-dir "$tmp/ended" --resume
    has "results without checkpoints" "$said" "already finished"
    same "results" "$(cksum "$tmp/ended/log.csv")" "$before"
}

test_case "continue: more steps need --extend" more_steps_take_a_flag
test_case "continue: extensions are recorded" extensions_are_recorded
test_case "continue: reports keep extended runs apart" reports_keep_extended_runs_apart
test_case "continue: renamed runs" renamed_runs_stay_the_same
test_case "continue: copied runs" copies_are_runs_of_their_own
test_case "continue: the same data at another path" same_data_at_another_path
test_case "continue: missing logs" missing_logs_are_started_again
test_case "continue: logs that are too short" short_logs_are_kept
test_case "continue: logs with other line ends" converted_logs_are_repaired
test_case "continue: a checkpoint without tensors.csv" logs_of_later_versions_begin_late
test_case "continue: a checkpoint newer than the logs" stale_checkpoints_do_not_cut_logs
test_case "continue: no config.json, no checkpoints" lost_configs_do_not_matter
test_done
