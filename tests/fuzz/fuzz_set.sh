#!/usr/bin/env bash
# fuzz_set.sh FOLDER - seed inputs of fuzz_set: the keys of the shipped configs as --set.
set -euo pipefail
for config in configs/*.json; do
    [[ $config != */schema.json ]] || continue
    sed -n 's/ *\/\/.*//; s/^  "\([a-z_]*\)": \({.*}\),*$/\1=\2/p' "$config" >"$1/${config##*/}"
done
printf '%s\n' model.wire.mlp.out=none model.wire.attn.branch=0.5 'model.layers=post*1 pre*' \
    'gamma_warmup.slots=["out"]' gamma_warmup=true data.train=book.txt name=x >"$1/single"
