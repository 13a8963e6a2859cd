#!/usr/bin/env bash
# cli_install.sh - make install and uninstall, the names of what is installed, the manual page, the bash completion.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# made TARGET: runs make TARGET with DESTDIR=$tmp/root, without building the program again.
made() {
    [[ -x train ]] || fail "./train is not built"
    make -s -o train "$1" DESTDIR="$tmp/root" PREFIX=/usr
}

installed() {
    (cd "$tmp/root/usr" && find . -type f -printf '%m %P\n' | sort -k 2)
}

install_and_uninstall() {
    local file want
    made install
    want=$({
        for file in peri-{train,sweep,report,plot}; do echo "755 bin/$file"; done
        echo "644 share/bash-completion/completions/peri-train"
        echo "644 share/man/man1/peri-train.1"
        for file in configs/*.json sweeps/*.json scripts/usage.sh scripts/sweep/*.*; do echo "644 share/peri/$file"; done
        for file in scripts/{plot,sweep,report}.sh; do [[ ! -e $file ]] || echo "755 share/peri/$file"; done
        echo "644 share/peri/installed"
    } | sort -k 2)
    same "files" "$(installed | grep -v ' share/peri/scripts/report/')" "$want"
    mkdir "$tmp/elsewhere"
    said=$(cd "$tmp/elsewhere" && ../root/usr/bin/peri-train --config peri_rms --describe)
    has "a config found from another folder" "$said" "equations    419a9f18758d26c5"
    has "an installed sweep" "$(cd "$tmp" && PATH=$tmp/root/usr/bin:$PATH TRAIN='' \
        "$tmp/root/usr/share/peri/scripts/sweep.sh" sweeps/norms.json --dry-run 2>&1)" "runs/norms: "
    has "an installed script" "$("$tmp/root/usr/share/peri/scripts/plot.sh" --help)" "plot.sh RUN..."
    made uninstall
    same "files after make uninstall" "$(installed)" ""
    [[ ! -e $tmp/root/usr/share/peri ]] || fail "make uninstall leaves share/peri"
}

uninstall_keeps_other_files() {
    made install
    touch "$tmp/root/usr/share/peri/configs/mine.json"
    echo '{}' >"$tmp/root/usr/share/peri/configs/pre_ln.json"
    said=$(made uninstall 2>&1)
    has "a changed config" "$said" "kept $tmp/root/usr/share/peri/configs/pre_ln.json, which was changed"
    same "files" "$(installed | cut -d' ' -f2 | tr '\n' ' ')" "share/peri/configs/mine.json share/peri/configs/pre_ln.json "
    # Files with the names of ours that make install did not write.
    rm -r "$tmp/root"
    mkdir -p "$tmp/root/usr/bin"
    echo theirs >"$tmp/root/usr/bin/peri-plot"
    said=$(made uninstall 2>&1)
    has "without make install" "$said" "nothing to remove"
    same "their file" "$(cat "$tmp/root/usr/bin/peri-plot")" theirs
}

# Each word of the path is a file that must not be touched.
any_prefix() {
    local prefix="$tmp/ö b/it's \"a\" (x)" before word words
    mkdir -p "$tmp/ö b"
    read -ra words <<<"$prefix"
    for word in "${words[@]}"; do [[ $word != /* ]] || echo theirs >"$word"; done
    before=$(find . -path ./build -prune -o -type d -print | sort)
    make -s -o train install PREFIX="$prefix"
    has "a config from elsewhere" "$(cd / && "$prefix/bin/peri-train" --config peri_rms --describe)" "equations    419a9f18758d26c5"
    has "peri-sweep" "$(cd / && "$prefix/bin/peri-sweep" sweeps/norms.json --dry-run 2>&1)" "runs/norms: "
    make -s uninstall PREFIX="$prefix"
    same "files after make uninstall" "$(find "$prefix" -type f)" ""
    same "the file in the way" "$(cat "$tmp/ö")" theirs
    same "folders of the sources" "$(find . -path ./build -prune -o -type d -print | sort)" "$before"
    if said=$(make -s -o train install PREFIX='~/peri' 2>&1); then fail "a literal ~ is accepted"; fi
    has "a literal ~" "$said" "begins with ~"
}

# An installed program and the installed scripts print commands under the names with which they were called.
installed_names() {
    local bin=$tmp/root/usr/bin
    made install
    export PATH=$bin:$PATH TRAIN=''
    cd "$tmp"
    ln -s "$bin/peri-sweep" "$tmp/linked"
    has "help" "$(peri-train --help)" "  peri-train --sample runs/peri_rms"
    has "wrong usage" "$(peri-train --zebra 2>&1 || true)" "; peri-train --help lists all flags"
    has "a wrong config" "$(peri-train --config toy.json --set train.steps=x 2>&1 || true)" "peri-train --list keys shows"
    has "a wrong name" "$(peri-train --config zebra 2>&1 || true)" "$tmp/root/usr/share/peri/configs/zebra.json"
    has "after a run" "$(peri-train --config toy.json --set name=named 2>/dev/null)" "next: peri-train --sample $tmp/named"
    ln -s "$bin/peri-train" "$tmp/it's"
    has "a name to quote" "$("./it's" 2>&1 || true)" "  './it'\\''s' --sample"
    has "peri-plot" "$(peri-plot --help)" "peri-plot RUN..."
    has "peri-plot, wrong" "$(peri-plot --zebra 2>&1 || true)" "peri-plot: there is no option --zebra"
    has "peri-sweep" "$(./linked --help)" "    peri-sweep sweeps/placement.json --jobs 2"
    said=$(./linked --grid model.topology=pre,peri --out swept toy.json 2>&1)
    has "after a sweep" "$said" "next: peri-report swept"
    command -v python3 >/dev/null || return 0
    peri-report swept >/dev/null
    [[ -s swept/report.html ]] || fail "peri-report writes no page"
}

# flags: the flags that --help lists.
flags() {
    "$TRAIN" --help | sed -n 's/^  \(--[a-z][a-z-]*\).*/\1/p'
}

keys() {
    "$TRAIN" --list keys | cut -d' ' -f1
}

page_lists_flags_and_keys() {
    local page terms section
    page=$("$TRAIN" --print-man)
    terms=$(sed -n 's/^\\fB\\&\(.*\)\\fR.*/\1/p' <<<"$page" | sed 's/\\-/-/g')
    same "flags" "$(grep '^--[a-z]' <<<"$terms")" "$(flags)"
    same "keys" "$(sed -n '/^name$/,/^log\.dir$/p' <<<"$terms")" "$(keys)"
    for section in NAME SYNOPSIS DESCRIPTION OPTIONS KEYS FILES "EXIT STATUS" SIGNALS ENVIRONMENT EXAMPLES; do
        has "sections" "$page" $'\n.SH '"$section"$'\n'
    done
}

page_renders() {
    if ! command -v groff >/dev/null; then
        echo "note: skipped the manual page: no groff"
        return
    fi
    said=$("$TRAIN" --print-man | groff -man -ww -z 2>&1)
    same "warnings" "$said" ""
    said=$("$TRAIN" --print-man | groff -man -Tascii -P-cbou)
    has "a flag" "$said" "--config FILE"
    has "a default" "$said" 'model.topology = "peri"'
    has "a range" "$said" "integer 1 to 1024"
    has "a choice" "$(tr -s ' \n' ' ' <<<"$said")" "one of $(names norms | paste -sd , | sed 's/,/, /g')"
    has "a sign" "$said" "0 to 2^32-1 (default 1)"
}

# names WHAT: the names of --list WHAT, one a line.
names() {
    "$TRAIN" --list "$1" | cut -d ' ' -f 1
}

# offered WORD...: sets COMPREPLY to the completions of the last word; the words are split as by
# bash.
offered() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _peri_train "$1" || true
}

# completes WANT WORD...
completes() {
    offered "${@:2}"
    same "completion of ${*:2}" "${COMPREPLY[*]}" "$1"
}

# Every value of every key with choices, from the schema.
all_choices_complete() {
    local key values
    while read -r key values; do
        completes "$values" peri-train --set "$key" = ""
        completes "$values" peri-train "--$key" ""
    done < <("$TRAIN" --print-schema | python3 -c '
import json, sys
for section, keys in json.load(sys.stdin)["properties"].items():
    for key, value in keys.get("anyOf", [keys])[0].get("properties", {}).items():
        words = ["true", "false"] if value.get("type") == "boolean" else value.get("enum", [])
        if words: print(f"{section}.{key}", *sorted(words))')
}

bash_completes() {
    local flag
    # shellcheck disable=SC1090 # what is tested
    source <("$TRAIN" --print-completion)
    has "registered" "$(complete -p peri-train)" "-F _peri_train"
    completes "--decay-fraction --decay-gamma-in --decay-gamma-out --describe --detector" peri-train --de
    completes "--topology" peri-train --resume --topo
    completes "keys" peri-train --list k
    completes "$(names topologies | grep ^pr | sort | paste -sd ' ')" peri-train --topology pr
    completes "$(names norms | grep ^rms | sort | paste -sd ' ')" peri-train --norm rms
    completes "off on" peri-train --qk-norm o
    completes "model.n_head= model.n_kv_head= model.n_layer= model.norm= model.norm_eps=" peri-train --set model.n
    completes "false true" peri-train --set model.bias =
    completes "swiglu" peri-train --set model.mlp = sw
    completes "--resume" peri-train --set model.mlp = swiglu --res
    completes "" peri-train --steps 5
    completes "frozen frozen_first" peri-train --eval runs/x --norms fr
    completes "identity" peri-train --eval runs/x --norms = i
    completes "parallel parallel2" peri-train --force-topology par
    completes "configs keys norms sweeps topologies" peri-train --list ""
    completes "--model.n_head --model.n_kv_head --model.n_layer --model.norm --model.norm_eps" peri-train --model.n
    completes "layernorm" peri-train --model.norm la
    completes "layernorm" peri-train --model.norm = la
    completes "pre pre_post" peri-train --topology = pr
    completes "pre pre_post" peri-train model.topology = pr
    COMP_WORDBREAKS=" " completes "--topology=peri" peri-train --topology=per
    COMP_WORDBREAKS=" " completes "--list=norms" peri-train --list=n
    all_choices_complete
    COMP_WORDBREAKS=" " completes "model.mlp=swiglu" peri-train --set model.mlp=sw
    offered peri-train --config x --
    for flag in $(flags) --topology --steps --n-layer; do
        has "offered flags" " ${COMPREPLY[*]} " " $flag "
    done
}

bash_completes_files() {
    # shellcheck disable=SC1090 # what is tested
    source <("$TRAIN" --print-completion)
    completes "peri_ln.json peri_rms.json" peri-train --config peri_
    completes "peri_ln.json peri_rms.json" peri-train peri_
    completes "peri_ln.json peri_rms.json" peri-train --config = peri_
    made install
    mkdir -p "$tmp/away/perish" "$tmp/away/other"
    cd "$tmp/away"
    echo '{}' >peri_mine.json
    completes "peri_ln.json peri_mine.json peri_rms.json perish/" ../root/usr/bin/peri-train --config peri
    completes "perish/" peri-train --sample pe
    completes "perish/" peri-train --resume pe
    completes "other/ perish/" peri-train --run-dir ""
}

test_case "install: install and uninstall" install_and_uninstall
test_case "install: uninstall keeps other files" uninstall_keeps_other_files
test_case "install: any characters in PREFIX" any_prefix
test_case "install: names of what is installed" installed_names
test_case "install: the manual page lists all flags and keys" page_lists_flags_and_keys
test_case "install: the manual page renders" page_renders
test_case "install: bash completes flags and keys" bash_completes
test_case "install: bash completes files" bash_completes_files
test_done
