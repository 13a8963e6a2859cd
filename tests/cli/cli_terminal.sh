#!/usr/bin/env bash
# cli_terminal.sh - what a person sees: a moving line on terminals of several widths, plain lines in a
# pipe.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

escape=$'\033'
# A validation after an unlikely step, a spike that is sure to come, checkpoints.
settings=(--config "$tmp/toy.json" --steps 2000 --set train.eval_every=1000 --set train.checkpoint_every=700
    --set spike.threshold=0.1 --set spike.min_history=8 --set log.every=100 --set train.keep=1)

# on_terminal NAME SETTING...: trains into $tmp/NAME on a terminal, in an environment with SETTINGs;
# $said is what came, a line each time the cursor goes back to the first column.
on_terminal() {
    local name=$1 command
    shift
    command=$(printf '%q ' "$TRAIN" "${settings[@]}" --set "name=$name")
    said=$(env TERM=xterm LC_ALL=C.UTF-8 "$@" script -qec "$command" /dev/null </dev/null | tr '\r' '\n')
}

# moving: the lines that were drawn to be erased.
moving() {
    grep -a "^$escape\[Kstep" <<<"$said" | sed "s/^$escape\[K//"
}

# The widest of the lines on stdin, in characters.
widest() {
    LC_ALL=C.UTF-8 wc -L
}

lines_fit() {
    local columns wide
    for columns in 40 80 200; do
        on_terminal "wide$columns" COLUMNS="$columns"
        [[ -n $(moving) ]] || fail "$columns columns: nothing moves in: $said"
        wide=$(moving | widest)
        ((wide < columns)) || fail "$columns columns: a line of $wide"
        wide=$(grep -aE '^ +(step|[0-9]+ +[0-9.])' <<<"${said//$escape\[K/}" | widest)
        ((wide > 30 && wide <= columns)) || fail "$columns columns: the table is $wide wide"
        has "$columns: step and loss" "$(moving)" "  loss "
        same "$columns: end" "$(grep -c '^done: 2000 steps' <<<"$said")" 1
    done
}

wide_lines_say_more() {
    on_terminal narrow COLUMNS=40
    has "40" "$(moving)" "left"
    if moving | grep "loss.*floor"; then fail "40 columns have room for a floor"; fi
    on_terminal usual COLUMNS=100
    moving | grep -qE '^step [0-9]+  loss [0-9.]+  [▁▂▃▄▅▆▇█]{8,}  floor 0.+ spikes [0-9]+ +[0-9]+ tok/s  0:0[0-9] left$' ||
        fail "100 columns: $(moving | tail -2)"
    on_terminal wide COLUMNS=200
    moving | grep -qE '[▁▂▃▄▅▆▇█]{40}  floor 0[0-9.]+  lr [0-9.e-]+  spikes' || fail "200 columns: $(moving | tail -2)"
    on_terminal ascii COLUMNS=100 LC_ALL=C
    moving | grep -qE 'loss [0-9.]+  [_.^-]{8,}  floor' || fail "C locale: $(moving | tail -2)"
    if LC_ALL=C grep -q $'[\x80-\xff]' <<<"$(moving)"; then fail "the C locale gets UTF-8"; fi
}

# The terminal's own width, where COLUMNS is silent.
width_is_asked_for() {
    local command
    command=$(printf '%q ' "$TRAIN" "${settings[@]}" --set name=asked)
    said=$(env -u COLUMNS TERM=xterm script -qec "stty cols 44; $command" /dev/null </dev/null | tr '\r' '\n')
    (($(moving | widest) < 44)) || fail "44 columns: $(moving | widest)"
    has "moves" "$(moving)" "loss"
}

what_happened_stays() {
    local plain
    on_terminal stays COLUMNS=120
    plain=${said//"${escape}[K"/}
    has "validation" "$plain" "$(printf '\n    1000 ')"
    same "checkpoints" "$(grep -c '^ *[0-9]* checkpoint$' <<<"$plain")" 3
    grep -q "spike: .*; action: log" <<<"$plain" || fail "no spike in: $plain"
    has "color" "$said" "${escape}[33m"
    on_terminal pale COLUMNS=120 NO_COLOR=1
    [[ $said != *"${escape}[33m"* ]] || fail "NO_COLOR is not respected"
    [[ -n $(moving) ]] || fail "NO_COLOR takes the moving line away"
}

plain_lines_elsewhere() {
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
    test_case "terminal: wide lines say more" wide_lines_say_more
    test_case "terminal: its own width" width_is_asked_for
    test_case "terminal: what happened stays" what_happened_stays
    test_case "terminal: plain lines elsewhere" plain_lines_elsewhere
else
    test_case "terminal: not tried" echo "note: skipped terminals: this system gives none (no /dev/pts)"
fi
test_done
