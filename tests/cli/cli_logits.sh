#!/usr/bin/env bash
# cli_logits.sh - --logits: the files as another program reads them, and what they say about the loss.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# read_logits FILE [PRINTED]: prints rows, columns, the tokens, the loss of the targets, and the most
# likely token after the last. PRINTED is the output of --logits for an .npy, which has no tokens.
cat >"$tmp/read_logits.py" <<'PYTHON'
import ast, json, math, struct, sys

data = open(sys.argv[1], "rb").read()
ids = {}
if sys.argv[1].endswith(".npy"):
    assert data[:8] == b"\x93NUMPY\x01\x00"
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10 : 10 + size].decode())
    assert header["descr"] == "<f4" and not header["fortran_order"] and (10 + size) % 64 == 0
    (rows, columns), body = header["shape"], data[10 + size :]
    for line in sys.argv[2].splitlines()[1:]:
        name, *numbers = line.split()
        ids[name] = ids.get(name, []) + [int(n) for n in numbers]
else:
    size = struct.unpack("<Q", data[:8])[0]
    header, rest = json.loads(data[8 : 8 + size]), data[8 + size :]
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        part = rest[slice(*entry["data_offsets"])]
        if name == "logits":
            assert entry["dtype"] == "F32"
            (rows, columns), body = entry["shape"], part
        else:
            assert entry["dtype"] == "I64"
            ids[name] = list(struct.unpack(f"<{len(part) // 8}q", part))
logits = struct.unpack(f"<{rows * columns}f", body)
assert len(ids["tokens"]) == rows
losses, row = [], []
for t in range(rows):
    row = logits[t * columns : (t + 1) * columns]
    top = max(row)
    if "targets" in ids:
        losses.append(top + math.log(sum(math.exp(x - top) for x in row)) - row[ids["targets"][t]])
loss = f"{sum(losses) / rows:.6f}" if losses else "-"
print(rows, columns, loss, max(range(columns), key=lambda v: row[v]), *ids["tokens"])
PYTHON
read_logits() {
    python3 "$tmp/read_logits.py" "$@"
}

# evaluated ARGUMENT...: the loss that --eval prints, with the digits of read_logits.
evaluated() {
    exits 0 --eval "$@"
    printf '%.6f' "$(tr ' ' '\n' <<<"$said" | sed -n 's/^val_loss=//p')"
}

loss_of_the_logits() {
    local ending rows want result
    toy run --set train.checkpoint_every=5 --set train.keep=9 --set optim.lr=1e-2 --set gamma_warmup.steps=30
    for ending in npy safetensors; do
        for rows in 1 3; do
            exits 0 --logits "$tmp/run" "$tmp/$rows.$ending" --set "train.eval_rows=$rows"
            result=$(read_logits "$tmp/$rows.$ending" "$said")
            want=$(evaluated "$tmp/run" --set "train.eval_rows=$rows")
            same "$ending of $rows" "$(cut -d' ' -f1-3 <<<"$result")" "$((16 * rows)) 256 $want"
        done
        exits 0 --logits "$tmp/run" "$tmp/default.$ending"
        cmp "$tmp/default.$ending" "$tmp/1.$ending" || fail "the default is not one sequence"
        exits 0 "--logits=$tmp/run" "$tmp/step.$ending" --step 5
        result=$(read_logits "$tmp/step.$ending" "$said")
        same "$ending of step 5" "$(cut -d' ' -f3 <<<"$result")" "$(evaluated "$tmp/run" --step 5 --set train.eval_rows=1)"
    done
}

# The most likely next token is the one that --sample takes.
prompts() {
    local next
    exits 0 --logits "$tmp/run" "$tmp/prompt.safetensors" --prompt "Once"
    next=$("$TRAIN" --sample "$tmp/run" --prompt "Once" --temperature 0 --tokens 1 | tail -c +5 | od -An -tu1 -N1 | tr -d ' ')
    same "tokens and the next" "$(read_logits "$tmp/prompt.safetensors")" "4 256 - $next 79 110 99 101"
    printf Once | "$TRAIN" --logits "$tmp/run" "$tmp/typed.safetensors" --prompt - >/dev/null
    cmp "$tmp/typed.safetensors" "$tmp/prompt.safetensors"
    exits 2 --logits "$tmp/run" "$tmp/long.npy" --prompt "longer than the context"
    has "too long" "$said" "a prompt of 1 to 16 tokens (model.context), not 23"
}

refusals() {
    echo precious >"$tmp/mine.npy"
    exits 2 --logits "$tmp/run" "$tmp/mine.npy"
    same "a file that exists" "$(<"$tmp/mine.npy")" precious
    exits 2 --logits "$tmp/run" "$tmp/logits.csv"
    has "another ending" "$said" "FILE.npy or FILE.safetensors"
    exits 2 --logits "$tmp/run"
    has "no file" "$said" "needs RUN FILE"
    exits 2 --logits "$tmp/run" "$tmp/a.npy" "$tmp/b.npy"
    has "two files" "$said" "unknown argument"
    exits 2 --logits "$tmp/run" "$tmp/a.npy" --set model.norm=none
    has "another model" "$said" "--logits cannot change the model"
    exits 4 --logits "$tmp/run" "$tmp/nowhere/a.npy"
}

# A file that cannot be written completely does not appear.
complete_or_not_at_all() {
    local ending code
    mkdir "$tmp/full"
    for ending in npy safetensors; do
        code=0
        said=$( (ulimit -f 8 && exec "$TRAIN" --logits "$tmp/run" "$tmp/full/a.$ending") 2>&1) || code=$?
        same "exit code: $said" "$code" 4
        same "files of $ending" "$(ls "$tmp/full")" ""
    done
}

test_case "logits: the loss is that of --eval" loss_of_the_logits
test_case "logits: prompts" prompts
test_case "logits: refusals" refusals
test_case "logits: complete or not at all" complete_or_not_at_all
test_done
