#!/usr/bin/env bash
# coverage.sh - which lines and branches of the sources the quick tests execute.
#
# Builds with gcov into build/coverage, runs the float tests and the tests of the command line, and
# prints a line per file. Exit code 1 if a test fails or less than 90 % of all lines were executed.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
no_arguments "$@"
cd "$(dirname "$0")/.."
scripts/install-packages.sh build
build=build/coverage

make -s -j "$(nproc)" BUILD=$build CFLAGS="-O1 -g --coverage -Wl,-u,__gcov_dump" all tests
find $build -name '*.gcda' -delete
programs=()
for source in tests/unit/test_*.c; do
    # Its error bounds are those of optimized code.
    [[ $source == */test_vmath.c ]] || programs+=("$build/${source%.c}")
done
TRAIN=$build/train scripts/check.sh "${programs[@]}" tests/cli/cli_*.sh >build/coverage/check.log ||
    { grep -A8 "^FAIL" build/coverage/check.log && exit 1; }
tail -n 1 build/coverage/check.log

# gcov prints a few lines for every source of an object, and at the end a total without a name.
find $build -name '*.gcda' -not -path '*/tests/*' -print0 | xargs -0 gcov -b -n 2>/dev/null | awk '
    /^File/ { split($0, part, "\047"); file = part[2] }
    /^Lines executed/ { split($0, part, /[:% ]+/); percent = part[3]; count = part[5]
        if (!(file in lines) && file ~ /^(train\.c|(base|ops|norm|data|model|run)\/.*\.c)$/) { lines[file] = count; run[file] = percent * count / 100 } }
    /^Taken at least once/ { split($0, part, /[:% ]+/)
        if (file in lines) { branches[file] = part[7]; taken[file] = part[5] * part[7] / 100 } }
    END {
        printf "%-32s %7s %8s %9s %8s\n", "file", "lines", "run", "branches", "taken"
        for (file in lines) {
            printf "%-32s %7d %7.1f%% %9d %7.1f%%\n", file, lines[file], 100 * run[file] / lines[file],
                branches[file], branches[file] ? 100 * taken[file] / branches[file] : 100 | "sort"
            all += lines[file]; all_run += run[file]; every += branches[file]; all_taken += taken[file]
        }
        close("sort")
        printf "%-32s %7d %7.1f%% %9d %7.1f%%\n", "all", all, 100 * all_run / all, every, 100 * all_taken / every
        exit all_run < 0.9 * all
    }'
