#!/usr/bin/env bash
# bench.sh [--quick] [PART...] - measures the speed of ./train, as Markdown tables for docs/performance.md.
#
#     tables  the workloads configs/bench_*.json, then every topology and every norm of --list on
#             workload s; each line is a ./train --bench of its own
#     growth  time over context, depth and batch size
#     pairs   Peri-LN against Pre-LN and RMSNorm against LayerNorm, in alternating steps of one process
#     norms   the norms compared with the memory bandwidth
#     compared
#             ./train and PyTorch in both precisions (bench_torch.py) on workloads xs, s and m: measures again what
#             docs/performance/compared.jsonl contains, and writes the first table of docs/performance.md; with
#             --quick only prints it. PYTHON is an interpreter with PyTorch
#
# Without a PART, all but compared. THREADS="1 2" repeats the tables for each number of threads (default: all cores);
# --quick runs a tenth of the steps; TRAIN is the program (./train). No speed is a failure: the exit code
# is 1 only if a run fails.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.."

steps=100 line_steps=40 pairs=40
if [[ ${1:-} == --quick ]]; then
    steps=10 line_steps=4 pairs=4
    shift
fi
(($#)) || set -- tables growth pairs norms
for part in "$@"; do
    [[ $part =~ ^(tables|growth|pairs|norms|compared)$ ]] ||
        wrong "a PART is tables, growth, pairs, norms or compared, not \"$part\""
done
TRAIN=${TRAIN:-./train}
read -ra counts <<<"${THREADS:-$(nproc)}"
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# default_of KEY: its default in --list keys.
default_of() {
    "$TRAIN" --list keys | sed -n "s/^$1 *\"\([^\"]*\)\".*/\1/p"
}

names_of() {
    "$TRAIN" --list "$1" | cut -d' ' -f1
}

head_lines() {
    local commit
    commit=$(git describe --always --dirty --exclude '*' 2>/dev/null) || commit=unknown
    echo "- date: $(date -u +%F), commit $commit, $steps steps a workload, $line_steps in the other tables"
    echo "- machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort -u | paste -sd ';'), $(nproc) cores," \
        "$(awk '/^MemTotal/ { printf "%.1f GB", $2 * 1024 / 1e9 }' /proc/meminfo)"
    "$TRAIN" --version | sed -E 's/^(compiler|flags|blas|numerics) +/- \1: /; t; d'
}

# table TITLE: the header is printed with the first line, whose keys are the columns.
table() {
    printf '\n### %s, %s thread%s\n\n' "$1" "$threads" "$( ((threads == 1)) || echo s)"
    table_head=
}

# line WORKLOAD TOPOLOGY NORM STEPS: nothing for a topology and a norm that exclude each other.
line() {
    local config="configs/bench_$1.json" status=0 i word printed names values
    local words=(--config "$config" --topology "$2" --norm "$3")
    # Other errors have exit code 2 as well, so the config must be valid without the pair.
    "$TRAIN" --config "$config" --describe >"$said" 2>&1 </dev/null || failed "--describe without them"
    "$TRAIN" "${words[@]}" --describe >"$said" 2>&1 </dev/null || status=$?
    if ((status == 2)); then
        echo "bench.sh: left out: topology $2, norm $3, which exclude each other" >&2
        return
    fi
    ((status == 0)) || failed "--describe"
    OMP_NUM_THREADS=$threads "$TRAIN" "${words[@]}" --set "train.threads=$threads" --bench "$4" \
        >"$said" 2>&1 </dev/null || failed "--bench $4"
    names=(workload topology norm threads) values=("$1" "$2" "$3" "$threads")
    # The last line has the speeds, the one before the fraction of each phase.
    for i in 1 2; do
        printed=$(tail -n "$i" "$said" | head -n 1)
        [[ $printed =~ ^([a-z_]+=[0-9.e+-]+%?( |$))+$ ]] || failed "reading --bench $4"
        for word in $printed; do names+=("${word%%=*}") values+=("${word#*=}"); done
    done
    if [[ -z $table_head ]]; then
        table_head=$(cells "${names[@]}")
        echo "$table_head"
        sed -E 's/[a-z_]+/---:/g; s/---:/---/1; s/---:/---/1; s/---:/---/1' <<<"$table_head"
    fi
    [[ $(cells "${names[@]}") == "$table_head" ]] || failed "reading other columns"
    cells "${values[@]}"
}

# figure KEY: its value in the output of --bench.
figure() {
    tail -n 2 "$said" | tr ' ' '\n' | sed -n "s/^$1=\([0-9.]*\).*/\1/p"
}

# growth_of TITLE KEY VALUE...: a small model over the values of a key. The tokens of a step are the same
# for every context, so that only attention grows with it.
growth_of() {
    local title=$1 key=$2 value batch tokens config=configs/bench_s.json
    shift 2
    printf '\n### %s\n\n| %s | tokens | ms per step | us per token | attention, us per token |\n|---:|---:|---:|---:|---:|\n' \
        "$title" "$key"
    for value in "$@"; do
        batch=4
        [[ $key == model.context ]] && batch=$((4096 / value))
        [[ $key == train.batch ]] && batch=$value
        local words=(--set model.n_layer=4 --set model.d_model=256 --set model.n_head=8 --set model.context=128
            --set "train.batch=$batch" --set "$key=$value")
        "$TRAIN" --config "$config" "${words[@]}" --bench "$line_steps" >"$said" 2>&1 </dev/null ||
            { tail -n 5 "$said" >&2 && exit 1; }
        tokens=$((batch * 128))
        [[ $key == model.context ]] && tokens=4096
        awk -v value="$value" -v tokens="$tokens" -v ms="$(figure ms_per_step)" -v percent="$(figure attention)" 'BEGIN {
            printf "| %d | %d | %.1f | %.2f | %.2f |\n", value, tokens, ms, 1e3 * ms / tokens, 10 * ms * percent / tokens }'
    done
}

# pairs_of WORKLOAD SET SET: the second against the first.
pairs_of() {
    build/float/tests/bench/bench_pairs "configs/bench_$1.json" "$pairs" "$2" "$3" 2>/dev/null | sed "s/^|/| $1 |/"
}

cells() {
    printf '|'
    printf ' %s |' "$@"
    echo
}

# failed WHAT: while measuring the current line.
failed() {
    echo "bench.sh: $config, topology ${words[3]}, norm ${words[5]}: $1 failed; its output:" >&2
    tail -n 5 "$said" >&2
    exit 1
}

tables() {
    local topology norm topologies norms threads workload name
    topology=$(default_of model.topology) norm=$(default_of model.norm)
    mapfile -t topologies < <(names_of topologies)
    mapfile -t norms < <(names_of norms)
    [[ -n $topology && -n $norm && ${#topologies[@]} -gt 0 && ${#norms[@]} -gt 0 ]] ||
        { echo "bench.sh: $TRAIN --list prints no topologies or norms" >&2 && exit 1; }
    for threads in "${counts[@]}"; do
        table "Workloads"
        for workload in xs s m; do line $workload "$topology" "$norm" "$steps"; done
        for name in post pre peri; do line deep $name "$norm" "$steps"; done
        table "Topologies, workload s"
        for name in "${topologies[@]}"; do line s "$name" "$norm" "$line_steps"; done
        table "Norms, workload s"
        for name in "${norms[@]}"; do line s "$topology" "$name" "$line_steps"; done
    done
}

growth() {
    growth_of "Context, 4 blocks of width 256" model.context 64 128 256 512 1024 2048
    growth_of "Depth, width 256, sequences of 128" model.n_layer 2 4 8 16 32 64 96
    growth_of "Batch, 4 blocks of width 256, sequences of 128" train.batch 1 2 4 8 16 32
}

pairs() {
    local workload
    printf '\n### Pairs of steps, %s each: B against A\n\n' "$pairs"
    echo '| workload | A | B | ms A | ms B | B / A | 95 % interval |'
    echo '|---|---|---|---:|---:|---:|---|'
    for workload in s m; do
        pairs_of $workload model.topology=pre model.topology=peri
        pairs_of $workload model.norm=layernorm model.norm=rmsnorm
    done
}

norms() {
    printf '\n### Norms on arrays larger than the cache\n\n'
    build/float/tests/bench/bench_norm
}

# The output of bench_torch.py goes to stderr: it takes minutes. llm.c was measured by hand.
compared() {
    local measured=docs/performance/compared.jsonl page=(--write docs/performance.md)
    local words=(--train "$TRAIN" ${PYTHON:+--python "$PYTHON"})
    if ((steps < 100)); then
        page=() words+=(--rounds 1 --steps 5)
        measured=$said
    fi
    scripts/bench_torch.py "${words[@]}" --json "$measured" >&2
    python3 -B scripts/bench_torch/table.py "${page[@]}" "$measured" docs/performance/llmc.jsonl
}

head_lines
for part in "$@"; do "$part"; done
