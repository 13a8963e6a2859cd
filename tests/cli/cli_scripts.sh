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
test_case "scripts: equivalent mutants are mutants of the sources" equivalents_are_current
test_case "scripts: bench.sh prints" bench_prints
test_case "scripts: bench.sh needs numbers" bench_needs_numbers
test_done
