#!/usr/bin/env bash
# cli_names.sh - files and folders with any name: what is written about them is UTF-8, and text is cut
# between characters.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# valid FILE...: the files are UTF-8.
valid() {
    local file
    for file; do
        iconv -f UTF-8 -t UTF-8 "$file" >/dev/null 2>&1 || fail "$file is not UTF-8"
    done
}

# description NAME: the description of the data in run.json.
description() {
    sed -n 's/.*"description": "\(.*\)",*$/\1/p' "$tmp/$1/run.json"
}

names_of_another_encoding() {
    local folder=$tmp/$'alt\xfcr' data=$tmp/$'\xdcbung'
    mkdir "$data"
    seq 400 >"$data/"$'caf\xe9.txt' 2>/dev/null || { echo "note: skipped: no such names here" && return; }
    ln -s "$data" "$tmp/data"
    exits 0 --config "$tmp/toy.json" --set data.train="$tmp/data" --set name=umlaut --run-dir "$folder"
    valid "$folder/run.json" "$folder/config.json"
    has "replaced" "$(<"$folder/run.json")" $'/caf\xef\xbf\xbd.txt"'
    has "command" "$(<"$folder/run.json")" $'/alt\xef\xbf\xbdr"'
    exits 0 --config "$tmp/toy.json" --set data.train="$tmp/data" --set name=umlaut --run-dir "$folder"
    has "finished" "$said" "already finished"
    exits 0 --eval "$folder"
    scripts/report.sh "$folder" >"$tmp/said" 2>&1 || fail "report.sh: $(<"$tmp/said")"
    valid "$folder/report.html" "$folder/report.md"
    scripts/report.sh "$folder" --out "$tmp/umlaut.html" >"$tmp/said" 2>&1 || fail "report.sh: $(<"$tmp/said")"
    has "link" "$(<"$tmp/umlaut.html")" 'alt%FCr/config.json'
}

# Paths longer than a line, of characters of 2, 3 and 4 bytes, each cut at every place in a character.
long_names() {
    local letter pad part path name cut=0
    for letter in ä 文 😀; do
        for pad in "" a ab abc; do
            printf -v part "$letter%.0s" {1..40}
            path=$tmp/$pad$part/$part
            mkdir -p "$path"
            path+=/$part.txt
            seq 400 >"$path"
            name=long$((++cut))
            toy "$name" --set data.train="$path" --steps 2
            valid "$tmp/$name/run.json" "$tmp/$name/config.json"
            [[ $(description "$name") != *$'\xef\xbf\xbd'* ]] || fail "cut inside $letter: $(description "$name")"
            grep -a '^data ' <<<"$said" | iconv -f UTF-8 -t UTF-8 >/dev/null || fail "the data line cuts $letter"
            same "config.json" "$(sed -n 's/.*"train": "\(.*\)",*$/\1/p' "$tmp/$name/config.json")" "$path"
        done
    done
}

# Error messages show a long value up to a whole character.
messages_are_cut_between_characters() {
    local letter pad value
    for letter in é 文 😀; do
        for pad in "" a ab abc; do
            printf -v value "$letter%.0s" {1..400}
            for key in model.norm model.layers "model.wire.$pad$value" name; do
                exits 2 --config "$tmp/toy.json" --set "$key=$pad$value/x" --describe
                iconv -f UTF-8 -t UTF-8 <<<"$said" >/dev/null || fail "$key: $said"
            done
        done
    done
}

test_case "names: bytes that are not UTF-8" names_of_another_encoding
test_case "names: long paths" long_names
test_case "names: long values in messages" messages_are_cut_between_characters
test_done
