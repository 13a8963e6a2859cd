#!/usr/bin/env bash
# long_resume.sh - cli_resume.sh with 25 split points for each of its nine models.
exec "$(dirname "$0")/../cli/cli_resume.sh" 25
