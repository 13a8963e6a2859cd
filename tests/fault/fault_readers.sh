#!/usr/bin/env bash
# fault_readers.sh - --sample, --eval, report.sh and plot.sh on a run that replaces its only checkpoint
# at every step: each of READS=20 works.
#
# The readers are traced, which makes them slow: checkpoints that they have listed disappear.
source "$(dirname "$0")/../lib/faults.sh"
READS=${READS:-20}

# begin: starts the writer; sets $writer.
begin() {
    config=$tmp/live.json
    cat >"$config" <<JSON
{
  "extends": "$tmp/run.json",
  "train": {"steps": 100000000, "eval_every": 0, "checkpoint_every": 1, "keep": 1}
}
JSON
    local words
    rm -rf "$runs/a"
    command_of "$runs/a"
    "${words[@]}" >"$tmp/live" 2>&1 </dev/null &
    writer=$!
    until [[ -e $runs/a/checkpoints/latest ]]; do
        kill -0 "$writer" 2>/dev/null || fail "the run ended: $(<"$tmp/live")"
        sleep 0.02
    done
}

# end: the writer was not disturbed.
end() {
    kill -0 "$writer" || fail "the run ended: $(tail -n 1 "$tmp/live")"
    kill -TERM "$writer"
    wait "$writer" || true
    ! grep -q 'warning: cannot' "$tmp/live" || fail "the run warned: $(grep -m 1 warning "$tmp/live")"
}

stored_model() {
    local i mode writer
    begin
    for ((i = 0; i < READS; i++)); do
        for mode in "--sample $runs/a --prompt a --tokens 1" "--eval $runs/a"; do
            # shellcheck disable=SC2086 # several words
            outcome timeout -k 1 60 "$tools/fault" --under "$runs" --all "$TRAIN" $mode
            ((status == 0)) || fail "train $mode, $i: status $status: $said"
            [[ $said != *skipping* ]] || fail "train $mode, $i: $said"
        done
    done
    end
    echo "note: $((2 * READS)) of $((2 * READS)) reads of a checkpoint that is being replaced"
}

scripts_read() {
    local i writer
    begin
    for ((i = 0; i < 3; i++)); do
        outcome scripts/report.sh "$runs/a" --out "$tmp/report.html"
        # A run that has not ended is left out, with a message.
        ((status == 3)) || fail "report.sh, $i: status $status: $said"
        has "report.sh" "$said" "still running"
        if command -v gnuplot >/dev/null; then
            outcome scripts/plot.sh "$runs/a"
            ((status == 0)) || fail "plot.sh, $i: status $status: $said"
        fi
    done
    end
}

test_case "a stored model beside its run" stored_model
test_case "report and plot beside a run" scripts_read
test_done
