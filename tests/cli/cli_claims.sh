#!/usr/bin/env bash
# cli_claims.sh - scripts/claims.sh: verdicts from the CSVs, verdicts on known differences, log of deviations, CSVs from runs.
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

verdicts_are_what_the_csvs_say() {
    scripts/claims.sh --verdicts >"$tmp/verdicts.json"
    diff docs/claims/verdicts.json "$tmp/verdicts.json" || fail "docs/claims/verdicts.json is not what scripts/claims.sh --verdicts prints"
    ! grep -n "Not measured" docs/claims/verdicts.json || fail "a claim has no measurement"
    ! grep -n '"text": "Stale' docs/claims/verdicts.json || fail "a sentence of advice is written for another verdict"
}

# Every part of a claim is a part of claims.sh, and so is every sweep.
parts_exist() {
    local name names
    names=$(scripts/claims.sh --list | awk '{ print $1 }')
    while read -r name; do
        grep -qx "$name" <<<"$names" || fail "there is no part $name"
    done < <(grep -oE '"part": "[a-z0-9_]+"' docs/claims/verdicts.json | cut -d '"' -f 4 | sort -u)
    for name in sweeps/claims/*.json; do
        name=$(basename "$name" .json)
        [[ $name == base || $name == deep ]] && continue
        grep -qx "$name" <<<"$names" || fail "sweeps/claims/$name.json is not a part"
        same "folder of $name" "$(sed -n 's/.*"out": "\(.*\)".*/\1/p' "sweeps/claims/$name.json")" "runs/claims/$name"
    done
}

# placements LOSS_A LOSS_B...: losses of peri and pre, seed by seed, at one rate.
placements() {
    local file=$tmp/csv/placement.csv seed=0
    mkdir -p "$tmp/csv"
    echo "run,seed,model.topology,optim.lr,val_loss,flagged" >"$file"
    while (($#)); do
        seed=$((seed + 1))
        echo "peri-$seed,$seed,peri,0.001,$1,$1" >>"$file"
        echo "pre-$seed,$seed,pre,0.001,$2,$2" >>"$file"
        shift 2
    done
}

# judged KIND ARGUMENTS: "verdict estimate low high" of peri against pre, at 95 %.
judged() {
    python "import measured, estimate, judge" "from claim import Test" "from arms import placed" \
        "test = Test('$1', 't', placed('peri', 1e-3), placed('pre', 1e-3), $2)" \
        "found = estimate.evaluate(measured.Measured('$tmp/csv'), test).result" \
        "print(judge.decide(test, found)[0], *(f'{x:.4f}' for x in (found.estimate, *found.interval(0.05))))"
}

# Student's t of 4 degrees of freedom is 2.776445 at 0.975. Differences -0.2 -0.1 -0.3 -0.2 -0.2 have the mean -0.2 and
# the standard deviation 0.0707107, hence -0.2 +- 0.0878 at 95 %, +- 0.1216 at the level of five seeds, 0.018, and +- 0.0674
# at 90 %; the two one-sided tests at 0.018 need +- 0.0978.
verdicts_follow_from_intervals() {
    local equal="no difference above the margin" at="-0.2000 -0.2878 -0.1122"
    placements 0.8 1.0 0.9 1.0 0.7 1.0 0.8 1.0 0.8 1.0
    same "below" "$(judged equal "direction='below'")" "holds $at"
    same "above" "$(judged equal "direction='above'")" "fails $at"
    same "margin 0.07" "$(judged equal "direction='below', margin=0.07")" "holds $at"
    same "margin 0.09, in the interval of the look" "$(judged equal "direction='below', margin=0.09")" "undecided $at"
    same "margin 0.26" "$(judged equal "direction='below', margin=0.26")" "undecided $at"
    same "margin 0.27, which the 90 % interval does not reach" "$(judged equal "direction='below', margin=0.27")" "undecided $at"
    same "margin 0.31" "$(judged equal "direction='below', margin=0.31")" "$equal $at"
    same "equal, margin 0.31" "$(judged equal "direction='equal', margin=0.31")" "holds $at"
    same "equal, margin 0.05" "$(judged equal "direction='equal', margin=0.05")" "fails $at"
    same "at least -0.4" "$(judged equal "direction='least', bound=-0.4")" "holds $at"
    same "at least -0.3" "$(judged equal "direction='least', bound=-0.3")" "undecided $at"
    same "at least 0" "$(judged equal "direction='least', bound=0.0")" "fails $at"
    placements 0.8 1.0
    echo "peri-1,1,peri,0.001,0.7,1" >>"$tmp/csv/placement.csv"
    if said=$(judged equal "" 2>&1); then fail "a seed twice is accepted: $said"; fi
    has "a seed twice" "$said" "two runs"
}

# Three events against one decide nothing, and neither do 5 failures of 5 against 2; 5 against 0 do.
rare_events_decide_little() {
    placements 0 1 1 0 0 2 0 0 0 0
    has "1 event against 3" "$(judged counts "'flagged', margin='counts'")" "undecided -1.0986"
    placements 1 4 1 4 1 4 1 1 1 1
    has "2 failures against 5" "$(judged failures "direction='below'")" "undecided -0.6000"
    placements 1 4 1 4 1 4 1 4 1 4
    has "0 failures against 5" "$(judged failures "direction='below'")" "holds -1.0000"
}

# Benjamini-Hochberg at 5 %: of five p values the third is the last one at or below its rank times 0.01.
the_family_is_controlled() {
    same "the largest p that passes" "$(python "import judge" "print(judge.passing([0.9, 0.001, 0.03, 0.012, 0.2]))")" 0.03
    same "none" "$(python "import judge" "print(judge.passing([0.06, 0.5]))")" -1.0
}

# A part whose positive control fails judges nothing, and an optimum at the edge of the grid decides nothing.
controls_and_edges_forbid_verdicts() {
    local seed rate
    same "a failed control" "$(python "import judge, measured" "from claims import CLAIMS" "from controls import Check" \
        "claim = next(claim for claim in CLAIMS if claim.id == 'char')" \
        "checks = {'nanogpt_char': [Check('c', 'positive', False, '', {})]}" \
        "print(judge.judge(measured.Measured('docs/claims'), claim, checks).verdict)")" undecided
    {
        echo "run,seed,model.topology,optim.lr,val_loss"
        for seed in 1 2 3 4 5; do
            for rate in 1 2 4; do
                echo "a$rate$seed,$seed,peri,0.00$rate,$((4 - rate / 2)).0$seed"
                echo "b$rate$seed,$seed,pre,0.00$rate,$((rate == 2 ? 1 : 2)).0$seed"
            done
        done
    } >"$tmp/csv/placement.csv"
    same "an optimum at the edge" "$(python "import judge, measured" "from claim import Claim, Test" "from arms import placed" \
        "claim = Claim('x', 'own', '', '', primary=Test('tuned', 't', placed('peri'), placed('pre')))" \
        "found = judge.judge(measured.Measured('$tmp/csv'), claim, {})" "print(found.verdict, '|', found.why)")" \
        "undecided | The best rate of an arm is at the edge of its grid."
}

# commit DATE SUBJECT: of the scratch repository.
commit() {
    git -C "$tmp/scratch" add -A
    GIT_AUTHOR_DATE="$1T12:00:00Z" GIT_COMMITTER_DATE="$1T12:00:00Z" git -C "$tmp/scratch" -c user.name=a -c user.email=a@b.c \
        commit -qm "$2"
}

# plan TEXT ARGUMENTS: a plan with one claim.
plan() {
    cp scripts/claims/claim.py "$tmp/scratch/scripts/claims/claim.py"
    printf '%s\n' "from claim import Arm, Claim, Test" "A, B = Arm('spikes', {'arm': 'a'}), Arm('spikes', {'arm': 'b'})" \
        "CLAIMS = [Claim('some-claim', 'own', '$1', '', primary=Test('equal', 't', A, B, $2))]" >"$tmp/scratch/scripts/claims/claims.py"
}

# A change of the plan shows in the log if results were there, and only then; a change of words never does.
changed_plans_are_logged() {
    command -v git >/dev/null || { echo "note: skipped the log of plans: no git" && return; }
    mkdir -p "$tmp/scratch/scripts/claims" "$tmp/scratch/docs/claims"
    git -C "$tmp/scratch" init -q
    plan "words" "metric='val_loss'" && commit 2026-01-01 "plan"
    plan "words" "metric='val_third'" && commit 2026-01-02 "change before results"
    echo "run,seed" >"$tmp/scratch/docs/claims/spikes.csv" && commit 2026-01-03 "results"
    plan "other words" "metric='val_third'" && commit 2026-01-04 "change of words"
    plan "other words" "metric='flagged', margin=0.5" && commit 2026-01-05 "change after results"
    said=$(python "import deviations" "sys = __import__('sys')" "sys.stdout.write(deviations.page('$tmp/scratch'))" | grep '^| 2026')
    same "the log" "$said" \
        "| 2026-01-05 | change after results | some-claim | 1 test removed; 1 test added; val_third became flagged | spikes |"
}

# The committed log is what the history says, where the history is there.
deviations_are_what_git_says() {
    git cat-file -e 1559dd207928cbf7a231dda93e3f9d4703969d76 2>/dev/null || return 0
    scripts/claims.sh --deviations >"$tmp/deviations.md"
    diff docs/claims/deviations.md "$tmp/deviations.md" || fail "docs/claims/deviations.md is not what scripts/claims.sh --deviations prints"
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

test_case "claims: verdicts.json is what the CSVs say" verdicts_are_what_the_csvs_say
test_case "claims: parts" parts_exist
test_case "claims: verdicts follow from intervals" verdicts_follow_from_intervals
test_case "claims: rare events decide little" rare_events_decide_little
test_case "claims: Benjamini-Hochberg" the_family_is_controlled
test_case "claims: failed controls and edges of the grid" controls_and_edges_forbid_verdicts
test_case "claims: a plan changed after results is logged" changed_plans_are_logged
test_case "claims: the log of deviations is what git says" deviations_are_what_git_says
test_case "claims: CSVs from runs" collects_runs
test_case "claims: jitter is relative" jitter_is_relative
test_case "claims: wrong arguments" refuses
test_done
