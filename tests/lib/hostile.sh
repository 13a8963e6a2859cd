# shellcheck shell=bash
# hostile.sh - what the tests of hostile files share; sourced after cli.sh, not run.
#
# Every attempt to run a command would make a file called `owned` in the current folder, which no name
# may contain a / for.
# shellcheck disable=SC2154,SC2034 # tmp is of cli.sh, names is for the tests
unset PERI_ON_EVENT
root=$PWD
mkdir "$tmp/here"
cd "$tmp/here" || exit
sed -i 's|"dir": "[^"]*"|"dir": "."|' "$tmp/toy.json"

# Names of runs, each a program for some reader: the shell, gnuplot, awk, jq, Python.
# shellcheck disable=SC2016 # not to be expanded
names=('$(touch owned)' '`touch owned`' 'a;touch owned;b' "a';touch owned;'" 'a";touch owned;"' '|touch owned' 'x=1;touch owned'
    "'.system('touch owned').'" '{{touch owned}}' '&& touch owned &' '<script>owned' $'a\ntouch owned\n')

# untouched WHAT: no command has run.
untouched() {
    local found
    found=$(find "$tmp" "$root" -maxdepth 3 -name owned -not -path '*/build/*')
    [[ -z $found ]] || { rm -f "$found" && fail "$1 ran a command: $found"; }
}

# tolerated ARGUMENT...: runs the program; only internal errors and signals are failures.
tolerated() {
    local code=0
    said=$("$TRAIN" "$@" 2>&1 </dev/null | tr -d '\0') || code=$?
    ((code != 1 && code < 128)) || fail "train $*: exit code $code: $said"
    untouched "train $*"
}
