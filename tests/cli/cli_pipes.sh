#!/usr/bin/env bash
# cli_pipes.sh - what scripts read: --json on standard output and nothing else there, --quiet, the lists.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# prints FILE ARGUMENT...: the program prints valid JSON, with nothing before or after it, into $tmp/FILE.
prints() {
    local file=$tmp/$1
    shift
    "$TRAIN" "$@" >"$file" 2>"$tmp/stderr" </dev/null || fail "train $*: exit code $?: $(cat "$tmp/stderr")"
    python3 -m json.tool <"$file" >/dev/null || fail "train $*: not JSON: $(cat "$file")"
}

# python CODE FILE...: prints what Python prints, where d is the JSON of each $tmp/FILE in turn and no object has a name
# twice.
python() {
    (cd "$tmp" && python3 -c '
import json, sys
def once(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)
for file in sys.argv[2:]:
    d = json.load(open(file), object_pairs_hook=once)
    exec(sys.argv[1])' "$@")
}

eval_prints_json() {
    toy run
    prints eval --eval "$tmp/run" --json
    same "values" "$(python 'print(*[f"{k}={v:.6g}" for k, v in d.items() if k != "run"], end=" ")' eval)" \
        "$("$TRAIN" --eval "$tmp/run" | awk '{ for (i = 1; i <= NF; i++) { split($i, a, "="); printf "%s=%.6g ", a[1], a[2] } }')"
    same "the run" "$(python 'print(d["run"])' eval)" "$tmp/run"
}

describe_prints_json() {
    local topology files=() want=""
    for topology in post peri keel resi_dual mixln hybrid b2t parallel layerscale none; do
        prints "$topology" "$tmp/toy.json" --n-layer 4 --topology "$topology" --describe --json
        files+=("$topology")
        want+=$("$TRAIN" "$tmp/toy.json" --n-layer 4 --topology "$topology" --describe 2>/dev/null)$'\n'
    done
    same "the text" "$(python 'print("\n".join(d["text"]) + "\nequations    " + d["equations"])' "${files[@]}")" "${want%$'\n'}"
    same "slots" "$(python 'print([b["attn"]["post"] + b["mlp"]["in"] for b in d["blocks"]], d["embed_norm"], d["head"])' mixln)" \
        "['normnone', 'nonenorm', 'nonenorm', 'nonenorm'] False N(x)"
    same "coefficients" "$(python 'print(d["blocks"][1]["mlp"]["skip"], d["blocks"][3]["attn"]["dual"], d["head"])' keel resi_dual)" \
        $'8 0 x\n1 1 x + N(d)'
}

dry_run_prints_json() {
    local line
    prints dry "$tmp/toy.json" --topology post --dry-run --json
    line=$("$TRAIN" "$tmp/toy.json" --topology post --dry-run | tail -1)
    same "figures of the last line" "$(python 'print("parameters=%d" % d["parameters"], "model_gflop=%.9g" %
        (d["time"]["flop_per_update"] / 1e9), "log_bytes=%d" % d["disk"]["log_bytes"],
        "checkpoint_bytes=%d" % d["disk"]["checkpoint_bytes"])' dry)" \
        "$(grep -oE '(parameters|model_gflop|log_bytes|checkpoint_bytes)=[^ ]*' <<<"$line" | paste -sd ' ')"
    same "sums" "$(python 'm = d["memory_bytes"]; print(d["parameters"] - sum(g["parameters"] for g in d["groups"]),
        abs(m["total"] - sum(m[k] for k in "weights gradients moments buffers other program".split())) < 7)' dry)" "0 True"
    same "schedule" "$(python 'print([i["update"] for i in d["schedule"]])' dry)" "[1, 5, 10, 15, 20]"
    same "advice" "$(python 'v = {a["verdict"] for a in d["advice"] if "verdict" in a}
print(len(v) > 0, v <= {"holds", "fails", "undecided"})' dry)" "True True"
    [[ ! -e $tmp/toy ]] || fail "--dry-run made a folder"
}

lists_print_json() {
    local list
    for list in topologies norms keys; do prints "$list" --list "$list" --json; done
    same "topologies and norms" "$(python 'for i in d: print(i["name"], i["about"], *[f"[{i[key]}]" for key in ["family"] if key in i])' topologies norms)" \
        "$({ "$TRAIN" --list topologies && "$TRAIN" --list norms; } | sed -E 's/ +/ /')"
    # docs/topologies.md has the same rows in the same order, each in the section of its family.
    same "docs/topologies.md" "$(awk -F'`' '/^## / { split($0, word, "[ :]+"); family = word[2] }
        family != "Released" && /^\| `[a-z0-9_]+` \|/ { print $2, family }' docs/topologies.md)" \
        "$(python 'for i in d: print(i["name"], i["family"])' topologies)"
    toy listed --steps 0
    same "keys" "$(python 'for i in d: print(i["name"])' keys)" "$(python '
for name, value in d.items():
    for key in value if name not in ("name", "wire") else [""]: print(f"{name}.{key}".strip("."))' listed/config.json)"
    same "a key" "$(python 'print([(i["default"], i["takes"]) for i in d if i["name"] == "model.n_layer"])' keys)" \
        "[(6, 'integer 1 to 1024')]"
}

# Every shipped config and sweep begins with a comment, which its list shows.
lists_of_files() {
    local kind file want
    for kind in configs sweeps; do
        want=
        for file in "$kind"/*.json; do
            [[ $file != */schema.json ]] || continue
            [[ $(head -1 "$file") == "// "?* ]] || fail "$file does not begin with a comment"
            want+="$file $(head -1 "$file" | cut -c4-)"$'\n'
        done
        prints "$kind" --list "$kind" --json
        same "$kind" "$(python 'for i in d: print(i["file"], i["about"])' "$kind")" "${want%$'\n'}"
        [[ $kind == sweeps ]] || want=$(sed -E 's/^configs\///; s/^([^ ]*)\.json/\1/' <<<"$want")
        same "$kind as text" "$("$TRAIN" --list "$kind" | sed -E 's/ +/ /')" "${want%$'\n'}"
        same "$kind elsewhere" "$(cd "$tmp" && "$TRAIN" --list "$kind")" ""
    done
}

installed_files_are_listed() {
    make -s -o train install DESTDIR="$tmp/root" PREFIX=/usr
    mkdir -p "$tmp/away/configs"
    cd "$tmp/away"
    printf '// Mine.\n{"extends": "x.json"}\n' >configs/peri_rms.json
    printf '{}\n' >configs/bare.json
    said=$(../root/usr/bin/peri-train --list configs)
    has "my own" "$said" "peri_rms      Mine."
    same "the installed one of that name" "$(grep -c '^peri_rms ' <<<"$said")" 1
    grep -q '^bare *$' <<<"$said" || fail "a config without a comment: $said"
    has "installed" "$said" "pre_ln        Pre-LN, the placement of GPT-2"
    has "installed sweeps" "$(../root/usr/bin/peri-train --list sweeps)" "root/usr/share/peri/sweeps/norms.json "
    said=$(../root/usr/bin/peri-train pre_lm 2>&1) || true
    has "a suggestion" "$said" "did you mean $tmp/root/usr/share/peri/configs/pre_ln.json?"
}

# Messages are on standard error, and an error leaves standard output empty.
nothing_else_on_stdout() {
    local code=0
    prints none "$tmp/toy.json" --norm none --describe --json
    has "warnings" "$(cat "$tmp/stderr")" "train: warning:"
    "$TRAIN" "$tmp/toy.json" --norm nome --describe --json >"$tmp/json" 2>/dev/null || code=$?
    same "exit code" "$code" 2
    [[ ! -s $tmp/json ]] || fail "an error prints $(cat "$tmp/json")"
    exits 2 "$tmp/toy.json" --json
    has "training" "$said" "--json does not apply to training"
    exits 2 --sample "$tmp/run" --json
    has "--sample" "$said" "--json does not apply to --sample"
}

# quiet NAME ARGUMENT...: trains quietly into $tmp/NAME; stdout in $said, stderr in $errors.
quiet() {
    local name=$1
    shift
    said=$("$TRAIN" "$tmp/toy.json" --name "$name" --quiet "$@" 2>"$tmp/stderr" </dev/null) || code=$?
    errors=$(cat "$tmp/stderr")
}

quiet_prints_one_line() {
    local code=0
    quiet calm --set train.sample_every=5
    same "stderr" "$errors" ""
    [[ $said =~ ^done:\ 20\ steps\ .*,\ val\ loss\ [0-9.]+,\ floor\ [0-9.]+\;\ log:\ $tmp/calm/log.csv$ ]] || fail "stdout: $said"
    toy loud --set train.sample_every=5
    same_run calm loud
    quiet calm --set train.sample_every=5
    has "already finished" "$said" "is already finished"
    same "exit code" "$code" 0
    quiet short -q --optim.warmup-steps 30
    has "a warning" "$errors" "train: warning: optim.warmup_steps"
    same "warnings" "$(wc -l <<<"$errors")" 1
}

quiet_keeps_errors() {
    local code=0
    quiet sad --lr 1e30 --set optim.clip=0 --set optim.warmup_steps=0
    same "exit code" "$code" 5
    same "stdout" "$said" ""
    has "the error" "$errors" "train: error: stopped after step"
    quiet spiky --set spike.threshold=0.01 --set spike.min_history=2
    has "spikes are in their file" "$(cat "$tmp/spiky/spikes.csv")" ",grad,"
    same "spikes on stderr" "$errors" ""
}

test_case "pipes: --eval --json" eval_prints_json
test_case "pipes: --describe --json" describe_prints_json
test_case "pipes: --dry-run --json" dry_run_prints_json
test_case "pipes: --list --json" lists_print_json
test_case "pipes: --list configs and sweeps" lists_of_files
test_case "pipes: installed configs and sweeps" installed_files_are_listed
test_case "pipes: nothing else on standard output" nothing_else_on_stdout
test_case "pipes: --quiet prints one line" quiet_prints_one_line
test_case "pipes: --quiet keeps errors" quiet_keeps_errors
test_done
