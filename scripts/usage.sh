# shellcheck shell=bash
# usage.sh - what all scripts have in common: the C locale, no CDPATH, --help, and errors in arguments; sourced, not run.
#
# The C locale makes awk and printf use decimal points everywhere. --help prints the comment at the top of the script.
# The locale of the caller, for programs that print for people.
# shellcheck disable=SC2034 # used by scripts that source this
caller_locale=${LC_ALL:-}
export LC_ALL=C
unset CDPATH # cd would go to another folder, and print it

# The name under which the script was called. make install gives some scripts names of their own.
script_name=${PERI_SCRIPT:-$(basename "$0")}
unset PERI_SCRIPT

# wrong MESSAGE: ends the script because of its arguments.
wrong() {
    echo "$script_name: $1; --help says more" >&2
    exit 2
}

# no_arguments ARGUMENT...: for a script without arguments.
no_arguments() {
    (($# == 0)) || wrong "takes no arguments, not \"$1\""
}

if [[ " $* " == *" --help "* ]]; then
    names=
    [[ $script_name != peri-* ]] || names="s|\(scripts/\)\{0,1\}$(basename "$0")|$script_name|g;"
    sed -n "1d; /^#/!q; s/^# \{0,1\}//; $names p" "$0"
    exit 0
fi
