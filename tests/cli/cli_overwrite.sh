#!/usr/bin/env bash
# cli_overwrite.sh - --overwrite keeps the old run until the new one has a checkpoint, and files of others always.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# contents RUN: names, contents and times of all files of a run except LOCK.
contents() {
    (cd "$tmp/$1" && find . -type f ! -name LOCK -exec stat -c '%n %Y' {} + | sort && find . -type f ! -name LOCK -exec cksum {} + | sort)
}

# A run is trained further under its own name: its weights are read before its files move.
own_weights_are_read_first() {
    local loss
    toy tuned
    loss=$(cell tuned 20 val_loss)
    toy tuned --set train.init_from="$tmp/tuned" --set optim.lr=1e-4 --overwrite
    same "validation loss at step 0" "$(cell tuned 0 val_loss)" "$loss"
    ln -s tuned "$tmp/alias"
    loss=$(cell tuned 20 val_loss)
    toy tuned --set train.init_from="$tmp/alias" --set optim.lr=1e-5 --overwrite
    same "through a link" "$(cell tuned 0 val_loss)" "$loss"
    [[ ! -e $tmp/tuned/.old-run ]] || fail "the old run is still there"
}

# refuses CODE ARGUMENT...: --overwrite fails, and the run in $tmp/old is as before.
refuses() {
    local before
    before=$(contents old)
    exits "$1" --config "$tmp/toy.json" --set name=old --overwrite "${@:2}"
    same "the old run after ${*:2}" "$(contents old)" "$before"
}

refused_runs_leave_the_old_one() {
    toy old
    toy wide --set model.d_model=32
    echo ab >"$tmp/short.txt"
    refuses 2 --set train.init_from="$tmp/wide"
    refuses 3 --set train.init_from="$tmp/nowhere"
    refuses 3 --set data.train="$tmp/nothing.txt"
    refuses 3 --set data.train="$tmp/short.txt"
    refuses 2 --set optim.lr=-1
    refuses 2 --set train.batch=65536 --set model.context=65536
}

# A run that fails, or diverges, before it has a checkpoint.
failed_runs_give_the_old_one_back() {
    local before
    toy failing --set log.layers_every=1
    before=$(contents failing)
    (
        ulimit -f 1 # KiB: the new logs cannot be written
        exits 4 --config "$tmp/toy.json" --set name=failing --set log.layers_every=1 --set train.steps=3000 --overwrite
        has "message" "$said" "the old run in $tmp/failing is back"
    )
    same "the old run" "$(contents failing)" "$before"
    exits 5 --config "$tmp/toy.json" --set name=failing --set optim.lr=1e38 --set optim.warmup_steps=0 --overwrite
    has "message" "$said" "logs of the new run are in $tmp/failing/replaced-1"
    [[ -s $tmp/failing/replaced-1/log.csv ]] || fail "the logs of the diverged run are gone"
    rm -r "$tmp/failing/replaced-1"
    same "the old run" "$(contents failing)" "$before"
}

long=(--set train.steps=100000000 --set train.eval_every=0 --set train.checkpoint_every=0)

# kill_overwrite: an --overwrite of $tmp/hit is killed before it has a checkpoint.
kill_overwrite() {
    local pid
    "$TRAIN" --config "$tmp/toy.json" --set name=hit "${long[@]}" --overwrite >/dev/null 2>&1 </dev/null &
    pid=$!
    for _ in {1..500}; do
        ! { [[ -e $tmp/hit/.old-run/complete ]] && (($(wc -l <"$tmp/hit/log.csv") > 3)); } 2>/dev/null || break
        sleep 0.01
    done
    kill -9 "$pid"
    wait "$pid" || true
}

killed_runs_give_the_old_one_back() {
    local before names
    toy hit
    echo mine >"$tmp/hit/checkpoints/notes.txt"
    before=$(contents hit)
    kill_overwrite
    [[ -e $tmp/hit/.old-run/checkpoints/step_00000020/model.safetensors ]] || fail "the old weights are not aside"
    exits 3 --sample "$tmp/hit"
    has "where it is" "$said" "--run-dir $tmp/hit"
    exits 0 --config "$tmp/toy.json" --set name=hit
    has "recovery" "$said" "the old run in $tmp/hit is back"
    has "recovery" "$said" "already finished"
    same "the old run" "$(contents hit)" "$before"
    names=$(cd "$tmp/hit" && find . | sed 's/_00000020/_00000007/' | sort | tr '\n' ' ')
    kill_overwrite
    toy hit --set train.steps=7 --overwrite
    same "steps" "$(tail -1 "$tmp/hit/log.csv" | cut -d, -f1)" 7
    same "files" "$(cd "$tmp/hit" && find . | sort | tr '\n' ' ')" "$names"
}

# What a crash within the moves leaves.
interrupted_moves_are_settled() {
    local before name
    toy moving
    before=$(contents moving)
    for name in log.csv tensors.csv config.json checkpoints/latest checkpoints/step_00000020; do
        mkdir -p "$tmp/moving/.old-run/checkpoints"
        mv "$tmp/moving/$name" "$tmp/moving/.old-run/$name"
        toy moving
        has "finished" "$said" "already finished"
        same "moved back" "$(contents moving)" "$before"
    done
    toy new --set train.steps=5
    cp -r "$tmp/moving" "$tmp/aside"
    touch "$tmp/aside/complete"
    mv "$tmp/aside" "$tmp/new/.old-run"
    before=$(cksum <"$(weights new)")
    toy new --set train.steps=5
    same "the new run" "$(cksum <"$(weights new)")" "$before"
    [[ ! -e $tmp/new/.old-run/checkpoints ]] || fail "the replaced run is still there"
}

# stays NAME CONTENTS: a folder with such a file is refused, whatever the flag.
stays() {
    local flag
    rm -rf "$tmp/theirs"
    mkdir -p "$(dirname "$tmp/theirs/$1")"
    printf '%s' "$2" >"$tmp/theirs/$1"
    for flag in --resume --overwrite ""; do
        exits 2 --config "$tmp/toy.json" --run-dir "$tmp/theirs" ${flag:+"$flag"}
        has "$1 $flag" "$said" "$tmp/theirs/${3:-$1}"
        same "$1 after ${flag:-training}" "$(cat "$tmp/theirs/$1")" "$2"
        same "files" "$(cd "$tmp/theirs" && find . -type f)" "./$1"
    done
}

files_of_others_stay() {
    stays log.csv $'epoch,loss\n1,2.5'
    stays log.csv $'step,loss\n1,2.5'
    stays spikes.csv $'time,kind\n1,a'
    stays layers.csv $'step,layer\n1,a'
    stays tensors.csv $'step,tensor\n1,a'
    stays run.json '{"mine": [1, 2, 3]}'
    stays config.json '{"architectures": ["GPT2LMHeadModel"], "n_layer": 12}'
    stays config.json 'lr: 0.1'
    stays checkpoints/latest global_step500
    stays checkpoints/step_00000010/model.pt weights checkpoints/step_00000010
    stays checkpoints 'a list' checkpoints
    stays LOCK 'held by backup'
}

files_beside_a_run_are_fine() {
    local file flag
    mkdir -p "$tmp/beside/checkpoints/epoch=1" "$tmp/beside/replay/step_1"
    for file in out.txt slurm-17.out notes.tmp log.csv.bak checkpoints/epoch=1/a.ckpt checkpoints/notes replay/step_1/rewards.csv; do
        echo mine >"$tmp/beside/$file"
    done
    for flag in --resume --overwrite --overwrite; do
        exits 0 --config "$tmp/toy.json" --run-dir "$tmp/beside" "$flag"
        for file in out.txt slurm-17.out notes.tmp log.csv.bak checkpoints/epoch=1/a.ckpt checkpoints/notes; do
            same "$file after $flag" "$(cat "$tmp/beside/$file")" mine
        done
    done
    find "$tmp/beside" -name rewards.csv | grep -q . || fail "--overwrite removed a file below replay/"
    # The shell creates the file of tee before the trainer starts.
    mkdir "$tmp/tee"
    "$TRAIN" --config "$tmp/toy.json" --run-dir "$tmp/tee" 2>&1 </dev/null | tee "$tmp/tee/out.txt" >/dev/null
    has "tee" "$(<"$tmp/tee/out.txt")" "done: 20 steps"
}

test_case "overwrite: train.init_from is the run itself" own_weights_are_read_first
test_case "overwrite: a refused run" refused_runs_leave_the_old_one
test_case "overwrite: a run that fails or diverges at once" failed_runs_give_the_old_one_back
test_case "overwrite: kill -9 before the first checkpoint" killed_runs_give_the_old_one_back
test_case "overwrite: crashes between two files" interrupted_moves_are_settled
test_case "overwrite: files of other programs are not replaced" files_of_others_stay
test_case "overwrite: files of others beside a run" files_beside_a_run_are_fine
test_done
