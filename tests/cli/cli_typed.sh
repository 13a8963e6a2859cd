#!/usr/bin/env bash
# cli_typed.sh - command lines as people type them (typed.txt), each with its exit code and its answer.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

table=tests/cli/typed.txt

# part N LINE: a column of the table without the spaces around it.
part() {
    cut -d'|' -f"$1" <<<"$2" | sed 's/^ //; s/ $//'
}

# line_answers CODE ARGUMENTS WANT: the words of ARGUMENTS as a shell splits them.
line_answers() {
    local words
    eval "words=(${2//RUN/$tmp/run})"
    rm -rf "${tmp:?}/toy"
    exits "$1" "${words[@]//TOY/$tmp/toy.json}"
    has "train $2" "$said" "$3"
}

every_line() {
    local line count=0 wrong=0
    toy run --steps 3
    while IFS= read -r line; do
        [[ -n $line && $line != \#* ]] || continue
        (line_answers "$(part 1 "$line")" "$(part 2 "$line")" "$(part 3 "$line")") || wrong=$((wrong + 1))
        count=$((count + 1))
    done <"$table"
    ((wrong == 0)) || fail "$wrong of $count lines"
    ((count >= 60)) || fail "only $count lines in $table"
    echo "note: $count lines"
}

# The spelling of a value is not part of a run: the weights and config.json are the same.
spelling_changes_nothing() {
    toy ours --steps 3 --topology post --norm layernorm --mlp swiglu --layers "pre*1 post*"
    mv "$tmp/ours" "$tmp/kept"
    toy ours --steps 3 --topology Post-LN --norm LayerNorm --mlp SiLU --layers "PreNorm*1 Post-LN*"
    cmp "$tmp/ours/config.json" "$tmp/kept/config.json" || fail "another config.json"
    same_run ours kept
    exits 0 --config "$tmp/toy.json" --set name=ours --steps 3 --topology post --norm layernorm --mlp swiglu --layers "pre*1 post*"
    has "the same run" "$said" "already finished"
}

# From every folder and by any name, a config that is almost right is suggested.
configs_are_suggested() {
    local name
    cd "$tmp"
    mkdir -p mine/configs
    cp toy.json mine/my_run.json
    cp toy.json mine/configs/other.json
    for name in mine/my_rnu mine/my_rnu.json mine/MyRun.json; do
        exits 2 "$name"
        has "$name" "$said" "did you mean mine/my_run.json?"
    done
    cd mine
    for name in my_rnu ./my_rnu.json; do
        exits 2 --config "$name"
        has "$name" "$said" "my_run.json?"
    done
    exits 2 othre
    has "othre" "$said" "did you mean configs/other.json?"
}

test_case "typed: every line of the table" every_line
test_case "typed: the spelling of a value changes nothing" spelling_changes_nothing
test_case "typed: configs are suggested" configs_are_suggested
test_done
