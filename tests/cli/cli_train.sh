#!/usr/bin/env bash
# cli_train.sh - training from the command line: logs, reproducibility, exit.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

header=step,tokens,train_loss,val_loss,lr,gamma_scale,grad_norm,clip_scale,loss_z,grad_z,spike
header+=,action,step_ms,tokens_per_s

log_is_complete() {
    toy rows --set train.accum=3
    same "header" "$(head -1 "$tmp/rows/log.csv")" "$header"
    same "steps" "$(cut -d, -f1 "$tmp/rows/log.csv" | tail -n +2)" "$(seq 0 20)"
    same "tokens" "$(cut -d, -f2 "$tmp/rows/log.csv" | tail -n +2)" "$(seq 0 96 1920)"
    grep -qE '^0,0,,[0-9.]+(,){10}$' "$tmp/rows/log.csv" || fail "step 0: $(sed -n 2p "$tmp/rows/log.csv")"
    awk -F, 'NR > 2 && (NF != 14 || $3 == "" || $5 == "" || $7 == "" || $8 > 1 || $11 != 0 ||
                        ($4 != "") != ($1 % 10 == 0)) { print; bad = 1 }
             END { exit bad }' "$tmp/rows/log.csv"
    has "closing line" "$said" "done: 20 steps"
    has "banner" "$said" "RMSNorm LR factor 1 "
    has "banner" "$said" "entropy floor"
}

# The column stands before the timings, is the largest record of site `scores`, and changes nothing else.
max_logit_is_logged() {
    local options=(--set log.max_logit=true --set log.layers_every=1 --set train.accum=2)
    toy unlogged --set train.accum=2
    toy logits "${options[@]}"
    same "header" "$(head -1 "$tmp/logits/log.csv")" "${header/action/action,max_logit}"
    cmp <(payload unlogged) <(payload logits) || fail "log.max_logit changes the weights"
    same "largest of layers.csv" "$(awk -F, '$4 == "scores" { if (!($1 in most) || $9 > most[$1]) most[$1] = $9 }
        END { for (step = 1; step <= 20; step++) print most[step] }' "$tmp/logits/layers.csv")" \
        "$(awk -F, 'NR > 2 { print $13 }' "$tmp/logits/log.csv")"
    same "records of a step" "$(grep -c '^7,[12],attn,scores,' "$tmp/logits/layers.csv")" 4
    exits 75 --config "$tmp/toy.json" --set name=stopped "${options[@]}" --stop-at 9
    toy stopped "${options[@]}" --resume
    # A log keeps the columns that it began with.
    exits 75 --config "$tmp/toy.json" --set name=later --set train.accum=2 --stop-at 9
    toy later "${options[@]}" --resume
    has "columns" "$said" "log.csv began with log.max_logit false: its columns stay as they are"
    same "columns" "$(cut -d, -f1-12 "$tmp/later/log.csv")" "$(cut -d, -f1-12 "$tmp/unlogged/log.csv")"
    same "resumed" "$(cut -d, -f1-13 "$tmp/stopped/log.csv")" "$(cut -d, -f1-13 "$tmp/logits/log.csv")"
}

validation_can_be_disabled() {
    toy blind --set train.eval_every=0
    same "val_loss" "$(cut -d, -f4 "$tmp/blind/log.csv" | sort -u)" $'\nval_loss'
    same "step 0" "$(sed -n 2p "$tmp/blind/log.csv")" "0,0,,,,,,,,,,,,"
    toy watched
    cmp <(payload blind) <(payload watched) || fail "validation changes the weights"
}

log_every_skips_steps() {
    toy full
    toy thin --set log.every=7
    same "steps" "$(cut -d, -f1 "$tmp/thin/log.csv" | tail -n +2 | tr '\n' ' ')" "0 7 14 20 "
    same "records" "$(numbers thin)" "$(numbers full | grep -E '^(step|0|7|14|20),')"
}

# check_lr SCHEDULE FACTOR: column lr of a run against the formula of its schedule, in awk.
check_lr() {
    awk -F, -v schedule="$1" -v lr=1e-3 -v factor="$2" -v W=5 -v steps=20 -v decay=0.2 '
        function want(s,    p, D, low) {
            low = lr * 0.1
            D = schedule == "wsd" ? steps - int(decay * steps) : W
            if (s <= W) return lr * s / W
            if (schedule == "constant" || s <= D) return lr
            p = (s - D) / (steps - D)
            if (schedule == "cosine") return low + (lr - low) * (1 + cos(3.14159265358979 * p)) / 2
            return low + (lr - low) * (schedule == "wsd" ? 1 - sqrt(p) : 1 - p)
        }
        NR > 2 {
            error = $5 / (factor * want($1)) - 1
            if (error > 6e-9 || error < -6e-9) { print "step " $1 ": " $5; bad = 1 }
        }
        END { exit bad || NR != 22 }' "$tmp/$1-$2/log.csv" || fail "lr of $1 is wrong"
}

lr_follows_the_formula() {
    local schedule
    for schedule in cosine wsd linear constant; do
        toy "$schedule-0.95" --set "optim.schedule=$schedule" --set optim.rmsnorm_lr_scale=0.95
        check_lr "$schedule" 0.95
    done
    same "last lr" "$(cell cosine-0.95 20 lr)" 9.5e-05
    has "banner" "$said" "RMSNorm LR factor 0.95"
    toy cosine-1 --set model.norm=layernorm
    check_lr cosine 1
    has "banner" "$said" "RMSNorm LR factor 1 "
}

gamma_scale_is_that_of_the_article() {
    toy article --set gamma_warmup=true --set train.steps=5002 --set train.eval_every=0
    same "step 0" "$(cell article 0 gamma_scale)" ""
    same "step 1" "$(cell article 1 gamma_scale)" 0.1
    same "step 2501" "$(cell article 2501 gamma_scale)" 0.55
    same "step 5000" "$(cell article 5000 gamma_scale)" 0.99982
    same "step 5001" "$(cell article 5001 gamma_scale)" 1
    same "step 5002" "$(cell article 5002 gamma_scale)" 1
    toy off
    same "off" "$(cut -d, -f6 "$tmp/off/log.csv" | sort -u | tr '\n' ' ')" " 1 gamma_scale "
}

bits_depend_only_on_the_seed() {
    local threads wide=(--set model.d_model=96 --set model.n_head=3 --set model.context=48
        --set train.batch=7 --set model.dropout=0.1 --steps 10)
    for threads in 1 2 3; do
        toy "threads$threads" "${wide[@]}" --set "train.threads=$threads"
    done
    toy again "${wide[@]}" --set train.threads=1
    toy seed "${wide[@]}" --set train.seed=1
    same_run threads1 again
    same_run threads1 threads2
    same_run threads1 threads3
    differs threads1 seed
    [[ $(cell threads1 1 train_loss) != "$(cell seed 1 train_loss)" ]]
}

# Recomputed blocks with two streams, reads of the block input, dropout, validation, layers.csv.
recomputing_changes_no_bit() {
    local topology norm deep=(--set model.n_layer=4 --set model.dropout=0.1 --set train.accum=2
        --set log.layers_every=5)
    for topology in pre post peri resi_dual b2t parallel parallel2 hybrid_star; do
        toy "kept_$topology" --topology "$topology" "${deep[@]}"
        toy "again_$topology" --topology "$topology" "${deep[@]}" --set train.recompute=true
        same_run "kept_$topology" "again_$topology"
        cmp "$tmp"/{kept,again}"_$topology/layers.csv" || fail "$topology: layers.csv differs"
        cmp "$tmp"/{kept,again}"_$topology/tensors.csv" || fail "$topology: tensors.csv differs"
    done
    for norm in batchnorm seednorm gated; do
        toy "kept_$norm" --norm "$norm" "${deep[@]}"
        toy "again_$norm" --norm "$norm" "${deep[@]}" --set train.recompute=true
        same_run "kept_$norm" "again_$norm"
    done
    exits 0 --config "$tmp/toy.json" --set name=again_peri --topology peri "${deep[@]}" # already finished
    has "message" "$said" "already finished"
}

zero_steps_write_the_initial_weights() {
    toy start --set train.steps=0
    same "latest" "$(cat "$tmp/start/checkpoints/latest")" step_00000000
    toy one --set train.steps=1
    toy other --set train.steps=0 --set train.seed=2
    toy frozen --set optim.lr=0
    differs start one
    differs start other
    cmp <(payload start) <(payload frozen) || fail "the weights after steps 0 are not the initial weights of steps 20"
}

closed_stdout_does_not_end_a_run() {
    local run reader
    for run in shut_early shut_late; do
        if [[ $run == shut_early ]]; then reader=true; else reader="head -1"; fi
        "$TRAIN" --config "$tmp/toy.json" --set "name=$run" 2>/dev/null </dev/null | $reader >/dev/null
        same "$run" "$(cat "$tmp/$run/checkpoints/latest")" step_00000020
    done
}

interrupted_run_leaves_complete_lines() {
    local code=0
    timeout --preserve-status -s INT 1 env --default-signal=INT "$TRAIN" \
        --config "$tmp/toy.json" --set name=cut --set train.steps=100000000 >/dev/null 2>&1 || code=$?
    same "wait status" "$code" 130
    same "last byte" "$(tail -c 1 "$tmp/cut/log.csv" | od -An -c | tr -d ' ')" '\n'
    awk -F, 'NF != 14 || (NR > 1 && $1 != NR - 2) { print; bad = 1 }
             END { exit bad || NR < 10 }' "$tmp/cut/log.csv"
    exits 2 --config "$tmp/toy.json" --set name=cut --set train.steps=100000000
    has "unfinished run" "$said" "--resume"
}

# Common CSV readers read all columns and get the same sum of the training loss.
csv_readers_agree() {
    toy logs --set log.layers_every=5 --set optim.warmup_steps=100 --set spike.threshold=0.01 --set spike.min_history=2
    local sum
    sum=$(awk -F, 'NR > 2 { sum += $3 } END { printf "%.6f", sum }' "$tmp/logs/log.csv")
    if command -v python3 >/dev/null; then
        same "python" "$(python3 -c '
import csv, sys
rows = {name: list(csv.DictReader(open(f"{sys.argv[1]}/{name}.csv"))) for name in ("log", "spikes", "layers", "tensors")}
assert all(None not in row and None not in row.values() for table in rows.values() for row in table)
assert all(rows.values()), "an empty table"
print("%.6f" % sum(float(row["train_loss"]) for row in rows["log"] if row["train_loss"]))' "$tmp/logs")" "$sum"
    else
        echo "note: skipped python3, which is not installed"
    fi
    if command -v gnuplot >/dev/null; then
        same "gnuplot" "$(gnuplot -e "set datafile separator ','; stats '$tmp/logs/log.csv' using 'train_loss' nooutput; print sprintf('%.6f', STATS_sum)" 2>&1)" "$sum"
    else
        echo "note: skipped gnuplot, which is not installed"
    fi
}

# fact RUN KEY: the value of a key in run.json.
fact() {
    sed -n "s/^ *\"$2\": \(.*[^,]\),\{0,1\}\$/\1/p" "$tmp/$1/run.json"
}

# At this learning rate Post-LN learns nothing but the frequencies of the bytes.
hot=(--topology post --set optim.lr=0.3 --steps 60)

stuck_runs_say_so() {
    toy hot "${hot[@]}"
    same "ending" "$(fact hot ending) $(fact hot exit_code) $(fact hot diverged)" '"stuck" 0 false'
    has "banner" "$said" "unigram entropy   $(printf %.5f "$(fact hot unigram_entropy)") nats per token"
    has "banner" "$said" "(estimated from 262160 tokens)"
    has "cause" "$said" "stuck: the validation loss stayed at the unigram entropy (not below 0.98 times 2.8710 nats"
    has "cause" "$said" "in the last 6 validations"
    same "sentences" "$(grep -c ^stuck <<<"$said")" 1
    exits 0 --config "$tmp/toy.json" --set name=hot "${hot[@]}"
    has "again" "$said" "already finished"
    toy learns --set optim.lr=1e-2 --set train.batch=8 --steps 120 --set train.eval_every=30
    same "a run that learns" "$(fact learns ending)" '"done"'
    [[ $said != *stuck* ]] || fail "a run that learns is called stuck: $said"
    toy short --set optim.lr=0
    same "two validations after the warm-up" "$(fact short ending)" '"done"'
    toy warm --set optim.lr=0 --set optim.warmup_steps=60 --steps 80
    same "during the warm-up" "$(fact warm ending)" '"done"'
    toy random "${hot[@]}" --set data.train=builtin:random --set data.vocab_size=50
    same "builtin:random" "$(fact random ending) $(fact random unigram_entropy)" '"done" null'
    [[ $said != *"unigram entropy"* ]] || fail "a unigram entropy of builtin:random"
}

vanishing_gradients_are_named() {
    toy deep "${hot[@]}" --set model.n_layer=12 --set data.train=builtin:random --set data.vocab_size=50 \
        --set log.layers_every=10
    same "ending" "$(fact deep ending)" '"stuck"'
    has "cause" "$said" "stuck: gradients vanish: in the last "
    has "cause" "$said" "the gradient at block 1 is below 1e-6 of that at block 12"
    [[ $said != *"unigram entropy"* ]] || fail "another cause: $said"
    toy shallow "${hot[@]}" --set data.train=builtin:random --set data.vocab_size=50 --set log.layers_every=10
    same "two blocks" "$(fact shallow ending)" '"done"'
}

other_endings_are_named() {
    exits 5 --config "$tmp/toy.json" --set name=broken --set optim.lr=1e30
    same "diverged" "$(fact broken ending)" '"diverged"'
    timeout --preserve-status -s TERM 1 "$TRAIN" --config "$tmp/toy.json" --set name=ended --steps 100000000 >/dev/null 2>&1 || true
    same "stopped" "$(fact ended ending)" '"stopped"'
}

# A resumed run counts on, also from a checkpoint of a version that did not count.
stuck_runs_resume() {
    local sentence
    toy whole "${hot[@]}" --set train.checkpoint_every=1 --set train.keep=100 --set log.layers_every=10
    sentence=$(grep ^stuck <<<"$said")
    for step in 9 20 35 50; do
        split_at whole "$step" part
        exits 0 --config "$tmp/toy.json" "${hot[@]}" --set train.checkpoint_every=1 --set train.keep=100 \
            --set log.layers_every=10 --set name=whole --run-dir "$tmp/part" --resume
        same "resumed at $step" "$(grep ^stuck <<<"$said")" "$sentence"
        same_run whole part
    done
    command -v python3 >/dev/null || { echo "note: skipped old checkpoints: no python3" && return; }
    split_at whole 20 old
    python3 tests/lib/without_tensors.py "$tmp/old"
    ! grep -aq health.stuck "$tmp"/old/checkpoints/*/optimizer.safetensors || fail "the checkpoint is not old"
    exits 0 --config "$tmp/toy.json" "${hot[@]}" --set train.checkpoint_every=1 --set train.keep=100 \
        --set log.layers_every=10 --set name=whole --run-dir "$tmp/old" --resume
    has "an old checkpoint" "$said" "in the last 4 validations"
    [[ $said != *skipping* ]] || fail "an old checkpoint is skipped: $said"
    same_run whole old
}

# Escape sequences are for terminals only, and numbers never have a decimal comma.
output_is_plain() {
    LC_ALL=de_DE.UTF-8 TERM=xterm "$TRAIN" --config "$tmp/toy.json" --set name=plain >"$tmp/out" 2>"$tmp/err" </dev/null
    ! grep -q $'\033' "$tmp/out" "$tmp/err" || fail "an escape byte in a pipe"
    ! grep -qE '[0-9],[0-9]{3,} nats|loss [0-9],' "$tmp/out" "$tmp/err" || fail "a decimal comma"
    toy points
    same_run plain points
}

test_case "train: log.csv has all steps and columns" log_is_complete
test_case "train: the logs in python, awk and gnuplot" csv_readers_agree
test_case "train: no escape bytes, no decimal commas" output_is_plain
test_case "train: without validation" validation_can_be_disabled
test_case "train: log.every" log_every_skips_steps
test_case "train: log.max_logit" max_logit_is_logged
test_case "train: lr column against the formulas" lr_follows_the_formula
test_case "train: gamma_scale over 5002 steps" gamma_scale_is_that_of_the_article
test_case "train: same bits for any thread count, others for another seed" bits_depend_only_on_the_seed
test_case "train: recomputing blocks changes no bit" recomputing_changes_no_bit
test_case "train: steps 0" zero_steps_write_the_initial_weights
test_case "train: stuck runs say so" stuck_runs_say_so
test_case "train: vanishing gradients are named" vanishing_gradients_are_named
test_case "train: diverged and stopped runs" other_endings_are_named
test_case "train: stuck runs resume" stuck_runs_resume
test_case "train: a closed stdout" closed_stdout_does_not_end_a_run
test_case "train: SIGINT" interrupted_run_leaves_complete_lines
test_done
