#!/usr/bin/env bash
# cli_report.sh - scripts/report.sh: numbers from the logs, verdicts on known differences, error messages.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# report ARGUMENT...: runs report.sh; sets $said to its output.
report() {
    said=$(scripts/report.sh "$@" 2>&1) || fail "report.sh $*: $said"
}

# refused CODE PART ARGUMENT...: report.sh exits with CODE and a one-line message that contains PART.
refused() {
    local got=0
    said=$(scripts/report.sh "${@:3}" 2>&1) || got=$?
    same "exit code of report.sh ${*:3}: $said" "$got" "$1"
    has "report.sh ${*:3}" "$said" "$2"
    same "lines of \"$said\"" "$(wc -l <<<"$said")" 1
}

# fake FOLDER TOPOLOGY SEED LOSS [SUMMARY]: a run of 10 steps with that final validation loss;
# SUMMARY is added to the summary in run.json.
fake() {
    local run=$tmp/$1
    mkdir -p "$run"
    printf '{"name": "%s", "model": {"topology": "%s", "norm": "rmsnorm"}, "train": {"steps": 10, "seed": %s}}\n' \
        "$1" "$2" "$3" >"$run/config.json"
    printf '{"data": {"entropy_floor": 0.5}, "summary": {"steps": 10, "exit_code": 0, "diverged": false,
        "grad_spikes": 1, "loss_spikes": 0, "val_loss": %s %s}}\n' "$4" "${5:-}" >"$run/run.json"
    printf 'step,train_loss,val_loss\n0,,5\n10,%s,%s\n' "$4" "$4" >"$run/log.csv"
}

# fakes FOLDER TOPOLOGY LOSS...: runs with seeds 1, 2, ...
fakes() {
    local seed=0 loss
    for loss in "${@:3}"; do
        seed=$((seed + 1))
        fake "$1/$2-$seed" "$2" "$seed" "$loss"
    done
}

# row FILE TITLE LABEL: the row that starts with LABEL in the table below "## TITLE" of a report.md.
row() {
    awk -v title="## $2" -v start="| $3 |" '/^## / { inside = $0 == title } inside && index($0, start) == 1' "$1"
}

toy_sweep() {
    local topology seed
    for topology in pre peri; do
        for seed in 1 2; do
            toy "$topology-$seed" --topology "$topology" --seed "$seed" --set "log.dir=$tmp/sweep"
        done
    done
}

# final COLUMN RUN...: the mean of the last values of the runs.
final() {
    local column=$1 run
    shift
    for run in "$@"; do cell "sweep/$run" 20 "$column"; done | awk '{ sum += $1 } END { printf "%.4f", sum / NR }'
}

numbers_come_from_the_logs() {
    local topology line
    toy_sweep
    report "$tmp/sweep"
    has "closing line" "$said" "report: $tmp/sweep/report.html and $tmp/sweep/report.md"
    for topology in pre peri; do
        line=$(row "$tmp/sweep/report.md" Results "$topology")
        has "final val loss of $topology" "$line" "| $topology | 2 | $(final val_loss "$topology"-{1,2}) ± "
        has "train loss of $topology" "$line" "| $(final train_loss "$topology"-{1,2}) | 0.00 | 0.00 | 0 |"
    done
    same "runs in the list" "$(grep -c '| finished |' "$tmp/sweep/report.md")" 4
    has "link" "$(row "$tmp/sweep/report.md" Runs peri)" "[log.csv](peri-2/log.csv)"
    has "sections" "$(grep '<h2>' "$tmp/sweep/report.html")" "<h2>Loss</h2>"
    has "equations" "$(<"$tmp/sweep/report.md")" \
        "$(sed -n 's/.*"\(blocks 1-2 .*\)",/\1/p' "$tmp/sweep/peri-1/run.json")"
    cp "$tmp/sweep/report.html" "$tmp/first.html"
    report "$tmp/sweep"
    cmp "$tmp/first.html" "$tmp/sweep/report.html"
}

layers_and_rates_are_drawn() {
    local lr
    for lr in 1e-3 1e-2; do
        toy "lr-$lr" --set "optim.lr=$lr" --set optim.rmsnorm_lr_scale=1 --set log.layers_every=10 --set "log.dir=$tmp/rates"
    done
    report "$tmp/rates" --title "Two & two" --out "$tmp/rates.html"
    has "row" "$(row "$tmp/rates.md" Results "lr 0.01")" "| lr 0.01 | 1 | "
    has "title" "$(<"$tmp/rates.html")" "<title>Two &amp; two</title>"
    same "charts" "$(grep -o '<svg viewBox="0 0 440 290" role="img"' "$tmp/rates.html" | wc -l)" 6
    has "learning rates" "$(<"$tmp/rates.html")" "<h2>Sensitivity to the learning rate</h2>"
    has "link from elsewhere" "$(<"$tmp/rates.md")" "[config.json](rates/lr-1e-3/config.json)"
}

page_is_well_formed() {
    report "$tmp/sweep"
    python3 - "$tmp/sweep/report.html" <<'PYTHON'
import re, sys, xml.etree.ElementTree as xml
from html.parser import HTMLParser

page = open(sys.argv[1]).read()
class Balance(HTMLParser):
    open_tags = []
    def handle_starttag(self, tag, attributes):
        if tag != "meta": self.open_tags.append(tag)
    def handle_startendtag(self, tag, attributes): pass
    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag, f"</{tag}> at {self.getpos()}"
balance = Balance()
balance.feed(page)
assert not balance.open_tags, balance.open_tags
charts = [xml.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.S)]
named = [chart for chart in charts if chart.get("role") == "img"]
assert len(named) >= 2 and all(chart.get("aria-label") == chart.find("title").text for chart in named)
assert not re.search(r"nan|inf\b", "".join(re.findall(r' (?:d|cx|cy|x|y)="[^"]*"', page))), "a coordinate is not a number"
PYTHON
    if grep -nE '(https?:)?//[a-z]|url\(|@import|<link|src=' "$tmp/sweep/report.html"; then fail "the page loads something"; fi
}

quantiles() {
    same "t(0.975)" "$(python3 -B -c 'import sys; sys.path.insert(0, "scripts/report"); import stats
print(*(f"{stats.t_quantile(0.975, df):.4f}" for df in (1, 2, 4, 9, 30)))')" "12.7062 4.3027 2.7764 2.2622 2.0423"
}

labels() {
    same "label" "$(python3 -B -c 'import sys; sys.path.insert(0, "scripts/report"); from groups import label_of
config = {"model.topology": "none", "model.norm": "rmsnorm", "optim.lr": 3e-4, "train.steps": 20, "gamma_warmup.steps": 5,
          "model.bias": True, "data.train": "x", "model.wire.mlp.out": "none", "gamma_warmup.slots": ["in", "out"]}
print(label_of(config, config, config))')" \
        "topology none rmsnorm lr 3e-4 train.steps 20 gamma_warmup.steps 5 bias true data.train x wire.mlp.out none slots in,out"
}

# Differences from pre: -0.10, -0.11, -0.12; the same with the other sign; -0.10, 0.10, 0.05. Half the
# width of the first interval is 4.3027 * 0.01 / sqrt(3).
differences_are_judged() {
    local text interval="95 % interval of the difference"
    fakes known pre 1.00 1.10 1.20
    fakes known peri 0.90 0.99 1.08
    fakes known post 1.10 1.21 1.32
    fakes known keel 0.90 1.20 1.25
    fakes known lns 1.00
    report "$tmp/known"
    text=$(<"$tmp/known/report.md")
    has "better" "$text" "- peri is better than pre by 0.1100 nats per token ($interval −0.1348 to −0.0852, 3 seeds)."
    has "worse" "$text" "- post is worse than pre by 0.1100 nats per token ($interval +0.0852 to +0.1348, 3 seeds)."
    has "neither" "$text" "- keel is not distinguishable from pre: the difference is +0.0167"
    has "one seed" "$text" "did not diverge: lns."
    has "headline" "$said" "peri has the lowest final validation loss: 0.9900 nats per token (± 0.2236, "
    has "next" "$said" "0.0100 below the next, lns (1.0000); with 1 seed in common, that is not distinguishable from chance."
    has "baseline" "$said" "It is 0.1100 below its baseline, pre (1.1000), and is distinguishable from it"
    has "row" "$(row "$tmp/known/report.md" Results peri)" \
        "| peri | 3 | 0.9900 ± 0.2236 | – | 0.4900 | 0.9900 | 100.00 | 0.00 | 0 | – | – |"
    report "$tmp/known" --baseline post
    has "chosen baseline" "$(<"$tmp/known/report.md")" "- pre is better than post by 0.1100"
}

all_endings_are_reported() {
    local text
    fakes ends pre 1.0 1.1
    fakes ends peri 0.5 0.2
    fake ends/peri-1 peri 1 0.5 ', "exit_code": 5, "steps": 7, "diverged": true, "diverged_step": 7'
    fake ends/stopped peri 3 0.1 ', "exit_code": 75, "steps": 4'
    fake ends/broken peri 4 0.1 ', "exit_code": 4'
    fake ends/again pre 1 0.1
    fake ends/killed peri 5 0.1
    printf '{"summary": ' >"$tmp/ends/killed/run.json"
    fake ends/running peri 6 0.1
    echo '{}' >"$tmp/ends/running/run.json"
    printf '7\n,,\n\xff\xfe,x,\n11,3\n12,7.5,' >>"$tmp/ends/pre-2/log.csv"
    printf 'step,layer,sublayer,site,position,variance\n5,0,emb\n5,1,attn,stream,rest' >"$tmp/ends/pre-2/layers.csv"
    report "$tmp/ends"
    text=$(<"$tmp/ends/report.md")
    has "diverged" "$(row "$tmp/ends/report.md" Results peri)" "| peri | 2 | 0.2000 | "
    has "count" "$(row "$tmp/ends/report.md" Results peri)" "| 1 | – | – |"
    has "incomplete lines are skipped" "$(row "$tmp/ends/report.md" Results pre)" \
        "| pre | 2 | 0.6000 ± 6.3531 | – | 0.1000 | 0.6000 |"
    has "headline" "$said" "pre has the lowest"
    has "headline" "$said" "1 of 4 runs diverged"
    has "stopped" "$text" "- $tmp/ends/stopped is unfinished: it stopped at step 4 of 10."
    has "failed" "$text" "- $tmp/ends/broken failed: it ended with exit code 4."
    has "killed" "$text" "- $tmp/ends/killed has a corrupt run.json."
    has "running" "$text" "- $tmp/ends/running has no summary"
    # The first run found is kept: "again" comes before pre-1.
    has "repeated" "$text" "- $tmp/ends/pre-1 repeats $tmp/ends/again: the same config and seed."
}

# The mean of peri is that of the run that trained. A group of stuck runs has no loss.
stuck_runs_are_marked() {
    local text summary=', "ending": "stuck"'
    fakes stuck pre 1.0 1.1
    fakes stuck peri 0.5
    fake stuck/peri-2 peri 2 0.1 "$summary"
    fake stuck/post-1 post 1 3.1 "$summary"
    sed -i 's/"entropy_floor"/"unigram_entropy": 3.1116, &/' "$tmp/stuck/post-1/run.json"
    report "$tmp/stuck"
    text=$(<"$tmp/stuck/report.md")
    has "headline" "$said" "pre has the lowest final validation loss: 1.0500"
    has "headline" "$said" "2 of 5 runs were stuck; groups with stuck runs are ranked last."
    has "column" "$text" "| diverged | stuck | tokens/s |"
    has "mean" "$(row "$tmp/stuck/report.md" Results peri)" "| peri | 2 | 0.5000 | "
    has "count" "$(row "$tmp/stuck/report.md" Results peri)" "| 0 | 1 | – | – |"
    has "no loss" "$(row "$tmp/stuck/report.md" Results post)" "| post | 1 | – | – |"
    has "ending" "$(row "$tmp/stuck/report.md" Runs post)" "stuck: its validation loss stayed at the unigram entropy, 3.1116"
    has "ending" "$(row "$tmp/stuck/report.md" Runs peri | tail -1)" "stuck: its gradients vanish"
    has "not judged" "$text" "two seeds in common with the baseline that were not stuck and did not diverge."
    report "$tmp/stuck/pre-1" "$tmp/stuck/pre-2"
    [[ $(<"$tmp/stuck/pre-1/report.md") != *"| stuck |"* ]] || fail "a column of stuck runs without any"
}

# rate FOLDER NORM LR FACTOR LOSS: a run with a factor on the learning rate of an rmsnorm.
rate() {
    local run=$tmp/$1/$2-$3
    fake "$1/$2-$3" peri 1 "$5"
    printf '{"model": {"topology": "peri", "norm": "%s"}, "optim": {"lr": %s, "rmsnorm_lr_scale": %s},
        "train": {"steps": 10, "seed": 1}}\n' "$2" "$3" "$4" >"$run/config.json"
}

effective_rates_are_shown() {
    local text norm
    for norm in layernorm rmsnorm; do
        rate rates2 "$norm" 1e-3 0.95 0.$((${#norm} - 1))
        rate rates2 "$norm" 3e-3 0.95 0.$((${#norm} - 2))
    done
    report "$tmp/rates2"
    text=$(<"$tmp/rates2/report.md")
    has "label" "$text" "| rmsnorm lr 1e-3 (effective 9.5e-4) | 1 | "
    has "label" "$text" "| layernorm lr 1e-3 | 1 | "
    has "column" "$(row "$tmp/rates2/report.md" Results "rmsnorm lr 3e-3 (effective 2.85e-3)")" "| 0.00285 |"
    has "column" "$(row "$tmp/rates2/report.md" Results "layernorm lr 3e-3")" "| 0.003 |"
    has "best rate" "$said" "rmsnorm lr 3e-3 (effective 2.85e-3) has the lowest"
    has "chart" "$(<"$tmp/rates2/report.html")" "Runs with rmsnorm trained at 0.95 times these rates."
    report "$tmp/rates2" --baseline "rmsnorm lr 1e-3"
    has "baseline without the effective rate" "$(<"$tmp/rates2/report.md")" "| layernorm lr 1e-3 | rmsnorm lr 1e-3 (effective 9.5e-4) |"
    rate one_rate layernorm 1e-3 0.95 1.0
    rate one_rate rmsnorm 1e-3 0.95 0.9
    report "$tmp/one_rate"
    has "only the norm differs" "$said" "rmsnorm (effective lr 9.5e-4) has the lowest"
    rate equal rmsnorm 1e-3 1 0.9
    rate equal layernorm 1e-3 1 0.9
    report "$tmp/equal"
    [[ $(<"$tmp/equal/report.md") != *effective* ]] || fail "an effective rate without a factor"
}

errors_have_messages() {
    mkdir -p "$tmp/empty"
    fakes one pre 1.0
    fake none/a pre 1 1 ', "exit_code": 4'
    refused 2 "RUNS"
    refused 2 "--colour" "$tmp/one" --colour
    refused 2 "does not end in .html" "$tmp/one" --out "$tmp/one/report.md"
    refused 2 'no group is called "post"; there are: pre rmsnorm' "$tmp/one" --baseline post
    refused 3 "$tmp/nothing is not a folder" "$tmp/nothing"
    refused 3 "$tmp/empty is not a run and contains none" "$tmp/one" "$tmp/empty"
    refused 3 "no run has finished: $tmp/none/a failed" "$tmp/none"
    refused 4 "cannot write $tmp/away/x.html" "$tmp/one" --out "$tmp/away/x.html"
    report --help
    has "help" "$said" "report.sh RUNS... [--out FILE.html]"
    report "$tmp/one/pre-1" "$tmp/one"
    has "one run" "$said" "pre rmsnorm: the final validation loss is 1.0000 nats per token."
    same "counted once" "$(head -1 "$tmp/one/pre-1/report.md")" "# 1 run in 1 group"
}

if ! command -v python3 >/dev/null; then
    test_case "report: needs python3" echo "note: skipped report.sh: no python3"
    test_done
fi
test_case "report: numbers are those of the logs" numbers_come_from_the_logs
test_case "report: the page is well-formed and self-contained" page_is_well_formed
test_case "report: charts of layers and learning rates" layers_and_rates_are_drawn
test_case "report: t quantiles" quantiles
test_case "report: labels" labels
test_case "report: verdicts on differences" differences_are_judged
test_case "report: every way a run can end is reported" all_endings_are_reported
test_case "report: stuck runs are marked" stuck_runs_are_marked
test_case "report: effective learning rates" effective_rates_are_shown
test_case "report: error messages" errors_have_messages
test_done
