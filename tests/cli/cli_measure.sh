#!/usr/bin/env bash
# cli_measure.sh - --measure: its numbers next to those of --eval, --norms and layers.csv; its pages; --context.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

printf 'once upon a time there was a toy, %d. ' {1..900} >"$tmp/long.txt"
head -c 1400 "$tmp/long.txt" >"$tmp/short.txt"
head -c 300 "$tmp/long.txt" >"$tmp/few.txt"

# row NAME COLUMN: a cell of the page in $said, by the beginning of its row.
row() {
    awk -F' *[|] *' -v name="$1" -v column="$2" 'index($2, name) == 1 { print $(column + 1); exit }' <<<"$said"
}

# value NAME: a value of the line that --eval printed.
value() {
    tr ' ' '\n' <<<"$said" | sed -n "s/^$1=//p"
}

# near WHAT A B: equal within 2e-5.
near() {
    awk -v a="$2" -v b="$3" 'BEGIN { d = a - b; exit !(a != "" && b != "" && d * d < 4e-10) }' || fail "$1: $2 and $3"
}

# evaluated NAME ARGUMENT...: a value of --eval.
evaluated() {
    local name=$1
    shift
    said=$("$TRAIN" --eval "$@") && value "$name"
}

numbers_agree_with_eval() {
    local topology norm rows=(--set train.eval_rows=5) page
    for topology in pre peri; do
        norm=$([[ $topology == pre ]] && echo layernorm || echo rmsnorm)
        toy "$topology" --topology "$topology" --norm "$norm" --steps 150 --set optim.lr=1e-2 \
            --set gamma_warmup.steps=300 --set gamma_warmup.from=0.2
        exits 0 --measure "$tmp/$topology" "${rows[@]}"
        page=$said
        near "$topology: loss" "$(row "nats per token" 2)" "$(evaluated val_loss "$tmp/$topology" "${rows[@]}")"
        said=$page
        near "$topology: bits per byte" "$(row "bits per byte" 2)" "$(evaluated val_bpb "$tmp/$topology" "${rows[@]}")"
        said=$page
        near "$topology: constants" "$(row "all norms" 2)" \
            "$(evaluated val_loss "$tmp/$topology" "${rows[@]}" --norms frozen_first)"
        said=$page
        near "$topology: nothing" "$(row "all norms" 4)" \
            "$(evaluated val_loss "$tmp/$topology" "${rows[@]}" --norms identity)"
        said=$page
        awk -v loss="$(row "nats per token" 2)" -v all="$(row "all norms" 2)" -v one="$(row "the final norm" 2)" \
            -v difference="$(row "the final norm" 3)" 'BEGIN {
            d = one - loss - difference
            exit !(all > loss + 1e-4 && one != all && d * d < 1e-11)
        }' || fail "$(grep norm <<<"$said")"
        has "source" "$said" "Measured on 5 sequences of 16 tokens: the validation part of builtin:stories."
        has "constants" "$said" "The constants come from 64 sequences of the training data."
        has "equations" "$said" "$("$TRAIN" --describe --config "$tmp/$topology/config.json" | sed -n '1,/^init/p')"
    done
    has "folding" "$said" "blocks.*.attn.norm_in.gamma -> blocks.*.attn.qkv.weight"
    exits 0 --measure "$tmp/peri" --step 150
    has "without train.eval_rows, 2,048 tokens" "$said" "Measured on 128 sequences of 16 tokens"
}

# One update whose batch is what --measure reads: layers.csv has the same moments and largest logits.
stream_agrees_with_layers() {
    local line layer sublayer site position variance rms absmax kurtosis name first got numbers
    toy from --data.train "$tmp/long.txt" --steps 60 --set optim.lr=1e-2
    toy once --data.train "$tmp/long.txt" --set train.init_from="$tmp/from" --steps 1 --set data.order=sequential \
        --set train.batch=3 --set log.layers_every=1
    exits 0 --measure "$tmp/from" "$tmp/long.txt" --set train.eval_rows=3
    near "loss" "$(row "nats per token" 2)" "$(cell once 1 train_loss)"
    while IFS=, read -r _ layer sublayer site position _ variance rms absmax kurtosis _; do
        [[ $site == stream || $site == scores ]] || continue
        name=$sublayer
        [[ $sublayer != attn && $sublayer != mlp ]] || name=blocks.$((layer - 1)).$sublayer
        first=$([[ $position == first ]] && echo 2 || echo 6)
        numbers=("$variance" "$rms" "$absmax" "$kurtosis")
        if [[ $site == stream ]]; then
            got="$(row "$name" "$first") $(row "$name" $((first + 1))) $(row "$name" $((first + 2))) $(row "$name" $((first + 3)))"
        else
            got=$(row "$((layer - 1)) " $((4 + first / 4)))
            numbers=("$absmax")
        fi
        line=$(printf '%#.4g ' "${numbers[@]}")
        [[ "$got " == "$line" ]] || fail "$layer $sublayer $site $position: page $got, layers.csv $line"
    done < <(sed 1d "$tmp/once/layers.csv")
}

constants_are_of_other_sequences() {
    local before
    toy text --data.train "$tmp/long.txt" --steps 60 --set optim.lr=1e-2
    exits 0 --measure "$tmp/text" "$tmp/short.txt" --set train.eval_rows=9
    has "source" "$said" "Measured on 9 sequences of 16 tokens: $tmp/short.txt."
    has "all that follow, up to 64" "$said" "The constants come from 64 sequences of the text, behind the measured ones."
    before="$(row "nats per token" 2) $(row "all norms" 4)"
    near "loss" "${before% *}" "$(evaluated val_loss "$tmp/text" --set data.val="$tmp/short.txt" --set train.eval_rows=9)"
    { head -c 146 "$tmp/few.txt" && tail -c +147 "$tmp/few.txt" | tr a-y b-z; } >"$tmp/other"
    exits 0 --measure "$tmp/text" "$tmp/few.txt" --set train.eval_rows=9
    same "the same head" "$(row "nats per token" 2) $(row "all norms" 4)" "$before"
    has "nine of each" "$said" "The constants come from 9 sequences"
    before=$(row "all norms" 2)
    exits 0 --measure "$tmp/text" "$tmp/other" --set train.eval_rows=9 # a name without an ending
    [[ $(row "all norms" 2) != "$before" ]] || fail "the constants are not of the sequences behind"
    exits 0 --measure "$tmp/text" "$tmp/few.txt" --set train.eval_rows=13
    has "few" "$said" "The constants come from 5 sequences of the text, behind the measured ones. That is few"
    exits 0 --measure "$tmp/text" "$tmp/few.txt"
    has "none" "$said" "The text has no sequences besides the measured ones"
    same "none" "$(row "all norms" 2) $(row "all norms" 3)" "– –"
    near "identity without constants" "$(row "all norms" 4)" \
        "$(evaluated val_loss "$tmp/text" --set data.val="$tmp/few.txt" --eval-rows 99 --norms identity)"
}

# Each swiglu cubes the stream of a model without norms: the third one overflows.
overflow_is_said() {
    toy huge --topology pre --norm rmsnorm --mlp swiglu --n-layer 4 --set model.embed_scale=65536 \
        --set model.init_std=1 --steps 1
    exits 0 --measure "$tmp/huge" --set train.eval_rows=2
    has "all norms" "$(tr '\n' ' ' <<<"$said")" \
        "With all norms (9) replaced by nothing, the loss is not a number: block 2 overflows first, at blocks.2."
    same "cells" "$(row "all norms" 4) $(row "all norms" 5)" "not finite from block 2"
    has "a single norm" "$(row "the final norm" 2)" "."
    if grep -qwE 'nan|-nan|inf' <<<"$said"; then fail "$said"; fi
}

pages_are_well_formed() {
    toy "a&b <c>" --steps 5
    exits 0 --measure "$tmp/a&b <c>" --set train.eval_rows=4 --out "$tmp/page.html"
    same "says where" "$said" "$tmp/page.html"
    exits 0 --measure "$tmp/a&b <c>" --set train.eval_rows=4 --out "$tmp/page.md"
    exits 0 --measure "$tmp/a&b <c>" --set train.eval_rows=4
    same "the file is what is printed" "$(<"$tmp/page.md")" "$said"
    python3 - "$tmp/page.html" "$tmp/page.md" <<'PYTHON'
import re, sys, xml.etree.ElementTree as xml

page, text = open(sys.argv[1]).read(), open(sys.argv[2]).read()
root = xml.fromstring(page.replace("<!DOCTYPE html>", ""))
assert root.find("head/title").text.endswith("a&b <c>"), root.find("head/title").text
charts = list(root.iter("svg"))
assert len(charts) == 5 and all(chart.get("aria-label") == chart.find("title").text for chart in charts)
for chart in charts:
    for path in chart.iter("path"):
        points = re.findall(r"[ML]([-0-9.]+) ([-0-9.]+)", path.get("d"))
        assert points and all(64 <= float(x) <= 744.1 and 11.9 <= float(y) <= 260.1 for x, y in points), path.get("d")
assert not re.search(r"\bnan\b|\binf\b", page + text)
tables = [[[cell.text for cell in row] for row in table.iter("tr")] for table in root.iter("table")]
rows = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|--")]
assert [row for table in tables for row in table] == [
    [cell.strip().replace("\\", "") or None for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in rows
], "the tables differ"
lines = text.splitlines()
assert max(map(len, (line for line in lines if not line.startswith("|")))) <= 100
for line, following in zip(lines, lines[1:]):
    assert not (line.startswith("|") and following.startswith("|")) or len(line) == len(following), line
PYTHON
    if grep -nE '(https?:)?//[a-z]|url\(|@import|<link|src=|<script' "$tmp/page.html"; then fail "the page loads something"; fi
}

# The first tokens of a sequence do not depend on those behind: their losses, from --logits.
context_is_shorter() {
    toy short --steps 40 --set optim.lr=1e-2
    exits 0 --logits "$tmp/short" "$tmp/short.safetensors"
    python3 - "$tmp/short.safetensors" >"$tmp/want" <<'PYTHON'
import json, math, struct, sys

data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
part = {name: body[slice(*e["data_offsets"])] for name, e in header.items() if name != "__metadata__"}
V, targets = header["logits"]["shape"][1], struct.unpack("<16q", part["targets"])
logits = struct.unpack(f"<{16 * V}f", part["logits"])
print(sum(math.log(sum(map(math.exp, logits[t * V : t * V + V]))) - logits[t * V + targets[t]] for t in range(5)) / 5)
PYTHON
    exits 0 --eval "$tmp/short" --context 5 --eval-rows 1
    same "tokens" "$(value rows) $(value tokens)" "1 5"
    near "--eval" "$(value val_loss)" "$(<"$tmp/want")"
    exits 0 --measure "$tmp/short" --context=5 --eval-rows 1
    near "--measure" "$(row "nats per token" 2)" "$(<"$tmp/want")"
    exits 0 --measure "$tmp/short" --context 5 --eval-rows 6
    near "frozen" "$(row "all norms" 2)" \
        "$(evaluated val_loss "$tmp/short" --context 5 --eval-rows 6 --norms frozen_first)"
    exits 2 --eval "$tmp/short" --context 17
    has "too long" "$said" "--context 17: the model was trained on sequences of 16 tokens"
    toy context --context 8 --steps 1 # in training it is short for model.context
    has "a key" "$(<"$tmp/context/config.json")" '"context": 8'
}

dry_run_measures_nothing() {
    toy dry --steps 1
    for order in "--measure $tmp/dry --dry-run" "--dry-run --measure $tmp/dry"; do
        # shellcheck disable=SC2086 # words
        exits 0 $order --set train.eval_rows=3 --out "$tmp/dry.md"
        same "one line" "$(wc -l <<<"$said")" 1
        has "plan" "$said" "sequences=3 context=16 evaluations=30 constants=64 memory="
        [[ ! -e $tmp/dry.md ]] || fail "it wrote a page"
    done
}

interrupted_leaves_nothing() {
    local code=0
    toy stopped --steps 1
    mkdir "$tmp/pages"
    timeout -s TERM 0.5 "$TRAIN" --measure "$tmp/stopped" --set train.eval_rows=200000 --out "$tmp/pages/page.md" \
        >"$tmp/said" 2>&1 || code=$?
    same "exit code" "$code" 124
    same "files" "$(ls -A "$tmp/pages")" ""
}

removed_norms_stay() {
    toy removed --topology pre --norm rmsnorm --steps 30 --set norm_removal.start=1 --set norm_removal.interval=1 \
        --set norm_removal.order=mlp
    exits 0 --measure "$tmp/removed" --set train.eval_rows=2
    has "said" "$said" "2 norms were removed in training and are not part of this."
    has "not folded" "$said" "so nothing is"
    has "the others" "$said" "all norms (3)"
    toy dyt --norm dyt --steps 5
    exits 0 --measure "$tmp/dyt" --set train.eval_rows=2
    has "no statistic" "$said" "No norm of this model divides by a statistic of the token."
    toy plain --norm rmsnorm_plain --steps 5
    exits 0 --measure "$tmp/plain" --set train.eval_rows=2
    has "no gain" "$said" "No norm of this model has a gain."
}

mistakes_are_refused() {
    toy wrong --data.train "$tmp/long.txt" --set data.vocab=chars --steps 1
    exits 2 --measure
    exits 3 --measure "$tmp/none"
    has "no run" "$said" "is it a run directory?"
    exits 3 --measure "$tmp/wrong" "$tmp/none.txt"
    has "no text" "$said" "$tmp/none.txt: No such file"
    exits 2 --measure "$tmp/wrong" "$tmp/long.txt" --set data.val="$tmp/long.txt"
    has "two texts" "$said" "use one of them"
    exits 2 --measure "$tmp/wrong" --out "$tmp/page.pdf"
    has "ending" "$said" "--out takes a file that ends in .md or .html"
    exits 4 --measure "$tmp/wrong" --set train.eval_rows=1 --out "$tmp/nowhere/page.md"
    exits 2 --measure "$tmp/wrong" --topology pre
    has "another model" "$said" "--measure cannot change the model"
    exits 2 --measure "$tmp/wrong" --temperature 1
    has "a draw" "$said" "--temperature does not apply to --measure"
    exits 2 --eval "$tmp/wrong" --out x.md
    exits 2 --measure "$tmp/wrong" --eval "$tmp/wrong"
    printf 'A text with CAPITALS that is long enough to be measured.' >"$tmp/capitals.txt"
    exits 3 --measure "$tmp/wrong" "$tmp/capitals.txt"
    has "foreign characters" "$said" "capitals.txt"
    toy all --data.train "$tmp/long.txt" --set data.val_fraction=0 --set train.eval_every=0 --steps 1
    exits 2 --measure "$tmp/all"
    has "no validation data" "$said" "name a text after RUN"
    exits 0 --measure "$tmp/all" "$tmp/few.txt"
}

test_case "measure: losses agree with --eval and --norms" numbers_agree_with_eval
test_case "measure: the stream agrees with layers.csv" stream_agrees_with_layers
test_case "measure: constants come from other sequences" constants_are_of_other_sequences
test_case "measure: an overflow is said in a sentence" overflow_is_said
test_case "measure: pages are well-formed" pages_are_well_formed
test_case "measure: --context shortens sequences" context_is_shorter
test_case "measure: --dry-run measures nothing" dry_run_measures_nothing
test_case "measure: an interruption leaves no file" interrupted_leaves_nothing
test_case "measure: removed norms and norms without statistics" removed_norms_stay
test_case "measure: mistakes are refused" mistakes_are_refused
test_done
