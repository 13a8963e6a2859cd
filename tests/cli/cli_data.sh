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

# The start of a sample must not be a line break if the alphabet has none.
text_without_line_breaks() {
    local kind
    printf 'some words of a text on one line %.0s' {1..20} >"$tmp/words.txt"
    printf 'ACGTTGCAAC%.0s' {1..60} >"$tmp/letters.txt"
    for kind in words letters; do
        toy "$kind" --set "data.train=$tmp/$kind.txt" --set data.vocab=chars
        has "sample at the end" "$said" "--- sample after step 20 ---"
        exits 0 --sample "$tmp/$kind" --tokens 5
        same "length of $kind" "${#said}" 6
    done
    same "first character" "${said:0:1}" A
    same "first character" "$("$TRAIN" --sample "$tmp/words" --tokens 5 | cut -c 1)" " "

    said=$(echo "GATT" | "$TRAIN" --sample "$tmp/letters" --prompt - --tokens 5 2>&1)
    has "echo" "$said" "note: the training text has no line breaks"
    has "echo" "$said" $'\nGATT'
    said=$(printf 'GA\n\n' | "$TRAIN" --sample "$tmp/letters" --prompt - 2>&1) &&
        fail "a second line break was left out, too"
    has "two line breaks" "$said" "offset 2"
    said=$(echo | "$TRAIN" --sample "$tmp/letters" --prompt - 2>&1) && fail "an empty line is a prompt"
    toy lines "${text[@]}" --set data.vocab=chars
    same "a line break that the text has" "$(echo "a toy" | "$TRAIN" --sample "$tmp/lines" --prompt - --tokens 9)" \
        "$("$TRAIN" --sample "$tmp/lines" --prompt $'a toy\n' --tokens 9)"
}

# The bad token is where no step of the run would read it.
invalid_tokens_at_the_start() {
    tokens_file 20240801 7 4 300 >"$tmp/rare.bin"
    little 4 77 | dd of="$tmp/rare.bin" bs=1 seek=$((1024 + 4 * 250)) conv=notrunc status=none
    local few=(--set data.vocab_size=10 --steps 1 --set train.eval_every=0 --set data.order=sequential)
    fails 3 "rare.bin: token 77 at position 250" --set "data.train=$tmp/rare.bin" "${few[@]}"
    tokens_file 20240801 7 4 300 >"$tmp/good.bin"
    fails 3 "rare.bin: token 77 at position 250" --set "data.train=$tmp/good.bin" \
        --set "data.val=$tmp/rare.bin" "${few[@]}" --set train.eval_every=1 --set train.eval_rows=1
    { cat "$tmp/toy.txt" && printf '\351'; } >"$tmp/accent.txt"
    fails 3 "accent.txt: byte 0xE9 at offset $(stat -c %s "$tmp/toy.txt")" "${text[@]}" \
        --set "data.val=$tmp/accent.txt" --set data.vocab=chars --steps 1 --set train.eval_rows=1
    [[ ! -e $tmp/fails ]] || fail "a refused run wrote files"
}

unread_and_shared_files() {
    local i
    mkdir "$tmp/mixed"
    cp "$tmp/toy.txt" "$tmp/mixed/long.txt"
    for i in {1..7}; do echo "short" >"$tmp/mixed/short$i.txt"; done
    toy mixed --set "data.train=$tmp/mixed" --set data.val_fraction=0
    has "short files" "$said" "7 of 8 files hold fewer than model.context + 1 = 17 tokens"
    has "short files" "$said" "(42 of $((42 + $(stat -c %s "$tmp/toy.txt"))) tokens)"
    exits 0 --config "$tmp/toy.json" --dry-run --set "data.train=$tmp/mixed" --set data.val_fraction=0
    has "short files, --dry-run" "$said" "7 of 8 files"

    ln -s long.txt "$tmp/mixed/alias.txt"
    toy shared --set "data.train=$tmp/mixed" --set "data.val=$tmp/mixed/alias.txt"
    has "a link to a training file" "$said" "1 of 1 files are among those of data.train"
    has "a link to a training file" "$said" "(first: $tmp/mixed/alias.txt)"
    cp "$tmp/toy.txt" "$tmp/own.txt"
    toy own "${text[@]}" --set "data.val=$tmp/own.txt"
    [[ $said != *warning* ]] || fail "a warning about good files: $said"
}

files_of_another_kind() {
    gzip -c "$tmp/toy.txt" >"$tmp/zipped.txt"
    fails 3 "gzip -dc '$tmp/zipped.txt' >NEW_FILE" --set "data.train=$tmp/zipped.txt"
    gzip -dc "$tmp/zipped.txt" | cmp - "$tmp/toy.txt"
    cp "$tmp/zipped.txt" "$tmp/zipped.bin"
    fails 3 "gzip-compressed data" --set "data.train=$tmp/zipped.bin" --set data.vocab_size=300
    iconv -f UTF-8 -t UTF-16 "$tmp/toy.txt" >"$tmp/wide.txt"
    fails 3 "iconv -f UTF-16 -t UTF-8 '$tmp/wide.txt' >NEW_FILE" --set "data.train=$tmp/wide.txt"
    iconv -f UTF-8 -t UTF-16LE "$tmp/toy.txt" >"$tmp/bare.txt"
    fails 3 "iconv -f UTF-16LE -t UTF-8" --set "data.train=$tmp/bare.txt"
    toy bare --set "data.train=$tmp/bare.txt" --set data.format=text
    has "the same, as bytes" "$said" "train: warning: data.train: $tmp/bare.txt begins like UTF-16 text"
    sed 's/$/\r/' "$tmp/toy.txt" >"$tmp/crlf.txt"
    toy crlf --set "data.train=$tmp/crlf.txt"
    has "CRLF" "$said" "train: note: data.train: $tmp/crlf.txt has 60 carriage returns"
    { printf '\357\273\277' && cat "$tmp/toy.txt"; } >"$tmp/bom.txt"
    toy bom --set "data.train=$tmp/bom.txt"
    has "BOM" "$said" "byte order mark"
    { cat "$tmp/toy.txt" && head -c 5 /dev/zero; } >"$tmp/nul.txt"
    toy nul --set "data.train=$tmp/nul.txt"
    has "NUL" "$said" "has 5 NUL bytes"
    mkfifo "$tmp/pipe.txt"
    fails 3 "a pipe" --set "data.train=$tmp/pipe.txt"
}

# changes_into COMMAND...: trains on $tmp/book.txt, runs COMMAND after the first checkpoint, and expects
# exit code 3, the name of the file and that checkpoint.
changes_into() {
    local pid code=0 i
    seq 20000 >"$tmp/book.txt"
    rm -rf "$tmp/changing"
    "$TRAIN" --config "$tmp/toy.json" --set name=changing --set "data.train=$tmp/book.txt" --steps 100000000 \
        --set train.eval_every=0 --set train.checkpoint_every=50 --set log.layers_every=0 \
        >"$tmp/changing.txt" 2>&1 </dev/null &
    pid=$!
    for ((i = 0; i < 200; i++)); do
        [[ ! -e $tmp/changing/checkpoints/latest ]] || break
        sleep 0.05
    done
    "$@"
    for ((i = 0; i < 200; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" || code=$?
    same "exit code" "$code" 3
    has "$*" "$(tail -n 1 "$tmp/changing.txt")" "$tmp/book.txt: the file has become shorter"
    [[ -e $(weights changing) ]] || fail "the checkpoint is gone"
}

file_that_changes() {
    changes_into truncate -s 0 "$tmp/book.txt"
    exits 0 --sample "$tmp/changing" --tokens 5
    changes_into truncate -s 5000 "$tmp/book.txt"
}

more_files_than_descriptors() {
    local i
    mkdir "$tmp/many"
    for i in {100..399}; do printf '%s%s%s%s%s%s%s' "$i" {a..f} {g..z} "$i" "$i" >"$tmp/many/$i.txt"; done
    toy many --set "data.train=$tmp/many" --steps 40
    (ulimit -n 40 && toy few --set "data.train=$tmp/many" --steps 40)
    same_run many few
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
test_case "data: text without line breaks" text_without_line_breaks
test_case "data: invalid tokens are found at the start" invalid_tokens_at_the_start
test_case "data: what is never read, and what is read twice" unread_and_shared_files
test_case "data: files of another kind" files_of_another_kind
test_case "data: a file that changes during the run" file_that_changes
test_case "data: more files than descriptors" more_files_than_descriptors
test_case "data: tinyshakespeare" real_text
test_done
