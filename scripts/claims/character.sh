# shellcheck shell=bash
# character.sh - for the parts of claims.sh that train nanoGPT's character model: one run, many at a time.
#
# A run adds a line to the CSV when it ends. Runs in that file are not repeated,
# and a run that was stopped is resumed, so a part can be stopped at any time and started again.

settings=(--threads 1 --set train.eval_every=2000 --set train.eval_rows=1742)
failed=0

# begin_part RUNS CSV JOBS QUICK TEXT COLUMNS: makes the folder RUNS and the header of CSV. With QUICK, runs of 9 steps on
# the built-in text.
begin_part() {
    runs=$1 csv=$2 jobs=$3 text=$5
    if [[ -n $4 ]]; then
        text=builtin:stories
        settings=(--threads 1 --set data.vocab=bytes --steps 9 --set train.eval_every=3 --set train.eval_rows=8 --set train.batch=2)
    fi
    [[ -n $text ]] || { echo "$(basename "$0" .sh): needs --text tinyshakespeare.txt" >&2 && exit 2; }
    mkdir -p "$runs"
    [[ -e $csv ]] || echo "$6" >"$csv"
}

# character NAME CELLS OPTION...: trains a run; its line is CELLS, its loss. A run that diverged has the loss of uniform
# predictions, as in other parts.
character() {
    local name=$1 cells=$2 status=0
    ! grep -qF "$cells," "$csv" || return 0
    nice -n 19 ./train --config configs/nanogpt_char.json --set "data.train=$text" "${settings[@]}" "${@:3}" \
        --run-dir "$runs/$name" --resume >"$runs/$name.txt" 2>&1 || status=$?
    ((status == 0 || status == 5)) || { echo "$name ended with $status: $(tail -n 1 "$runs/$name.txt")" >&2 && return 1; }
    awk -F, -v cells="$cells" -v status="$status" '$4 != "" { loss = $4 }
        END { print cells "," (status ? log(256) : loss) }' "$runs/$name/log.csv" >>"$csv"
    rm -r "${runs:?}/$name" "$runs/$name.txt"
}

# in_turn COMMAND...: starts it in the background once fewer than $jobs are running.
in_turn() {
    while (($(jobs -rp | wc -l) >= jobs)); do wait -n || failed=1; done
    "$@" &
}

# end_part: waits for the last runs. The status is 1 if one of them failed.
end_part() {
    while (($(jobs -rp | wc -l))); do wait -n || failed=1; done
    exit "$failed"
}
