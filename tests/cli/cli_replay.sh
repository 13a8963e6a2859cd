#!/usr/bin/env bash
# cli_replay.sh - --replay repeats updates bit for bit and writes nothing else in the run directory.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# A sensitive detector with skipped updates, two micro-batches, dropout, spikes during gamma-warmup,
# checkpoints every fourth update and records of layers.csv and tensors.csv every update.
full=(--set optim.lr=0.03 --set spike.min_history=2 --set spike.threshold=0.7 --set spike.action=skip
    --set spike.window=4 --set optim.warmup_steps=2 --set train.accum=2 --set model.dropout=0.1 --set gamma_warmup.steps=30
    --set gamma_warmup.from=0.2 --set train.checkpoint_every=4 --set train.keep=100
    --set log.layers_every=1)

# files RUN: hash and name of every file of the run except replays.
files() {
    (cd "$tmp/$1" && find . -path ./replay -prune -o -print | sort | while IFS= read -r path; do
        [[ -f $path ]] && sha1sum "$path" || echo "folder $path"
    done)
}

# inside FOLDER: the names of its files and folders.
inside() {
    find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' '
}

# folder RUN STEP: the folder of a replay.
folder() {
    printf '%s/%s/replay/step_%08d' "$tmp" "$1" "$2"
}

# worst RUN: the step with the largest z.
worst() {
    tail -n +2 "$tmp/$1/spikes.csv" | sort -t, -k4,4gr | head -1 | cut -d, -f1
}

# repeats RUN STEP FIRST LAST: the files of a replay equal those of the run for updates FIRST ..
# LAST.
repeats() {
    local place
    place=$(folder "$1" "$2")
    same "steps" "$(tail -n +2 "$place/log.csv" | cut -d, -f1 | tr '\n' ' ')" "$(seq -s ' ' "$3" "$4") "
    # val_loss, the fourth column, is not measured again.
    diff <(tail -n +2 "$place/log.csv" | cut -d, -f1-3,5-12) \
        <(awk -F, -v a="$3" -v b="$4" 'NR > 1 && $1 >= a && $1 <= b' "$tmp/$1/log.csv" | cut -d, -f1-3,5-12)
    diff "$place/layers.csv" <(awk -F, -v a="$3" -v b="$4" 'NR == 1 || ($1 >= a && $1 <= b)' "$tmp/$1/layers.csv")
    diff "$place/tensors.csv" <(awk -F, -v a="$3" -v b="$4" 'NR == 1 || ($1 >= a && $1 <= b)' "$tmp/$1/tensors.csv")
    diff "$place/spikes.csv" <(awk -F, -v a="$3" -v b="$4" 'NR == 1 || ($1 >= a && $1 <= b)' "$tmp/$1/spikes.csv")
    same "files" "$(inside "$place")" "layers.csv log.csv rows.csv spikes.csv tensors.csv "
}

spikes_repeat_to_the_bit() {
    local before step threads norm
    for norm in layernorm rmsnorm; do
        toy nervous "${full[@]}" --norm "$norm" --overwrite
        before=$(files nervous)
        step=$(worst nervous)
        ((step > 4 && $(wc -l <"$tmp/nervous/spikes.csv") < 16)) || fail "unsuitable spikes: $step"
        for threads in 1 2; do
            exits 0 --replay "$tmp/nervous" --around 1 --set train.threads="$threads"
            has "verdict" "$said" "repeated to the bit"
            has "flagged" "$said" "update $step was flagged"
            has "tensor" "$said" "$(awk -F, -v s="$step" '$1 == s { print $7; exit }' "$tmp/nervous/spikes.csv") "
            repeats nervous "$step" $((step - 1)) $((step < 20 ? step + 1 : 20))
        done
        same "files of the run" "$(files nervous)" "$before"
        same "replays" "$(inside "$tmp/nervous/replay")" "LOCK $(basename "$(folder nervous "$step")") "
    done
    toy nervous "${full[@]}" --overwrite
    [[ ! -e $tmp/nervous/replay ]] || fail "--overwrite keeps the old replay"
}

every_update_repeats() {
    local step
    toy every "${full[@]}"
    for step in 1 2 4 11 19 20; do
        exits 0 --replay "$tmp/every" --step "$step" --around 3
        repeats every "$step" $((step > 3 ? step - 3 : 1)) $((step < 17 ? step + 3 : 20))
    done
    exits 0 --replay "$tmp/every" --step 11 --around 2
    has "nearest checkpoint" "$said" "from the checkpoint of step 8: 5 updates to repeat"
    exits 0 --replay "$tmp/every" --step 11 --around 1000
    has "oldest checkpoint" "$said" "from the checkpoint of step 4: 16 updates to repeat"
    has "incomplete" "$said" "there is no older checkpoint"
    repeats every 11 5 20
    exits 0 --replay "$tmp/every" --step 10 --around 0
    has "update before" "$said" "activations that changed most from update 9 to 10"
    same "activations" "$(grep -c '^  layer [0-9].* tokens: rms .* to .*, absmax ' <<<"$said")" 3
    same "tensors" "$(grep -c 'times its norm in the update before' <<<"$said")" 3
    repeats every 10 10 10
}

missing_checkpoints_are_handled() {
    toy pruned "${full[@]}"
    rm -r "$tmp"/pruned/checkpoints/step_0000000*
    exits 0 --replay "$tmp/pruned" --step 10
    has "from the start" "$said" "from the initial weights of the run: 12 updates to repeat"
    repeats pruned 10 8 12
    exits 0 --replay "$tmp/pruned" --step 14
    has "incomplete" "$said" "there is no older checkpoint"
    repeats pruned 14 13 16
    exits 0 --replay "$tmp/pruned" --step 13 --around 1
    [[ $said != *"activations that"* ]] || fail "it compares with an update that was not repeated: $said"
    repeats pruned 13 13 14
    printf x >>"$tmp/pruned/checkpoints/step_00000016/optimizer.safetensors"
    exits 0 --replay "$tmp/pruned" --step 19
    has "corrupt" "$said" "the checkpoint of step 16"
    has "the one before" "$said" "from the checkpoint of step 12"
    rm -r "$tmp/pruned/checkpoints"
    exits 0 --replay "$tmp/pruned" --step 10
    repeats pruned 10 8 12
}

longer_runs_repeat_on_both_schedules() {
    local step
    toy longer "${full[@]}" --steps 10
    toy longer "${full[@]}" --steps 30 --resume --extend
    [[ $(cell longer 10 lr) != "$(cell longer 11 lr)" ]] || fail "the schedule did not change"
    for step in 3 9 11 25; do
        exits 0 --replay "$tmp/longer" --step "$step"
        repeats longer "$step" $((step > 2 ? step - 2 : 1)) $((step + 2))
    done
    rm -r "$tmp"/longer/checkpoints/step_0000000* "$tmp"/longer/checkpoints/step_00000010
    exits 3 --replay "$tmp/longer" --step 9 # the first train.steps is not stored anywhere
    exits 0 --replay "$tmp/longer" --step 8 --steps 10
    repeats longer 8 6 10
}

runs_from_other_weights_repeat() {
    toy other --steps 5
    toy begun "${full[@]}" --set train.init_from="$tmp/other"
    exits 0 --replay "$tmp/begun" --step 2
    repeats begun 2 1 4
    toy other --steps 9 --resume --extend
    exits 3 --replay "$tmp/begun" --step 2
    has "reason" "$said" "may have been trained further since"
}

differences_are_found() {
    local place
    toy edited "${full[@]}"
    # The last digit of a loss becomes the next one.
    awk -F, -v OFS=, '$1 == 10 { n = length($3); $3 = substr($3, 1, n - 1) (substr($3, n) + 1) % 10 } 1' \
        "$tmp/edited/log.csv" >"$tmp/log" && cp "$tmp/log" "$tmp/edited/log.csv"
    place=$(cell edited 10 train_loss)
    exits 0 --replay "$tmp/edited" --step 7
    exits 3 --replay "$tmp/edited" --step 9
    has "which" "$said" "update 10 is the first that differs"
    has "how" "$said" "and $place in log.csv, difference"
    has "verdict" "$said" "cannot be repeated exactly: update 10"
    [[ -s $(folder edited 9)/rows.csv ]] || fail "no files"
    [[ $said != *"another build"* ]] || fail "names another build: $said"
    sed -i 's/"numerics": "[^"]*"/"numerics": "abacus"/' "$tmp/edited/run.json"
    exits 3 --replay "$tmp/edited" --step 9
    has "where" "$said" 'numerics was "abacus" and is "'
    toy norm "${full[@]}"
    awk -F, -v OFS=, '$1 == 11 { $7 = $7 * 2 } 1' "$tmp/norm/log.csv" >"$tmp/log" && cp "$tmp/log" "$tmp/norm/log.csv"
    exits 3 --replay "$tmp/norm" --step 11
    has "grad_norm" "$said" "grad_norm is"
    toy sparse "${full[@]}" --set log.every=20
    exits 0 --replay "$tmp/sparse" --step 6
    has "nothing logged" "$said" "nothing to compare"
    exits 0 --replay "$tmp/sparse" --step 19
    has "one logged" "$said" "1 updates equal those in log.csv"
}

# The printed activations are those of layers.csv, starting with the one that changed most.
printed_activations_match_the_file() {
    toy wild "${full[@]}" --set spike.threshold=1000 --set optim.lr=0.3
    exits 0 --replay "$tmp/wild" --step 9
    grep '^  layer' <<<"$said" | tr -d ':,' >"$tmp/shown"
    awk -F, '
        function larger(a, b) { return a > b ? a / b : b / a }
        function change(a, b) { return a > b ? a : b }
        $1 == 8 || $1 == 9 { rms[$1 $2 $3 $4 $5] = $8; max[$1 $2 $3 $4 $5] = $9; keys[$2 $3 $4 $5] }
        END {
            for (key in keys) {
                ratio = change(larger(rms[8 key], rms[9 key]), larger(max[8 key], max[9 key]))
                if (ratio > most) most = ratio
            }
            while ((getline line <shown) > 0) {
                split(line, word, " ")
                key = word[2] word[3] word[4] word[5]
                want = sprintf("%.4g %.4g %.4g %.4g", rms[8 key], rms[9 key], max[8 key], max[9 key])
                if (want != word[8] " " word[10] " " word[12] " " word[14]) { print line, want; exit 1 }
                ratio = change(larger(rms[8 key], rms[9 key]), larger(max[8 key], max[9 key]))
                if ((!rows++ && ratio != most) || (rows > 1 && ratio > last)) { print line, ratio, most; exit 1 }
                last = ratio
            }
            exit rows != 3
        }' shown="$tmp/shown" "$tmp/wild/layers.csv"
}

# The global gradient norm cannot grow more than that of the tensor that grew most.
largest_growth_bounds_the_global_norm() {
    local step ratio
    read -r step ratio < <(awk -F, 'NR > 3 { print $1, $7 / last } { last = $7 }' "$tmp/wild/log.csv" | sort -k2,2gr)
    exits 0 --replay "$tmp/wild" --step "$step"
    awk -v ratio="$ratio" '/times its norm in the update before/ { if (!n++) first = $2; if (n > 1 && $2 > last) bad = 1; last = $2 }
        END { exit bad || n != 3 || ratio < 1.2 || first < ratio * 0.999 }' <<<"$said" || fail "$ratio: $said"
}

# rows.csv is sorted by mean loss, and the mean over all sequences is the loss of the update.
rows_csv_has_the_losses() {
    local place
    printf 'a "b", c\n\\ %b{' '\xff\xc2\x9b\xc3\xa9\t' >"$tmp/odd.txt"
    for _ in {1..200}; do printf 'plain words, again. a "b", c\n\\ \xff\xc2\x9b\xc3\xa9\t{'; done >>"$tmp/odd.txt"
    for kind in bytes chars; do
        toy "odd_$kind" "${full[@]}" --set data.train="$tmp/odd.txt" --set data.vocab="$kind" --set train.accum=3
        exits 0 --replay "$tmp/odd_$kind" --step 9
        place=$(folder "odd_$kind" 9)
        same "header" "$(head -1 "$place/rows.csv")" \
            micro,row,loss,max_loss,position,token,target,token_text,target_text,text
        same "rows" "$(tail -n +2 "$place/rows.csv" | cut -d, -f1,2 | sort | tr '\n' ' ')" "0,0 0,1 1,0 1,1 2,0 2,1 "
        tail -n +2 "$place/rows.csv" | awk -F, -v loss="$(cell "odd_$kind" 9 train_loss)" '
            { sum += $3; if (NR > 1 && $3 > last) bad = 1; last = $3; if ($4 < $3 || $5 > 15) bad = 1 }
            END { difference = sum / NR / loss - 1; exit bad || difference * difference > 1e-14 }' ||
            fail "$(cat "$place/rows.csv")"
        has "title" "$said" "worst of the 6 sequences of update 9"
        same "shown" "$(grep -c '^  micro-batch' <<<"$said")" 3
    done
    # bytes: the text has incomplete UTF-8, a terminal control character and quotes.
    grep -q '\\\\ \\xff\\xc2\\x9bé\\t{' "$tmp"/odd_bytes/replay/*/rows.csv || fail "$(cat "$place/rows.csv")"
    grep -q '""b"", c\\n' "$tmp"/odd_bytes/replay/*/rows.csv || fail "$(cat "$place/rows.csv")"
    same "lines" "$(LC_ALL=C tr -d '\n' <"$place/rows.csv" | LC_ALL=C tr -d ' -~\303\251' | wc -c)" 0
}

# The same six sequences in other micro-batches: each has the same loss, position and text.
losses_do_not_depend_on_the_micro_batch() {
    local shares
    for shares in 1:6 2:3 3:2 6:1; do
        toy "rows_$shares" --set train.accum="${shares%:*}" --set train.batch="${shares#*:}" --steps 2
        exits 0 --replay "$tmp/rows_$shares" --step 1
        tail -n +2 "$(folder "rows_$shares" 1)/rows.csv" |
            awk -F, '{ $3 = sprintf("%.4f", $3); $4 = sprintf("%.4f", $4); $1 = $1 * '"${shares#*:}"' + $2; $2 = "" } 1' |
            sort >"$tmp/rows_$shares.txt"
        same "rows" "$(wc -l <"$tmp/rows_$shares.txt")" 6
        diff "$tmp/rows_1:6.txt" "$tmp/rows_$shares.txt"
    done
}

# In a text of equal letters except one in 17, that letter is the worst target of every sequence.
rare_token_is_the_worst() {
    printf 'aaaaaaaaaaaaaaaaZ%.0s' {1..60} >"$tmp/odd_one.txt"
    toy odd_one --set data.train="$tmp/odd_one.txt" --set data.vocab=chars --set train.batch=30 --set optim.lr=0.01
    exits 0 --replay "$tmp/odd_one" --step 20
    tail -n +2 "$(folder odd_one 20)/rows.csv" | tr -d '"' | awk -F, '
        index($10, "Z") > 1 { if ($8 != "a" || $9 != "Z" || index($10, "Z") != $5 + 2) { print; bad = 1 }; count++ }
        END { exit bad || count < 20 }'
}

# Position, token and target in sequences of token numbers.
token_numbers_are_printed() {
    toy numbers "${full[@]}" --set data.train=builtin:random --set data.vocab_size=300
    exits 0 --replay "$tmp/numbers" --step 9
    tail -n +2 "$(folder numbers 9)/rows.csv" | tr -d '"' | awk -F, '
        { n = split($10, token, " ")
          if (n != 17 || token[$5 + 1] != $6 || token[$5 + 2] != $7 || $8 != "" || $9 != "") bad = 1 }
        END { exit bad || NR != 4 }' || fail "$(cat "$(folder numbers 9)/rows.csv")"
}

invalid_requests_are_refused() {
    toy calm --set train.checkpoint_every=5
    exits 2 --replay "$tmp/calm"
    has "no spike" "$said" "choose an update with --step N"
    for step in 0 21 99999999999; do
        exits 2 --replay "$tmp/calm" --step "$step"
        has "bad step" "$said" "--step must be an update of the run, 1 to 20, not $step"
    done
    exits 2 --replay "$tmp/calm" --step x
    exits 2 --replay "$tmp/calm" --step 3 --norm rmsnorm
    has "another model" "$said" 'can be set, not "model.norm=rmsnorm"'
    exits 2 --replay "$tmp/calm" --step 3 --set train.threadss=2
    exits 2 --replay "$tmp/calm" --tokens 3
    exits 2 --config "$tmp/toy.json" --step 3
    has "training" "$said" "--step does not apply to training"
    exits 3 --replay "$tmp/nowhere"
    has "no run" "$said" "is it a run directory?"
    mkdir "$tmp/empty"
    exits 3 --replay "$tmp/empty" --step 1
    cp -r "$tmp/calm" "$tmp/short"
    sed -i '13,$d' "$tmp/short/log.csv"
    exits 0 --replay "$tmp/short" --step 19
    has "a truncated log" "$said" "from the checkpoint of step 15"
    rm -r "$tmp"/short/checkpoints/*{5,20}
    exits 2 --replay "$tmp/short" --step 11
    has "not run" "$said" "the last update of $tmp/short is 10"
    exits 0 --replay "$tmp/short" --step 10
    printf '%s,loss,1,%s,nan,nan,,,,,,,0,log\n' 4 3.5 7 nan 9 1e9 >>"$tmp/short/spikes.csv"
    exits 0 --replay "$tmp/short"
    has "not finite" "$said" "update 7 of"
    [[ ! -e $tmp/calm/replay ]] || fail "a refused request wrote"
}

changed_data_are_refused() {
    local step
    printf 'once upon a time there was a toy. %.0s' {1..40} >"$tmp/text.txt"
    toy changed "${full[@]}" --set data.train="$tmp/text.txt"
    printf 'twice upon a time there was a toy. %.0s' {1..40} >"$tmp/text.txt"
    for step in 3 12; do # from the initial weights, from a checkpoint
        exits 3 --replay "$tmp/changed" --step "$step"
        has "data" "$said" "data.train has changed"
    done
    rm "$tmp/text.txt"
    exits 3 --replay "$tmp/changed" --step 12
    [[ ! -e $tmp/changed/replay ]] || fail "a refused request wrote"
}

# The last update of a diverged run, a non-finite step, is the last one repeated.
diverged_runs_repeat() {
    local got=0 last
    "$TRAIN" --config "$tmp/toy.json" --set name=broken --set optim.lr=1e20 --set optim.clip=0 --steps 100 \
        --norm none --set optim.warmup_steps=0 >/dev/null 2>&1 || got=$?
    same "exit code" "$got" 5
    last=$(tail -1 "$tmp/broken/log.csv" | cut -d, -f1)
    exits 0 --replay "$tmp/broken"
    has "last update" "$said" "update $last of"
    has "verdict" "$said" "repeated to the bit"
    same "last step" "$(tail -1 "$(folder broken "$last")/log.csv" | cut -d, -f1)" "$last"
    same "loss of a sequence" "$(sed -n 2p "$(folder broken "$last")/rows.csv" | cut -d, -f3)" nan
}

interrupted_replays_leave_no_files() {
    local code=0 pid
    toy slow --set train.eval_every=0 --set train.batch=40 --steps 1500
    for round in 1 2; do
        code=0
        env --default-signal=INT "$TRAIN" --replay "$tmp/slow" --step 1400 >"$tmp/said" 2>&1 </dev/null &
        pid=$!
        for _ in {1..2000}; do [[ ! -d $tmp/slow/replay/.tmp-step_00001400 ]] || break; sleep 0.01; done
        exits 2 --replay "$tmp/slow" --step 1300
        has "two at once" "$said" "is being written by process $pid; wait for it"
        if ((round == 1)); then
            kill -INT "$pid"
        else
            kill -KILL "$pid"
        fi
        wait "$pid" || code=$?
        same "status" "$code" $((round == 1 ? 130 : 137))
        same "files" "$(inside "$tmp/slow/replay")" \
            "$( ((round == 1)) && echo "LOCK " || echo ".tmp-step_00001400 LOCK ")"
    done
    has "output" "$(<"$tmp/said")" "update 1400 of"
    exits 0 --replay "$tmp/slow" --step 3 # removes the files of the killed process
    same "files" "$(inside "$tmp/slow/replay")" "LOCK step_00000003 "
}

test_case "replay: spikes repeat to the bit" spikes_repeat_to_the_bit
test_case "replay: every update repeats" every_update_repeats
test_case "replay: missing checkpoints are handled" missing_checkpoints_are_handled
test_case "replay: longer runs repeat on both schedules" longer_runs_repeat_on_both_schedules
test_case "replay: runs from other weights repeat" runs_from_other_weights_repeat
test_case "replay: differences are found" differences_are_found
test_case "replay: printed activations match layers.csv" printed_activations_match_the_file
test_case "replay: the largest growth bounds the global norm" largest_growth_bounds_the_global_norm
test_case "replay: rows.csv has the losses" rows_csv_has_the_losses
test_case "replay: losses do not depend on the micro-batch" losses_do_not_depend_on_the_micro_batch
test_case "replay: a rare token is the worst" rare_token_is_the_worst
test_case "replay: token numbers are printed" token_numbers_are_printed
test_case "replay: invalid requests are refused" invalid_requests_are_refused
test_case "replay: changed data are refused" changed_data_are_refused
test_case "replay: diverged runs repeat" diverged_runs_repeat
test_case "replay: interrupted replays leave no files" interrupted_replays_leave_no_files
test_done
