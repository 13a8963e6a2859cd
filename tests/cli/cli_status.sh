#!/usr/bin/env bash
# cli_status.sh - --status: runs that train, have ended or were killed; a folder of runs; JSON.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# field NAME: a member of the JSON object that --status RUN --json printed.
field() {
    python3 -c 'import json, sys
print(json.dumps(json.loads(sys.argv[1])[sys.argv[2]]))' "$said" "$1"
}

# fields NAME...: several, separated by blanks.
fields() {
    local name
    for name; do field "$name"; done | paste -sd ' '
}

finished() {
    toy finished --set train.keep_best=true
    exits 0 --status "$tmp/finished"
    has "text" "$said" "$tmp/finished"
    same "state" "$(sed -n 's/^state *//p' <<<"$said")" "done"
    same "step" "$(sed -n 's/^step *//p' <<<"$said")" "20 of 20"
    has "val loss" "$said" "at step 20"
    same "checkpoint" "$(sed -n 's/^checkpoint *//p' <<<"$said")" "step 20, best step 20"
    exits 0 --status "$tmp/finished" --json
    same "JSON" "$(fields run state alive process step steps val_step seconds_left checkpoint best_checkpoint grad_spikes loss_spikes)" \
        "\"$tmp/finished\" \"done\" false null 20 20 20 null 20 20 0 0"
    same "losses" "$(fields train_loss val_loss)" "$(cell finished 20 train_loss) $(cell finished 20 val_loss)"
    awk -v rate="$(field tokens_per_s)" 'BEGIN { exit !(rate > 100) }' || fail "speed: $said"
}

spikes_are_counted() {
    toy spiky --steps 60 --set train.checkpoint_every=0 --set spike.threshold=1.5
    exits 0 --status "$tmp/spiky" --json
    same "spikes" "$(fields grad_spikes loss_spikes)" \
        "$(awk -F, '$2 == "grad" { g++ } $2 == "loss" { l++ } END { print g + 0, l + 0 }' "$tmp/spiky/spikes.csv")"
    [[ $(field grad_spikes) != 0 ]] || fail "no spikes: $said"
    exits 5 --config "$tmp/toy.json" --set name=wrecked --set optim.lr=1e30 --set optim.warmup_steps=0 --set optim.clip=0 --set spike.action=stop
    exits 0 --status "$tmp/wrecked" --json
    same "a run that has diverged" "$(field state)" '"diverged"'
}

# A run that trains is alive; --status neither takes its lock nor keeps another process from it.
alive_and_killed() {
    local pid i
    "$TRAIN" --config "$tmp/toy.json" --set name=long --set train.steps=100000000 --set train.eval_every=100 \
        --set train.checkpoint_every=1000 >"$tmp/long.txt" 2>&1 &
    pid=$!
    for ((i = 0; i < 200; i++)); do
        [[ $(tail -n +200 "$tmp/long/log.csv" 2>/dev/null) == "" ]] || break
        sleep 0.05
    done
    exits 0 --status "$tmp/long" --json
    same "alive" "$(fields state alive process steps)" "\"running\" true $pid 100000000"
    awk -v left="$(field seconds_left)" -v rate="$(field tokens_per_s)" -v step="$(field step)" \
        'BEGIN { ratio = left * rate / (32 * (100000000 - step)); exit !(ratio > 0.999 && ratio < 1.001) }' || fail "time left: $said"
    exits 0 --status "$tmp/long"
    has "text" "$said" "running, process $pid"
    exits 2 --config "$tmp/toy.json" --run-dir "$tmp/long" --set name=long --set train.steps=100000000 --set train.eval_every=100 \
        --set train.checkpoint_every=1000 --resume
    has "the lock is held" "$said" "is being written by process $pid"
    kill -KILL "$pid" && { wait "$pid" || true; }
    exits 0 --status "$tmp/long" --json
    same "killed" "$(fields state alive process seconds_left)" '"interrupted" false null null'
    exits 0 --status "$tmp/long"
    has "advice" "$said" "--resume continues"
}

# Opened for reading and not locked: nothing else would leave a starting run alone.
lock_is_not_taken() {
    toy locked
    command -v strace >/dev/null || { echo "note: skipped: no strace" && return; }
    strace -f -o "$tmp/calls" "$TRAIN" --status "$tmp/locked" >/dev/null
    [[ $(grep -E 'flock\(|O_WRONLY|O_RDWR|O_CREAT|unlink|rename|mkdir' "$tmp/calls" | grep -v /dev/null) == "" ]] ||
        fail "$(grep -E 'flock\(|O_WRONLY|O_RDWR|O_CREAT|unlink|rename|mkdir' "$tmp/calls")"
}

folder_of_runs() {
    mkdir "$tmp/many" "$tmp/many/other"
    toy one --run-dir "$tmp/many/one"
    cp -r "$tmp/many/one" "$tmp/many/"$'t\033[31mwo'
    exits 0 --status "$tmp/many"
    same "lines" "$(wc -l <<<"$said")" 3
    has "one" "$said" "one                      done                 20         20"
    [[ $said != *$'\033'* ]] || fail "a name can send commands to the terminal"
    exits 0 --status "$tmp/many" --json
    same "JSON" "$(python3 -c 'import json, sys; print([r["run"][-3:] for r in json.loads(sys.argv[1])])' "$said")" "['one', 'mwo']"
    exits 3 --status "$tmp/many/other"
    has "an empty folder" "$said" "is neither a run nor a directory of runs"
    exits 3 --status "$tmp/nowhere"
    exits 2 --sample "$tmp/many/one" --json
}

# A run that has not come far, or lacks files.
incomplete_runs() {
    toy part
    rm -r "$tmp/part/checkpoints" "$tmp/part/run.json"
    head -c 300 "$tmp/part/log.csv" >"$tmp/cut" && cp "$tmp/cut" "$tmp/part/log.csv"
    exits 0 --status "$tmp/part"
    has "no checkpoint" "$said" "checkpoint   none"
    has "state" "$said" "interrupted"
    rm "$tmp/part/log.csv" "$tmp/part/spikes.csv"
    exits 0 --status "$tmp/part" --json
    same "no logs" "$(fields step steps train_loss val_loss tokens_per_s checkpoint)" "0 20 null null null null"
}

test_case "status: a finished run" finished
test_case "status: spikes and divergence" spikes_are_counted
test_case "status: alive and killed" alive_and_killed
test_case "status: writes nothing and takes no lock" lock_is_not_taken
test_case "status: a folder of runs" folder_of_runs
test_case "status: incomplete runs" incomplete_runs
test_done
