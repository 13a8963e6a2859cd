#!/usr/bin/env bash
# cli_sweep_rates.sh - scripts/sweep.sh --halving and --refine: which runs stop at a third, which rates are added.
set -euo pipefail
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm
source "$(dirname "$0")/../lib/cli.sh"
source tests/lib/sweep.sh

grid=(--grid "optim.lr=1e-4,1e-3,4e-3,1.6e-2,6.4e-2" --set optim.warmup_steps=2 --set train.steps=40
    --set train.eval_every=4 --seeds 2 --jobs 2)

# names_with STATE: the runs of the table in that state, sorted.
names_with() {
    sed -n '/^run /,/^$/p' <<<"$out" | awk -v state="$1" '$4 == state { print $1 }' | sort
}

halving_stops_at_a_third() {
    local arms=(--grid "optim.warmup_steps=2,5000") want run
    grid=("${grid[@]/optim.warmup_steps=2/optim.min_lr_ratio=0.1}")
    sweep 0 "${arms[@]}" "${grid[@]}" --halving --out "$tmp/halved" "$tmp/toy.json"
    want=$(python3 -B tests/lib/sweep_choices.py stopped "$tmp/halved" warmup_steps2 warmup_steps5000 | sort)
    same "stopped" "$(names_with stopped)" "$want"
    same "those of an arm" "$(grep -c warmup_steps5000 <<<"$want")" 10
    grep -q warmup_steps2- <<<"$want" || fail "no rate of the other arm stopped: $want"
    has "reason" "$said" "warmup_steps5000-lr1e-3-s1 stops at a third: its arm learned less than half as much as"
    for run in $want; do same "$run" "$(tail -1 "$tmp/halved/$run/log.csv" | cut -d, -f1)" 13; done
    same "sweep.json" "$(grep -o '"warmup[^"]*": {' "$tmp/halved/sweep.json" | tr -d '": {' | sort)" "$want"
    # Runs that went on are those of a sweep without --halving, to the bit.
    sweep 0 --grid optim.warmup_steps=2 "${grid[@]}" --out "$tmp/straight" "$tmp/toy.json"
    for run in $(comm -23 <(cd "$tmp/halved" && printf '%s\n' */ | tr -d / | sort) <(echo "$want")); do
        same_run "halved/$run" "straight/$run"
    done
    # Again: nothing is trained. The report names what was stopped, and no arm has such a rate.
    run=$(stat -c '%n %y' "$tmp"/halved/*/*.{csv,json})
    sweep 0 "${arms[@]}" "${grid[@]}" --halving --out "$tmp/halved" "$tmp/toy.json"
    has "states" "$said" " $(wc -l <<<"$want") stopped at a third, 0 diverged, 0 unfinished, 0 new"
    same "files" "$(stat -c '%n %y' "$tmp"/halved/*/*.{csv,json})" "$run"
    scripts/report.sh "$tmp/halved" >"$tmp/said"
    has "report" "$(<"$tmp/said")" "Stopped at a third of their steps, and in no comparison: warmup_steps 2 at lr 1e-4, "
    same "left out" "$(grep -c 'was stopped at a third of its steps by --halving: its' "$tmp/halved/report.md")" "$(wc -l <<<"$want")"
    if sed -n '/^| arm /,/^$/p' "$tmp/halved/report.md" | grep 5000; then fail "an arm that was stopped is compared"; fi
    # Without --halving all of them go on.
    sweep 0 "${arms[@]}" "${grid[@]}" --out "$tmp/halved" "$tmp/toy.json"
    same "stopped" "$(names_with stopped)" ""
    scripts/report.sh "$tmp/halved" >"$tmp/said"
    [[ $(<"$tmp/said") != *"Stopped at a third"* ]] || fail "runs that went on are marked: $(<"$tmp/said")"
}

halving_needs_a_validation() {
    sweep 2 "${grid[@]}" --set train.eval_every=14 --halving --out "$tmp/none" "$tmp/toy.json"
    has "message" "$said" "--halving needs a validation in the first third of lr1e-4-s1, 13 steps"
    sweep 0 --dry-run "${grid[@]}" --set train.eval_every=13 --halving --out "$tmp/none" "$tmp/toy.json"
}

# refined RATES COMMAND...: the rates that a sweep with these rates and --refine adds, as "ARM RATE".
refined() {
    local before after
    sweep 0 "${@:2}" --grid "optim.lr=$1"
    before=$(ls "$tmp/refined")
    python3 -B tests/lib/sweep_choices.py rates "$tmp/refined" pre peri | sort >"$tmp/want"
    sweep 0 "${@:2}" --grid "optim.lr=$1" --refine
    after=$(ls "$tmp/refined")
    comm -13 <(echo "$before") <(echo "$after") | sed -nE 's/^(p[a-z]*)-lr([0-9.e-]*)-s[12]$/\1 \2/p' |
        awk '{ printf "%s %.3g\n", $1, $2 }' | sort | uniq -c | awk '{ print $2, $3, $1 }'
}

refining_adds_rates() {
    local added args=(--grid "model.topology=pre,peri" --seeds 2 --jobs 2 --set train.steps=100
        --set optim.warmup_steps=2 --out "$tmp/refined" "$tmp/toy.json")
    added=$(refined 1e-3,3e-2,1 "${args[@]}")
    same "half-way rates" "$(wc -l <"$tmp/want")" 4
    same "both seeds of the half-way rates" "$added" "$(sed 's/$/ 2/' "$tmp/want")"
    added=$(stat -c '%n %y' "$tmp"/refined/*/*.{csv,json})
    sweep 0 "${args[@]}" --grid optim.lr=1e-3,3e-2,1 --refine
    same "files of a repeated sweep" "$(stat -c '%n %y' "$tmp"/refined/*/*.{csv,json})" "$added"
    scripts/report.sh "$tmp/refined" >/dev/null
    same "runs in the report" "$(grep -cE '^\| (pre|peri) lr .*\[log.csv\]' "$tmp/refined/report.md")" 20
    # The best of these is the highest: one more, until it is enclosed.
    rm -r "$tmp/refined"
    added=$(refined 5e-3,3e-2 "${args[@]}")
    for arm in pre peri; do
        has "beyond the edge" "$added" "$arm $(awk -v arm="$arm" '$1 == arm { print $2 }' "$tmp/want") 2"
        same "best of $arm" "$(python3 -B tests/lib/sweep_choices.py rates "$tmp/refined" "$arm" | wc -l)" 2
    done
    sweep 2 "${args[@]}" --refine
    has "no rates" "$said" "--refine needs two learning rates in the grid"
}

if command -v python3 >/dev/null; then
    test_case "sweep: --halving stops runs at a third" halving_stops_at_a_third
    test_case "sweep: --halving needs a validation" halving_needs_a_validation
    test_case "sweep: --refine adds rates around the best" refining_adds_rates
else
    echo "note: skipped: no python3"
fi
test_done
