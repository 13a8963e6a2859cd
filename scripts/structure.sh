#!/usr/bin/env bash
# structure.sh [ROOT] - checks the layout of the sources: who includes whom, what belongs where, how long.
#
# A rule is a function that prints file:line of everything that breaks it. Each becomes a line "ok" or
# "FAIL" as in tests/lib/test.h. ROOT is another copy of the sources. docs/code.md explains the layout,
# docs/style.md the words.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
source "$(dirname "$0")/../tests/lib/test.sh"
root=${1:-$(dirname "$0")/..}
[[ -d $root ]] || wrong "there is no folder $root"
cd "$root"
shopt -s nullglob

# A file includes its own folder and folders of a lower floor. Two folders on one floor, such as
# norm/ and data/, know nothing of each other.
floors="base=0 ops=1 ops/cpu=2 data/tokenizer=2 data=3 norm=3 model=4
    run/io=5 run/optim=6 run/config=7 run/log=8 run/store=9 run/models=10 run/train=10 run/measure=11
    run/commands=12 train.c=13 tests=14"

house=(train.c {base,ops,norm,data,model}/*.[ch] {ops,run,data}/*/*.[ch])
all=("${house[@]}" tests/*/*.[ch])
shell=(.ci/run scripts/*.sh scripts/*/*.sh tests/*/*.sh)
python=(run/*/*.py scripts/*.py scripts/*/*.py tests/*/*.py)
pages=(*.md docs/*.md)

# found EXTENDED_REGEX ALLOWED_FILES FILE...: where lines match outside the allowed files.
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

include_order() {
    awk -v floors="$floors" '
        BEGIN { n = split(floors, pair, /[= \n]+/); for (i = 1; i < n; i += 2) floor[pair[i]] = pair[i + 1] }
        function room(path) {
            if (path ~ /^tests\//) return "tests"
            sub("/[^/]*$", "", path)
            return path
        }
        /^ *# *include *"/ {
            split($0, part, "\""); from = room(FILENAME); to = room(part[2])
            if (part[2] !~ "/") to = from
            if (!(to in floor) || !(from in floor) || (to != from && floor[to] >= floor[from]))
                print FILENAME ":" FNR ": " from " includes " part[2]
        }' "${all[@]}"
}

library_headers() {
    found '# *include *[<"]cblas\.h' 'ops/cpu/[^:]*' "${house[@]}"
    found '# *include *[<"]omp\.h' 'ops/cpu/[^:]*' "${house[@]}"
    found '# *include *[<"](cjson/)?cJSON\.h' 'run/(config/config[a-z_]*|store/checkpoint|log/manifest|models/(json|hf)_[a-z]*|models/gguf_(tokenizer|write[a-z_]*)|models/safetensors_open)\.c|data/tokenizer/read[a-z_]*\.[ch]' "${house[@]}"
    found '# *include *[<"]pcre2\.h' 'data/tokenizer/regex_pcre2\.c' "${house[@]}"
    found '# *include *[<"]utf8proc\.h' 'data/tokenizer/nfc_utf8proc\.c' "${house[@]}"
    found '# *include *[<"]mpi\.h' 'nothing' "${all[@]}"
}

no_conditional_code() {
    local above=(train.c {norm,data,model}/*.[ch] run/*/*.[ch])
    found '^ *# *(if|ifdef|elif|else)\b' nothing "${above[@]}"
    found '^ *# *ifndef' nothing "${above[@]}" | grep -vE 'ifndef [A-Z0-9_]+_H$' || true
}

# Only the tables of topologies and of architectures know a topology's name. Those that mean something else too (post is a slot,
# deepnorm a rule of initial values, none a norm) are looked for in comparisons alone.
topology_names() {
    local names
    names=$(sed -n 's/^ *{\.name = "\([a-z0-9_]*\)".*/\1/p' model/topologies.c)
    [[ $(wc -w <<<"$names") -ge 19 ]] || echo "model/topologies.c:1: the table of topologies was not found"
    names=$(grep -vE '^(post|deepnorm|subln|none)$' <<<"$names" | paste -sd '|')
    found "\"($names)\"|strcmp.*\"(post|deepnorm|subln)\"" 'model/topologies\.c|run/models/architectures\.c' "${house[@]}"
}

# Whatever model/ declares as `real *name` it never writes with brackets behind.
model_indexes_no_reals() {
    local names
    names=$(grep -ohE '\breal \*(const )?[a-z_0-9]+( =|[,;)])' model/*.[ch] |
        sed -E 's/real \*(const )?//; s/[^a-z_0-9]//g' | sort -u | paste -sd '|')
    found "(\b|->|\.)($names)\[" nothing model/*.[ch] | grep -vE ':[0-9]+: *(/?\*|//)' || true
}

file_length() {
    awk 'FNR == 501 { print FILENAME ":501: more than 500 lines" }' "${all[@]}" "${shell[@]}" "${python[@]}"
}

# In C and shell a function begins with its name in column 0 and ends with a brace there; in Python
# it ends before the next line that is indented no more than its def.
function_length() {
    awk 'FNR == 1 { start = 0 }
        /^[a-z_].*\(/ && !/[;=]/ { start = FNR }
        /^[})]/ {
            if (start && FNR - start >= 60) print FILENAME ":" start ": " FNR - start + 1 " lines in one function"
            start = 0
        }' "${all[@]}" "${shell[@]}"
    ((${#python[@]} == 0)) || awk '
        function close_functions(indent) {
            while (depth && level[depth] >= indent) {
                if (last - begin[depth] >= 60)
                    print file ":" begin[depth] ": " last - begin[depth] + 1 " lines in one function"
                depth--
            }
        }
        FNR == 1 { close_functions(0); file = FILENAME }
        /^ *[^ ]/ {
            match($0, /^ */)
            if ($0 !~ /^ *[])}]/) close_functions(RLENGTH)
            if ($0 ~ /^ *def /) { level[++depth] = RLENGTH; begin[depth] = FNR }
            last = FNR
        }
        END { close_functions(0) }' "${python[@]}"
}

# One style: /* --- forward --- */ on a line of its own.
banners() {
    awk '/^ *\/\* ---/ && !/^\/\* --- .* --- \*\/$/ || /^ \* ----/ { print FILENAME ":" FNR ": a broken banner" }' \
        "${all[@]}"
}

# The files that a header names behind "Read next" exist, beside it or from the root.
read_next() {
    awk '
        function check(text,    word) {
            while (match(text, /[A-Za-z_.\/0-9]*[A-Za-z_0-9]\.(c|h|md|sh|py)/)) {
                word = substr(text, RSTART, RLENGTH)
                text = substr(text, RSTART + RLENGTH)
                if (text ~ /^[A-Za-z0-9_]/) continue
                print FILENAME ":" FNR "\t" word
            }
        }
        FNR == 1 { reading = 0 }
        /Read next/ { reading = 1; sub(/.*Read next/, "") }
        reading { check($0) }
        /\*\// { reading = 0 }' "${all[@]}" |
        while IFS=$'\t' read -r place word; do
            file=${place%%:*}
            [[ -e $word || -e ${file%/*}/$word ]] || echo "$place: there is no $word"
        done
}

# Words that a reader of papers has to translate, with those of the field in docs/style.md.
words() {
    local unmistakable="foretold|forecast|whole number|mean deviation|anew|tells? of|of no use|turned by|exhibits?"
    unmistakable+="|unsound|went to pieces|goes to pieces|normed|closed by a NUL"
    found "\b($unmistakable)\b" 'docs/style\.md|scripts/structure\.sh|CHANGELOG\.md' \
        "${all[@]}" "${shell[@]}" "${python[@]}" "${pages[@]}" configs/*.json Makefile
    # In the help of keys, which users meet first, also words that are right elsewhere.
    local plain="rows?|nets?|products?|multipl(y|ies)|share|leave|turned|sound|exhibit|first values|beginning"
    sed -nE '/^static const Key keys/,/^};/ { s/standard deviation//; /"/p; }' run/config/config_keys.c |
        grep -oE '"[^"]*"' | { grep -iE "\b($plain|deviations?)\b" || true; } |
        while IFS= read -r help; do
            echo "run/config/config_keys.c:$(grep -nF -m 1 -- "$help" run/config/config_keys.c | cut -d: -f1): $help"
        done
}

nothing_left_to_do() {
    found '\b(TO[D]O|FIX[M]E|XX[X])\b' nothing "${all[@]}" "${shell[@]}" "${python[@]}" Makefile configs/*
}

# Every page of docs/ is listed in its index, and every link between pages leads to a file.
pages_linked() {
    local page place target folder
    for page in docs/*.md; do
        [[ $page == docs/README.md ]] || grep -qF "](${page#docs/})" docs/README.md ||
            echo "$page:1: not in docs/README.md"
    done
    grep -HnoE '\]\([^):#]+[)#]' "${pages[@]}" docs/*/*.md | while IFS= read -r place; do
        page=${place%%:*} target=${place##*](} folder=.
        [[ $page != */* ]] || folder=${page%/*}
        [[ -e $folder/${target%?} ]] || echo "${place%:*}: links to ${target%?}"
    done
}

no_fast_math() {
    found '^[^#]*(-ffast-math|-Ofast|-funsafe-math)' nothing Makefile
}

rule "includes go down" include_order
rule "library headers" library_headers
rule "no conditional code above ops/" no_conditional_code
rule "topology names" topology_names
rule "model/ indexes no reals" model_indexes_no_reals
rule "files of at most 500 lines" file_length
rule "functions of at most 60 lines" function_length
rule "banners" banners
rule "files to read next exist" read_next
rule "words of the field" words
rule "nothing left to do" nothing_left_to_do
rule "no fast-math" no_fast_math
rule "pages are listed and linked" pages_linked
test_done
