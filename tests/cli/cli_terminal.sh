#!/usr/bin/env bash
# cli_terminal.sh - the progress display: a line redrawn in place on terminals of several widths,
# plain lines in a pipe.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

escape=$'\033'
# A run with a validation, checkpoints, and a threshold low enough for spikes.
settings=(--config "$tmp/toy.json" --steps 2000 --set train.eval_every=1000 --set train.checkpoint_every=700
    --set spike.threshold=0.1 --set spike.min_history=8 --set log.every=100 --set train.keep=1)

# on_terminal NAME SETTING...: trains into $tmp/NAME on a terminal with SETTINGs in the environment;
# $said is the output, with each carriage return as a newline.
on_terminal() {
    local name=$1 command
    shift
    command=$(printf '%q ' "$TRAIN" "${settings[@]}" --set "name=$name")
    said=$(env TERM=xterm LC_ALL=C.UTF-8 "$@" script -qec "$command" /dev/null </dev/null | tr '\r' '\n')
}

# progress: the progress lines, which are erased before the next output.
progress() {
    grep -a "^$escape\[Kstep" <<<"$said" | sed "s/^$escape\[K//"
}

# widest: the width of the widest line on stdin, in characters.
widest() {
    LC_ALL=C.UTF-8 wc -L
}

lines_fit() {
    local columns wide
    for columns in 40 80 200; do
        on_terminal "wide$columns" COLUMNS="$columns"
        [[ -n $(progress) ]] || fail "$columns columns: no progress line in: $said"
        wide=$(progress | widest)
        ((wide < columns)) || fail "$columns columns: a progress line of $wide"
        wide=$(grep -aE '^ +(step|[0-9]+ +[0-9.])' <<<"${said//$escape\[K/}" | widest)
        ((wide > 30 && wide <= columns)) || fail "$columns columns: the table is $wide wide"
        has "$columns: step and loss" "$(progress)" "  loss "
        same "$columns: end" "$(grep -c '^done: 2000 steps' <<<"$said")" 1
    done
}

wide_lines_have_more_fields() {
    on_terminal narrow COLUMNS=40
    has "40" "$(progress)" "left"
    if progress | grep "loss.*floor"; then fail "40 columns: the floor is shown"; fi
    on_terminal usual COLUMNS=100
    progress | grep -qE '^step [0-9]+  loss [0-9.]+  [▁▂▃▄▅▆▇█]{8,}  floor 0.+ spikes [0-9]+ +[0-9]+ tok/s  0:0[0-9] left$' ||
        fail "100 columns: $(progress | tail -2)"
    on_terminal wide COLUMNS=200
    progress | grep -qE '[▁▂▃▄▅▆▇█]{40}  floor 0[0-9.]+  lr [0-9.e-]+  spikes' || fail "200 columns: $(progress | tail -2)"
    on_terminal ascii COLUMNS=100 LC_ALL=C
    progress | grep -qE 'loss [0-9.]+  [_.^-]{8,}  floor' || fail "C locale: $(progress | tail -2)"
    if LC_ALL=C grep -q $'[\x80-\xff]' <<<"$(progress)"; then fail "UTF-8 in the C locale"; fi
}

# Without COLUMNS, the width is that of the terminal.
terminal_width_is_used() {
    local command
    command=$(printf '%q ' "$TRAIN" "${settings[@]}" --set name=asked)
    said=$(env -u COLUMNS TERM=xterm script -qec "stty cols 44; $command" /dev/null </dev/null | tr '\r' '\n')
    (($(progress | widest) < 44)) || fail "44 columns: $(progress | widest)"
    has "progress line" "$(progress)" "loss"
}

events_stay_visible() {
    local plain
    on_terminal stays COLUMNS=120
    plain=${said//"${escape}[K"/}
    has "validation" "$plain" "$(printf '\n    1000 ')"
    same "checkpoints" "$(grep -c '^ *[0-9]* checkpoint$' <<<"$plain")" 3
    grep -q "spike: .*; action: log" <<<"$plain" || fail "no spike in: $plain"
    has "color" "$said" "${escape}[33m"
    on_terminal pale COLUMNS=120 NO_COLOR=1
    [[ $said != *"${escape}[33m"* ]] || fail "NO_COLOR is not respected"
    [[ -n $(progress) ]] || fail "NO_COLOR disables the progress line"
}

pipes_get_plain_lines() {
    local name
    exits 0 "${settings[@]}" --set name=piped
    [[ $said != *"$escape"* && $said != *$'\r'* ]] || fail "control characters in a pipe"
    has "all columns" "$said" "    step      loss       val      grad         lr   spikes    tok/s     left"
    same "checkpoints" "$(grep -c '^ *[0-9]* checkpoint$' <<<"$said")" 3
    if grep -q ' $' <<<"$said"; then fail "lines end in blanks"; fi
    for name in TERM=dumb TERM=; do
        on_terminal "plain$name" "$name" COLUMNS=80
        [[ $said != *"$escape"* ]] || fail "$name: control characters"
        has "$name" "$said" "done: 2000 steps"
    done
}

if script -qec true /dev/null >/dev/null 2>&1; then
    test_case "terminal: lines fit 40, 80 and 200 columns" lines_fit
    test_case "terminal: wide lines have more fields" wide_lines_have_more_fields
    test_case "terminal: width of the terminal" terminal_width_is_used
    test_case "terminal: events stay visible" events_stay_visible
    test_case "terminal: plain lines in pipes and dumb terminals" pipes_get_plain_lines
else
    test_case "terminal: skipped" echo "note: skipped terminals: none available (no /dev/pts)"
fi
test_done
