#!/usr/bin/env bash
# fuzz_csv.sh FOLDER - seed inputs of fuzz_csv: complete and partial records.
set -euo pipefail
printf '\x0a\0step,loss\n1,2.5\n2,' >"$1/head"
printf '\x10\0step,loss\n1,2.5\n2,' >"$1/torn"
printf '\xff\0step\n' >"$1/short"
