#!/usr/bin/env bash
# quickstart.sh - from a bare Debian 12 or 13 to a trained model and its loss curve, in a few minutes.
#
# Installs the missing packages (as root or through sudo), builds, trains configs/peri_rms.json, and
# plots the loss and the entropy floor. Arguments are passed to the trainer: quickstart.sh --overwrite
set -euo pipefail
source "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.."
run=runs/peri_rms

scripts/install-packages.sh build plot
scripts/install-packages.sh tokenizers || echo "quickstart.sh: note: without PCRE2 and utf8proc, data.vocab cannot name a tokenizer.json" >&2
echo "building"
make -s -j "$(nproc)"

if [[ -e $run/checkpoints/latest ]]; then before=yes; else before=no; fi
LC_ALL=$caller_locale ./train --config configs/peri_rms.json "$@"
if [[ $before == yes ]]; then
    echo "--- sample ---"
    ./train --sample $run
fi

scripts/plot.sh $run
scripts/plot.sh $run --out $run/loss.png
floor=$(sed -n 's/.*"entropy_floor": \([0-9.e-]*\).*/\1/p' $run/run.json)
awk -F, -v floor="$floor" '$3 != "" { train = $3 } $4 != "" { val = $4 }
    END { printf "train loss %.4f, val loss %.4f, entropy floor %.4f\n", train, val, floor }' $run/log.csv

cat <<NEXT
loss curve: $run/loss.png

Next:
  ./train --sample $run --prompt "One day"
  ./train --config configs/pre_ln.json && scripts/plot.sh runs/pre_ln
  ./train --config configs/my_text.json --set data.train=YOUR.txt
NEXT
