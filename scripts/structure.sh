#!/usr/bin/env bash
# structure.sh [ROOT] - checks the shape of the house: who includes whom, what stands where, how long.
#
# A rule is a function that prints file:line of all that breaks it. Each becomes a line "ok" or
# "FAIL" as in tests/test.h. ROOT is another copy of the sources.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
source "$(dirname "$0")/../tests/test.sh"
root=${1:-$(dirname "$0")/..}
[[ -d $root ]] || wrong "there is no folder $root"
cd "$root"

house=(train.c {ops,norm,data,model,run}/*.[ch])
all=("${house[@]}" tests/*.[ch] tests/{faults,fuzz}/*.[ch])

# Where lines match and where they may: found EXTENDED_REGEX ALLOWED_FILES FILE...
found() {
    local pattern=$1 allowed=$2
    shift 2
    grep -HnE "$pattern" "$@" | grep -vE "^($allowed):" || true
}

rule() {
    test_case "structure: $1" broken_nowhere "$2"
}

broken_nowhere() {
    local places
    places=$("$1")
    [[ -z $places ]] || fail "$places"
}

# A file includes its own folder and lower floors.
include_floors() {
    awk 'BEGIN { floor["ops"] = 0; floor["norm"] = floor["data"] = 1; floor["model"] = 2
                 floor["run"] = 3; floor["train.c"] = 4; floor["tests"] = 5 }
        function folder(path) { sub("/.*", "", path); return path }
        /^ *# *include *"/ {
            split($0, part, "\""); from = folder(FILENAME); to = folder(part[2])
            if (part[2] !~ "/") to = from
            if (!(to in floor) || (to != from && floor[to] >= floor[from]))
                print FILENAME ":" FNR ": " from " includes " part[2]
        }' "${all[@]}"
}

library_headers() {
    found '# *include *[<"]cblas\.h' 'ops/[^:]*' "${house[@]}"
    found '# *include *[<"]omp\.h' 'ops/[^:]*' "${house[@]}"
    found '# *include *[<"](cjson/)?cJSON\.h' 'run/(config[a-z_]*|checkpoint|manifest)\.c' "${house[@]}"
    found '# *include *[<"]mpi\.h' 'nothing' "${all[@]}"
}

no_conditional_code() {
    local above=(train.c {norm,data,model,run}/*.[ch])
    found '^ *# *(if|ifdef|elif|else)\b' nothing "${above[@]}"
    found '^ *# *ifndef' nothing "${above[@]}" | grep -vE 'ifndef [A-Z0-9_]+_H$' || true
}

# Only the table knows a topology's name. Those that mean something else too (post is a slot,
# deepnorm a rule of initial values, none a norm) are looked for in comparisons alone.
topology_names() {
    local names
    names=$(sed -n 's/^ *{\.name = "\([a-z0-9_]*\)".*/\1/p' model/wiring.c)
    [[ $(wc -w <<<"$names") -ge 19 ]] || echo "model/wiring.c:1: its table of topologies was not found"
    names=$(grep -vE '^(post|deepnorm|none)$' <<<"$names" | paste -sd '|')
    found "\"($names)\"|strcmp.*\"(post|deepnorm)\"" 'model/wiring\.c' "${house[@]}"
}

# Whatever model/ declares as `real *name` it never writes with brackets behind.
model_indexes_no_reals() {
    local names
    names=$(grep -ohE '\breal \*(const )?[a-z_0-9]+( =|[,;)])' model/*.[ch] |
        sed -E 's/real \*(const )?//; s/[^a-z_0-9]//g' | sort -u | paste -sd '|')
    found "(\b|->|\.)($names)\[" nothing model/*.[ch] | grep -vE ':[0-9]+: *(/?\*|//)' || true
}

file_length() {
    awk 'FNR == 501 { print FILENAME ":501: more than 500 lines" }' "${all[@]}"
}

# A function begins with a name and a parenthesis in column 0 and ends with a brace there.
function_length() {
    awk 'FNR == 1 { start = 0 }
        /^[a-z_].*\(/ && !/[;=]/ { start = FNR }
        /^}/ {
            if (start && FNR - start >= 60)
                print FILENAME ":" start ": " FNR - start + 1 " lines in one function"
            start = 0
        }' "${all[@]}"
}

nothing_left_to_do() {
    found '\b(TO[D]O|FIX[M]E|XX[X])\b' nothing "${all[@]}" Makefile scripts/*.* scripts/*/* tests/*.sh configs/*
}

# Every page of docs/ stands in its index, and every link between pages leads to a file.
pages() {
    local page place target
    for page in docs/*.md; do
        [[ $page == docs/README.md ]] || grep -qF "](${page#docs/})" docs/README.md ||
            echo "$page:1: not in docs/README.md"
    done
    grep -HnoE '\]\([^):#]+[)#]' README.md docs/*.md | while IFS= read -r place; do
        page=./${place%%:*} target=${place##*](}
        [[ -e ${page%/*}/${target%?} ]] || echo "${place%:*}: links to ${target%?}"
    done
}

no_fast_math() {
    found '^[^#]*(-ffast-math|-Ofast|-funsafe-math)' nothing Makefile
}

rule "includes go down" include_floors
rule "library headers" library_headers
rule "no conditional code above ops/" no_conditional_code
rule "topology names" topology_names
rule "model/ indexes no reals" model_indexes_no_reals
rule "files of at most 500 lines" file_length
rule "functions of at most 60 lines" function_length
rule "nothing left to do" nothing_left_to_do
rule "no fast-math" no_fast_math
rule "pages are listed and linked" pages
test_done
