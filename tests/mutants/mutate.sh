#!/usr/bin/env bash
# mutate.sh [OPTION...] - changes one thing at a time in the code that computes; do the tests notice?
#
#   --list           print the mutants (id, source line, changed line), run nothing
#   --only FILE|ID   these alone; may be given several times
#   --core           the files where nothing may survive: norms, attention, sublayer, wiring
#   --sample N       N of them, drawn evenly over the files
#   --seed S         another draw (default 1)
#   --resume         run what the result file lacks, and what survived
#   --short          leave the last tests out, minutes of gradients in double: gives lower bounds
#   --results FILE   default build/mutants.csv
#   --jobs N         copies at work (default 2)
#
# An id is file:line:rule, and .2, .3 ... where a rule changes a line in several places. Each worker
# builds a copy of the tree with -O1 in a temporary folder; a mutant costs one object and relinking.
# Tests run - first those of the folder, then the others, cheapest first - up to the first that fails
# or takes too long. What tests/mutants/equivalent.txt lists is not run. Exit 1 if any other survived.
# docs/mutants.md has the rules.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1

# Cheapest first: name, limit in seconds of computing, build (shell: a script), words for the test
# program. What reads no mutated file is not here (vmath, data, stories).
steps='
test_wiring 20 float
test_memory 20 float
test_schedule 20 float
test_health 20 float
test_run 20 float
test_base 20 float
test_equations 20 float
test_norm 20 float
test_norm_gradients 20 float
test_batchnorm 20 float
test_batchnorm_net 20 float
test_ops_update 20 float
test_params 20 float
test_norm_gradients 20 double
test_ops_attention 20 float
test_generate 30 float
test_frozen 20 float
test_branch_warmup 30 float
test_removal 20 float
test_generate 30 double
test_config 20 float
test_config_errors 20 float
test_ops_head 30 float
test_ops_threads 30 float
test_ops 30 float
test_ops_moments 20 float
test_trainer 40 float
test_checkpoint 40 float
grad_options 20 double second
test_oracle 60 float
test_sizes 60 float
test_layers 60 float
test_model 40 float
test_placement 40 float
test_spike 40 float
grad_model 60 double layernorm
grad_options 60 double mixes
cli_train 90 shell
cli_dry_run 90 shell
cli_health 90 shell
cli_eval 60 shell
cli_replay 90 shell
cli_removal 90 shell
cli_terminal 60 shell'
last_steps='
grad_removal 240 double
grad_model 240 double
grad_options 600 double'

# Swapped arguments of other types are not mutants.
cflags='-O1 -Werror=incompatible-pointer-types -Werror=int-conversion -Werror=discarded-qualifiers'

usage() {
    sed -n '2,/^#$/{s/^# \{0,1\}//;p;}' "$0" >&2
    exit 2
}

list=false resume=false sample=0 seed=1 jobs=2 results=build/mutants.csv only=()
while (($#)); do
    case $1 in
    --list) list=true ;;
    --resume) resume=true ;;
    --short) last_steps='' ;;
    --core) only+=(norm/*.c ops/cpu/cpu_attention.c model/{attention,sublayer,wiring}.c) ;;
    --only | --sample | --seed | --jobs | --results)
        (($# > 1)) || usage
        case $1 in
        --only) only+=("$2") ;;
        --sample) sample=$2 ;;
        --seed) seed=$2 ;;
        --jobs) jobs=$2 ;;
        --results) results=$2 ;;
        esac
        shift
        ;;
    *) usage ;;
    esac
    shift
done
[[ $sample$seed$jobs =~ ^[0-9]+$ ]] || usage

# --- the rules ---

# Prints id, file, line number, rule, line, changed line, separated by tabs. `code` is the line with
# comments and strings blanked, so that positions in it are positions in the line.
enumerate() {
    awk -v OFS='\t' '
    function blank(text, i, c, out) {
        out = ""
        for (i = 1; i <= length(text); i++) {
            c = substr(text, i, 1)
            if (comment) {
                if (substr(text, i, 2) == "*/") { comment = 0; out = out " "; i++ }
                out = out " "
            } else if (substr(text, i, 2) == "/*") { comment = 1; out = out "  "; i++ }
            else if (substr(text, i, 2) == "//") { while (i++ <= length(text)) out = out " " }
            else if (c == "\"" || c == "\047") {
                out = out c
                while (++i <= length(text) && substr(text, i, 1) != c) {
                    if (substr(text, i, 1) == "\\") { out = out "_"; i++ }
                    out = out "_"
                }
                out = out c
            } else out = out c
        }
        return out
    }
    function emit(rule, from, length_, with, id) {
        id = FILENAME ":" FNR ":" rule
        if (seen[id]++) id = id "." seen[id]
        print id, FILENAME, FNR, rule, $0, substr($0, 1, from - 1) with substr($0, from + length_)
    }
    # Everywhere that text stands in the code.
    function replace(rule, text, with, at, from) {
        for (from = 1; (at = index(substr(code, from), text)) > 0; from += at + length(text) - 1)
            emit(rule, from + at - 1, length(text), with)
    }
    function word(rule, text, with, at, from, start) {
        for (from = 1; (at = index(substr(code, from), text)) > 0; from += at + length(text) - 1) {
            start = from + at - 1
            if (substr(" " code, start, 1) !~ /[A-Za-z0-9_]/ &&
                substr(code, start + length(text), 1) !~ /[A-Za-z0-9_]/)
                emit(rule, start, length(text), with)
        }
    }
    function balanced(text, a, b) {
        a = gsub(/[({\[]/, "&", text); b = gsub(/[)}\]]/, "&", text)
        return a == b
    }
    function constants(from, token, start, with) {
        for (from = 1; match(substr(code, from), /[A-Za-z0-9_.]+/); from = start + length(token)) {
            start = from + RSTART - 1
            token = substr(code, start, RLENGTH)
            if (token ~ /^[0-9]+$/) with = token + 1
            else if (token ~ /^[0-9]+\.[0-9]*$/ || token ~ /^[0-9.]+e$/) with = ""
            else continue
            if (token ~ /e$/) { # 1e-5: the exponent follows the minus
                match(substr(code, start + length(token)), /^-[0-9]+/)
                if (RLENGTH > 0) token = token substr(code, start + length(token), RLENGTH)
            }
            if (with == "") with = sprintf("%.17g", token == 0 ? 1 : token / 2)
            emit("constant", start, length(token), with)
        }
    }
    # Drops a factor whose name is a coefficient.
    function coefficients(from, token, start) {
        for (from = 1; match(substr(code, from), NAME); from = start + length(token)) {
            start = from + RSTART - 1
            token = substr(code, start, RLENGTH)
            if (token !~ COEFFICIENT) continue
            if (substr(code, start + length(token), 3) == " * ")
                emit("coefficient", start, length(token) + 3, "")
            else if (start > 3 && substr(code, start - 3, 3) == " * ")
                emit("coefficient", start - 3, length(token) + 3, "")
            else if (substr(code, start - 6 > 0 ? start - 6 : 1, 6) == "(real)" &&
                     substr(code, start + length(token), 1) ~ /[,)]/)
                emit("coefficient", start, length(token), "1")
        }
    }
    # Two neighbouring arguments, neither with commas or parentheses of its own.
    function arguments(from, at, text, comma, i, n, part, a, b, start) {
        if (code ~ /^[^ ]/ || trimmed ~ /^(const|size_t|real|int|double|bool|static|struct)[ *]/) return
        for (from = 1; match(substr(code, from), /[a-z_0-9]+\([^()]+[,)]/); from = start) {
            at = from + RSTART - 1
            start = at + index(substr(code, at), "(")
            text = substr(code, start, RLENGTH)
            sub(/[();].*/, "", text)
            if (substr(code, at, start - at) ~ /^(if|for|while|switch|sizeof|return|printf|fprintf|snprintf)\(/)
                continue
            n = split(text, part, ", ")
            for (i = 1; i < n; i++) {
                a = part[i]; b = part[i + 1]
                sub(/,$/, "", b)
                if (a != b && b != "" && (a b) !~ /[{}"]/ && a !~ DECLARED && b !~ DECLARED)
                    emit("swap", start, length(a ", " b), b ", " a)
                start += length(a) + 2
            }
        }
    }
    BEGIN {
        NAME = "[A-Za-z_][A-Za-z_0-9]*((->|\\.)[A-Za-z_][A-Za-z_0-9]*)*"
        COEFFICIENT = "(^|>|\\.)(scale|skip|gain|branch|dual|block_skip|w|r|lr|alpha|slope|keep|inverse|grad_scale|weight|rate|gamma|std|init_std)$"
        DECLARED = "^(const |struct |[A-Za-z_]+ \\**[a-z])"
    }
    FNR == 1 { comment = 0; before = ";"; macro = 0 }
    {
        code = blank($0)
        skip = code ~ /^ *#/ || macro
        macro = code ~ /\\$/ && skip
        trimmed = code
        gsub(/^ +| +$/, "", trimmed)
        if (skip || trimmed == "") next
        starts = before ~ /([;{}:]|else)$/ || before ~ /^(if|for|while) .*\)$/
        before = trimmed
        if (trimmed ~ /^(printf|fprintf|snprintf|vsnprintf|fputs|puts|perror)\(/) next
        if (trimmed ~ /^(typedef|enum|struct|extern) /) next

        replace("sign", " + ", " - "); replace("sign", " - ", " + ")
        replace("sign", " += ", " -= "); replace("sign", " -= ", " += ")
        replace("index", " + 1", ""); replace("index", " - 1", "")
        replace("operator", " * ", " / "); replace("operator", " / ", " * ")
        replace("operator", " *= ", " /= "); replace("operator", " < ", " <= ")
        replace("operator", " <= ", " < "); replace("operator", " > ", " >= ")
        replace("operator", " >= ", " > "); replace("operator", " == ", " != ")
        replace("operator", " != ", " == "); replace("operator", " && ", " || ")
        replace("operator", " || ", " && "); replace("operator", "(!", "(")
        replace("operator", "&& !", "&& ")
        if (trimmed !~ /char [a-z_]+\[/) constants()
        coefficients()
        arguments()
        if (starts && balanced(trimmed) && trimmed ~ /^[a-z_*(+\-][^{}]*;$/ &&
            trimmed !~ /^(return|goto|static|const|typedef|\(void\))/ && trimmed !~ DECLARED &&
            code ~ /^ /)
            emit("statement", index($0, substr(trimmed, 1, 1)), length(trimmed), ";")
        if (trimmed ~ /^\.[a-z_0-9]+ = [^{}"]*,$/ && balanced(trimmed))
            emit("statement", index($0, "."), length(trimmed), "")

        word("slot", "SLOT_IN", "SLOT_OUT"); word("slot", "SLOT_OUT", "SLOT_POST")
        word("slot", "SLOT_POST", "SLOT_IN"); word("slot", "READ_STREAM", "READ_BLOCK")
        word("slot", "READ_BLOCK", "READ_SHARED"); word("slot", "READ_SHARED", "READ_BLOCK")
        word("slot", "beta1", "beta2"); word("slot", "beta2", "beta1")
        replace("slot", "->attn", "->mlp"); replace("slot", "->mlp", "->attn")
        if (FILENAME ~ /wiring\.c$/) {
            word("slot", "NORM", "NO"); word("slot", "NO", "NORM"); word("slot", "GAIN", "NORM")
            word("slot", ".attn", ".mlp"); word("slot", ".mlp", ".attn")
            word("coefficient", "F_ONE", "F_DEFAULT"); word("coefficient", "F_TWO_N", "F_ONE")
            word("coefficient", "F_TWO_N_ROOT4", "F_TWO_N"); word("coefficient", "F_RSQRT_L", "F_ONE")
            word("constant", "INIT_PLAIN", "INIT_SCALED"); word("constant", "INIT_SCALED", "INIT_PLAIN")
            word("constant", "FINAL_NORM", "FINAL_DUAL"); word("constant", "true", "false")
        }
    }' norm/*.c ops/*.c model/*.c run/{optimizer,schedule,spike,health}.c
}

# Lines of enumerate, filtered by --only and drawn by --sample: every file's best rank, then every
# file's second ... where ranks come from a hash of id and seed.
choose() {
    awk -F '\t' -v only="${only[*]}" '
        BEGIN { n = split(only, want, " ") }
        { keep = n == 0; for (i = 1; i <= n; i++) keep = keep || $1 == want[i] || $2 == want[i] }
        keep' |
        if ((sample == 0)); then cat; else
            awk -F '\t' -v OFS='\t' -v seed="$seed" '
                BEGIN { M = 2147483647; for (i = 32; i < 127; i++) code[sprintf("%c", i)] = i }
                {
                    h = seed + 1
                    for (i = 1; i <= length($1); i++) h = (h * 131 + code[substr($1, i, 1)]) % M
                    for (i = 0; i < 4; i++) h = (h * 48271) % M
                    print h, $0
                }' | sort -t$'\t' -k3,3 -k1,1n | awk -F '\t' -v OFS='\t' '{ print ++rank[$3], $0 }' |
                sort -t$'\t' -k1,1n -k2,2n | awk -v n="$sample" "NR <= n" | cut -f3-
        fi
}

# --- equivalent mutants ---

# Sets equivalent[file rule, line, changed line].
declare -A equivalent
read_equivalents() {
    local key='' before='' line
    while IFS= read -r line; do
        if [[ $line =~ ^[a-z]+/[a-z_0-9]+\.c\ [a-z]+$ ]]; then
            key=$line
        elif [[ $line == '- '* ]]; then
            before=${line#- }
        elif [[ $line == + || $line == '+ '* ]]; then
            line=${line#+}
            equivalent["$key|$before|${line# }"]=1
        fi
    done <tests/mutants/equivalent.txt
}

# --- one mutant ---

csv() {
    local field line='' quoted
    for field; do
        quoted=${field//\"/\"\"}
        [[ $quoted != *[,\"]* ]] || quoted="\"$quoted\""
        line+=",$quoted"
    done
    printf '%s\n' "${line#,}"
}

trim() {
    local text=${1#"${1%%[! ]*}"}
    printf '%s' "$text"
}

build() {
    # shellcheck disable=SC2086 # a program or several
    make -s "CFLAGS=$cflags" REAL="$1" $2 >make.log 2>&1 </dev/null
}

# A mutant may compute or wait for ever, or ask for all the memory or disk. The limit is in seconds of
# computing, so that a busy machine kills nobody.
limited() (
    ulimit -v 16000000 -f 4000000 -c 0 -t "$1"
    exec timeout -k 5 $((10 * $1)) "${@:2}" >test.log 2>&1 </dev/null
)

# run_step NAME LIMIT BUILD WORD...: builds and runs in the worker's folder; the status of the test.
run_step() {
    local name=$1 limit=$2 real=$3
    shift 3
    if [[ $real == shell ]]; then
        build float build/float/train || return 99
        TRAIN=build/float/train limited "$limit" "tests/$name.sh"
    else
        build "$real" "build/$real/tests/$name" || return 99
        # A program that the mutant did not change needs no run.
        ! cmp -s "build/$real/tests/$name" "unchanged/$real/tests/$name" || return 0
        limited "$limit" "build/$real/tests/$name" "$@"
    fi
}

# The steps for a file: first the tests that know it best.
steps_for() {
    local first
    case $1 in
    norm/*) first='^test_norm' ;;
    ops/*) first='^test_ops' ;;
    model/*) first='^test_(wiring|memory|params|model) ' ;;
    *) first='^test_(schedule|health|run|spike) ' ;;
    esac
    grep -E "$first" <<<"$steps"
    grep -vE "$first" <<<"$steps$last_steps"
}

# Sets result and killer.
try() {
    local name limit real words status
    killer='' result=survived
    if ! build float "build/float/${1%.c}.o"; then
        result='does not compile'
        return
    fi
    if cmp -s {build,unchanged}/float/"${1%.c}.o" && build double "build/double/${1%.c}.o" &&
        cmp -s {build,unchanged}/double/"${1%.c}.o"; then
        result="same code"
        return
    fi
    while read -r name limit real words <&4; do
        [[ -n $name ]] || continue
        status=0
        # shellcheck disable=SC2086 # words may be several, or none
        run_step "$name" "$limit" "$real" $words 2>/dev/null || status=$? # not how it died
        ((status != 0)) || continue
        ((status != 130 && status != 143)) || exit 1 # interrupted: --resume runs it again
        if ((status == 99)); then
            result="does not compile"
            return
        fi
        killer="$name $real${words:+ $words}" result=killed
        ((status != 124 && status != 137 && status != 152)) || result=timeout # 152: SIGXCPU
        return
    done 4< <(steps_for "$1")
}

# worker FOLDER: takes mutants from the queue until it is empty.
worker() {
    local id file line rule before after
    cd "$1"
    exec 8>"$work/queue_lock"
    export TMPDIR=$1/tmp
    while take; do
        killer='' result=equivalent
        if [[ -z ${equivalent["$file $rule|$(trim "$before")|$(trim "$after")"]:-} ]]; then
            rm -rf "$TMPDIR" && mkdir "$TMPDIR"
            cp "$file" original.c
            MUTANT=$after awk -v n="$line" 'NR == n { print ENVIRON["MUTANT"]; next } { print }' original.c >"$file"
            try "$file"
            cp original.c "$file"
        fi
        {
            flock 9
            csv "$id" "$file" "$line" "$rule" "$(trim "$before")" "$(trim "$after")" "$result" "$killer" >>"$results"
            printf '%-16s %s%s\n' "$result" "$id" "${killer:+ ($killer)}"
        } 9>"$work/lock"
    done
}

# Takes the next line of the queue: its offset in the file is shared by all workers.
take() {
    local status=0
    flock 8
    IFS=$'\t' read -r id file line rule before after <&7 || status=$?
    flock -u 8
    return $status
}

# --- the summary ---

summary() {
    awk '
    function fields(line, i, c, n, quoted) {
        n = 1; split("", f); f[1] = ""
        for (i = 1; i <= length(line); i++) {
            c = substr(line, i, 1)
            if (c == "\"" && quoted && substr(line, i + 1, 1) == "\"") { f[n] = f[n] c; i++ }
            else if (c == "\"") quoted = !quoted
            else if (c == "," && !quoted) f[++n] = ""
            else f[n] = f[n] c
        }
    }
    function percent(a, b) { return b ? sprintf("%.1f %%", 100 * a / b) : "-" }
    FNR == 1 { next }
    {
        fields($0)
        folder = f[2]; sub("/.*", "", folder)
        if (f[7] == "does not compile") { broken++; next }
        if (f[7] == "same code") { unchanged++; next }
        if (f[7] == "equivalent") { alike++; next }
        compiled[folder]++; compiled["all"]++
        if (f[7] != "survived") { killed[folder]++; killed["all"]++ }
        else survivors = survivors "  " f[1] "\n    - " f[5] "\n    + " f[6] "\n"
    }
    END {
        print "does not compile: " broken + 0 ", same object code: " unchanged + 0 ", listed as equivalent: " alike + 0
        n = split("norm ops model run all", order, " ")
        for (i = 1; i <= n; i++)
            printf "%-6s %4d compiled, %4d killed, %s\n", order[i], compiled[order[i]], killed[order[i]],
                percent(killed[order[i]], compiled[order[i]])
        if (survivors) { printf "survivors:\n%s", survivors; exit 1 }
    }' "$results"
}

# --- the run ---

if $list; then
    enumerate | choose | awk -F '\t' '{ sub(/^ +/, "", $5); sub(/^ +/, "", $6); print $1 "\n  - " $5 "\n  + " $6 }'
    exit
fi

[[ $results == /* ]] || results=$PWD/$results
mkdir -p "$(dirname "$results")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
read_equivalents
header='id,file,line,rule,before,after,result,killed_by'
if ! $resume || [[ ! -s $results ]]; then echo "$header" >"$results"; fi
sed -i '/,survived,$/d' "$results"
enumerate | choose | awk -F '\t' -v results="$results" '
    BEGIN { while ((getline line < results) > 0) { sub(/,.*/, "", line); done[line] = 1 } }
    !($1 in done)' >"$work/queue"
echo "$(wc -l <"$work/queue") mutants to run"

# The unchanged tree must pass: a test that fails anyway would kill every mutant.
mkdir "$work/1"
cp -r Makefile train.c ops norm data model run tests configs scripts sweeps docs "$work/1"
cd "$work/1"
mkdir tmp
if [[ -s $work/queue ]]; then
    for real in float double; do
        make -s -j "$jobs" "CFLAGS=$cflags" "REAL=$real" tests "build/$real/train"
    done
    while read -r name limit real words <&4; do
        [[ -n $name ]] || continue
        # shellcheck disable=SC2086
        TMPDIR=$PWD/tmp run_step "$name" "$limit" "$real" $words || {
            cat make.log test.log
            echo "mutate.sh: the unchanged tree fails $name $real" >&2
            exit 2
        }
    done 4<<<"$steps"
    cp -a build unchanged
fi
cd - >/dev/null
for ((i = 2; i <= jobs; i++)); do cp -a "$work/1" "$work/$i"; done

exec 7<"$work/queue"
for ((i = 1; i <= jobs; i++)); do
    worker "$work/$i" &
done
wait
summary
