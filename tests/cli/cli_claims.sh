#!/usr/bin/env bash
# cli_claims.sh - scripts/claims.sh: the page from the CSVs, verdicts on known differences, CSVs from runs.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# claims ARGUMENT...: the Python program of claims.sh.
claims() {
    python3 -B scripts/claims "$@"
}

# python LINE...: runs these lines with the modules of claims and report.
python() {
    PYTHONPATH=scripts/report:scripts/claims python3 -B -c "$(printf '%s\n' "$@")"
}

page_is_current() {
    scripts/claims.sh --page >"$tmp/claims.md"
    diff docs/claims.md "$tmp/claims.md" || fail "docs/claims.md differs from scripts/claims.sh --page"
    ! grep -n "not measured yet" docs/claims.md || fail "a claim has no measurement"
}

# Every part of a claim is a part of claims.sh, and so is every sweep.
parts_exist() {
    local name names
    names=$(scripts/claims.sh --list | awk '{ print $1 }')
    while read -r name; do
        grep -qx "$name" <<<"$names" || fail "there is no part $name"
    done < <(grep -oE 'claims.sh --part [a-z0-9_]+' docs/claims.md | awk '{ print $3 }' | sort -u)
    for name in sweeps/claims/*.json; do
        name=$(basename "$name" .json)
        [[ $name == base || $name == deep ]] && continue
        grep -qx "$name" <<<"$names" || fail "sweeps/claims/$name.json is not a part"
        same "folder of $name" "$(sed -n 's/.*"out": "\(.*\)".*/\1/p' "sweeps/claims/$name.json")" "runs/claims/$name"
    done
}

# placements FILE LOSS_A LOSS_B...: a CSV with losses of peri and pre, seed by seed, at one learning rate.
placements() {
    local file=$1 seed=0
    echo "run,seed,model.topology,optim.lr,val_loss" >"$file"
    shift
    while (($#)); do
        seed=$((seed + 1))
        echo "peri-$seed,$seed,peri,0.001,$1" >>"$file"
        echo "pre-$seed,$seed,pre,0.001,$2" >>"$file"
        shift 2
    done
}

# judged ARGUMENTS: "verdict mean low high" of a test of peri against pre with these ARGUMENTS of Test.
judged() {
    python "import measured, judge" "from arms import placed" "from claim import Test" "data = measured.Measured('$tmp/csv')" \
        "test = Test('t', 'val_loss', placed('peri', 1e-3), placed('pre', 1e-3), $1)" "found = judge.find(data, test)" \
        "print(found.verdict, *(f'{x:.4f}' for x in (found.interval.mean, found.interval.low, found.interval.high)))"
}

# Student's t with 4 degrees of freedom is 2.776445 at 0.975. Differences -0.2 -0.1 -0.3 -0.2 -0.2 have mean -0.2 and
# standard deviation 0.0707107, hence the interval -0.2 +- 0.0878.
verdicts_follow_from_intervals() {
    mkdir -p "$tmp/csv"
    placements "$tmp/csv/placement.csv" 0.8 1.0 0.9 1.0 0.7 1.0 0.8 1.0 0.8 1.0
    same "below" "$(judged "sign=-1")" "supported -0.2000 -0.2878 -0.1122"
    same "above" "$(judged "sign=1")" "contradicted -0.2000 -0.2878 -0.1122"
    same "within 0.3" "$(judged "within=0.3")" "supported -0.2000 -0.2878 -0.1122"
    same "within 0.25" "$(judged "within=0.25")" "not distinguishable at this scale -0.2000 -0.2878 -0.1122"
    same "within 0.1" "$(judged "within=0.1")" "contradicted -0.2000 -0.2878 -0.1122"
    same "no claim" "$(judged "sign=0")" " -0.2000 -0.2878 -0.1122"
    same "percent" "$(judged "sign=-1, as_percent=True")" "supported -20.0000 -28.7799 -11.2201"
    placements "$tmp/csv/placement.csv" 0.8 1.0 1.1 1.0 0.7 1.0 1.0 1.0 0.8 1.0
    same "across" "$(judged "sign=-1")" "not distinguishable at this scale -0.1200 -0.3240 0.0840"
    placements "$tmp/csv/placement.csv"
    same "nothing" "$(judged "sign=-1")" "not measured yet nan nan nan"
    placements "$tmp/csv/placement.csv" 0.8 1.0
    echo "peri-1,1,peri,0.001,0.7" >>"$tmp/csv/placement.csv"
    if said=$(judged "sign=-1" 2>&1); then fail "a seed twice is accepted: $said"; fi
    has "a seed twice" "$said" "two runs"
}

# `least` of one arm; a tuned arm, at the learning rate with the lowest mean; claims of several tests.
other_rules() {
    local word
    mkdir -p "$tmp/csv"
    {
        echo "run,seed,model.topology,optim.lr,val_loss"
        for seed in 1 2 3; do
            echo "a$seed,$seed,peri,0.001,$((seed + 5))"
            echo "b$seed,$seed,peri,0.01,$((seed + 2))"
            echo "c$seed,$seed,pre,0.001,$((seed + 2)).5"
        done
    } >"$tmp/csv/placement.csv"
    for word in "1 supported" "4 not distinguishable at this scale" "8 contradicted"; do
        same "at least ${word%% *}" "${word#* }" "$(python "import measured, judge" "from arms import BEST, placed" "from claim import Test" \
            "test = Test('t', 'val_loss', placed('peri', BEST), least=${word%% *})" \
            "print(judge.find(measured.Measured('$tmp/csv'), test).verdict)")"
    done
    same "tuned" "$(python "import measured, judge" "from arms import BEST, placed" "from claim import Test" \
        "found = judge.find(measured.Measured('$tmp/csv'), Test('t', 'val_loss', placed('peri', BEST), placed('pre', BEST), sign=-1))" \
        "print(found.verdict, f'{found.interval.mean:.4f}', found.rates)")" "supported -0.5000 [0.01, 0.001]"
    for word in "True S,S supported" "True S,C contradicted" "True S,O not distinguishable at this scale" "False S,C supported" \
        "False C,C contradicted" "False C,O not distinguishable at this scale"; do
        read -r every tests want <<<"$word"
        same "every $every of $tests" "$want" "$(python "import judge" "from claim import Arm, Claim, Test" \
            "words = dict(S=judge.SUPPORTED, C=judge.CONTRADICTED, O=judge.OPEN)" \
            "judge.find = lambda data, test: judge.Finding(test, None, 0, 0, [], 0, words[test.label])" \
            "tests = [Test(x, '', Arm('')) for x in '$tests'.split(',')]" \
            "print(judge.judge(None, Claim('n', 'a', 'l', 'h', tests, every=$every)).verdict)")"
    done
}

# With differences of standard deviation s in the pilot, five seeds detect (2.776445 + 0.940965) / sqrt(5) * s.
detectable_is_computed() {
    same "detectable" "$(python "import measured" "print(f'{measured.detectable([-0.2, -0.1, -0.3, -0.2, -0.2]):.5f}')")" 0.11755
}

collects_runs() {
    local run value
    for seed in 1 2; do
        for topology in pre peri; do
            toy "$topology-$seed" --topology "$topology" --seed "$seed" --set "log.dir=$tmp/part" --set log.layers_every=10 \
                --set model.n_layer=5 --set spike.threshold=0.5 --set spike.min_history=2 --lr 1e-2
        done
    done
    claims collect "$tmp/part" "$tmp/part.csv"
    same "lines" "$(wc -l <"$tmp/part.csv")" 5
    same "keys" "$(head -n 1 "$tmp/part.csv" | cut -d, -f1-4)" "run,seed,model.topology,val_loss"
    for run in pre-2 peri-1; do
        value=$(grep "^$run," "$tmp/part.csv" | cut -d, -f4)
        awk -v a="$value" -v b="$(cell "part/$run" 20 val_loss)" 'BEGIN { exit !((a / b - 1) ^ 2 < 1e-10) }' || fail "$run: $value"
        same "$run: flagged" "$(column "$run" flagged)" "$(tail -n +2 "$tmp/part/$run/spikes.csv" | cut -d, -f1 | sort -u | wc -l)"
        awk -F, '$1 == 20 && $4 == "stream" && $5 == "rest" && $3 != "mlp" && $3 != "embedding" { v[++n] = $7 }
            END { printf "%.3g\n", v[n] / v[2] }' "$tmp/part/$run/layers.csv" >"$tmp/growth"
        same "$run: growth" "$(column "$run" growth | awk '{ printf "%.3g\n", $1 }')" "$(<"$tmp/growth")"
    done
    rm "$tmp/part/pre-1/run.json"
    if said=$(claims collect "$tmp/part" "$tmp/part.csv" 2>&1); then fail "an unfinished run is collected"; fi
    has "an unfinished run" "$said" "pre-1 has no run.json"
}

# column RUN NAME: a value of the collected CSV.
column() {
    awk -F, -v run="$1" -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i } $1 == run { print $c }' "$tmp/part.csv"
}

# Of gradient norms e, 1, 1, e, 1, 1, ... a third is 1 above the median of the logarithms, in any unit.
jitter_is_relative() {
    local factor
    for factor in 1 1000; do
        mkdir -p "$tmp/jitter$factor"
        awk -v f="$factor" 'BEGIN { print "step,grad_norm"; for (i = 1; i <= 200; i++) printf "%d,%.9g\n", i, f * exp(i % 3 == 0) }' >"$tmp/jitter$factor/log.csv"
        python "import collect, runs" "from pathlib import Path" \
            "run = runs.Run(Path('$tmp/jitter$factor'), {'train.steps': 200}, {}, 'finished')" \
            "print(f'{collect.jitter_over(run, 1):.6f}')" >"$tmp/jitter$factor.txt"
    done
    diff "$tmp/jitter1.txt" "$tmp/jitter1000.txt" || fail "jitter depends on the unit"
    awk '{ exit !(($1 - sqrt(1 / 3)) ^ 2 < 1e-4) }' "$tmp/jitter1.txt" || fail "jitter: $(<"$tmp/jitter1.txt")"
}

refuses() {
    local words
    for words in "--part nothing" "--zebra" "--jobs 0" "--part"; do
        # shellcheck disable=SC2086 # words
        if said=$(scripts/claims.sh $words --list 2>&1); then fail "claims.sh $words is accepted"; fi
        same "lines of $said" "$(wc -l <<<"$said")" 1
    done
}

test_case "claims: the page is current" page_is_current
test_case "claims: parts" parts_exist
test_case "claims: verdicts follow from intervals" verdicts_follow_from_intervals
test_case "claims: other rules" other_rules
test_case "claims: detectable differences" detectable_is_computed
test_case "claims: CSVs from runs" collects_runs
test_case "claims: jitter is relative" jitter_is_relative
test_case "claims: wrong arguments" refuses
test_done
