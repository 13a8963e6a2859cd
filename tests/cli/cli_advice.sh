#!/usr/bin/env bash
# cli_advice.sh - docs/claims.md, its tables and pictures, and every sentence elsewhere that rests on a verdict,
# compared with docs/claims/verdicts.json.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

verdicts=docs/claims/verdicts.json

# compared TEXT_OF_VERDICTS: the checker of sentences.
compared() {
    python3 -B tests/claims/sentences.py . "$1"
}

# written FILE OPTION: FILE is what claims.sh OPTION prints.
written() {
    scripts/claims.sh "$2" >"$tmp/page"
    diff "$1" "$tmp/page" || fail "$1 is not what scripts/claims.sh $2 prints"
}

pages_are_written_by_the_script() {
    written docs/claims.md --page
    written docs/claims/tables.md --tables
    (($(wc -l <docs/claims.md) <= 250)) || fail "docs/claims.md has more than 250 lines"
}

pictures_are_drawn_by_the_script() {
    local picture name
    mkdir "$tmp/pictures"
    scripts/claims.sh --pictures "$tmp/pictures"
    for picture in docs/claims/*.svg "$tmp/pictures"/*.svg; do
        name=${picture##*/}
        cmp "docs/claims/$name" "$tmp/pictures/$name" || fail "docs/claims/$name is not what scripts/claims.sh --pictures draws"
        grep -qF "](claims/$name)" docs/claims.md || fail "docs/claims.md does not show $name"
    done
    python3 -c "import sys, xml.dom.minidom; [xml.dom.minidom.parse(path) for path in sys.argv[1:]]" docs/claims/*.svg
    grep -qF "prefers-color-scheme: dark" docs/claims/forest.svg || fail "no dark scheme"
}

# While parts are measured, the pages are those of the parts that have a CSV.
one_part_makes_pages() {
    mkdir -p "$tmp/part/pictures"
    cp docs/claims/placement.csv "$tmp/part"
    python3 -B scripts/claims verdicts "$tmp/part" >"$tmp/part/verdicts.json"
    has "page" "$(python3 -B scripts/claims page "$tmp/part")" "Not measured"
    has "tables" "$(python3 -B scripts/claims tables "$tmp/part")" "Pre-LN minus Post-LN"
    python3 -B scripts/claims pictures "$tmp/part" "$tmp/part/pictures"
    [[ -s $tmp/part/pictures/claim-pre-worse.svg && ! -e $tmp/part/pictures/depth.svg ]] || fail "pictures of other parts"
}

# Every claim has one section, and the advice is on top of the page.
every_claim_has_a_section() {
    local id count
    while read -r id; do
        count=$(grep -cF "### <a id=\"$id\"></a>" docs/claims.md || true)
        same "sections of $id" "$count" 1
    done < <(python3 -c "import json; print(*[claim['id'] for claim in json.load(open('$verdicts'))['claims']], sep='\n')")
    same "sentences of advice" "$(head -n 20 docs/claims.md | grep -cE '^[1-8]\. ')" 8
}

sentences_rest_on_verdicts() {
    compared "$verdicts" || fail "a sentence rests on another verdict or number"
}

# changed CLAIM VERDICT FILE...: with another verdict on the claim, each of the files is found.
changed() {
    local said file
    python3 -c "
import json, sys
found = json.load(open('$verdicts'))
next(claim for claim in found['claims'] if claim['id'] == '$1')['verdict'] = '$2'
json.dump(found, open('$tmp/changed.json', 'w'))"
    if said=$(compared "$tmp/changed.json"); then fail "$1: nothing found"; fi
    for file in "${@:3}"; do has "$1" "$said" "$file: $1: the verdict is \"$2\""; done
}

changed_verdicts_are_found() {
    changed pre-worse holds README.md run/commands/advice.c
    changed peri-lower holds README.md run/commands/advice.c configs/peri_rms.json
    changed dyt-many undecided run/commands/advice.c
    changed char-tuned fails docs/correctness.md
}

changed_numbers_are_found() {
    local said
    sed 's/0\.769868/0.869868/; s/1\.10438/1.20438/' "$verdicts" >"$tmp/changed.json"
    if said=$(compared "$tmp/changed.json"); then fail "nothing found"; fi
    has "README" "$said" "README.md: pre-worse has no number 0.77"
    has "advice" "$said" "run/commands/advice.c: pre-worse has no number 1.10"
}

# What --dry-run prints has the verdict of the table.
dry_run_prints_verdicts() {
    local said
    said=$(./train --config post_ln.json --dry-run)
    has "post" "$said" "docs/claims.md#pre-worse, verdict there: fails;"
    said=$(./train --config pre_ln.json --dry-run)
    has "pre" "$said" "docs/claims.md#peri-lower, verdict there: undecided;"
}

# 1,300 words with the 19 topologies of 2026; a new one may have its line.
readme_is_short() {
    (($(grep -vE '^\| .[a-z0-9_]+. \|' README.md | wc -w) <= 1044)) ||
        fail "README.md has more than 1,044 words besides the table of topologies"
}

test_case "advice: claims.md and its tables are what the verdicts say" pages_are_written_by_the_script
test_case "advice: pictures are what the CSVs and verdicts say" pictures_are_drawn_by_the_script
test_case "advice: pages while parts are measured" one_part_makes_pages
test_case "advice: a section for every claim" every_claim_has_a_section
test_case "advice: sentences rest on verdicts and numbers" sentences_rest_on_verdicts
test_case "advice: changed verdicts are found" changed_verdicts_are_found
test_case "advice: changed numbers are found" changed_numbers_are_found
test_case "advice: --dry-run prints verdicts" dry_run_prints_verdicts
test_case "advice: the README is short" readme_is_short
test_done
