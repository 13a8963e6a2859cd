#!/usr/bin/env bash
# long_claims.sh - every part of scripts/claims.sh runs, and every claim gets a verdict from what they leave.
set -euo pipefail
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm
source "$(dirname "$0")/cli.sh"

quick_runs() {
    said=$(scripts/claims.sh --quick 2>"$tmp/said") || fail "claims.sh --quick: $(tail -n 20 "$tmp/said")"
    has "its last line" "$said" "parts run"
    git diff --quiet -- docs/claims docs/claims.md 2>/dev/null || fail "claims.sh --quick touched docs/"
}

test_case "claims: all parts, quick" quick_runs
test_done
