#!/usr/bin/env bash
# claims.sh OPTION... - measures what docs/claims.md says, part by part, and writes that page.
#
#     --list             the parts, and which of them docs/claims/ has
#     --part NAME        measures a part again if its CSV is not there
#     --full             all that are not there; the runs behind the committed CSVs trained for 3.4
#                        hours, two at a time; a part that was stopped goes on where it was
#     --quick            all parts with few steps and one seed, in a folder that is thrown away:
#                        shows that every part still runs, and judges nothing
#     --page             docs/claims.md from the CSVs, to standard output
#     --text FILE        tinyshakespeare.txt, for part nanogpt_char
#     --jobs N           runs at once (all cores)
#
# A part is a sweep in sweeps/claims/ or a program in scripts/claims/. Its runs stay in runs/claims/,
# its numbers in docs/claims/NAME.csv; remove that file to measure it once more. Parts that other
# parts' runs are read from come first.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.."

parts=(pilot pilot_deep placement spikes lr_warmup depth depth_96 variance_init layernorm residual rmsnorm_lr gamma_warmup branch_warmup unnormed
    few_tokens dyt_start dyt_start_few pre_embed peri_bare literal batchnorm removal inference speed nanogpt_char)
runs=runs/claims csvs=docs/claims jobs=$(nproc) quick='' text=''

# measure NAME: runs a part and leaves its CSV.
measure() {
    local name=$1 program=scripts/claims/$1.sh
    if [[ -x $program ]]; then
        "$program" "$runs" "$csvs/$name.csv" "$jobs" "$quick" "$text"
    else
        sweep "$name"
        python3 -B scripts/claims collect "$runs/$name" "$csvs/$name.csv"
    fi
}

# sweep NAME [OPTION...]
sweep() {
    local options=(--jobs "$jobs" --out "$runs/$1" "${@:2}")
    [[ -z $quick ]] || options+=(--seeds 1 --set train.steps=9 --set train.eval_every=3 --set log.layers_every=3)
    scripts/sweep.sh "sweeps/claims/$1.json" "${options[@]}"
}

# part NAME
part() {
    local start=$SECONDS
    [[ " ${parts[*]} " == *" $1 "* ]] || wrong "there is no part $1, only ${parts[*]}"
    [[ ! -e $csvs/$1.csv || $1 == nanogpt_char ]] || { echo "$1: $csvs/$1.csv has it" >&2 && return; }
    [[ $1 != nanogpt_char || -n $text$quick ]] || { echo "nanogpt_char: needs --text tinyshakespeare.txt" >&2 && return; }
    measure "$1" >&2
    echo "$1: measured in $((SECONDS - start)) s" >&2
}

list() {
    local name
    for name in "${parts[@]}"; do
        if [[ -e $csvs/$name.csv ]]; then
            echo "$name  $(($(wc -l <"$csvs/$name.csv") - 1)) lines"
        else
            echo "$name  to do"
        fi
    done | column -t
}

page() {
    python3 -B scripts/claims page "$csvs"
}

# write_page: in one piece, or not at all.
write_page() {
    page >docs/claims.md.new && mv docs/claims.md.new docs/claims.md
}

try_all() {
    local name made
    made=$(mktemp -d)
    # shellcheck disable=SC2064 # as it is now
    trap "rm -rf '$made'" EXIT
    runs=$made/runs csvs=$made quick=yes
    for name in "${parts[@]}"; do part "$name"; done
    page >"$made/claims.md"
    # Gradient norms want more steps than these before they have a jitter.
    ! grep '| val_loss | .*not measured yet' "$made/claims.md" >&2 || { echo "claims.sh: a part left claims without runs" >&2 && exit 1; }
    echo "${#parts[@]} parts run"
}

(($#)) || wrong "nothing to do"
todo=()
while (($#)); do
    case $1 in
    --list | --full | --quick | --page) todo+=("${1#--}") ;;
    --part | --text | --jobs)
        (($# > 1)) || wrong "$1 needs a value"
        case $1 in
        --part) todo+=("part $2") ;;
        --text) text=$(realpath "$2") ;;
        --jobs) jobs=$2 ;;
        esac
        shift
        ;;
    *) wrong "there is no option $1" ;;
    esac
    shift
done
[[ $jobs =~ ^[1-9][0-9]*$ ]] || wrong "--jobs takes a whole number from 1 on, not \"$jobs\""
[[ -z $text || -r $text ]] || { echo "claims.sh: cannot read $text" >&2 && exit 3; }
for words in "${todo[@]}"; do
    case $words in
    list) list ;;
    page) page ;;
    quick) try_all ;;
    full)
        for name in "${parts[@]}"; do part "$name" && write_page; done
        ;;
    part*) part "${words#part }" && write_page ;;
    esac
done
