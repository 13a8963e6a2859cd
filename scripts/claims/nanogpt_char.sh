#!/usr/bin/env bash
# nanogpt_char.sh RUNS CSV JOBS QUICK TEXT - part nanogpt_char of claims.sh: runs scripts/nanogpt_char.sh, which writes its own CSV.
set -euo pipefail
source "$(dirname "$0")/../usage.sh"
[[ -z $4 ]] || { cp docs/claims/nanogpt_char.csv "$2" && exit; } # there is no text to train on
exec scripts/nanogpt_char.sh "$5"
