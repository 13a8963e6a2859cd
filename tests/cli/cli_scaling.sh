#!/usr/bin/env bash
# cli_scaling.sh - runs with model.scaling: what --describe and run.json say; the key is a part of a run's identity
# and of its equations; resumed, recomputed and sampled runs; refused with Muon.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# Four times as wide and twice as deep as the base; all factors are exact.
scaled=(--set model.scaling=completep --set model.base_d_model=4 --set model.base_n_layer=1)

# resolved FILE PYTHON: prints an expression of d, the member "scaling" of --describe --json or run.json.
resolved() {
    python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
d = d.get("resolved", d)["scaling"]
print(eval(sys.argv[2]))' "$1" "$2"
}

describe_prints_values() {
    local optim=(--set optim.eps=1e-6 --set optim.weight_decay=0.25 --norm rmsnorm --set optim.rmsnorm_lr_scale=0.5)
    exits 0 --config "$tmp/toy.json" "${scaled[@]}" "${optim[@]}" --describe
    has "equations" "$said" "causal softmax(q k / 8) v"
    has "equations" "$said" "logits = tok_emb h / 4"
    has "equations" "$said" "scaling      completep, m_N = 4, m_L = 2: branches times 0.5, logits divided by 4"
    same "values" "$(sed -n '/^resolved/,$p' <<<"$said" | grep -E '^(resolved| )' | tr -s ' ')" "resolved tensors initial std peak lr eps weight_decay
 embedding 0.02 0.0005 2.5e-07 0.25
 outer vector - 0.0005 2.5e-07 0
 hidden vector - 0.0005 1.25e-07 0
 hidden matrix 0.01 0.000125 1.25e-07 1"
    "$TRAIN" --config "$tmp/toy.json" "${scaled[@]}" "${optim[@]}" --set optim.decay_gamma_out=true --set model.tie_embeddings=false \
        --set model.embed_std=0.5 --describe --json >"$tmp/described" 2>/dev/null
    same "numbers" "$(resolved "$tmp/described" '[d[k] for k in ("kind", "width", "depth", "branch", "logits", "scores")]')" \
        "['completep', 4, 2, 0.5, 0.25, 0.125]"
    "$TRAIN" --config "$tmp/toy.json" "${scaled[@]}" --set model.head_dim=4 --describe --json >"$tmp/narrow" 2>/dev/null
    same "scores of narrow heads" "$(resolved "$tmp/narrow" 'd["scores"]')" 0.25
    same "tensors" "$(resolved "$tmp/described" '"\n".join(str(list(t.values())) for t in d["tensors"])')" \
        "['embedding', 0.5, 0.0005, 2.5e-07, 0.25]
['head', 0.02, 0.0005, 2.5e-07, 0.25]
['outer vector', None, 0.0005, 2.5e-07, 0]
['hidden vector', None, 0.0005, 1.25e-07, 0.25]
['hidden matrix', 0.01, 0.000125, 1.25e-07, 1]"
}

# At m_N = m_L = 1 every value is that of a model without scaling; without, nothing is printed.
describe_at_the_base() {
    exits 0 --config "$tmp/toy.json" --set model.scaling=depth_mup --describe
    has "difference" "$said" "m_N = 1, m_L = 1: differs from none only in the scores of attention, q k / d_head"
    ! grep -q "factors of" <<<"$said" || fail "factors of 1 are printed: $said"
    exits 0 --config "$tmp/toy.json" --describe
    ! grep -qE 'scaling|resolved' <<<"$said" || fail "printed without scaling: $said"
    exits 0 --config "$tmp/toy.json" --describe --json
    ! grep -q '"scaling"' <<<"$said" || fail "printed without scaling: $said"
}

run_json_has_values() {
    toy run "${scaled[@]}"
    same "run.json" "$(resolved "$tmp/run/run.json" '(d["kind"], d["width"], d["tensors"][-1])')" \
        "('completep', 4, {'kind': 'hidden matrix', 'init_std': 0.01, 'lr': 0.00025, 'eps': 1.25e-09, 'weight_decay': 0.4})"
    has "banner" "$said" "scaling      completep, m_N = 4, m_L = 2"
    has "column lr" "$(cell run 5 lr)" "0.001"
    toy plain
    ! grep -q '"scaling": {' "$tmp/plain/run.json" || fail "run.json without scaling names it"
    differs run plain
}

# hash RUN: of the equations, in the weights' metadata.
hash() {
    grep -aoE '"equations":"[0-9a-f]{16}"' "$(weights "$1")" | head -1
}

scaling_is_identity() {
    local base name
    toy one "${scaled[@]}"
    for base in base_d_model=8 base_n_layer=2 scaling=depth_mup; do
        exits 2 --config "$tmp/toy.json" "${scaled[@]}" --set name=one --set "model.$base" --resume
        has "$base" "$said" "model.${base%=*} differs"
        toy "${base%=*}" "${scaled[@]}" --set "model.$base"
        [[ $(hash one) != "$(hash "${base%=*}")" ]] || fail "$base has the same hash"
    done
    exits 2 --config "$tmp/toy.json" --set name=one --resume
    has "none" "$said" "model.scaling differs"
    toy at0 --set model.scaling=completep
    toy at16 --set model.scaling=completep --set model.base_d_model=16 --set model.base_n_layer=2
    same "a base of 0 is the model's own size" "$(hash at0)" "$(hash at16)"
    same "and gives the same weights" "$(payload at0 | cksum)" "$(payload at16 | cksum)"
    toy none
    for name in one at0; do [[ $(hash none) != "$(hash "$name")" ]] || fail "$name has the hash of none"; done
}

runs_are_exact() {
    local more=("${scaled[@]}" --set model.dropout=0.1 --set train.accum=2 --set train.checkpoint_every=1
        --set train.keep=1000 --set train.precision=bfloat16 --set log.max_logit=true)
    toy whole "${more[@]}"
    split_at whole 7 part
    exits 0 --config "$tmp/toy.json" "${more[@]}" --set name=whole --run-dir "$tmp/part" --resume
    same_run whole part
    toy recomputed "${more[@]}" --set train.recompute=true
    same_run whole recomputed
    exits 0 --replay "$tmp/whole" --step 12
    has "replay" "$said" "repeated to the bit"
    exits 0 --sample "$tmp/whole"
    "$TRAIN" --eval "$tmp/whole" >"$tmp/eval" 2>/dev/null
    has "eval" "$(<"$tmp/eval")" "val_loss=$(cell whole 20 val_loss | cut -c1-8)"
}

muon_is_refused() {
    fails 2 "optim.kind muon cannot be used with model.scaling completep" "${scaled[@]}" --set optim.kind=muon
    toy warned --steps 0 --set model.base_n_layer=3
    has "warning" "$said" "model.base_n_layer has no effect: model.scaling is none"
}

test_case "scaling: --describe prints factors and values" describe_prints_values
test_case "scaling: --describe at the base and without" describe_at_the_base
test_case "scaling: run.json and log.csv" run_json_has_values
test_case "scaling: a part of the run's identity and of its equations" scaling_is_identity
test_case "scaling: resumed, recomputed, replayed, sampled and evaluated runs" runs_are_exact
test_case "scaling: Muon is refused" muon_is_refused
test_done
