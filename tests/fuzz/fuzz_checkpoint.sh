#!/usr/bin/env bash
# fuzz_checkpoint.sh FOLDER - seed inputs of fuzz_checkpoint: the files of a tiny run.
set -euo pipefail
run=$(mktemp -d)
trap 'rm -rf "$run"' EXIT
make -s build/float/train
build/float/train --config peri_rms.json --run-dir "$run/run" --set train.steps=0 --set train.eval_every=0 \
    --set model.n_layer=1 --set model.d_model=4 --set model.n_head=1 --set model.context=4 >/dev/null 2>&1
step=$run/run/checkpoints/step_00000000
{ printf '\0' && cat "$step/model.safetensors"; } | head -c 4096 >"$1/model"
{ printf '\1' && head -c -32 "$step/meta.json"; } >"$1/meta"
