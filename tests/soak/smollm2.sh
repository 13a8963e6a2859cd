#!/usr/bin/env bash
# smollm2.sh - SmolLM2-135M-Instruct from GGUF: its loss on text with that of transformers, and what it continues.
#
# TEXT is wikitext-2's raw validation text, whose first 20,000 bytes the numbers are of; without it, only a sample is
# drawn. Needs a network the first time, 600 MB of disk and two minutes. The model stays in ~/.cache/peri/models
# (XDG_CACHE_HOME).
set -euo pipefail
source "$(dirname "$0")/../../scripts/usage.sh"
text=$(realpath -q "${TEXT:-}") || text=
source "$(dirname "$0")/../lib/cli.sh"
models=${XDG_CACHE_HOME:-$HOME/.cache}/peri/models

fetch() {
    scripts/get_smollm2.sh "$models"
}

# ten sequences of 512 or five of 1,024, and the loss that transformers 5.24 has in float32.
losses() {
    local context loss
    while read -r context loss; do
        exits 0 --import "$models/SmolLM2-135M-Instruct.Q4_1.gguf" "$tmp/$context" --set "model.context=$context"
        [[ -n $text ]] || continue
        head -c 20000 "$text" >"$tmp/text.txt"
        exits 0 --eval "$tmp/$context" --set "data.val=$tmp/text.txt"
        has "tokens" "$said" "tokens=5120"
        said=$(sed -n 's/.* val_loss=\([^ ]*\).*/\1/p' <<<"$said")
        awk -v got="$said" -v want="$loss" 'BEGIN { exit !(got - want < 1e-5 && want - got < 1e-5) }' ||
            fail "sequences of $context: loss $said, want $loss"
        echo "note: sequences of $context: loss $said, $loss in transformers"
    done <<<$'512 3.00642\n1024 2.79556'
}

continues() {
    exits 0 --sample "$tmp/512" --prompt "The capital of France is" --tokens 1 --temperature 0
    has "the next word" "$said" "The capital of France is Paris"
}

test_case "smollm2: fetch" fetch
test_case "smollm2: losses" losses
test_case "smollm2: sample" continues
test_done
