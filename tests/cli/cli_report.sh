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
    # Seven at the best rate, two of them for the slots of peri, the loss over the rate, and the loss at all rates.
    same "charts" "$(grep -o '<svg viewBox="0 0 440 290" role="img"' "$tmp/rates.html" | wc -l)" 9
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
    has "headline" "$said" "peri is best: it ends at a validation loss of 0.9900 nats per token, 0.1100 below pre ($interval −0.1348 to −0.0852, 3 seeds)."
    has "next" "$said" "The next arm, lns, ends 0.1000 above it and is not distinguishable from it (1 seed in common, so without an interval)."
    has "row of the arm" "$(row "$tmp/known/report.md" Arms peri)" "| peri | 3 | 0.9900 ± 0.2236 | pre | −0.1100 | −0.1348 to −0.0852 | better | 5 | – | 0 |"
    has "row of the baseline" "$(row "$tmp/known/report.md" Arms pre)" "| pre | 3 | 1.1000 ± 0.2484 | baseline | – |"
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
    has "headline" "$said" "pre: the final validation loss is 0.6000 nats per token (± 6.3531, 95 % interval over 2 seeds)."
    has "headline" "$said" "Every other arm has failed runs. Of 4 runs 1 diverged; these are in no mean."
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
    has "headline" "$said" "pre: the final validation loss is 1.0500 nats per token"
    has "headline" "$said" "Every other arm has failed runs. Of 5 runs 2 were stuck; these are in no mean."
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

# The first arm has tokens of two bytes: 1.386294 nats per token are 1 bit per byte, like 0.693147 of the other.
different_tokens_compare_in_bits_per_byte() {
    local text
    fakes bits pre 1.386294 1.386294
    fakes bits peri 0.693147 0.693147
    sed -i 's/"entropy_floor"/"val_bytes_per_token": 2, &/' "$tmp"/bits/pre-*/run.json
    report "$tmp/bits"
    has "unknown" "$said" "0.6931 nats per token"
    sed -i 's/"entropy_floor"/"val_bytes_per_token": 1, &/' "$tmp"/bits/peri-*/run.json
    report "$tmp/bits"
    text=$(<"$tmp/bits/report.md")
    has "headline" "$said" "bits per byte"
    has "pre" "$(row "$tmp/bits/report.md" Results pre)" "| pre | 2 | 1.0000 "
    has "peri" "$(row "$tmp/bits/report.md" Results peri)" "| peri | 2 | 1.0000 "
    [[ $text != *nats* ]] || fail "$(grep nats <<<"$text")"
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
    has "best rate" "$said" "rmsnorm has the lowest loss but is not distinguishable from layernorm: at its best learning rate (3e-3, effective 2.85e-3) it ends"
    has "chart" "$(<"$tmp/rates2/report.html")" "Runs with rmsnorm trained at 0.95 times these rates."
    report "$tmp/rates2" --baseline "rmsnorm lr 1e-3"
    has "baseline without the effective rate" "$(<"$tmp/rates2/report.md")" "| layernorm lr 1e-3 | rmsnorm lr 1e-3 (effective 9.5e-4) |"
    has "column of the arm" "$(row "$tmp/rates2/report.md" "Arms at their best learning rates" rmsnorm)" "| rmsnorm | 1 | 3e-3 | 2.85e-3 | edge: highest |"
    rate one_rate layernorm 1e-3 0.95 1.0
    rate one_rate rmsnorm 1e-3 0.95 0.9
    report "$tmp/one_rate"
    has "only the norm differs" "$said" "rmsnorm (effective lr 9.5e-4) has the lowest loss"
    rate equal rmsnorm 1e-3 1 0.9
    rate equal layernorm 1e-3 1 0.9
    report "$tmp/equal"
    [[ $(<"$tmp/equal/report.md") != *effective* ]] || fail "an effective rate without a factor"
}

# The sentence and the numbers that tests/lib/known_sweep.py computes by other means than the report.
arms_are_compared_at_their_best_rates() {
    local text first need norm peri known
    mapfile -t known < <(python3 -B tests/lib/known_sweep.py "$tmp/72")
    first=${known[0]} need=${known[1]} norm=${known[2]} peri=${known[3]}
    report "$tmp/72"
    text=$(<"$tmp/72/report.md")
    same "first sentence" "${said%%. *}." "$first"
    same "first words of the page" "$(sed -n 3p "$tmp/72/report.md" | head -c ${#first})" "$first"
    has "seeds" "$said" "$need seeds would show a difference of 0.02 nats between peri rmsnorm and pre rmsnorm with"
    has "peri with layernorm" "$(arm "peri layernorm")" "| pre layernorm | $peri | better |"
    has "by norm" "$(row "$tmp/72/report.md" "By model.norm" "rmsnorm minus layernorm, mean of 3")" "| 3 | $norm | better |"
    has "edge" "$(arm "post layernorm")" "| 3 | 1e-3 | edge: lowest | "
    has "edge" "$said" "At the edge of the grid, so that a rate beyond it may be better: post layernorm (lowest rate, 1e-3)."
    has "beside failed runs" "$(arm "post rmsnorm")" "| 3 | 2e-3 | grid | "
    has "failed runs" "$(arm "post rmsnorm")" "| 20 | 6 |"
    has "failed runs" "$said" "Of 72 runs 3 diverged and 3 were stuck; these are in no mean."
    has "time" "$said" "At equal steps, not equal time: a step of peri rmsnorm took 1.0 % more time than one of pre rmsnorm."
    has "tokens that are read" "$text" "Each validation reads 4,096 tokens."
    has "tokens that are read" "$text" "1003854 training and 4,096 validation tokens (of 111,540)"
    same "the order of the grid" "$(grep -oE '^\| (post|pre|peri) (layer|rms)norm' <<<"$text" | head -6 | tr -d '|\n')" \
        " post layernorm post rmsnorm pre layernorm pre rmsnorm peri layernorm peri rmsnorm"
}

# arm LABEL: its row.
arm() {
    row "$tmp/72/report.md" "Arms at their best learning rates" "$1"
}

keys_are_chosen() {
    report "$tmp/72" --by norm --baseline "pre layernorm"
    same "comparisons" "$(grep -o '^## By .*' "$tmp/72/report.md")" "## By model.norm"
    has "the chosen key is not folded" "$(<"$tmp/72/report.html")" '<section id="by-model-norm">'
    has "baseline of all" "$(arm "post rmsnorm")" "| pre layernorm |"
    has "baseline of all" "$said" "below pre layernorm at its own"
    refused 2 "--by steps: no such key differs between these runs; there are: model.topology, model.norm, optim.lr" "$tmp/72" --by steps
}

# A fitted rate and its effective rate have the same digits.
fitted_rates_are_rounded() {
    cp -r "$tmp/72" "$tmp/scaled"
    sed -i 's/"optim": {/&"rmsnorm_lr_scale": 0.95, /' "$tmp"/scaled/*/config.json
    report "$tmp/scaled"
    has "first sentence" "$said" "at its best learning rate (3.7e-3, effective 3.5e-3) it ends"
    has "columns" "$(row "$tmp/scaled/report.md" "Arms at their best learning rates" "peri rmsnorm")" "| 3 | 3.67e-3 | 3.49e-3 | fitted |"
}

equal_time_is_said() {
    local known
    mapfile -t known < <(python3 -B tests/lib/known_sweep.py "$tmp/timed" at-equal-time)
    report "$tmp/timed"
    same "first sentence" "${said%%. *}." "${known[0]}"
    has "steps" "$said" "Steps in that time: peri rmsnorm 400, pre rmsnorm 404."
    has "heading" "$(<"$tmp/timed/report.md")" "## Arms at their best learning rates and at equal time"
    has "column" "$(<"$tmp/timed/report.md")" "| verdict | seeds for 0.02 | steps | ms per step |"
    # One run without the mark: the arms differ in train.steps, and nothing is at equal time.
    mkdir "$tmp/timed/apart"
    mv "$tmp/timed/post-layernorm-lr0.001-s1" "$tmp/timed/apart"
    report "$tmp/timed"
    [[ $said != *"equal time,"* ]] || fail "not every run is of a sweep at equal time: $said"
}

# Points far from the others leave the chart, with an arrow. Failed rates have a cross. Texts have no floor.
outliers_leave_the_chart() {
    local chart
    chart=$(chart "Variance of the residual stream over depth: rmsnorm")
    same "arrows" "$(grep -o 'class="arrow[^>]*><title>[^<]*' <<<"$chart")" \
        "$(grep -o 'class="arrow[^>]*><title>post: 3.5, 1e+09, outside the chart' <<<"$chart")"
    has "an arrow" "$chart" 'class="arrow'
    same "crosses" "$(grep -o 'class="cross[^>]*><title>[^<]*' "$tmp/72/report.html" | sed 's/.*>//')" \
        "$(printf 'post: %s, 3 of 3 runs failed\n' 4e-3 8e-3)"
    has "failed runs" "$(<"$tmp/72/report.html")" "<figcaption>rmsnorm lr 4e-3 – failed runs: post</figcaption>"
    has "contents" "$(<"$tmp/72/report.html")" '<nav aria-label="Contents"><ul><li><a href="#arms-at-their-best-learning-rates">'
    same "folded parts" "$(grep -o '<details class="part"' "$tmp/72/report.html" | wc -l)" 10
    [[ $(<"$tmp/72/report.html") != *"from the lowest to the highest"* ]] || fail "two kinds of error bars"
}

# chart NAME: the drawing with that name on the page of the 72 runs.
chart() {
    local drawing
    drawing=$(grep -o "<svg [^>]*aria-label=\"$1\".*" "$tmp/72/report.html")
    echo "${drawing%%</svg>*}"
}

# points NAME: series, depth and value of every point of a drawing.
points() {
    chart "$1" | grep -oE '<circle[^>]*><title>[^<]*' | sed 's/.*>//'
}

# The means over three seeds at the last step, of the slots that an arm has; tests/lib/known_sweep.py sets them.
gains_are_drawn() {
    local slot title="Gains of the norms over depth" at
    same "charts" "$(grep -o "<figcaption>norm_[^<]*" "$tmp/72/report.html" | sed 's/.*>//' | tr '\n' ',')" \
        "norm_in – layernorm,norm_in – rmsnorm,norm_out – layernorm,norm_out – rmsnorm,norm_post – layernorm,norm_post – rmsnorm,"
    at=$(awk 'BEGIN { for (l = 1; l <= 4.5; l += 0.5) print l }')
    for slot in "norm_in:1:pre" "norm_in:0.8:peri" "norm_out:0.5:peri" "norm_post:2:post"; do
        same "$slot" "$(points "$title: ${slot%%:*} – rmsnorm" | grep "^${slot##*:}:")" \
            "$(awk -F: -v slot="$slot" 'BEGIN { split(slot, s, ":") } { print s[3] ": " $1 ", " s[2] + $1 / 10 }' <<<"$at")"
    done
    same "points of norm_post" "$(points "$title: norm_post – rmsnorm" | wc -l)" 8
    has "bands" "$(chart "$title: norm_in – layernorm")" 'class="band c2'
    # Without the files there is no such part, and half a line at the end is no value.
    report "$tmp/sweep"
    [[ $(<"$tmp/sweep/report.html") != *"$title"* ]] || fail "gains of runs that measured none"
    cp -r "$tmp/sweep" "$tmp/gained"
    printf 'step,tensor,rms,grad_rms,update_rms\n20,blocks.0.attn.norm_in.gamma,1.25,,\n20,blocks.0.mlp.norm_in.gam' >"$tmp/gained/pre-1/tensors.csv"
    report "$tmp/gained"
    has "one value" "$(<"$tmp/gained/report.html")" "<title>pre: 1, 1.25</title>"
    has "words" "$(<"$tmp/gained/report.html")" "at the last measured step, without the factor of gamma-warmup. Mean"
    sed -i 's/"norm": "[a-z]*"/"norm": "rmsnorm_plus1"/' "$tmp"/gained/*/config.json
    report "$tmp/gained"
    has "words" "$(<"$tmp/gained/report.html")" "Of rmsnorm_plus1, whose gain is 1 + g, it is that of g."
}

# With one seed there are no intervals, with one rate nothing is tuned; with two rates the best one is at the edge.
little_data_is_said() {
    local topology lr
    for topology in pre peri; do
        for lr in 1e-3 2e-3; do
            fake "little/$topology-$lr" "$topology" 1 "${#topology}.${lr%e-3}"
            sed -i "s/\"train\"/\"optim\": {\"lr\": $lr}, &/" "$tmp/little/$topology-$lr/config.json"
        done
    done
    report "$tmp/little"
    has "one seed" "$said" "pre has the lowest loss but is not distinguishable from peri: at its best learning rate (1e-3) it ends at a validation loss of 3.1000 nats per token, 1.0000 below peri at its own (1e-3; 1 seed in common, so without an interval)."
    has "two rates" "$said" "may be better: peri (lowest rate, 1e-3), pre (lowest rate, 1e-3)."
    report "$tmp/little/pre-1e-3" "$tmp/little/peri-1e-3"
    has "one rate" "$said" "Every arm was run at one learning rate, so none is tuned: at other rates the order may change."
    report "$tmp/little/pre-1e-3" "$tmp/little/pre-2e-3"
    has "one arm" "$said" "pre rmsnorm: the best learning rate is 1e-3, with a final validation loss of 3.1000"
}

# Names and values of a foreign config are text on the page.
markup_is_text() {
    fake markup/one pre 1 1.0
    fake markup/two pre 1 0.9
    cat >"$tmp/markup/two/config.json" <<'JSON'
{"model": {"topology": "pre", "norm": "<i>"}, "x": {"a\"><b>": "<script>alert(1)</script>"}, "train": {"steps": 10, "seed": 1}}
JSON
    report "$tmp/markup"
    has "value" "$(<"$tmp/markup/report.html")" '&lt;script&gt;alert(1)&lt;/script&gt;'
    ! grep -nE '<script>alert|<b>|<i>' "$tmp/markup/report.html" || fail "markup from a config"
}

errors_have_messages() {
    mkdir -p "$tmp/empty"
    fakes one pre 1.0
    fake none/a pre 1 1 ', "exit_code": 4'
    refused 2 "RUNS"
    refused 2 "--colour" "$tmp/one" --colour
    refused 2 "does not end in .html" "$tmp/one" --out "$tmp/one/report.md"
    refused 2 'no arm or group is called "post"; there are: pre rmsnorm' "$tmp/one" --baseline post
    refused 2 '--by data.train: no such key differs between these runs; there are: none' "$tmp/one" --by data.train
    refused 3 "$tmp/nothing is not a folder" "$tmp/nothing"
    refused 3 "$tmp/empty is not a run and contains none" "$tmp/one" "$tmp/empty"
    refused 3 "no run has finished: $tmp/none/a failed" "$tmp/none"
    refused 4 "cannot write $tmp/away/x.html" "$tmp/one" --out "$tmp/away/x.html"
    report --help
    has "help" "$said" "report.sh RUNS... [--by KEY]"
    report "$tmp/one/pre-1" "$tmp/one"
    has "one run" "$said" "pre rmsnorm: the final validation loss is 1.0000 nats per token (1 seed)."
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
test_case "report: bits per byte where tokens differ" different_tokens_compare_in_bits_per_byte
test_case "report: effective learning rates" effective_rates_are_shown
test_case "report: arms at their best learning rates, as computed independently" arms_are_compared_at_their_best_rates
test_case "report: outliers, crosses, contents" outliers_leave_the_chart
test_case "report: gains of the norms over depth" gains_are_drawn
test_case "report: comparisons by a key, and another baseline" keys_are_chosen
test_case "report: fitted effective rates" fitted_rates_are_rounded
test_case "report: equal time" equal_time_is_said
test_case "report: one seed, one rate, one arm" little_data_is_said
test_case "report: markup in a config is text" markup_is_text
test_case "report: error messages" errors_have_messages
test_done
