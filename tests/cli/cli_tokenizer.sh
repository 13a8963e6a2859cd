#!/usr/bin/env bash
# cli_tokenizer.sh - tokenizers from outside: train one, encode a text, train on the text and on its tokens, sample,
# evaluate, resume; the cache of long texts.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
export XDG_CACHE_HOME=$tmp/cache
files=tests/oracle/tokenizers
grep -q '^pcre2 *[0-9]' <<<"$("$TRAIN" --version)" || {
    echo "note: this build has no PCRE2"
    exit 0
}
tokenizer=$tmp/bpe.json
text=("data.train=$files/text.txt" "data.vocab=$tokenizer")
sets=(--set "${text[0]}" --set "${text[1]}")

# member FILE NAME: the number or string of the first member NAME of a JSON file.
member() {
    sed -nE "s/.*\"$2\": \"?([^\",}]*)\"?.*/\1/p" "$1" | head -n 1
}

trains_tokenizer() {
    exits 0 --train-tokenizer "$files/text.txt" --vocab 600 "$tokenizer"
    has "size" "$said" "vocab_size=600"
    exits 2 --train-tokenizer "$files/text.txt" "$tokenizer"
    has "existing file" "$said" "exists"
    exits 2 --train-tokenizer "$files/text.txt" --vocab 9 "$tmp/other.json"
    exits 3 --train-tokenizer "$tmp/none.txt" "$tmp/other.json"
}

encodes() {
    exits 0 --encode "$files/text.txt" "$tmp/text.bin" --tokenizer "$tokenizer"
    has "line" "$said" "bytes=$(stat -c %s "$files/text.txt") tokens="
    local tokens=${said#*tokens=}
    tokens=${tokens%% *}
    same "size" "$(stat -c %s "$tmp/text.bin")" "$((1024 + 2 * tokens))"
    same "tokens" "$(member "$tmp/text.bin.json" tokens)" "$tokens"
    has "Unicode" "$(cat "$tmp/text.bin.json")" "Unicode 1"
    exits 2 --encode "$files/text.txt" "$tmp/text.bin" --tokenizer "$tokenizer"
    exits 2 --encode "$files/text.txt" "$tmp/text2.bin"
    printf 'abc\x04' >"$tmp/lacks.txt"
    exits 3 --encode "$tmp/lacks.txt" "$tmp/lacks.bin" --tokenizer "$files/smollm2.json"
    has "byte" "$said" "0x04 at offset 3"
    [[ ! -e $tmp/lacks.bin && ! -e $tmp/lacks.bin.json ]] || fail "files are left"
}

# The text and its tokens are the same data.
trains() {
    toy text "${sets[@]}" --set train.checkpoint_every=10 --set train.keep=9
    toy tokens --set "data.train=$tmp/text.bin" --set "${text[1]}"
    same "logs" "$(numbers tokens)" "$(numbers text)"
    toy plain --set "data.train=$tmp/text.bin" --set data.vocab_size=600
    same "logs" "$(numbers plain)" "$(numbers text)"
    same "copy" "$(cksum <"$tmp/text/checkpoints/tokenizer.json")" "$(cksum <"$tokenizer")"
    has "run.json" "$(cat "$tmp/text/run.json")" "\"tokenizer\": {"
    cp "$files/gpt2.json" "$tmp/another.json"
    fails 3 "another tokenizer" --set "data.train=$tmp/text.bin" --set "data.vocab=$tmp/another.json"
    fails 2 "data.vocab: unknown value \"byts\"; did you mean \"bytes\"" --set data.vocab=byts
    fails 2 "built-in data" --set "${text[1]}"
    fails 3 "cannot open the tokenizer" --set "data.vocab=$tmp/none.json" --set "${text[0]}"
}

# A run is used without the file that data.vocab named.
uses() {
    local loss
    exits 0 --eval "$tmp/text"
    loss=$said
    mv "$tokenizer" "$tmp/moved.json"
    exits 0 --eval "$tmp/text"
    same "loss" "$said" "$loss"
    exits 0 --sample "$tmp/text" --prompt 'Übermut “x”' --tokens 40
    has "prompt" "$said" 'Übermut “x”'
    exits 0 --logits "$tmp/text" "$tmp/logits.npy" --prompt 'the  café'
    mv "$tmp/moved.json" "$tokenizer"
    mv "$tmp/text/checkpoints/tokenizer.json" "$tmp/moved.json"
    exits 3 --sample "$tmp/text"
    has "missing copy" "$said" "checkpoints/tokenizer.json is missing"
    cp "$files/gpt2.json" "$tmp/text/checkpoints/tokenizer.json"
    exits 3 --sample "$tmp/text"
    mv "$tmp/moved.json" "$tmp/text/checkpoints/tokenizer.json"
}

# Every target of this text is the token " the", of four bytes.
bits_per_byte() {
    printf ' the%.0s' {1..200} >"$tmp/the.txt"
    exits 0 --encode "$tmp/the.txt" "$tmp/the.bin" --tokenizer "$tokenizer"
    has "tokens" "$said" "bytes=800 tokens=200"
    exits 0 --eval "$tmp/text" --set "data.val=$tmp/the.txt"
    awk -v line="$said" 'BEGIN {
        n = split(line, pair, /[ =]/)
        for (i = 1; i < n; i += 2) value[pair[i]] = pair[i + 1]
        near = value["val_bpb"] * log(2) * 4 / value["val_loss"] - 1
        exit !(near * near < 1e-15)
    }' || fail "$said"
    local bytes
    bytes=$(member "$tmp/text/run.json" val_bytes_per_token)
    awk -v bytes="$bytes" -v loss="$(member "$tmp/text/run.json" unigram_entropy)" -v bits="$(member "$tmp/text/run.json" unigram_bpb)" \
        'BEGIN { exit !(bytes > 1.1 && bytes < 6 && (bits * log(2) * bytes / loss - 1) ^ 2 < 1e-12) }' || fail "$bytes"
    awk -v bytes="$bytes" -v loss="$(cell text 20 val_loss)" -v bits="$(member "$tmp/text/run.json" val_bpb)" \
        'BEGIN { exit !((bits * log(2) * bytes / loss - 1) ^ 2 < 1e-12) }' || fail "val_bpb of run.json"
    same "tokens alone" "$(member "$tmp/plain/run.json" val_bytes_per_token)" null
}

resumes() {
    toy whole "${sets[@]}"
    exits 75 --config "$tmp/toy.json" --set name=halved "${sets[@]}" --stop-at 10
    toy halved "${sets[@]}" --resume
    same "logs" "$(numbers halved)" "$(numbers whole)"
    same "weights" "$(cksum <"$(weights halved)")" "$(cksum <"$(weights whole)")"
    exits 75 --config "$tmp/toy.json" --set name=changed "${sets[@]}" --stop-at 10
    cp "$tokenizer" "$tmp/kept.json"
    sed -i 's/"version": "1.0"/"version":  "1.0"/' "$tokenizer"
    exits 3 --config "$tmp/toy.json" --set name=changed "${sets[@]}" --resume
    has "other tokenizer" "$said" "vocabulary differs"
    mv "$tmp/kept.json" "$tokenizer"
}

# --fold keeps the tokenizer beside the checkpoint.
folds() {
    exits 0 --fold "$tmp/text" "$tmp/folded"
    same "copy" "$(cksum <"$tmp/folded/checkpoints/tokenizer.json")" "$(cksum <"$tmp/text/checkpoints/tokenizer.json")"
    exits 0 --sample "$tmp/folded" --prompt once --tokens 5
}

# A text of 8 MiB is encoded once; a damaged file of the cache is made again.
caches() {
    local long=$tmp/long.txt file
    for _ in {1..1700}; do cat "$files/text.txt"; done >"$long"
    toy cold --set "data.train=$long" --set "${text[1]}"
    file=$(echo "$XDG_CACHE_HOME"/peri/tokens/*.bin)
    [[ -s $file ]] || fail "no file in the cache"
    local sum
    sum=$(cksum <"$file")
    touch -d 2020-01-01 "$file"
    toy warm --set "data.train=$long" --set "${text[1]}"
    same "logs" "$(numbers warm)" "$(numbers cold)"
    same "year" "$(date -r "$file" +%Y)" 2020
    printf 'x' | dd of="$file" bs=1 seek=5000 conv=notrunc status=none
    toy again --set "data.train=$long" --set "${text[1]}"
    same "logs" "$(numbers again)" "$(numbers cold)"
    same "file" "$(cksum <"$file")" "$sum"
}

test_case "--train-tokenizer" trains_tokenizer
test_case "--encode" encodes
test_case "training on a text and on its tokens" trains
test_case "--eval, --sample and --logits without the original" uses
test_case "bits per byte" bits_per_byte
test_case "--resume" resumes
test_case "--fold" folds
test_case "long texts are encoded once" caches
test_done
