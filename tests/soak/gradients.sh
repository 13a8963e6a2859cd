#!/usr/bin/env bash
# gradients.sh - the gradient checks of scripts/check.sh, in every combination instead of half of them.
set -euo pipefail
source "$(dirname "$0")/../../scripts/usage.sh"
cd "$(dirname "$0")/../.."

export GRADIENTS=all OMP_WAIT_POLICY=passive
make -s REAL=double tests
for program in grad_model grad_options grad_removal; do
    "build/double/tests/grad/$program"
done
