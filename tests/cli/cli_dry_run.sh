#!/usr/bin/env bash
# cli_dry_run.sh - the predictions of --dry-run against actual runs.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# dry_run ARGUMENT...: sets $said to its output and $line to the last line, "key=value ..."; checks
# that nothing is written.
dry_run() {
    mkdir -p "$tmp/nothing"
    said=$(cd "$tmp/nothing" && "$TRAIN" "$@" --dry-run 2>"$tmp/stderr" </dev/null) ||
        fail "train $* --dry-run: exit code $?: $(cat "$tmp/stderr")"
    same "files written" "$(ls -A "$tmp/nothing")" ""
    line=${said##*$'\n'}
}

# value KEY: a value of $line.
value() {
    tr ' ' '\n' <<<"$line" | sed -n "s/^$1=//p"
}

# near WHAT GOT WANT PERCENT: both are equal within PERCENT.
near() {
    awk -v got="$2" -v want="$3" -v percent="$4" 'BEGIN {
        off = 100 * (got / want - 1)
        exit !(want > 0 && off <= percent && off >= -percent)
    }' || fail "$1: predicted $2, actual $3"
}

# Runs of three steps that need 40 to 170 MB. Most train on random tokens, which are not sampled at
# the end.
runs=(
    "post      layernorm --set model.d_model=256 --set train.batch=4"
    "post      rmsnorm   --set model.d_model=128 --set model.n_layer=8 --set train.accum=3"
    "pre       layernorm --set model.d_model=512 --set model.n_layer=2"
    "pre       rmsnorm   --set model.d_model=128 --set train.batch=8 --set model.mlp=swiglu"
    "peri      layernorm --set model.d_model=256 --set model.mlp=geglu --set model.n_head=8"
    "peri      rmsnorm   --set model.d_model=384 --set model.n_kv_head=2 --set model.position=rope"
    "peri      dyt       --set model.d_model=128 --set model.context=1024"
    "peri      gated     --set model.d_model=256"
    "resi_dual layernorm --set model.d_model=192 --set train.batch=6"
    "peri      batchnorm --set model.d_model=64 --set model.context=1024 --set model.n_layer=16"
    "resi_dual rmsnorm   --set model.d_model=320 --set model.tie_embeddings=false"
    "pre       rmsnorm   --set data.vocab_size=20000 --set model.tie_embeddings=false"
    "peri      rmsnorm   --set data.train=$tmp/text.txt --set data.vocab=chars --set data.vocab_size=0 --set model.context=64 --set train.batch=16"
    "olmo2     rmsnorm   --set data.train=builtin:stories --set model.context=32 --set spike.window=50000"
    "pre       layernorm --set optim.kind=muon --set model.d_model=320 --set model.n_layer=2"
)
words="the quick brown fox jumps over the lazy dog"
for _ in {1..20000}; do echo "$words"; done >"$tmp/text.txt"
cat >"$tmp/sized.json" <<JSON
{
  "model": {"n_layer": 4, "n_head": 4, "d_model": 128, "context": 256},
  "data": {"train": "builtin:random", "vocab_size": 256},
  "train": {"steps": 3, "batch": 2, "eval_every": 0, "eval_rows": 4},
  "log": {"dir": "$tmp"}
}
JSON

# of_run RUN KEY: a number in run.json.
of_run() {
    sed -n "s/^ *\"$2\": \([0-9.]*\),*$/\1/p" "$tmp/$1/run.json" | tail -1
}

# Parameters are exact, peak memory is within 5 %, the checkpoint size within 1 %.
prediction_holds() {
    local topology norm arguments bytes
    read -r topology norm arguments <<<"$1"
    # shellcheck disable=SC2206 # a list of words
    arguments=(--config "$tmp/sized.json" --topology "$topology" --norm "$norm" --set name=sized $arguments)
    dry_run "${arguments[@]}"
    rm -rf "$tmp/sized"
    exits 0 "${arguments[@]}"
    same "parameters" "$(value parameters)" "$(of_run sized parameters)"
    near "peak memory in MiB" "$(value peak_rss_mb)" "$(of_run sized peak_rss_mb)" 5
    bytes=$(cat "$tmp"/sized/checkpoints/step_00000003/* | wc -c)
    near "bytes of the checkpoint" "$(value checkpoint_bytes)" "$bytes" 1
    echo "note:     $topology $norm: $(value peak_rss_mb) MiB predicted, $(of_run sized peak_rss_mb) used"
}

# All CSV files, with records of layers.csv and tensors.csv at every update or at none.
log_size_is_estimated() {
    local model every logged
    for model in "peri rmsnorm" "post layernorm" "pre dyt" "olmo2 rmsnorm" "none batchnorm"; do
        for every in 0 1; do
            logged=(--config "$tmp/toy.json" --topology "${model% *}" --norm "${model#* }" --set name=logged
                --set train.steps=200 --set "log.layers_every=$every")
            dry_run "${logged[@]}"
            rm -rf "$tmp/logged"
            exits 0 "${logged[@]}"
            near "bytes of the logs of $model" "$(value log_bytes)" "$(cat "$tmp"/logged/*.csv | wc -c)" 40
        done
    done
}

# XS of the reference workloads, without biases: a table of 256 * 128, 4 blocks of 12 * 128^2 and
# two gammas, one final gamma: 820,352 parameters, and 64 * 128 positions. For 768 tokens: 6 *
# (820,352 + 4 * 64 * 128) * 768 FLOPs.
flops_are_counted() {
    local xs=(--config "$tmp/sized.json" --topology pre --norm rmsnorm --set model.context=64
        --set train.batch=12)
    dry_run "${xs[@]}" --set model.bias=false
    same "parameters" "$(value parameters)" 828544
    same "GFLOP" "$(value model_gflop)" 3.93117696
    dry_run "${xs[@]}" --set model.bias=false --set train.accum=4
    same "GFLOP of 4 micro-batches" "$(value model_gflop)" 15.7247078
}

# batchnorm_adds WIDTH: sets $added to the bytes that batchnorm adds to a checkpoint with layernorm.
batchnorm_adds() {
    local parameters bytes model=(--config "$tmp/sized.json" --topology peri --set "model.d_model=$1")
    dry_run "${model[@]}" --norm layernorm
    parameters=$(value parameters) bytes=$(value checkpoint_bytes)
    dry_run "${model[@]}" --norm batchnorm
    same "parameters" "$(value parameters)" "$parameters"
    added=$(($(value checkpoint_bytes) - bytes))
}

# 18 norms of peri with 4 blocks, two floats of each feature; the rest does not depend on the width.
statistics_are_counted() {
    local added narrow
    batchnorm_adds 128
    narrow=$added
    batchnorm_adds 256
    same "bytes of 128 features" "$((added - narrow))" "$((18 * 2 * 4 * 128))"
}

schedule_matches_the_run() {
    local step lr gamma
    toy schedule --set gamma_warmup.steps=12 --set optim.schedule=wsd
    dry_run --config "$tmp/toy.json" --set gamma_warmup.steps=12 --set optim.schedule=wsd
    same "updates" "$(sed -n '/^schedule/,/^$/p' <<<"$said" | awk 'NR > 1 && NF { printf "%s ", $1 }')" \
        "1 5 10 15 20 "
    while read -r step lr gamma; do
        near "lr of $step" "$lr" "$(cell schedule "$step" lr)" 0.001
        near "gamma of $step" "$gamma" "$(cell schedule "$step" gamma_scale)" 0.001
    done < <(sed -n '/^schedule/,/^$/p' <<<"$said" | awk 'NR > 1 && NF')
}

data_and_equations_are_printed() {
    local hash
    dry_run --config "$tmp/toy.json" --set "data.train=$tmp/text.txt" --set train.accum=3
    has "tokens" "$said" "96 per update, 1920 in total, 0.00242 epochs" # 1920 of 792,000
    has "data" "$said" "text.txt: 792000 training and 88000 validation tokens"
    hash=$("$TRAIN" --config "$tmp/toy.json" --describe | awk '/^equations/ { print $2 }')
    has "equations" "$said" "equations    $hash"
    has "validations" "$said" "20 updates and 3 validations"
    dry_run --config "$tmp/toy.json"
    has "endless data" "$said" "640 in total"$'\n'
}

disk_space_is_checked() {
    dry_run --config "$tmp/toy.json" --run-dir "$tmp/a/b/c"
    has "folder" "$said" "folder       $tmp/a/b/c"
    grep -qE '^checkpoint .* free: [0-9.]+ [kMGTP]B$' <<<"$said" || fail "no free space in: $said"
    same "warnings" "$(cat "$tmp/stderr")" ""
    # 102 M parameters: 1.2 GB per checkpoint.
    dry_run --config "$tmp/toy.json" --set data.train=builtin:random --set data.vocab_size=100000 \
        --set model.d_model=1024 --set train.keep=1000 --set train.steps=1000000 \
        --set train.checkpoint_every=100
    has "warning" "$(cat "$tmp/stderr")" "train.keep"
    dry_run --config "$tmp/toy.json" --set train.checkpoint_every=6 --set train.keep=9
    has "kept" "$said" "4 kept"
    # Records of layers.csv and tensors.csv at each of a billion updates fill any disk.
    dry_run --config "$tmp/toy.json" --set train.steps=1000000000 --set log.layers_every=1
    has "logs" "$said" $'\nlogs         about 5.9'
    has "warning" "$(cat "$tmp/stderr")" "measure less often (log.every, log.layers_every)"
    dry_run --config "$tmp/toy.json" --set train.checkpoint_every=0
    has "kept" "$said" "1 kept"
}

# Advice names its basis; anchors of docs/claims.md exist.
advice_is_printed() {
    local anchor
    dry_run --config "$tmp/toy.json" --topology post --norm layernorm --lr 5e-3 --set model.n_layer=24
    has "post" "$said" $'\nadvice       Post-LN '
    has "measured" "$said" $'(measured here: docs/claims.md#pre-worse, verdict there: fails;\n              4 blocks of width 64'
    has "published" "$said" "(published: "
    has "hot" "$said" "failed in 2 of 5 runs at learning rate 4e-3"
    dry_run --config "$tmp/toy.json" --topology pre --set optim.rmsnorm_lr_scale=0.95
    has "folklore" "$said" "(folklore: "
    has "folklore measured" "$said" "claims.md#rms-rate"
    [[ $said != *Post-LN* ]] || fail "advice about Post-LN for Pre-LN: $said"
    dry_run --config "$tmp/toy.json" --topology peri --set model.embed_norm=off
    has "embedding norm" "$said" "claims.md#embed-norm"
    dry_run --config "$tmp/toy.json" --topology peri --norm batchnorm
    has "batchnorm" "$said" "claims.md#batchnorm"
    [[ $said != *embed-norm* ]] || fail "Peri-LN has its embedding norm: $said"
    dry_run --config "$tmp/toy.json" --topology lns --set optim.rmsnorm_lr_scale=1
    [[ $said != *advice* ]] || fail "advice for a topology without results: $said"
    dry_run --config "$tmp/toy.json" --topology post --norm none
    [[ $said != *Post-LN* ]] || fail "advice about placement without norms: $said"
    while read -r anchor; do
        grep -qF "<a id=\"$anchor\">" docs/claims.md || fail "docs/claims.md has no $anchor"
    done < <(sed -nE 's/.*MEASURED, *"([a-z-]+)".*/\1/p' <(tr '\n' ' ' <run/commands/advice.c | sed 's/},/&\n/g'))
}

errors_are_those_of_training() {
    fails 2 "model.n_head" --set model.n_head=3 --dry-run
    fails 3 "no_such" --set data.train=no_such.txt --dry-run
    fails 2 "cannot be combined with" --dry-run --describe
    dry_run --config "$tmp/toy.json" --set gamma_warmup.steps=30
    has "warning" "$(cat "$tmp/stderr")" "longer than the run"
}

# The dry run and the run both refuse, before any file is written.
too_large_is_refused() {
    local mode
    for mode in --dry-run --overwrite; do
        fails 2 "bytes (" --set train.batch=65536 --set model.context=65536 "$mode"
        has "BLAS" "$said" "train.batch * model.context = 4294967296 is above 2147483647, the limit of BLAS"
        has "help" "$said" "halving model.context = 65536 saves"
        (
            ulimit -v 3000000
            fails 2 "ulimit -v leaves" --set train.batch=8192 --set model.d_model=128 "$mode"
            has "help" "$said" "halving train.batch = 8192 saves"
        )
        [[ ! -e $tmp/fails ]] || fail "$mode made a folder"
    done
}

for run in "${runs[@]}"; do
    # shellcheck disable=SC2086 # words
    set -- $run
    test_case "dry run: $1 $2 ${*:3:4}" prediction_holds "$run"
done
test_case "dry run: FLOPs" flops_are_counted
test_case "dry run: running statistics" statistics_are_counted
test_case "dry run: schedule" schedule_matches_the_run
test_case "dry run: data, equations, validations" data_and_equations_are_printed
test_case "dry run: size of the logs" log_size_is_estimated
test_case "dry run: disk space" disk_space_is_checked
test_case "dry run: advice" advice_is_printed
test_case "dry run: errors" errors_are_those_of_training
test_case "dry run: too large" too_large_is_refused
test_done
