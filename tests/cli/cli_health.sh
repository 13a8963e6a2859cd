#!/usr/bin/env bash
# cli_health.sh - unstable runs: spikes, non-finite steps, and the effect of spike.action.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

header=step,kind,value,z,center,scale,tensor1,growth1,tensor2,growth2,tensor3,growth3
header+=,batch_position,action

# A slow warm-up with fluctuating gradients, and a detector that flags almost every step.
slow=(--set optim.warmup_steps=100)
nervous=("${slow[@]}" --set spike.threshold=0.01 --set spike.min_history=2)

spikes_are_named() {
    toy nervous "${nervous[@]}" --set train.accum=2
    local spikes=$tmp/nervous/spikes.csv
    same "header" "$(head -1 "$spikes")" "$header"
    awk -F, 'NR == 1 { next }
        NF != 14 || $2 !~ /^(grad|loss)$/ || $4 <= 0.01 || $13 != 2 * ($1 - 1) || $14 != "log" ||
        $7 !~ /^(tok_emb|pos_emb|emb_norm|blocks|final_norm)\./ || $8 < $10 || $10 < $12 {
            print; bad = 1
        }
        END { exit bad || NR < 5 }' "$spikes" || fail "a record of spikes.csv is wrong"
    # Column spike of log.csv agrees: 1 for the gradient plus 2 for the loss.
    diff <(awk -F, 'NR > 1 && $11 > 0 { print $1, $11, $12 }' "$tmp/nervous/log.csv") \
        <(awk -F, 'NR > 1 { bits[$1] += $2 == "grad" ? 1 : 2; action = $14 }
                   END { for (step in bits) print step, bits[step], action }' "$spikes" | sort -n)
    has "spike line" "$said" "spike:"
}

logging_spikes_changes_nothing() {
    toy nervous2 "${nervous[@]}"
    toy calm "${slow[@]}"
    cmp <(payload nervous2) <(payload calm) || fail "action log changed the weights"
    same "spikes of a calm run" "$(wc -l <"$tmp/calm/spikes.csv")" 1
}

skipped_steps_are_not_applied() {
    toy skipping "${nervous[@]}" --set spike.action=skip
    toy calm2 "${slow[@]}"
    differs skipping calm2
    has "run.json" "$(<"$tmp/skipping/run.json")" \
        "\"skipped_steps\": $(awk -F, '$12 == "skip"' "$tmp/skipping/log.csv" | wc -l)"
}

clipped_spikes_shrink() {
    toy clipping "${nervous[@]}" --set spike.action=clip --set optim.clip=0
    # clip_scale * grad_norm is exp(center), the usual gradient norm.
    awk -F, 'FNR == 1 { next }
        FILENAME ~ /spikes/ { if ($2 == "grad") usual[$1] = exp($5); next }
        $1 in usual {
            error = $8 * $7 / usual[$1] - 1
            if ($12 != "clip" || error > 1e-6 || error < -1e-6) { print; bad = 1 }
            checked++
        }
        !($1 in usual) && $11 == 0 && $1 > 0 && $8 != 1 { print; bad = 1 }
        END { exit bad || !checked }' "$tmp/clipping/spikes.csv" "$tmp/clipping/log.csv" ||
        fail "a clip_scale is wrong"
}

action_stop_stops() {
    fails 5 "spike.action is stop" "${nervous[@]}" --set spike.action=stop
    same "last action" "$(tail -1 "$tmp/fails/log.csv" | cut -d, -f12)" stop
    rm -r "$tmp/fails"
}

nonfinite_step_ends_the_run() {
    fails 5 "not finite" --set optim.lr=1e30
    tail -1 "$tmp/fails/log.csv" | grep -qE '(nan|inf)' || fail "last record: $(tail -1 "$tmp/fails/log.csv")"
    same "last action" "$(tail -1 "$tmp/fails/log.csv" | cut -d, -f12)" stop
    grep -qE '^[0-9]+,(grad|loss),-?(nan|inf),' "$tmp/fails/spikes.csv" || fail "no record in spikes.csv"
    [[ ! -e $tmp/fails/checkpoints ]] || fail "a checkpoint was written"
    has "run.json" "$(<"$tmp/fails/run.json")" '"exit_code": 5'
    has "run.json" "$(<"$tmp/fails/run.json")" '"diverged": true'
    has "what to do" "$said" " --replay $tmp/fails --step "
    has "spike line" "$said" "; first not finite: blocks.0."
    grep -qE '^[0-9]+,loss,nan,nan,nan,nan,blocks\.0\.[a-z.]+,inf,,,,,' "$tmp/fails/spikes.csv" ||
        fail "spikes.csv: $(tail -1 "$tmp/fails/spikes.csv")"
    rm -r "$tmp/fails"
}

# An infinite gain in the third block of a stored model: its first activation that is not finite.
evaluation_names_the_block() {
    toy stored --set model.n_layer=3
    exits 0 --eval "$tmp/stored"
    command -v python3 >/dev/null || { echo "note: skipped a changed model: no python3" && return; }
    PYTHONPATH=tests/lib python3 -c '
import json, struct, sys, without_tensors as files
def change(data):
    (length,) = struct.unpack("<Q", data[:8])
    begin, end = json.loads(data[8 : 8 + length])["blocks.2.mlp.norm_in.gamma"]["data_offsets"]
    at = 8 + length
    return data[: at + begin] + struct.pack("<f", 3e38) * ((end - begin) // 4) + data[at + end :]
for folder in files.folders(sys.argv[1]):
    files.rewrite(folder, "model.safetensors", change)' "$tmp/stored"
    exits 5 --eval "$tmp/stored"
    has "message" "$said" "train: error: the validation loss of $tmp/stored is not finite: the first value that is not"
    has "block" "$said" "is in block 3 (blocks.2.mlp."
    has "the values as far as there are" "$said" "step=20 rows=4"
}

ten_nonfinite_steps_in_a_row_end_it_too() {
    local log=$tmp/fails/log.csv
    fails 5 "not finite" --set optim.lr=1e30 --set spike.action=skip
    same "skipped steps" "$(grep -c ',skip,' "$log")" 10
    same "last ten steps" "$(tail -10 "$log" | grep -c ',skip,')" 10
    [[ ! -e $tmp/fails/checkpoints ]] || fail "a checkpoint was written"
    rm -r "$tmp/fails"
}

# The last update makes the weights non-finite. No later step can detect it, only the checkpoint.
ruined_weights_are_not_saved() {
    local got=0
    said=$("$TRAIN" --config "$tmp/toy.json" --set name=ruined --set optim.lr=1e38 --steps 1 \
        --set optim.warmup_steps=0 --set model.norm=none --set optim.weight_decay=1e38 2>&1) || got=$?
    same "exit code" "$got" 5
    [[ ! -e $tmp/ruined/checkpoints ]] || fail "a checkpoint was written"
}

test_case "health: tensors in spikes.csv" spikes_are_named
test_case "health: action log changes nothing" logging_spikes_changes_nothing
test_case "health: action skip" skipped_steps_are_not_applied
test_case "health: action clip" clipped_spikes_shrink
test_case "health: action stop" action_stop_stops
test_case "health: a non-finite step ends a run" nonfinite_step_ends_the_run
test_case "health: --eval names the first block that is not finite" evaluation_names_the_block
test_case "health: ten non-finite steps in a row end a run with action skip" ten_nonfinite_steps_in_a_row_end_it_too
test_case "health: non-finite weights are never saved" ruined_weights_are_not_saved
test_done
