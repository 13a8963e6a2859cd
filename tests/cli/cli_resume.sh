#!/usr/bin/env bash
# cli_resume.sh [SPLITS] - a run that is stopped and resumed ends like an uninterrupted run.
#
# SPLITS (default 2) is the number of random split points for each of nine models.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
splits=${1:-2}

# identical A B: all files of two runs are equal, except for times.
identical() {
    local file size
    same_run "$1" "$2"
    cmp "$(dirname "$(weights "$1")")/optimizer.safetensors" \
        "$(dirname "$(weights "$2")")/optimizer.safetensors" || fail "runs $1 and $2 have different states"
    cmp "$tmp/$1/spikes.csv" "$tmp/$2/spikes.csv" || fail "runs $1 and $2 have different spikes"
    cmp "$tmp/$1/layers.csv" "$tmp/$2/layers.csv" || fail "runs $1 and $2 have different layers"
    cmp "$tmp/$1/tensors.csv" "$tmp/$2/tensors.csv" || fail "runs $1 and $2 have different tensors"
}

# Warm-ups that end during the run, a sensitive detector that skips, two micro-batches, dropout.
full=(--set train.checkpoint_every=1 --set train.keep=1000 --set train.accum=2 --set train.steps=30
    --set optim.warmup_steps=10 --set gamma_warmup.steps=14 --set branch_warmup.steps=11 --set spike.min_history=3
    --set spike.window=8 --set spike.threshold=0.5 --set spike.action=skip --set model.dropout=0.1
    --set train.eval_every=7 --set log.layers_every=3)

random_splits_are_exact() {
    local topology norm step count=0
    RANDOM=7
    for topology in post pre peri; do
        for norm in layernorm gated batchnorm; do
            toy whole "${full[@]}" --topology "$topology" --norm "$norm" --overwrite
            (($(wc -l <"$tmp/whole/spikes.csv") > 1)) || fail "no spike in $topology $norm"
            for ((i = 0; i < splits; i++)); do
                step=$((1 + RANDOM % 29))
                split_at whole "$step" part
                exits 0 --config "$tmp/toy.json" "${full[@]}" --topology "$topology" --norm "$norm" \
                    --set name=whole --run-dir "$tmp/part" --resume
                has "banner" "$said" "at step $((step + 1))"
                identical whole part
                count=$((count + 1))
            done
        done
    done
    echo "note: $count splits"
}

long=(--set train.steps=100000000 --set train.eval_every=0)

# stopped SIGNAL NAME ARGUMENT...: runs, sends the signal after half a second, prints the status.
stopped() {
    local signal=$1 name=$2 code=0 pid
    shift 2
    env --default-signal=INT,HUP "$TRAIN" --config "$tmp/toy.json" --set "name=$name" "$@" \
        >"$tmp/said" 2>&1 </dev/null &
    pid=$!
    sleep 0.5
    kill "-$signal" "$pid"
    wait "$pid" || code=$?
    said=$(<"$tmp/said")
    echo "$code"
}

signals_leave_a_checkpoint() {
    local signal
    for signal in INT:130 TERM:143 HUP:129 USR1:75 USR2:75 XCPU:75; do
        rm -rf "$tmp/stop_${signal#*:}"
        same "status after ${signal%:*}" "$(stopped "${signal%:*}" "stop_${signal#*:}" "${long[@]}")" "${signal#*:}"
        has "message" "$(<"$tmp/said")" "stopped by SIG${signal%:*} after step"
        same "step of the checkpoint" "$(cat "$tmp/stop_${signal#*:}/checkpoints/latest")" \
            "$(printf 'step_%08d' "$(tail -1 "$tmp/stop_${signal#*:}/log.csv" | cut -d, -f1)")"
    done
    exits 2 --config "$tmp/toy.json" --set name=stop_130 "${long[@]}"
    has "unfinished run" "$said" "--resume"
}

# timeout(1) and other wrappers send the signal twice: to the process and to its group.
wrappers_may_signal_twice() {
    local code=0 pid
    env --default-signal=INT "$TRAIN" --config "$tmp/toy.json" --set name=twice "${long[@]}" \
        --set train.batch=4000 >"$tmp/said" 2>&1 </dev/null &
    pid=$!
    for _ in {1..200}; do [[ ! -s $tmp/twice/log.csv ]] || break; sleep 0.1; done
    sleep 0.1
    kill -INT "$pid"
    sleep 0.01
    kill -INT "$pid" || true # it may have ended
    wait "$pid" || code=$?
    same "wait status" "$code" 130
    has "message" "$(<"$tmp/said")" "stopped by SIGINT after step"
}

# With batchnorm the update must be completed, because its running statistics have changed.
stop_within_an_update_is_exact() {
    local norm slow=(--set train.accum=32 --set train.batch=500 --set train.steps=2
        --set train.eval_every=0)
    for norm in rmsnorm batchnorm; do
        same "status" "$(stopped TERM "part_$norm" "${slow[@]}" --norm "$norm")" 143
        toy "whole_$norm" "${slow[@]}" --norm "$norm"
        toy "part_$norm" "${slow[@]}" --norm "$norm" --resume
        identical "whole_$norm" "part_$norm"
    done
}

stop_within_a_validation_is_exact() {
    local slow=(--set train.eval_rows=15000 --set train.eval_every=4 --set train.steps=8
        --set log.layers_every=2)
    same "status" "$(stopped TERM evaluating "${slow[@]}")" 143
    toy evaluated "${slow[@]}"
    toy evaluating "${slow[@]}" --resume
    identical evaluated evaluating
}

second_writer_is_refused() {
    local pid
    "$TRAIN" --config "$tmp/toy.json" --set name=shared "${long[@]}" >/dev/null 2>&1 </dev/null &
    pid=$!
    sleep 0.5
    exits 2 --config "$tmp/toy.json" --set name=shared "${long[@]}" --resume
    has "second writer" "$said" "is being written by process $pid"
    exits 2 --config "$tmp/toy.json" --set name=shared "${long[@]}" --overwrite
    kill "$pid"
    wait "$pid" || true
}

existing_runs_are_kept() {
    toy there
    exits 0 --config "$tmp/toy.json" --set name=there
    has "finished" "$said" "already finished"
    exits 0 --config "$tmp/toy.json" --set name=there --set train.threads=2 --resume
    has "finished" "$said" "already finished"
    exits 2 --config "$tmp/toy.json" --set name=there --set optim.lr=2e-3
    has "another config" "$said" "optim.lr differs"
    exits 2 --config "$tmp/toy.json" --set name=there --set model.norm=layernorm --resume
    has "another config" "$said" "model.norm differs"
    exits 2 --config "$tmp/toy.json" --set name=there --steps 5 --resume
    has "fewer steps" "$said" "already at step 20"
    exits 2 --config "$tmp/toy.json" --set name=there --resume --overwrite
    # Other intervals are allowed, and more steps with --extend.
    toy there --steps 25 --set log.every=2 --set train.eval_every=5 --resume --extend
    same "steps" "$(cut -d, -f1 "$tmp/there/log.csv" | tail -n 4 | tr '\n' ' ')" "20 22 24 25 "
    has "run.json" "$(<"$tmp/there/run.json")" '"resumes": [{"step":21,'
}

resume_starts_new_runs() {
    toy whole20
    toy new --resume
    identical whole20 new
    mkdir -p "$tmp/bare"
    toy bare --resume
    identical whole20 bare
}

corrupt_checkpoints_are_skipped() {
    local file size
    toy whole --set train.checkpoint_every=5 --set train.keep=3 --overwrite
    for file in model.safetensors optimizer.safetensors meta.json; do
        split_at whole 15 hurt
        # One bit in the middle of the file.
        size=$(stat -c %s "$tmp/hurt/checkpoints/step_00000015/$file")
        flip "$tmp/hurt/checkpoints/step_00000015/$file" $((size / 2))
        exits 0 --config "$tmp/toy.json" --set train.checkpoint_every=5 --set train.keep=3 \
            --set name=whole --run-dir "$tmp/hurt" --resume
        has "warning" "$said" "step 15"
        has "banner" "$said" "at step 11"
        identical whole hurt
    done
    split_at whole 10 hurt
    flip "$tmp/hurt/checkpoints/step_00000010/meta.json" 5
    exits 3 --config "$tmp/toy.json" --set train.checkpoint_every=5 --set train.keep=3 \
        --set name=whole --run-dir "$tmp/hurt" --resume
    has "none left" "$said" "no valid checkpoint"
    exits 3 --sample "$tmp/hurt"
}

# flip FILE OFFSET: flips the lowest bit of a byte.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf "%b" "\\x$(printf %02x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

changed_data_are_refused() {
    seq 2000 >"$tmp/numbers.txt"
    local text=(--set "data.train=$tmp/numbers.txt" --set name=text --set train.checkpoint_every=10)
    exits 0 --config "$tmp/toy.json" "${text[@]}"
    split_at text 10 text2
    seq 2001 >"$tmp/numbers.txt"
    exits 3 --config "$tmp/toy.json" "${text[@]}" --run-dir "$tmp/text2" --resume
    has "other data" "$said" "data.train has changed"
}

# --stop-at leaves a run that --resume continues, on its own schedule.
stop_at_is_exact() {
    local n
    toy straight --set train.eval_every=3
    for n in 0 7 9; do
        rm -rf "$tmp/stopped"
        exits 75 --config "$tmp/toy.json" --set name=stopped --set train.eval_every=3 --stop-at "$n"
        has "message" "$said" "stopped by --stop-at after step $n; --resume continues the run"
        same "last step" "$(tail -n 1 "$tmp/stopped/log.csv" | cut -d, -f1)" "$n"
        exits 75 --config "$tmp/toy.json" --set name=stopped --set train.eval_every=3 --resume --stop-at 0
        same "no step back" "$(tail -n 1 "$tmp/stopped/log.csv" | cut -d, -f1)" "$n"
        exits 0 --config "$tmp/toy.json" --set name=stopped --set train.eval_every=3 --resume
        same_run straight stopped
    done
    # A step that the run does not have, or its last one, changes nothing.
    for n in 20 21; do
        rm -r "$tmp/stopped"
        exits 0 --config "$tmp/toy.json" --set name=stopped --set train.eval_every=3 --stop-at "$n"
    done
}

test_case "resume: random splits are exact to the bit" random_splits_are_exact
test_case "resume: signals leave a checkpoint and the correct status" signals_leave_a_checkpoint
test_case "resume: a wrapper that signals twice" wrappers_may_signal_twice
test_case "resume: --stop-at" stop_at_is_exact
test_case "resume: a stop within an update" stop_within_an_update_is_exact
test_case "resume: a stop within a validation" stop_within_a_validation_is_exact
test_case "resume: a second writer is refused" second_writer_is_refused
test_case "resume: existing runs are kept" existing_runs_are_kept
test_case "resume: without a checkpoint, a new run starts" resume_starts_new_runs
test_case "resume: corrupt checkpoints are skipped; none valid is an error" corrupt_checkpoints_are_skipped
test_case "resume: changed data" changed_data_are_refused
test_done
