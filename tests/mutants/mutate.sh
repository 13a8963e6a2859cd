#!/usr/bin/env bash
# mutate.sh [OPTION...] - mutation testing: changes one thing at a time in the code that computes. Do the tests fail?
#
#   --list               print the mutants (id, source line, changed line) and run nothing
#   --only FILE|ID       only these mutants; may be repeated
#   --core               the files where no mutant may survive: norms, attention, sublayer, topologies, wiring
#   --sample N           N mutants, drawn evenly over the files
#   --seed S             another draw (default 1)
#   --resume             run the mutants that the result file does not have, and the survivors again
#   --short              leave out the longest tests, gradients in double: the percentage is a lower bound
#   --results FILE       default build/mutants.csv
#   --jobs N             mutants at once (default 2)
#   --check-equivalents  list the entries of equivalent.txt that no longer match a source line; exit 1 if any
#
# An id is file:line:rule, and .2, .3 ... if a rule changes a line in several places. Each worker has a copy of the
# tree in a temporary folder, built with -O1; a mutant costs one object and the linking. The tests of the mutant's own
# folder run first, then the others, cheapest first, until one fails or times out. Entries of
# tests/mutants/equivalent.txt are not run. Exit code 1 if any other mutant survived.
#
# The program is the Python package beside this script; docs/mutants.md describes the rules.
set -euo pipefail
source "$(dirname "$0")/../../scripts/usage.sh"
cd "$(dirname "$0")/../.."
command -v python3 >/dev/null || { echo "mutate.sh: needs python3; scripts/install-packages.sh report" >&2 && exit 1; }
exec python3 -B tests/mutants "$@"
