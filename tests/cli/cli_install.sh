#!/usr/bin/env bash
# cli_install.sh - what make install puts where, the manual page, and what bash completes.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# made TARGET: make it below $tmp/root; the program there is as it is, whatever make thinks of it.
made() {
    [[ -x train ]] || fail "make install takes ./train, which is not built"
    make -s -o train "$1" DESTDIR="$tmp/root" PREFIX=/usr
}

installed() {
    (cd "$tmp/root/usr" && find . -type f -printf '%m %P\n' | sort -k 2)
}

install_and_uninstall() {
    local file want
    made install
    want=$({
        echo "755 bin/peri-train"
        echo "644 share/bash-completion/completions/peri-train"
        echo "644 share/man/man1/peri-train.1"
        for file in configs/*.json sweeps/*.json scripts/usage.sh scripts/sweep/*.sh; do echo "644 share/peri/$file"; done
        for file in scripts/{plot,sweep,report}.sh; do [[ ! -e $file ]] || echo "755 share/peri/$file"; done
    } | sort -k 2)
    same "files" "$(installed | grep -v ' share/peri/scripts/report/')" "$want"
    mkdir "$tmp/elsewhere"
    said=$(cd "$tmp/elsewhere" && ../root/usr/bin/peri-train --config peri_rms --describe)
    has "a config found from elsewhere" "$said" "equations    fde84562a2e6e48c"
    has "an installed sweep" "$(cd "$tmp" && PATH=$tmp/root/usr/bin:$PATH TRAIN='' \
        "$tmp/root/usr/share/peri/scripts/sweep.sh" sweeps/norms.json --dry-run 2>&1)" "runs/norms: "
    has "an installed script" "$("$tmp/root/usr/share/peri/scripts/plot.sh" --help)" "plot.sh RUN..."
    made uninstall
    same "files after make uninstall" "$(installed)" ""
    [[ ! -e $tmp/root/usr/share/peri ]] || fail "make uninstall leaves share/peri"
}

uninstall_leaves_the_rest() {
    made install
    touch "$tmp/root/usr/share/peri/configs/mine.json"
    made uninstall
    same "files" "$(installed | cut -d' ' -f2)" share/peri/configs/mine.json
}

# Flags as --help has them: two blanks, two dashes.
flags() {
    "$TRAIN" --help | sed -n 's/^  \(--[a-z][a-z-]*\).*/\1/p'
}

keys() {
    "$TRAIN" --list keys | cut -d' ' -f1
}

page_has_everything() {
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
    has "a choice" "$said" "one of layernorm, rmsnorm, rmsnorm_plus1, dyt, none, batchnorm"
    has "a sign" "$said" "0 to 2^32-1 (1)"
}

# offered WORD...: what bash offers for the last of the words, as it takes them apart, in COMPREPLY.
offered() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _peri_train "$1" || true
}

# completes WANT WORD...
completes() {
    offered "${@:2}"
    same "completion of ${*:2}" "${COMPREPLY[*]}" "$1"
}

bash_completes() {
    local flag
    # shellcheck disable=SC1090 # what is tested
    source <("$TRAIN" --print-completion)
    has "registered" "$(complete -p peri-train)" "-F _peri_train"
    completes "--decay-fraction --decay-gamma-in --decay-gamma-out --describe --detector" peri-train --de
    completes "--topology" peri-train --resume --topo
    completes "keys" peri-train --list k
    completes "pre pre_post" peri-train --topology pr
    completes "rmsnorm rmsnorm_plus1" peri-train --norm rms
    completes "off on" peri-train --qk-norm o
    completes "model.n_head= model.n_kv_head= model.n_layer= model.norm= model.norm_eps=" peri-train --set model.n
    completes "false true" peri-train --set model.bias =
    completes "swiglu" peri-train --set model.mlp = sw
    completes "--resume" peri-train --set model.mlp = swiglu --res
    completes "" peri-train --steps 5
    COMP_WORDBREAKS=" " completes "model.mlp=swiglu" peri-train --set model.mlp=sw
    offered peri-train --config x --
    for flag in $(flags) --topology --steps --n-layer; do
        has "flags that are offered" " ${COMPREPLY[*]} " " $flag "
    done
}

bash_completes_files() {
    # shellcheck disable=SC1090 # what is tested
    source <("$TRAIN" --print-completion)
    completes "peri_ln.json peri_rms.json" peri-train --config peri_
    made install
    mkdir -p "$tmp/away/perish" "$tmp/away/other"
    cd "$tmp/away"
    echo '{}' >peri_mine.json
    completes "peri_ln.json peri_mine.json peri_rms.json perish/" ../root/usr/bin/peri-train --config peri
    completes "perish/" peri-train --sample pe
    completes "other/ perish/" peri-train --run-dir ""
}

test_case "install: and uninstall" install_and_uninstall
test_case "install: uninstall leaves the rest" uninstall_leaves_the_rest
test_case "install: page has every flag and key" page_has_everything
test_case "install: page renders" page_renders
test_case "install: bash completes" bash_completes
test_case "install: bash completes files" bash_completes_files
test_done
