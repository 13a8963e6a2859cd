# shellcheck shell=bash
# usage.sh - what every script answers to --help and to wrong arguments; sourced, not run.
#
# Sourcing it answers --help with the comment at the head of the script, exit 0.

# wrong SENTENCE: the arguments are; ends the script.
wrong() {
    echo "$(basename "$0"): $1; --help says more" >&2
    exit 2
}

# no_arguments ARGUMENT...: for a script that takes none.
no_arguments() {
    (($# == 0)) || wrong "takes no arguments, not \"$1\""
}

if [[ " $* " == *" --help "* ]]; then
    sed -n '1d; /^#/!q; s/^# \{0,1\}//; p' "$0"
    exit 0
fi
