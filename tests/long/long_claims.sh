#!/usr/bin/env bash
# long_claims.sh - every part of scripts/claims.sh runs, and every claim gets a verdict.
set -euo pipefail
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm
source "$(dirname "$0")/../lib/cli.sh"

quick_runs() {
    local before
    before=$(cat docs/claims.md docs/claims/* | cksum)
    said=$(scripts/claims.sh --quick 2>"$tmp/said") || fail "claims.sh --quick: $(tail -n 20 "$tmp/said")"
    has "last line" "$said" "parts run"
    same "docs/claims before and after" "$(cat docs/claims.md docs/claims/* | cksum)" "$before"
}

test_case "claims: all parts, quick" quick_runs
test_done
