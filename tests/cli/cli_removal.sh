#!/usr/bin/env bash
# cli_removal.sh - runs with norm_removal: resumed, on other thread counts, evaluated, and started
# from the weights of other runs and from checkpoints of format version 1.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# Groups are removed after updates 4, 6 .. 16 of 20: mlp, attention, q and k, embedding, final norm.
removal=(--set norm_removal.start=4 --set norm_removal.interval=2 --set train.accum=2 --set train.checkpoint_every=1
    --set train.keep=1000 --set train.eval_every=1 --set optim.lr=1e-2)

# value NAME: a value of the line that --eval printed.
value() {
    tr ' ' '\n' <<<"$said" | sed -n "s/^$1=//p"
}

resumes_are_exact() {
    local step file
    for model in "pre layernorm" "peri rmsnorm"; do
        removing=("${removal[@]}" --topology "${model% *}" --norm "${model#* }" --set model.qk_norm=on)
        toy whole "${removing[@]}" --overwrite
        for step in 3 4 9 16 19; do
            split_at whole "$step" part
            exits 0 --config "$tmp/toy.json" "${removing[@]}" --set name=whole --run-dir "$tmp/part" --resume
            same_run whole part
            for file in spikes.csv layers.csv tensors.csv checkpoints/step_00000020/optimizer.safetensors; do
                cmp "$tmp/whole/$file" "$tmp/part/$file" || fail "$model, resumed after $step: $file"
            done
        done
    done
}

results_do_not_depend_on_threads() {
    toy one "${removal[@]}" --topology peri --set train.threads=1
    OMP_NUM_THREADS=2 toy two "${removal[@]}" --topology peri --set train.threads=2
    same_run one two
    toy again "${removal[@]}" --topology peri --set train.recompute=true
    same_run one again
    toy blind "${removal[@]}" --topology peri --set train.eval_every=0
    cmp "$(weights one)" "$(weights blind)" || fail "validation changes the run"
    toy stays --topology peri --set train.accum=2 --set optim.lr=1e-2
    [[ $(cell one 4 train_loss) == "$(cell stays 4 train_loss)" ]] || fail "a norm is removed too early"
    [[ $(cell one 5 train_loss) != "$(cell stays 5 train_loss)" ]] || fail "no norm is removed after update 4"
}

evaluations_repeat_the_log() {
    local step first
    toy seen "${removal[@]}" --topology peri --norm layernorm
    for step in 3 4 7 11 20; do
        split_at seen "$step" past
        exits 0 --eval "$tmp/past"
        same "val_loss of step $step" "$(value val_loss)" "$(cell seen "$step" val_loss)"
        first=$(value val_loss)
        exits 0 --eval "$tmp/past" --set train.batch=3
        same "in other batches" "$(value val_loss)" "$first"
        for mode in frozen frozen_first identity; do
            exits 0 --eval "$tmp/past" --norms "$mode"
            if ((step == 20)); then
                same "$mode, all norms removed" "$(value val_loss)" "$first"
            else
                [[ $(value val_loss) != "$first" ]] || fail "--norms $mode after $step"
            fi
        done
    done
    same "the sample of the run" "$(sed -n '/^--- sample/,$p' <<<"$("$TRAIN" --config "$tmp/toy.json" "${removal[@]}" \
        --topology peri --norm layernorm --set name=told | tr -d '\0')" | sed 1d | head -c 12)" \
        "$("$TRAIN" --sample "$tmp/told" --tokens 12 --seed 1337 --temperature 0.5 | tr -d '\0' | head -c 12)"
    exits 0 --eval "$tmp/seen" --force-topology post
    exits 0 --eval "$tmp/seen" --force-topology peri
    same "rewired as its own topology" "$(value val_loss)" "$(cell seen 20 val_loss)"
}

other_runs_are_starting_points() {
    toy plain --topology pre --steps 10
    toy tuned --topology pre --set train.init_from="$tmp/plain" "${removal[@]}"
    same "step 0" "$(cell tuned 0 val_loss)" "$(cell plain 10 val_loss)"
    toy longer --topology pre --set train.init_from="$tmp/tuned" "${removal[@]}"
    toy restarted --topology pre --set train.init_from="$tmp/tuned" --set norm_removal.start=1 --set norm_removal.average=0 \
        --set norm_removal.interval=0
    grep -q '"first_apart": true' "$tmp/restarted/config.json" || fail "no norm_removal in config.json"
    fails 2 "its norms are being removed, and this config has no norm_removal.start" --topology pre \
        --set train.init_from="$tmp/tuned"
    exits 2 --config "$tmp/toy.json" --topology pre --set name=tuned --set train.init_from="$tmp/plain" "${removal[@]}" \
        --set norm_removal.average=0.5 --resume
    has "another decay rate" "$said" "norm_removal.average"
}

# A checkpoint of format version 1, whose averages are named .deviation.
version_1_loads() {
    local val_loss sample
    toy whole "${removal[@]}" --topology peri --overwrite
    split_at whole 9 old
    exits 0 --eval "$tmp/old"
    val_loss=$(value val_loss)
    exits 0 --sample "$tmp/old" --tokens 12
    sample=$said
    python3 tests/lib/to_version_1.py "$tmp/old"
    grep -aq '"format_version":"1".*norm_in.deviation"' "$(weights old)" || fail "the file is not version 1"
    exits 0 --eval "$tmp/old"
    same "--eval of version 1" "$(value val_loss)" "$val_loss"
    exits 0 --sample "$tmp/old" --tokens 12
    has "--sample of version 1" "$said" "$sample"
    toy tuned "${removal[@]}" --topology peri --set train.init_from="$tmp/old" --steps 1 --overwrite
    exits 0 --config "$tmp/toy.json" "${removal[@]}" --topology peri --set name=whole --run-dir "$tmp/old" --resume
    same_run whole old
}

# A run that version 0.1.0 wrote and stopped at step 4, as it is stored in tests/lib: it resumes, samples
# and evaluates. Its log has the losses that 0.1.0 went on to; another CPU may differ in the last digits.
run_of_0_1_0_resumes() {
    cp -r tests/lib/run_of_0_1_0 "$tmp/first"
    exits 0 --eval "$tmp/first"
    has "--eval" "$said" "has format version 1"
    exits 0 --sample "$tmp/first" --tokens 5
    exits 0 --config "$tmp/first/config.json" --run-dir "$tmp/first" --resume --set log.layers_every=3
    [[ $said != *tensors.csv* ]] || fail "a warning about a file that 0.1.0 did not write: $said"
    same "steps in tensors.csv" "$(cut -d, -f1 "$tmp/first/tensors.csv" | uniq | tr '\n' ' ')" "step 6 "
    awk -F, 'NR == FNR { want[$1] = $3; next }
        FNR > 2 { n++; d = $3 - want[$1]; if (d < 0) d = -d; if (d > 1e-3) exit 1 }
        END { if (n != 8) exit 1 }' tests/lib/run_of_0_1_0/log.csv "$tmp/first/log.csv" ||
        fail "the resumed run has other losses: $(cut -d, -f1,3 "$tmp/first/log.csv")"
    grep -aq '"format_version":"2".*norm_in.running_scale"' "$(weights first)" || fail "no checkpoint of version 2"
}

equations_include_removal() {
    local plain
    exits 0 --config "$tmp/toy.json" --describe
    plain=$said
    exits 0 --config "$tmp/toy.json" --describe --set norm_removal.interval=7 --set norm_removal.order=mlp
    same "off" "$said" "$plain"
    exits 0 --config "$tmp/toy.json" --describe --set norm_removal.start=7 --set norm_removal.interval=3
    has "on" "$said" "norm-removal of mlp attn qkv emb final, groups: 6, after steps 7 .. 22"
    has "on" "$said" "the run ends at train.steps = 20"
    [[ $(grep ^equations <<<"$said") != "$(grep ^equations <<<"$plain")" ]] || fail "the hash is the same"
}

test_case "removal: resumes are exact" resumes_are_exact
test_case "removal: threads, recompute, validation" results_do_not_depend_on_threads
test_case "removal: --eval repeats the log" evaluations_repeat_the_log
test_case "removal: started from other runs" other_runs_are_starting_points
test_case "removal: checkpoints of format version 1" version_1_loads
test_case "removal: a run of 0.1.0" run_of_0_1_0_resumes
test_case "removal: --describe" equations_include_removal
test_done
