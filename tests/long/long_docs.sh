#!/usr/bin/env bash
# long_docs.sh - what README.md and docs/ say to type is typed, in a fresh copy for each page.
#
# Blocks of a page run in order: `sh` as a script of bash -e, `console` with what stands behind "$ "
# and, in lines that go on, "> "; `python`, `r` and `gnuplot` where those programs are. Lines before a
# block may hold
#     <!-- test: s/steps 2500/steps 20/ -->   what sed makes of it first
#     <!-- test: skip, REASON -->             that it does not run
# Anywhere else no line of code may begin like a command of ours.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# blocks PAGE: the n-th block becomes $tmp/block/n.LANGUAGE, its rule n.rule.
blocks() {
    rm -rf "$tmp/block"
    mkdir "$tmp/block"
    awk -v to="$tmp/block/" '
        /^<!-- test: .* -->$/ { rule = rule substr($0, 12, length($0) - 15) "\n" }
        !inside && /^```(sh|console|python|r|gnuplot)$/ {
            inside = 1
            name = to sprintf("%03d", ++n)
            file = name "." substr($0, 4)
            printf "%s", rule >(name ".rule")
            close(name ".rule")
            rule = ""
            printf "" >file
            next
        }
        inside && /^```$/ { inside = 0; close(file); next }
        inside { print >file; next }
        /^```/ { other = !other }
        other && /^(\$ )?(\.\/|scripts\/|tests\/|make )/ || !other && /^    (\.\/|scripts\/|tests\/|make )/ {
            print FILENAME ":" FNR ": nobody runs: " $0
            bad = 1
        }
        END { exit bad }' "$1"
}

# A copy of the sources as they are checked out, with what has been built.
fresh_copy() {
    rm -rf "$tmp/copy"
    mkdir "$tmp/copy"
    git ls-files -z -co --exclude-standard | xargs -0 cp -a --parents -t "$tmp/copy"
    cp -a train build "$tmp/copy/"
}

# run BLOCK: in the copy; exit code 127 where its language is not spoken here.
run() {
    case $1 in
    *.sh) bash -euo pipefail "$1" ;;
    *.console) awk '/^\$ / || (goes_on && /^> /) { goes_on = 1; print substr($0, 3); next }
        { goes_on = 0 }' "$1" | bash -eu ;;
    *.python) python3 -c 'import pandas' 2>/dev/null || return 127 && python3 "$1" ;;
    *.r) command -v Rscript || return 127 && Rscript "$1" ;;
    *.gnuplot) command -v gnuplot || return 127 && gnuplot -e 'set terminal dumb' "$1" ;;
    esac
}

page() {
    local file block rule code ran=0 skipped=0
    blocks "$1"
    fresh_copy
    for file in "$tmp"/block/*.rule; do
        [[ -e $file ]] || continue
        rule=$(<"$file")
        block=$(compgen -G "${file%rule}[!r]*" || echo "${file%rule}r")
        if [[ $rule == skip* ]]; then
            skipped=$((skipped + 1))
            continue
        fi
        sed -i "$rule" "$block"
        code=0
        (cd "$tmp/copy" && run "$block") >"$tmp/said" 2>&1 </dev/null || code=$?
        if ((code == 127)) && [[ $block != *.sh && $block != *.console ]]; then
            skipped=$((skipped + 1))
        elif ((code != 0)); then
            fail "exit code $code of:"$'\n'"$(<"$block")"$'\n'"it said:"$'\n'"$(tail -20 "$tmp/said")"
        else
            ran=$((ran + 1))
        fi
    done
    echo "note: $1: $ran blocks ran, $skipped did not"
}

# Flags of the trainer that pages name are flags, or short for keys.
flags_exist() {
    local flag page
    "$TRAIN" --help >"$tmp/help"
    "$TRAIN" --list keys | tr _ - >"$tmp/keys"
    for page in README.md docs/*.md; do
        while read -r flag; do
            grep -qE -- "^  $flag( |\$)" "$tmp/help" || grep -qE "\.${flag#--} " "$tmp/keys" || fail "$page names $flag"
        done < <(grep -ohE '(\./train|peri-train) [^`|]*' "$page" | grep -oE -- ' --[a-z][a-z-]*' | sort -u)
    done
}

keys_page_is_new() {
    TRAIN=$TRAIN scripts/keys_page.sh | diff docs/keys.md - || fail "scripts/keys_page.sh >docs/keys.md"
}

for page in README.md docs/*.md; do
    grep -q '^```' "$page" || continue
    test_case "docs: commands of $page" page "$page"
done
test_case "docs: flags exist" flags_exist
test_case "docs: the page of keys" keys_page_is_new
test_done
