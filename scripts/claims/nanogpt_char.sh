#!/usr/bin/env bash
# nanogpt_char.sh RUNS CSV JOBS QUICK TEXT - part nanogpt_char of claims.sh: scripts/nanogpt_char.sh, which keeps its own CSV.
set -euo pipefail
[[ -z $4 ]] || { cp docs/claims/nanogpt_char.csv "$2" && exit; } # without the text nothing can be trained
exec scripts/nanogpt_char.sh "$5"
