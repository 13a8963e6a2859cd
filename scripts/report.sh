#!/usr/bin/env bash
# report.sh RUNS... [--by KEY] [--baseline LABEL] [--out FILE.html] [--title TEXT] - compares runs on one page.
#
# RUNS are run folders, or folders that contain run folders. Writes one self-contained HTML file, by
# default report.html in the first of them, and the same tables as Markdown next to it.
#
#     --by KEY           compare the values of this key, such as model.norm or norm; may be repeated (every
#                        key that differs)
#     --baseline LABEL   the name of an arm or group in the report; the others are compared with it (those
#                        with topology pre, else the first)
#
# An arm is the runs that differ only in learning rate and seed; each is compared at its best rate.
# docs/report.md defines every number. Exit codes: 2 arguments, 3 runs, 4 writing.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
command -v python3 >/dev/null || { echo "$script_name: needs python3; scripts/install-packages.sh report" >&2 && exit 1; }
exec python3 -B "$(dirname "$0")/report" "$@"
