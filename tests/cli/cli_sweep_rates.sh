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

# known NAME ENDING LOSS...: a run folder with these validation losses at steps 0, 5, 10 and 30.
known() {
    local step=(0 5 10 30) i
    mkdir -p "$tmp/known/$1"
    echo '{"train": {"steps": 30}}' >"$tmp/known/$1/config.json"
    case $2 in
    stopped) echo '{"summary": {"exit_code": 75, "steps": 10}}' ;;
    done) echo '{"summary": {"exit_code": 0, "steps": 30}}' ;;
    diverged) echo '{"summary": {"exit_code": 5, "steps": 7, "diverged": true}}' ;;
    esac >"$tmp/known/$1/run.json"
    echo step,val_loss >"$tmp/known/$1/log.csv"
    for ((i = 0; i < $# - 2; i++)); do echo "${step[i]},${*:i+3:1}"; done >>"$tmp/known/$1/log.csv"
}

# stops RUN:ARM:RATE...: the runs that halving.py stops at step 10.
stops() {
    local run
    for run in "$@"; do echo "$run:10" | tr : '\t'; done | python3 -B scripts/sweep halve "$tmp/known" | cut -f 1 | paste -sd ' '
}

# The neighbours of the best go on although their losses are the highest; losses after a third do not count.
halving_follows_its_rules() {
    known a stopped 5 4 2.0
    known b stopped 5 4 3.9
    known c "done" 5 4 2.1 1.0
    known d stopped 5 4 2.2
    known e stopped 5 4 2.3
    known f stopped 5 4 1.5
    known g diverged 5
    known h stopped 5 4.9 4.8
    known i stopped 5
    same "lower half and neighbours" "$(stops a:x:1 b:x:2 c:x:3 d:x:4 e:x:5)" "e"
    same "the last loss up to a third" "$(stops a:x:1 b:x:2 c:x:3 d:x:4 f:x:5)" "b"
    same "means of seeds" "$(stops a:x:1 b:x:1 e:x:2 d:x:3 f:x:4)" "a b e"
    same "diverged" "$(stops a:x:1 d:x:2 g:x:3 e:x:3)" "e"
    same "an arm" "$(stops a:x:1 e:x:2 h:y:1 h:y:2)" "h h"
    same "an unknown loss" "$(stops a:x:1 b:x:2 i:x:3 d:x:4 e:x:5)" ""
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
    local added args=(--grid "model.topology=pre,peri" --seeds 2 --jobs 2 --set train.steps=200
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
    test_case "sweep: the rules of --halving" halving_follows_its_rules
    test_case "sweep: --halving needs a validation" halving_needs_a_validation
    test_case "sweep: --refine adds rates around the best" refining_adds_rates
else
    echo "note: skipped: no python3"
fi
test_done
