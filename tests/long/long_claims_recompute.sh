#!/usr/bin/env bash
# long_claims_recompute.sh - verdicts.json computed again with numpy and scipy, and the judge on data whose truth is known.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/lib/test.sh

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# The first Python that has scipy: python3, or Debian's.
for python in python3 /usr/bin/python3; do
    "$python" -c 'import scipy' 2>/dev/null && break
done

recompute() {
    "$python" -B tests/claims/recompute.py "$1" docs/claims
}

numbers_agree() {
    said=$(recompute docs/claims/verdicts.json) || fail "$said"
    has "the last line" "$said" "numbers and verdicts agree"
}

# wrong WORD SED: recompute.py finds what the sed script does to verdicts.json.
wrong() {
    sed -E "$2" docs/claims/verdicts.json >"$tmp/wrong.json"
    if cmp -s docs/claims/verdicts.json "$tmp/wrong.json"; then fail "$1: nothing changed"; fi
    if said=$(recompute "$tmp/wrong.json"); then fail "$1 is not found"; fi
}

wrong_numbers_are_found() {
    wrong "an estimate" '0,/"estimate": 1.00004/s//"estimate": 1.001/'
    wrong "a verdict" '0,/"verdict": "holds"/s//"verdict": "fails"/'
    wrong "a control" '0,/"controls": "failed"/s//"controls": "passed"/'
    wrong "a claimed number" '0,/"number_inside": false/s//"number_inside": true/'
    wrong "a sensitivity" '0,/"sensitivity": 1.08/s//"sensitivity": 1.07/'
}

# The table on the protocol's page is what the program prints, and at most 5 % of the verdicts are wrong.
planted_data() {
    python3 -B tests/claims/planted.py docs/claims 1000 >"$tmp/planted.md" || fail "more than 5 % wrong: $(<"$tmp/planted.md")"
    sed -n '/^| planted /,/^$/p' docs/claims/protocol.md | sed '/^$/d' >"$tmp/page.md"
    diff "$tmp/page.md" "$tmp/planted.md" || fail "docs/claims/protocol.md has another table of planted data"
}

test_case "claims: numpy and scipy agree" numbers_agree
test_case "claims: wrong numbers are found" wrong_numbers_are_found
test_case "claims: planted data" planted_data
test_done
