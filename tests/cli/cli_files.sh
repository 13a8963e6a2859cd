#!/usr/bin/env bash
# cli_files.sh - the files of a run: safetensors, config.json, run.json, and the run folder.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

safetensors_header_is_valid() {
    if ! command -v python3 >/dev/null; then
        echo "note: skipped the safetensors header: no python3"
        return
    fi
    toy header
    python3 - "$(weights header)" "$tmp/header/run.json" <<'PYTHON'
import json, math, os, struct, sys

path, run = sys.argv[1], json.load(open(sys.argv[2]))
file = open(path, "rb")
length, = struct.unpack("<Q", file.read(8))
assert (8 + length) % 8 == 0, "header not padded to 8 bytes"
header = json.loads(file.read(length), object_pairs_hook=lambda pairs: dict(pairs)
                    if len(dict(pairs)) == len(pairs) else sys.exit("repeated key"))
meta = header.pop("__metadata__")
assert all(isinstance(value, str) for value in meta.values()), meta
assert meta["format_version"] == "2" and meta["step"] == "20" and meta["format"] == "pt", meta
assert meta["equations"] == run["equations_hash"], meta["equations"]
config = json.loads(meta["config"])
assert config["model"]["topology"] == "peri" and config["train"]["steps"] == 20, config
assert "name" not in config and "log" not in config, config
assert not {"threads", "eval_every", "eval_rows"} & set(config["train"]), config

C, F, V, T = 16, 64, 256, 16
shapes = {"tok_emb.weight": [V, C], "pos_emb.weight": [T, C], "emb_norm.gamma": [C],
          "final_norm.gamma": [C]}
for i in range(2):
    shapes.update({f"blocks.{i}.{name}": shape for name, shape in {
        "attn.norm_in.gamma": [C], "attn.qkv.weight": [3 * C, C], "attn.qkv.bias": [3 * C],
        "attn.proj.weight": [C, C], "attn.proj.bias": [C], "attn.norm_out.gamma": [C],
        "mlp.norm_in.gamma": [C], "mlp.up.weight": [F, C], "mlp.up.bias": [F],
        "mlp.down.weight": [C, F], "mlp.down.bias": [C], "mlp.norm_out.gamma": [C]}.items()})
assert {name: entry["shape"] for name, entry in header.items()} == shapes, sorted(header)
end = 0
for name, entry in header.items():
    assert entry["dtype"] == "F32" and entry["data_offsets"][0] == end, (name, entry)
    end += 4 * math.prod(entry["shape"])
    assert entry["data_offsets"][1] == end, (name, entry)
assert os.path.getsize(path) == 8 + length + end, "size"
assert run["resolved"]["parameters"] == end // 4, run["resolved"]
PYTHON
}

run_json_has_the_results() {
    toy manifest
    if command -v python3 >/dev/null; then python3 -m json.tool "$tmp/manifest/run.json" >/dev/null; fi
    has "run.json" "$(<"$tmp/manifest/run.json")" '"exit_code": 0'
    has "run.json" "$(<"$tmp/manifest/run.json")" "\"val_loss\": $(cell manifest 20 val_loss)"
    grep -qE '"entropy_floor": 0\.[0-9]+' "$tmp/manifest/run.json"
}

describe_agrees_with_the_run() {
    local hash
    toy described
    exits 0 --config "$tmp/toy.json" --describe
    has "equations" "$said" "x = x + N(attention(u))"
    hash=$(sed -n 's/^equations  *\([0-9a-f]\{16\}\)$/\1/p' <<<"$said")
    has "run.json" "$(<"$tmp/described/run.json")" "\"equations_hash\": \"$hash\""
    exits 0 --config "$tmp/toy.json" --describe --topology pre
    [[ $said != *"$hash"* ]]
}

config_json_gives_the_same_run() {
    toy first --set model.topology=keel --set 'data.order="sequential"' --set gamma_warmup.steps=3
    exits 0 --config "$tmp/first/config.json" --set name=second
    same_run first second
    cmp <(sed 's/"first"/"second"/' "$tmp/first/config.json") "$tmp/second/config.json"
}

finished_run_is_unchanged() {
    local before
    toy finished
    before=$(cd "$tmp/finished" && find . -type f -exec stat -c '%n %Y %Z' {} + | sort)
    exits 0 --config "$tmp/toy.json" --set name=finished
    same "lines of output" "$(wc -l <<<"$said")" 1
    has "finished run" "$said" "finished"
    same "files" "$(cd "$tmp/finished" && find . -type f -exec stat -c '%n %Y %Z' {} + | sort)" "$before"
    exits 0 --config "$tmp/toy.json" --set name=finished --set train.threads=2
    has "finished run on 2 threads" "$said" "finished"
}

other_config_is_refused() {
    toy taken
    exits 2 --config "$tmp/toy.json" --set name=taken --set optim.lr=2e-3 --set train.seed=5
    has "other config" "$said" "optim.lr"
    [[ $said != *train.seed* ]] || fail "more than the first differing key: $said"
    same "steps of the old log" "$(tail -1 "$tmp/taken/log.csv" | cut -d, -f1)" 20
}

overwrite_starts_from_scratch() {
    toy over
    touch "$tmp/over/notes.txt"
    mv "$tmp/over/log.csv" "$tmp/kept.csv" # a log that was moved and replaced by a link
    ln -s "$tmp/kept.csv" "$tmp/over/log.csv"
    toy over --set train.steps=7 --overwrite
    same "steps" "$(tail -1 "$tmp/over/log.csv" | cut -d, -f1)" 7
    same "checkpoints" "$(cd "$tmp/over/checkpoints" && echo *)" "latest step_00000007"
    [[ ! -L $tmp/over/log.csv ]] || fail "the new log was written through the old link"
    same "lines of the moved log" "$(wc -l <"$tmp/kept.csv")" 22
    [[ -e $tmp/over/notes.txt ]] || fail "a file that does not belong to the run was removed"
    toy fresh --set train.steps=7
    same_run over fresh
}

run_dir_moves_a_run() {
    exits 0 --config "$tmp/toy.json" --run-dir "$tmp/deep/er"
    same "latest" "$(cat "$tmp/deep/er/checkpoints/latest")" step_00000020
}

test_case "files: model.safetensors" safetensors_header_is_valid
test_case "files: run.json" run_json_has_the_results
test_case "files: --describe and run.json have the same hash" describe_agrees_with_the_run
test_case "files: config.json gives the same run" config_json_gives_the_same_run
test_case "files: a finished run is not changed" finished_run_is_unchanged
test_case "files: another config in the same folder" other_config_is_refused
test_case "files: --overwrite" overwrite_starts_from_scratch
test_case "files: --run-dir" run_dir_moves_a_run
test_done
