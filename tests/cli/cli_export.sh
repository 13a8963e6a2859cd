#!/usr/bin/env bash
# cli_export.sh - scripts/export_logs.sh: JSON lines have every field of the CSV files; mistakes and missing libraries.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# exports CODE ARGUMENT...: runs export_logs.sh; $said is what it prints on stderr.
exports() {
    local got=0
    scripts/export_logs.sh "${@:2}" >"$tmp/stdout" 2>"$tmp/said" </dev/null || got=$?
    said=$(<"$tmp/said")
    ((got == $1)) || fail "export_logs.sh ${*:2}: exit code $got, want $1; output: $said"
}

json_lines_have_every_field() {
    toy a --steps 60 --set log.layers_every=10 --set spike.threshold=0.1 --set spike.min_history=4
    (($(wc -l <"$tmp/a/spikes.csv") > 1)) || fail "no spike to export"
    exports 0 "$tmp/a" --to jsonl "$tmp/a.jsonl"
    (($(python3 -B tests/lib/exported.py jsonl "$tmp/a" "$tmp/a.jsonl") > 1000)) || fail "only a few values"
    exports 0 --to jsonl "$tmp/a"
    cmp "$tmp/stdout" "$tmp/a.jsonl" || fail "standard output differs from the file"
    # nan and inf become null, and an incomplete last line, as in a run that is training, is skipped.
    mkdir "$tmp/b"
    cp "$tmp/a/config.json" "$tmp/b"
    printf 'step,loss,action\n1,nan,clip\n2,-inf,\n3,0.5,log\n4,0' >"$tmp/b/log.csv"
    exports 0 --to jsonl "$tmp/b"
    same "lines" "$(<"$tmp/stdout")" '{"file": "log", "step": 1, "loss": null, "action": "clip"}
{"file": "log", "step": 2, "loss": null}
{"file": "log", "step": 3, "loss": 0.5, "action": "log"}'
}

mistakes_are_reported() {
    local got=0
    toy c
    exports 2 --to jsonl
    exports 2 "$tmp/c"
    has "formats" "$said" "jsonl, tensorboard or wandb-offline"
    exports 2 "$tmp/c" --to csv
    exports 2 "$tmp/c" --to
    exports 2 "$tmp/c" --to jsonl out more
    touch "$tmp/there"
    exports 2 "$tmp/c" --to jsonl "$tmp/there"
    has "OUT exists" "$said" "$tmp/there exists; remove it, or choose another OUT"
    exports 3 "$tmp" --to jsonl
    exports 4 "$tmp/c" --to jsonl "$tmp/none/out"
    has "folder" "$said" "cannot write $tmp/none/out: No such file or directory"
    if [[ -c /dev/full ]]; then
        scripts/export_logs.sh "$tmp/c" --to jsonl >/dev/full 2>"$tmp/said" || got=$?
        same "to a full device" "$got" 4
    fi
}

# Without the virtual environment, and without packages of the user and the system.
missing_libraries_are_named() {
    local python format
    mkdir "$tmp/bin"
    python=$(command -v python3)
    printf '#!/bin/sh\nexec "%s" -I -S "$@"\n' "$python" >"$tmp/bin/python3"
    chmod +x "$tmp/bin/python3"
    toy d
    for format in tensorboard:tensorboard wandb-offline:wandb; do
        PATH=$tmp/bin:$PATH XDG_CACHE_HOME=$tmp/cache exports 1 "$tmp/d" --to "${format%:*}"
        has "$format" "$said" "scripts/install-packages.sh ${format#*:}"
        [[ ! -e $tmp/d/${format#*:} ]] || fail "$format leaves a folder"
    done
}

if command -v python3 >/dev/null; then
    test_case "export: JSON lines have every field" json_lines_have_every_field
    test_case "export: mistakes" mistakes_are_reported
    test_case "export: missing libraries are named" missing_libraries_are_named
else
    echo "note: skipped: no python3"
fi
test_done
