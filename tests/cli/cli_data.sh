#!/usr/bin/env bash
# cli_data.sh - texts, token files, the order of sequences, and samples of models trained on them.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# A text of 60 different lines.
for i in {1..60}; do echo "line $i of a toy text, nothing more ($((i * i)))"; done >"$tmp/toy.txt"
text=(--set "data.train=$tmp/toy.txt")

# little COUNT NUMBER: prints NUMBER as COUNT bytes, little-endian.
little() {
    local i
    for ((i = 0; i < $1; i++)); do printf '%b' "\\x$(printf %02x $(($2 >> 8 * i & 255)))"; done
}

# tokens_file MAGIC VERSION BYTES COUNT: an llm.c .bin of the tokens 0 1 2 ... 9 0 1 2 ...
tokens_file() {
    local i
    little 4 "$1" && little 4 "$2" && little 4 "$4"
    head -c $((253 * 4)) /dev/zero
    for ((i = 0; i < $4; i++)); do little "$3" $((i % 10)); done
}

text_of_bytes() {
    toy bytes "${text[@]}"
    has "run.json" "$(<"$tmp/bytes/run.json")" "\"bytes\": $(stat -c %s "$tmp/toy.txt")"
    has "run.json" "$(<"$tmp/bytes/run.json")" '"vocab_size": 256'
    has "run.json" "$(<"$tmp/bytes/run.json")" '"entropy_floor": null'
}

text_of_chars_and_its_samples() {
    local alphabet sampled
    alphabet=$(grep -o . "$tmp/toy.txt" | sort -u | wc -l)
    toy chars "${text[@]}" --set data.vocab=chars
    has "run.json" "$(<"$tmp/chars/run.json")" "\"vocab_size\": $((alphabet + 1))"

    # 80 tokens in a context of 16: the key/value cache is refilled several times.
    sampled=$("$TRAIN" --sample "$tmp/chars" --prompt "a toy" --tokens 80 | tr '\n' '~')
    same "length" "${#sampled}" $((5 + 80 + 1))
    same "prompt" "${sampled:0:5}" "a toy"
    same "alphabet" "$(tr -d "$(tr -d '\n-' <"$tmp/toy.txt")~" <<<"$sampled")" ""
    same "same seed" "$("$TRAIN" --sample "$tmp/chars" --prompt "a toy" --tokens 80 | tr '\n' '~')" "$sampled"
    [[ $("$TRAIN" --sample "$tmp/chars" --prompt "a toy" --tokens 80 --seed 2 | tr '\n' '~') != "$sampled" ]]
    exits 2 --sample "$tmp/chars" --prompt "a TOY"
    has "foreign prompt" "$said" "offset 2"
    exits 2 --sample "$tmp/chars" --prompt ""
    exits 0 --sample "$tmp/chars" --tokens 5
    same "temperature 0" "$("$TRAIN" --sample "$tmp/chars" --prompt toy --temperature 0 --seed 1)" \
        "$("$TRAIN" --sample "$tmp/chars" --prompt toy --top-k 1 --seed 2)"
}

learns_a_short_text() {
    printf 'ab%.0s' {1..300} >"$tmp/abab.txt"
    toy abab --set "data.train=$tmp/abab.txt" --set data.vocab=chars --steps 100 --set optim.lr=1e-2
    same "sample" "$("$TRAIN" --sample "$tmp/abab" --prompt a --tokens 9 --temperature 0)" ababababab
}

# With lr 0 the loss of a step depends on its batch alone, so the log shows which sequences were
# read.
sequential_order_wraps_around() {
    local M=11 n=$((2 * 16 * 11 + 5))
    head -c "$n" "$tmp/toy.txt" >"$tmp/short.txt"
    cp "$tmp/toy.txt" "$tmp/val.txt"
    local order=(--set "data.train=$tmp/short.txt" --set "data.val=$tmp/val.txt" --set optim.lr=0 --steps 30)
    toy wrap "${order[@]}" --set data.order=sequential
    awk -F, -v M="$M" 'NR > 2 { loss[$1] = $3 }
        END {
            for (s = 1; s + M <= 30; s++) if (loss[s] != loss[s + M]) { print "step " s; bad = 1 }
            for (s = 2; s <= M; s++) if (loss[s] == loss[1]) { print "step " s; bad = 1 }
            exit bad
        }' "$tmp/wrap/log.csv" || fail "steps M = $M apart read different tokens"
    toy random "${order[@]}"
    [[ $(cell random 1 train_loss) != "$(cell random 12 train_loss)" ]]

    # One update of two micro-batches reads the same data as two updates of one.
    toy wide "${order[@]}" --set data.order=sequential --set train.accum=2
    awk -v a="$(cell wrap 3 train_loss)" -v b="$(cell wrap 4 train_loss)" \
        -v both="$(cell wide 2 train_loss)" \
        'BEGIN { error = (a + b) / 2 - both; exit error > 1e-6 || error < -1e-6 }' ||
        fail "accum 2 does not read two consecutive batches"
}

token_files() {
    tokens_file 20240520 1 2 300 >"$tmp/short.bin"
    tokens_file 20240801 7 4 300 >"$tmp/long.bin"
    toy short --set "data.train=$tmp/short.bin" --set data.vocab_size=10 --steps 60 --set optim.lr=1e-2
    toy long --set "data.train=$tmp/long.bin" --set data.vocab_size=10 --steps 60 --set optim.lr=1e-2
    same "columns" "$(numbers short)" "$(numbers long)"
    awk -v loss="$(cell short 60 train_loss)" 'BEGIN { exit loss > 1 }' || fail "the model did not learn to count"
    exits 3 --sample "$tmp/short" --prompt a
    fails 2 "vocab_size" --set "data.train=$tmp/short.bin"
    # Detected when the token is read, so the run exists already.
    fails 3 "short.bin" --set "data.train=$tmp/short.bin" --set data.vocab_size=9
    [[ ! -e $tmp/fails ]] || fail "a refused run wrote files"
    fails 2 "vocab_size" --set data.train=builtin:random
    toy noise --set data.train=builtin:random --set data.vocab_size=50
}

invalid_data_is_refused() {
    fails 3 "$tmp/none.txt" --set "data.train=$tmp/none.txt"
    echo short >"$tmp/tiny.txt"
    fails 3 "tiny.txt" --set "data.train=$tmp/tiny.txt"
    : >"$tmp/empty.txt"
    fails 3 "empty.txt" --set "data.train=$tmp/empty.txt"
    [[ ! -e $tmp/fails ]] || fail "a refused run wrote files"
    tr 'l' '#' <"$tmp/toy.txt" >"$tmp/foreign.txt"
    fails 3 "offset 0" "${text[@]}" --set "data.val=$tmp/foreign.txt" --set data.vocab=chars
}

real_text() {
    local shakespeare=../shared/data/tinyshakespeare.txt
    if [[ ! -r $shakespeare ]]; then
        echo "note: skipped real text: no $shakespeare"
        return
    fi
    toy shakespeare --config nanogpt_char --set "data.train=$shakespeare" --steps 3 \
        --set "log.dir=$tmp" --set train.eval_rows=20
    has "run.json" "$(<"$tmp/shakespeare/run.json")" '"vocab_size": 65'
    has "run.json" "$(<"$tmp/shakespeare/run.json")" '1003854'
    has "run.json" "$(<"$tmp/shakespeare/run.json")" '111540'
    exits 0 --sample "$tmp/shakespeare" --prompt "ROMEO:" --tokens 100
}

test_case "data: a text as bytes" text_of_bytes
test_case "data: a text as characters, and samples" text_of_chars_and_its_samples
test_case "data: learns a short text" learns_a_short_text
test_case "data: sequential order" sequential_order_wraps_around
test_case "data: token files" token_files
test_case "data: missing, short and foreign data" invalid_data_is_refused
test_case "data: tinyshakespeare" real_text
test_done
