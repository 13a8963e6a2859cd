#!/usr/bin/env bash
# keys_page.sh - prints docs/keys.md, the reference of all keys, from the trainer's own table.
#
#     scripts/keys_page.sh >docs/keys.md
set -euo pipefail
source "$(dirname "$0")/usage.sh"
no_arguments "$@"
cd "$(dirname "$0")/.."

cat <<'HEAD'
# All keys of a config

Written by `scripts/keys_page.sh` from the table in `run/config/config_keys.c`, which also makes `--list keys`, `configs/schema.json`
and every message. [config.md](config.md) says how files, `extends` and `--set` work together.
HEAD
"${TRAIN:-./train}" --list keys | awk '
    {
        path = $1
        rest = substr($0, length(path) + 1)
        sub(/^ +/, "", rest)
        match(rest, /^(\[[^]]*\]|[^ ]+)/)
        value = substr(rest, 1, RLENGTH)
        rest = substr(rest, RLENGTH + 1)
        sub(/^ +/, "", rest)
        match(rest, / \([^()]*\)$/)
        takes = substr(rest, RSTART + 2, RLENGTH - 3)
        meaning = substr(rest, 1, RSTART - 1)
        section = path
        if (!sub(/\..*/, "", section)) section = ""
        if (NR == 1 || section != last) {
            if (section != "") print "\n## " section
            print "\n| key | default | meaning | takes |\n|---|---|---|---|"
        }
        last = section
        gsub(/\|/, "\\|", meaning)
        gsub(/\*/, "\\*", meaning)
        printf "| `%s` | `%s` | %s | %s |\n", path, value, meaning, takes
    }'
