#!/usr/bin/env bash
# report.sh RUNS... [--out FILE.html] [--baseline LABEL] [--title TEXT] - compares runs on one page.
#
# RUNS are run folders, or folders that contain run folders. Writes one self-contained HTML file, by
# default report.html in the first of them, and the same tables as Markdown next to it. LABEL is the
# label of a group in the report; the others are compared with it, seed by seed. docs/report.md
# defines every number. Exit codes: 2 arguments, 3 runs, 4 writing.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
command -v python3 >/dev/null || { echo "$script_name: needs python3; scripts/install-packages.sh report" >&2 && exit 1; }
exec python3 -B "$(dirname "$0")/report" "$@"
