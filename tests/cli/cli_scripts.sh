#!/usr/bin/env bash
# cli_scripts.sh - the scripts of the repository: check.sh, structure.sh, bench.sh, --help and errors.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# program NAME: a program for check.sh, its body from stdin.
program() {
    { echo '#!/bin/bash' && cat; } >"$tmp/$1"
    chmod +x "$tmp/$1"
}

# check CODE LAST_LINE NAME...: runs check.sh with these programs.
check() {
    local got=0 programs=("${@:3}")
    said=$(scripts/check.sh "${programs[@]/#/$tmp/}") || got=$?
    same "closing line" "$(tail -1 <<<"$said")" "$2"
    same "exit code" "$got" "$1"
}

check_counts() {
    program good <<<'printf "ok      0.01 s  one\nok      0.02 s  two\n"'
    program bad <<<'printf "ok      0.01 s  one\n    got 3, want 2\nFAIL    0.02 s  two\n"; exit 1'
    program liar <<<'printf "FAIL    0.02 s  two\n"'
    program crash <<<'printf "ok      0.01 s  one\n"; kill -SEGV $$'
    program mute <<<'exit 0'
    check 0 "2 passed, 0 failed" good
    check 1 "1 passed, 1 failed" bad
    has "details of a failure" "$said" "got 3, want 2"
    check 1 "0 passed, 1 failed" liar
    check 1 "1 passed, 1 failed" crash
    has "crash" "$said" "crash ended with status 139"
    check 1 "0 passed, 1 failed" mute
    check 1 "0 passed, 1 failed" missing
    check 1 "4 passed, 4 failed" good bad liar crash mute
}

cases_count() {
    program cases <<BASH
source tests/lib/test.sh
test_case "passes" true
test_case "fails in the middle" eval 'false; true'
test_case "says why" same "two" 1 2
test_done
BASH
    check 1 "1 passed, 2 failed" cases
    has "reason" "$said" 'two: got "1", want "2"'
}

# broken RULE FILE TEXT: structure.sh reports RULE for a copy of the sources with TEXT at the end of FILE.
broken() {
    local copy=$tmp/copy line
    mkdir -p "$copy"
    cp -r .ci train.c Makefile README.md LICENSE base ops norm data model run tests scripts configs sweeps docs "$copy"
    printf '%b\n' "$3" >>"$copy/$2"
    line=$(grep -c '' "$copy/$2")
    said=$(scripts/structure.sh "$copy") && fail "structure.sh accepts $3 in $2"
    has "$2" "$said" "  $2:"
    same "rule broken by $3" "$(sed -n 's/^FAIL .* structure: //p' <<<"$said")" "$1"
    [[ $1 == *"at most"* ]] || has "line" "$said" "  $2:$line:"
    rm -r "$copy"
}

structure_notices() {
    local floors="includes go down" conditional="no conditional code above ops/"
    broken "$floors" base/base.c '#include "norm/norm.h"'
    broken "$floors" norm/norm.c '#include "data/vocab.h"'
    broken "$floors" data/vocab.c '#include "norm/norm.h"'
    broken "$floors" model/mlp.c '#include "run/config/config.h"'
    broken "$floors" run/io/csv.c '#include "run/optim/spike.h"'
    broken "$floors" run/train/trainer.c '#include "run/commands/cli.h"'
    broken "library headers" model/mlp.c '#include <cblas.h>'
    broken "library headers" run/train/trainer.c '#include <cJSON.h>'
    broken "library headers" norm/norm.c '#include <omp.h>'
    broken "library headers" base/base.c '#include <mpi.h>'
    broken "$conditional" model/mlp.c '#ifdef REAL_DOUBLE'
    broken "$conditional" run/train/trainer.c '#if 0'
    broken "$conditional" norm/norm.c '#ifndef REAL_DOUBLE'
    broken "topology names" run/train/trainer.c 'static const char *best = "peri";'
    broken "topology names" model/model.c '    if (strcmp(name, "post") == 0) {'
    broken "model/ indexes no reals" model/mlp.c '    x[3] = 0;'
    broken "model/ indexes no reals" model/model.c '    real first = params->values[0];'
    broken "files of at most 500 lines" model/mlp.c "$(printf '\\n%.0s' {1..500})"
    broken "functions of at most 60 lines" model/mlp.c "int f(void) {$(printf '\\n%.0s' {1..60})}"
    broken "files of at most 500 lines" scripts/usage.sh "$(printf '\\n%.0s' {1..500})"
    broken "files of at most 500 lines" scripts/report/stats.py "$(printf '\\n%.0s' {1..500})"
    broken "functions of at most 60 lines" scripts/usage.sh "f() {$(printf '\\n:%.0s' {1..60})\n}"
    broken "functions of at most 60 lines" scripts/report/stats.py "def f():$(printf '\\n    pass%.0s' {1..60})"
    broken "banners" model/mlp.c '/* --- forward --- *//* ---'
    broken "files to read next exist" base/base.h '/* Read next: gone.h */'
    broken "words of the field" docs/data.md 'The loss is fore''told.'
    broken "words of the field" run/config/config_keys.c 'static const Key keys_too[] = {\n    "rows of a batch",'
    broken "nothing left to do" base/base.c '/* TO''DO: all of it */'
    broken "pages are listed and linked" README.md '[gone](docs/gone.md)'
    broken "pages are listed and linked" docs/data.md 'see [keys](config.md), [gone](gone.md#here)'
    broken "no fast-math" Makefile 'CFLAGS += -ffast-math'
}

# answer SCRIPT ARGUMENT...: it exits with $want; sets $said to its stdout and $complained to its stderr.
answer() {
    local got=0
    said=$("$@" 2>"$tmp/complained" </dev/null) || got=$?
    complained=$(cat "$tmp/complained")
    same "exit code of $*" "$got" "$want"
}

scripts_answer() {
    local script name want said complained
    for script in scripts/*.sh; do
        [[ -x $script ]] || continue # sourced
        name=$(basename "$script")
        want=0 answer "$script" --help
        has "$name --help" "$said" "$name "
        [[ $said != *"#"* && $said != *"set -e"* ]] || fail "$name --help prints more than its header: $said"
        [[ $name != quickstart.sh ]] || continue # its arguments are those of the trainer
        want=2 answer "$script" --zebra
        same "lines of $name" "$(grep -c '' <<<"$complained")" 1
        has "$name --zebra" "$complained" "$name: "
        same "$name --zebra prints" "$said" ""
    done
}

# Every script that can be run sources usage.sh, which sets LC_ALL.
scripts_share_a_locale() {
    local script
    for script in scripts/*.sh scripts/*/*.sh tests/mutants/mutate.sh; do
        [[ ! -x $script ]] || grep -qE '^source .*usage\.sh"$' "$script" || fail "$script does not source usage.sh"
    done
    same "locale" "$(LC_ALL=C.UTF-8 bash -c 'source scripts/usage.sh; echo "$LC_ALL $caller_locale"')" "C C.UTF-8"
}

# In a folder of $CDPATH that has the same names, cd would end and print its path.
scripts_ignore_cdpath() {
    local script
    mkdir -p "$tmp/decoy/scripts" "$tmp/decoy/tests/cli"
    program good <<<'printf "ok      0.01 s  one\n"'
    said=$(CDPATH=$tmp/decoy scripts/check.sh "$tmp/good" 2>&1) || fail "check.sh: $said"
    same "check.sh" "$(tail -n 1 <<<"$said")" "1 passed, 0 failed"
    has "bench.sh" "$(CDPATH=$tmp/decoy scripts/bench.sh zebra 2>&1 || true)" "a PART is tables"
    said=$(CDPATH=$tmp/decoy bash -c 'source tests/lib/cli.sh && pwd' 2>&1)
    same "folder of the tests" "$said" "$PWD"
}

# packages CODE ARGUMENT...: install-packages.sh as a user without rights, with the programs in $tmp/bin only;
# sets $said and $complained.
packages() {
    local got=0 as=()
    ((EUID != 0)) || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    said=$(PATH=$tmp/bin "${as[@]}" "$tmp/bin/bash" "$tmp/scripts/install-packages.sh" "${@:2}" 2>"$tmp/complained") || got=$?
    complained=$(cat "$tmp/complained")
    same "exit code, after $said$complained" "$got" "$1"
}

# stand_in NAME: a program in $tmp/bin, its body from stdin.
stand_in() {
    { echo '#!/bin/bash' && cat; } >"$tmp/bin/$1"
    chmod 755 "$tmp/bin/$1"
}

# The libraries of another processor: dpkg-query and apt-get stand in, and apt finds them only if $tmp/offered exists.
other_processor_is_unpacked() {
    local folder=$tmp/cache/peri/aarch64
    mkdir -m 777 "$tmp/cache"
    export XDG_CACHE_HOME=$tmp/cache
    stand_in dpkg-query <<<'echo -n installed'
    # shellcheck disable=SC2016 # for the program
    stand_in dpkg-deb <<<'[[ $1 == -x ]] && mkdir -p "$3/usr/lib" && touch "$3/usr/lib/${2##*/}"'
    stand_in apt-get <<BASH
echo "\$*" >>$tmp/asked
[[ \$* == *"APT::Architecture=arm64 "*" Dir::State::Lists=$folder.new/"* ]] || exit 1
[[ \$* != *download* ]] || for name in libcjson1 libc6; do touch "\$name.deb"; done
[[ -e $tmp/offered ]]
BASH
    packages 1 aarch64
    has "a system without them" "$complained" "apt-get finds no packages for arm64"
    [[ ! -e $folder ]] || fail "$folder is there"
    touch "$tmp/offered"
    packages 0 aarch64
    same "unpacked" "$(cd "$folder" && echo lib/* *)" "lib/libc6.deb lib/libcjson1.deb lib usr"
    packages 0 aarch64
    same "the second time" "$said" ""
    stand_in apt-get <<<"echo \"\$*\" >>$tmp/asked; [[ \$* != *gnuplot* ]]"
    # shellcheck disable=SC2016 # for the program
    stand_in dpkg-query <<<'[[ "${@: -1}" == gcc ]] && echo -n installed'
}

packages_are_named() {
    local program
    chmod 755 "$tmp"
    mkdir -m 755 "$tmp/bin" "$tmp/scripts"
    cp scripts/{install-packages,usage}.sh "$tmp/scripts"
    for program in bash sh basename dirname env sed cat setpriv mkdir rm touch ln mv; do ln -s "$(command -v "$program")" "$tmp/bin/$program"; done
    packages 0 build
    has "without dpkg" "$complained" "there is no dpkg here, so nothing was checked; Debian calls what is needed: gcc libc6-dev make"
    # shellcheck disable=SC2016 # for the program
    stand_in dpkg-query <<<'[[ "${@: -1}" == gcc ]] && echo -n installed'
    packages 1 build plot
    has "without apt-get" "$complained" "there is no apt-get here; an administrator can install what is missing: apt-get install libc6-dev make"
    stand_in apt-get <<<"echo \"\$*\" >>$tmp/asked; [[ \$* != *gnuplot* ]]"
    packages 1 build plot
    has "without sudo" "$complained" "not root, and there is no sudo; an administrator can install what is missing: apt-get install libc6-dev"
    same "lines without sudo" "$(grep -c '' <<<"$complained")" 1
    stand_in sudo <<<'exec "$@"'
    touch "$tmp/asked" && chmod 666 "$tmp/asked"
    packages 0 sweep
    same "packages" "$said $(tail -n 1 "$tmp/asked")" "installing jq install -qq --no-install-recommends jq"
    packages 1 plot
    has "apt-get fails" "$complained" "apt-get install failed; an administrator can install what is missing: apt-get install gnuplot-nox"
    other_processor_is_unpacked
    packages 0 fuzz
    [[ $(tail -n 1 "$tmp/asked") != *[0-9]* ]] || fail "packages of one version of Debian: $(tail -n 1 "$tmp/asked")"
}

# The current PyTorch gets an environment of its own, once.
torch_is_apart() {
    local venv=$tmp/cache/peri/torch
    mkdir -p "$venv/bin" "$tmp/bin" "$tmp/scripts"
    printf '#!/bin/bash\necho "$*" >>%q\n' "$tmp/pip" >"$venv/bin/pip"
    touch "$tmp/pip"
    chmod -R a+rwX "$tmp" && chmod 755 "$venv/bin/pip"
    stand_in dpkg-query <<<'echo -n installed'
    export XDG_CACHE_HOME=$tmp/cache
    packages 0 torch
    same "first time" "$said" "installing torch in $venv"
    same "what pip was asked" "$(cat "$tmp/pip")" "install --quiet --disable-pip-version-check torch"
    mkdir -p "$venv/lib/python3/site-packages/torch-2.1+cpu.dist-info"
    packages 0 torch
    same "second time" "$said" ""
    unset XDG_CACHE_HOME
}

# An entry of equivalent.txt whose line was changed has to be found again.
equivalents_are_current() {
    local stale
    stale=$(tests/mutants/mutate.sh --check-equivalents) || fail "$stale"
}

# bench_tables CODE: bench.sh exits with CODE; sets $said to its output. Its program measures nothing:
# --bench returns at once. It refuses topology $refused and fails to train $broken.
bench_tables() {
    local got=0
    program fake <<BASH
case " \$* " in
*" --topology $refused "*) exit 2 ;;
*" --topology $broken "*"--bench"*) echo "train: error: broken" && exit 5 ;;
*" --bench "*)
    echo "gemm=60.0% attention=30.0% other=10.0%"
    echo "ms_per_step=2.5 tokens_per_s=1e+06 ratio=0.5000"
    ;;
*) exec "$TRAIN" "\$@" ;;
esac
BASH
    said=$(TRAIN=$tmp/fake THREADS="1 2" scripts/bench.sh --quick tables 2>&1) || got=$?
    same "exit code" "$got" "$1"
}

bench_prints() {
    local refused=keel broken=nothing names
    bench_tables 0
    has "left out" "$said" "bench.sh: left out: topology keel, norm"
    has "head" "$said" "- compiler: "
    has "columns" "$said" \
        "| workload | topology | norm | threads | ms_per_step | tokens_per_s | ratio | gemm | attention | other |"
    has "line" "$said" "| deep | post | rmsnorm | 2 | 2.5 | 1e+06 | 0.5000 | 60.0% | 30.0% | 10.0% |"
    same "workloads" "$(grep -cE '^\| (xs|m) .* \| 2\.5 \|' <<<"$said")" 4
    # For every thread count: all topologies but one and all norms, after s itself.
    names=$(($("$TRAIN" --list topologies | wc -l) + $("$TRAIN" --list norms | wc -l)))
    same "lines of s" "$(grep -c '^| s ' <<<"$said")" $((2 * names))
    refused=nothing broken=keel
    bench_tables 1
    has "a broken run" "$said" "topology keel, norm rmsnorm: --bench 4 failed; its output:"
    has "its output" "$said" "train: error: broken"
}

bench_needs_numbers() {
    if said=$(THREADS=none scripts/bench.sh --quick tables 2>&1); then fail "THREADS=none is accepted: $said"; fi
    has "THREADS=none" "$said" "failed"
}

test_case "scripts: check.sh counts" check_counts
test_case "scripts: test.sh counts" cases_count
test_case "scripts: structure.sh notices" structure_notices
test_case "scripts: --help and wrong arguments" scripts_answer
test_case "scripts: all use the C locale" scripts_share_a_locale
test_case "scripts: CDPATH is ignored" scripts_ignore_cdpath
test_case "scripts: install-packages.sh names what is missing" packages_are_named
test_case "scripts: install-packages.sh torch" torch_is_apart
test_case "scripts: equivalent mutants are mutants of the sources" equivalents_are_current
test_case "scripts: bench.sh prints" bench_prints
test_case "scripts: bench.sh needs numbers" bench_needs_numbers
test_done
