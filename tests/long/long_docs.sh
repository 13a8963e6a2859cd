#!/usr/bin/env bash
# long_docs.sh - runs the commands of README.md and docs/, in a fresh copy of the sources per page.
#
# The code blocks of a page run in order: `sh` as a script of bash -e; of `console` the text after
# "$ " and, in continuation lines, "> "; `python`, `r` and `gnuplot` if the program is installed.
# The lines before a block may contain
#     <!-- test: s/steps 2500/steps 20/ -->   a sed command applied to the block first
#     <!-- test: skip, REASON -->             to skip the block
# A command of this project outside such a block is an error.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# blocks PAGE: writes the n-th block to $tmp/block/n.LANGUAGE and its rule to n.rule.
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
            print FILENAME ":" FNR ": a command that is never run: " $0
            bad = 1
        }
        END { exit bad }' "$1"
}

# A copy of the checked-out sources and of the build.
fresh_copy() {
    rm -rf "$tmp/copy"
    mkdir "$tmp/copy"
    git ls-files -z -co --exclude-standard | xargs -0 cp -a --parents -t "$tmp/copy"
    cp -a train build "$tmp/copy/"
}

# run BLOCK: runs a block in the copy; exit code 127 if its interpreter is not installed.
run() {
    case $1 in
    *.sh) bash -euo pipefail "$1" ;;
    *.console) awk '/^\$ / || (continues && /^> /) { continues = 1; print substr($0, 3); next }
        { continues = 0 }' "$1" | bash -eu ;;
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
            fail "exit code $code of:"$'\n'"$(<"$block")"$'\n'"output:"$'\n'"$(tail -20 "$tmp/said")"
        else
            ran=$((ran + 1))
        fi
    done
    echo "note: $1: $ran blocks ran, $skipped did not"
}

# Flags named on the pages exist, or are short for keys.
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

keys_page_is_current() {
    TRAIN=$TRAIN scripts/keys_page.sh | diff docs/keys.md - || fail "scripts/keys_page.sh >docs/keys.md"
}

for page in README.md docs/*.md; do
    grep -q '^```' "$page" || continue
    test_case "docs: commands of $page" page "$page"
done
test_case "docs: flags exist" flags_exist
test_case "docs: docs/keys.md is current" keys_page_is_current
test_done
