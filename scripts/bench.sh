#!/usr/bin/env bash
# bench.sh [--quick] - how fast ./train is, as Markdown tables for docs/performance.md.
#
# The reference workloads configs/bench_*.json, then every topology and every norm that --list knows
# on workload s, each row a process of its own: ./train --bench. THREADS="1 2" makes every table once
# per number of threads (all cores otherwise); --quick takes a tenth of the steps. Nothing here is too
# slow to pass: exit 1 only where a run fails. TRAIN names another program.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

steps=100 row_steps=40
case ${1:-} in
"") ;;
--quick) steps=10 row_steps=4 ;;
*) echo "usage: bench.sh [--quick]" >&2 && exit 2 ;;
esac
TRAIN=${TRAIN:-./train}
read -ra counts <<<"${THREADS:-$(nproc)}"
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# default_of KEY: as --list keys says it.
default_of() {
    "$TRAIN" --list keys | sed -n "s/^$1 *\"\([^\"]*\)\".*/\1/p"
}

names_of() {
    "$TRAIN" --list "$1" | cut -d' ' -f1
}

head_lines() {
    local commit
    commit=$(git describe --always --dirty --exclude '*' 2>/dev/null) || commit=unknown
    echo "- date: $(date -u +%F), commit $commit, $steps steps a workload, $row_steps in the other tables"
    echo "- machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort -u | paste -sd ';'), $(nproc) cores," \
        "$(awk '/^MemTotal/ { printf "%.1f GB", $2 * 1024 / 1e9 }' /proc/meminfo)"
    "$TRAIN" --version | sed -E 's/^(compiler|flags|blas|numerics) +/- \1: /; t; d'
}

# table TITLE: its head comes with its first row, whose keys name the columns.
table() {
    printf '\n### %s, %s thread%s\n\n' "$1" "$threads" "$( ((threads == 1)) || echo s)"
    table_head=
}

# row WORKLOAD TOPOLOGY NORM STEPS: none where topology and norm do not go together.
row() {
    local config="configs/bench_$1.json" status=0 line word names values
    local words=(--config "$config" --topology "$2" --norm "$3")
    # A mistake elsewhere ends with 2 as well, so the config has to do without the pair.
    "$TRAIN" --config "$config" --describe >"$said" 2>&1 </dev/null || failed "--describe without them"
    "$TRAIN" "${words[@]}" --describe >"$said" 2>&1 </dev/null || status=$?
    if ((status == 2)); then
        echo "bench.sh: left out: topology $2, norm $3, which do not go together" >&2
        return
    fi
    ((status == 0)) || failed "--describe"
    OMP_NUM_THREADS=$threads "$TRAIN" "${words[@]}" --set "train.threads=$threads" --bench "$4" \
        >"$said" 2>&1 </dev/null || failed "--bench $4"
    names=(workload topology norm threads) values=("$1" "$2" "$3" "$threads")
    # The speeds stand in the last line, the shares of the phases in the one before.
    for line in 1 2; do
        line=$(tail -n "$line" "$said" | head -n 1)
        [[ $line =~ ^([a-z_]+=[0-9.e+-]+%?( |$))+$ ]] || failed "reading --bench $4"
        for word in $line; do names+=("${word%%=*}") values+=("${word#*=}"); done
    done
    if [[ -z $table_head ]]; then
        table_head=$(cells "${names[@]}")
        echo "$table_head"
        sed -E 's/[a-z_]+/---:/g; s/---:/---/1; s/---:/---/1; s/---:/---/1' <<<"$table_head"
    fi
    [[ $(cells "${names[@]}") == "$table_head" ]] || failed "reading other columns"
    cells "${values[@]}"
}

cells() {
    printf '|'
    printf ' %s |' "$@"
    echo
}

# failed WHAT: in the row that is being made.
failed() {
    echo "bench.sh: $config, topology ${words[3]}, norm ${words[5]}: $1 failed; it said:" >&2
    tail -n 5 "$said" >&2
    exit 1
}

topology=$(default_of model.topology) norm=$(default_of model.norm)
mapfile -t topologies < <(names_of topologies)
mapfile -t norms < <(names_of norms)
[[ -n $topology && -n $norm && ${#topologies[@]} -gt 0 && ${#norms[@]} -gt 0 ]] ||
    { echo "bench.sh: $TRAIN --list says no topologies or norms" >&2 && exit 1; }

head_lines
for threads in "${counts[@]}"; do
    table "Workloads"
    for workload in xs s m; do row $workload "$topology" "$norm" "$steps"; done
    for name in post pre peri; do row deep $name "$norm" "$steps"; done
    table "Topologies, workload s"
    for name in "${topologies[@]}"; do row s "$name" "$norm" "$row_steps"; done
    table "Norms, workload s"
    for name in "${norms[@]}"; do row s "$topology" "$name" "$row_steps"; done
done
